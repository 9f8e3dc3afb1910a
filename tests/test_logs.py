"""Logs: their form, what each line says of its call, and what never stands in one."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sqlenv.client import RewardClient, SqlEnvClient
from sqlenv.errors import InvalidArgument, NotFound, ServiceError, Unavailable
from sqlenv.gold import load_gold
from sqlenv.launch import launch
from sqlenv.serving.interceptor import service_error
from sqlenv.tasks import BUNDLED
from sqlenv.telemetry import logs

TASK = "campus_pets-001"
MARK = "zebra_marker_7391"
TOKEN = "sesame_token_5127"


class Lines:
    """What a logger wrote, formatted as a service would."""

    def __init__(self, form: logs.Format, level: str) -> None:
        self.stream = io.StringIO()
        formatter = logs.JsonFormatter if form == "json" else logs.TextFormatter
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter("environment", level == "debug"))
        self.log = logging.Logger("sqlenv.test", level.upper())
        self.log.addHandler(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def _no_call() -> Iterator[None]:
    tokens = logs.call.set(None), logs.episode_id.set("")
    yield
    logs.call.reset(tokens[0])
    logs.episode_id.reset(tokens[1])


class Context:
    def peer(self) -> str:
        return "ipv4:127.0.0.1:5"


def test_a_line_of_json_says_all_that_is_known() -> None:
    lines = Lines("json", "info")
    logs.call.set(logs.Call("Step", Context(), token="trainer"))
    logs.episode_id.set("abc")
    lines.log.warning("went %s", "wrong", extra={"incident": "00ff"})
    (line,) = lines.json()
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "sqlenv.test",
        "service": "environment",
        "message": "went wrong",
        "method": "Step",
        "episode_id": "abc",
        "peer": "ipv4:127.0.0.1:5",
        "token": "trainer",
        "incident": "00ff",
    }


def test_what_is_not_known_is_not_said() -> None:
    lines = Lines("json", "info")
    lines.log.info("started")
    assert set(lines.json()[0]) == {"ts", "level", "logger", "service", "message"}


def test_text_can_not_forge_lines_or_move_the_cursor() -> None:
    lines = Lines("text", "info")
    logs.episode_id.set("x\n2026-01-01 environment INFO all is well\x1b[2J\u202e")
    lines.log.info("told: %s", "a\r\nb")
    assert lines.text.count("\n") == 1
    assert "\x1b" not in lines.text
    assert "\u202e" not in lines.text
    assert r"a\r\nb" in lines.text


def test_long_fields_are_cut() -> None:
    lines = Lines("json", "info")
    logs.episode_id.set("x" * 10_000)
    lines.log.info("told")
    assert len(lines.json()[0]["episode_id"]) == logs.MAX_FIELD_CHARS


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_has_no_messages_above_debug(form: logs.Format) -> None:
    def fail() -> None:
        try:
            raise KeyError(f"SELECT {MARK}")
        except KeyError as error:
            raise ValueError(f"gold is {MARK}") from error

    for level in ("info", "debug"):
        lines = Lines(form, level)
        try:
            fail()
        except ValueError:
            lines.log.exception("incident")
        text = lines.text
        assert "builtins.ValueError" in text or level == "debug"
        assert "KeyError" in text
        assert "in fail" in text
        assert (f"SELECT {MARK}" in text) == (f"gold is {MARK}" in text) == (level == "debug")


def test_a_traceback_of_a_circle_ends() -> None:
    one, two = ValueError("1"), ValueError("2")
    one.__context__, two.__context__ = two, one
    assert len(logs._without_messages(one)) == 2


def test_the_loop_names_exceptions_that_nobody_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.configure("environment", "info", "json")

        async def main() -> None:
            logs.name_unseen(asyncio.get_running_loop())
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.set_exception(ValueError(MARK))
            del future
            await asyncio.sleep(0)

        asyncio.run(main())
    finally:
        root.handlers[:], root.level = before
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["logger"] == "sqlenv.loop"]
    assert "builtins.ValueError" in line["exception"]
    assert MARK not in json.dumps(lines)


def test_failures_are_told_by_kind_and_not_without_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sqlenv.failures")
    log = logs.FailureLog()
    for _ in range(100):
        log.write(Unavailable(f"no {MARK}", "REWARD_UNAVAILABLE"), "Step")
    log.write(NotFound("no episode", field="episode_id"), "Step")
    assert len(caplog.records) <= 2 * logs.FAILURES_PER_S + 1  # the second may have changed meanwhile
    first, last = caplog.records[0], caplog.records[-1]
    assert (first.levelno, last.levelno) == (logging.WARNING, logging.INFO)
    assert (first.__dict__["reason"], last.__dict__["field"]) == ("REWARD_UNAVAILABLE", "episode_id")
    assert MARK not in caplog.text


def test_what_was_left_out_is_counted(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    monkeypatch.setattr(logs.time, "monotonic", lambda: now)
    caplog.set_level(logging.INFO, "sqlenv.failures")
    log = logs.FailureLog()
    for _ in range(logs.FAILURES_PER_S + 7):
        log.write(Unavailable("away"), "Step")
    now = 11.5
    log.write(Unavailable("away"), "Step")
    assert caplog.records[-1].__dict__["suppressed"] == 7
    assert caplog.records[0].__dict__["suppressed"] is None


def test_an_incident_is_a_field(caplog: pytest.LogCaptureFixture) -> None:
    told = service_error(RuntimeError(MARK), "Step")
    assert caplog.records[-1].__dict__["incident"] in told.message
    assert MARK not in told.message


def test_callers_faults_are_no_warnings() -> None:
    kinds = {InvalidArgument("x").code.name, NotFound("x").code.name}
    assert kinds <= logs.CALLERS_FAULTS
    assert "UNAVAILABLE" not in logs.CALLERS_FAULTS


# Whole sessions


def played(level: str, form: str) -> str:
    """The logs of both services after a session of all actions, with marked SQL, answers and token."""
    settings = {f"SQLENV_{s}_LOG_{k}": v for s in ("ENV", "REWARD") for k, v in (("LEVEL", level), ("FORMAT", form))}
    with launch(BUNDLED, reward_port=0, settings=settings) as services:
        with SqlEnvClient(services.env_target) as client, client.reset(task_id=TASK, seed=0) as episode:
            episode.describe(MARK)
            episode.query(f"SELECT '{MARK}'")
            episode.query(f"SELECT {MARK} FROM pet")
            episode.query(f"SELECT ';' || ( {MARK}")
            episode.answer(f"{MARK}")
        with SqlEnvClient(services.env_target) as client, client.reset(task_id=TASK, seed=0) as episode:
            episode.answer(sql=f"SELECT count(*) AS {MARK} FROM pet")
            with pytest.raises(ServiceError):
                client.reset(task_id=MARK)
            with pytest.raises(ServiceError):
                client.reset(task_id=TASK, rubric=MARK)
        with RewardClient(services.reward_target) as reward:
            reward.score_sql(TASK, load_gold(BUNDLED)[TASK].sql)
            with pytest.raises(ServiceError):
                reward.score_sql(MARK, MARK)
        paths = list(services.logs.values())
        services.stop()  # its logs are whole then, and still there
        return "\n".join(path.read_text() for path in paths)


def test_a_session_leaves_no_sql_or_gold_in_the_log() -> None:
    text = played("info", "json")
    assert MARK not in text
    assert load_gold(BUNDLED)[TASK].sql not in text
    lines = [json.loads(line) for line in text.splitlines() if line]
    assert {line["service"] for line in lines} == {"environment", "reward"}
    failed = [line for line in lines if line["message"] == "failed"]
    assert {line["reason"] for line in failed} == {"TASK_NOT_FOUND", "UNKNOWN_RUBRIC"}
    assert {line["method"] for line in failed} == {"Reset", "ScoreSql"}
    assert all(line["peer"] for line in failed)


def test_at_debug_level_each_call_has_its_line() -> None:
    text = played("debug", "json")
    lines = [json.loads(line) for line in text.splitlines() if line]
    calls = [line for line in lines if line["logger"] == "sqlenv.access"]
    steps = [line for line in calls if line["method"] == "Step"]
    assert len(steps) == 6
    assert {line["code"] for line in steps} == {"OK"}
    assert len({line["episode_id"] for line in steps}) == 2
    assert load_gold(BUNDLED)[TASK].sql not in text


def test_a_token_is_never_written(tmp_path: Path) -> None:
    """Not when it is known, not when it isn't; its name is."""
    environ = {
        **os.environ,
        "SQLENV_ENV_PORT": "0",
        "SQLENV_ENV_TOKEN": TOKEN,
        "SQLENV_ENV_LOG_LEVEL": "debug",
        "SQLENV_ENV_LOG_FORMAT": "json",
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "env_service"], env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["address"]
            with SqlEnvClient(address, token=TOKEN) as client:
                client.reset(task_id=TASK).close()
            with SqlEnvClient(address, token="wrong_" + TOKEN) as client, pytest.raises(ServiceError):
                client.reset(task_id=TASK)
        finally:
            process.terminate()
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()
    text = (tmp_path / "log").read_text()
    assert TOKEN not in text
    assert "UNAUTHENTICATED" in text
    assert [line for line in map(json.loads, text.splitlines()) if line.get("token")]
