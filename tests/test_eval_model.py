"""Models on this machine as agents: asked as they were trained, with the figures that training had. Needs torch."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sqlenv.cli import app
from sqlenv.errors import ConfigError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: make train-demo installs it"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),  # of torch and transformers, which are not ours to mend
]

SHORT = [
    "services.worlds.train_databases=4",
    "services.worlds.eval_questions=5",
    "evaluation.baselines=false",
    "report_to=[]",
    "sft.0.episodes=32",
    "grpo.steps=0",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with two models that were measured."""
    from trainer.config import load_config
    from trainer.run import run

    out = tmp_path_factory.mktemp("runs") / "short"
    run(load_config("smoke", SHORT), out, say=print)
    return out


def cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def agents(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)["agents"]
    return found


def test_the_figures_are_those_of_the_run(trained: Path, tmp_path: Path) -> None:
    which = ("--agent", f"model:{trained}/skills/model", "--agent", f"after=model:{trained}/habits/model")
    options = ("--dataset", trained / "data", "--split", "eval", "--report", tmp_path / "report")
    found = agents(cli(*which, *options, "--sample", 2, "--json"))
    run = json.loads((trained / "summary.json").read_text())["figures"]
    for name, stage in (("skills", "skills"), ("after", "habits")):
        assert found[name]["failed"] == 0
        for ours, theirs in (("accuracy", "accuracy"), ("mean_return", "return"), ("mean_steps", "steps")):
            assert found[name][ours] == pytest.approx(run[stage]["greedy"][theirs])
        assert found[name]["sampled"]["samples"] == 2
        assert set(found[name]["sampled"]["pass_at"]) == {"1", "2"}
        assert found[name]["completion_tokens"] > 0
    records = [json.loads(line) for line in (tmp_path / "report" / "episodes.jsonl").read_text().splitlines()]
    first = [one for one in records if one["agent"] == "after" and one["sample"] == 1]
    assert sum(one["episode_return"] for one in first) / len(first) == pytest.approx(run["habits"]["sampled"]["return"])
    assert max(one["step_count"] for one in records) <= 5  # the budget of its training, without being told


def test_a_model_folder_knows_how_it_wants_to_be_asked(trained: Path, tmp_path: Path) -> None:
    from trainer.prompting import Prompting, read_prompting

    there = trained / "habits" / "model"
    said = read_prompting(str(there))
    assert said is not None
    assert (said.form, said.view, said.limits.turns, said.max_steps) == ("text", "compact", 5, 5)
    alone = tmp_path / "alone"
    shutil.copytree(there, alone)
    assert read_prompting(str(alone)) == said
    (alone / "sqlenv.json").unlink()
    assert read_prompting(str(alone)) is None
    assert read_prompting("Qwen/Qwen3-0.6B") is None
    older = tmp_path / "run" / "grpo" / "model"  # of a run from before the file was written
    older.mkdir(parents=True)
    shutil.copy(trained / "config.yaml", tmp_path / "run")
    assert read_prompting(str(older)) == said
    Prompting().write(older)
    (older / "sqlenv.json").write_text('{"form": "song"}')
    with pytest.raises(ConfigError, match="does not say how the model is prompted"):
        read_prompting(str(older))


def test_options_override_and_strangers_are_asked_by_tools(trained: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(trained / "habits" / "model", alone)
    (alone / "sqlenv.json").unlink()
    options = ("--dataset", trained / "data", "--split", "eval", "--episodes", 2, "--json")
    done = cli("--agent", f"model:{alone}", *options, "--max-tokens", 8, "--max-turns", 2)
    assert "has no sqlenv.json: it is asked as instruct models are" in done.stderr.replace("\n", " ")
    assert agents(done)["alone"]["turns"] <= 4
    again = cli("--agent", f"model:{alone}", *options, "--form", "text", "--view", "compact", "--max-steps", 3)
    assert agents(again)["alone"]["mean_steps"] <= 3


@pytest.mark.skipif(find_spec("uvicorn") is None, reason="transformers serve needs uvicorn")
def test_behind_an_api_of_others_it_plays_the_same_episodes(trained: Path, tmp_path: Path) -> None:
    """`transformers serve` is a chat completions server that we have not written."""
    where = trained / "habits" / "model"
    nothing = tmp_path / "system"
    nothing.write_text("")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", where, "--device", "cpu", "--port", port]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(list(map(str, command)), stdout=log, stderr=log) as serving,
    ):
        try:
            wait_for_port(port, serving)
            which = ("--agent", f"here=model:{where}", "--agent", f"there=openai:http://127.0.0.1:{port}/v1#{where}")
            asked = (
                "--form",
                "text",
                "--view",
                "compact",
                "--system-file",
                nothing,
                "--max-tokens",
                24,
                "--max-turns",
                5,
            )
            options = ("--dataset", trained / "data", "--split", "eval", "--report", tmp_path / "report", "--json")
            found = agents(cli(*which, *asked, *options, "--request", "seed=null"))
        finally:
            serving.terminate()
    assert found["there"]["failed"] == 0
    records = [json.loads(line) for line in (tmp_path / "report" / "episodes.jsonl").read_text().splitlines()]
    # This policy rambles until it is cut, and there the server leaves out a blank: then conversations part.
    first = {
        name: {one["task_id"]: one["steps"][0]["action"].rstrip() for one in records if one["agent"] == name}
        for name in ("here", "there")
    }
    assert first["here"] == first["there"]
    assert len(set(first["here"].values())) > 1


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended by itself"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise AssertionError("the server did not start")


def test_no_model_there(tmp_path: Path) -> None:
    done = cli("--agent", f"model:{tmp_path}/none")
    assert done.exit_code == 1
    assert "no model could be loaded" in done.stderr


def test_services_that_fail_are_not_the_models_fault(trained: Path) -> None:
    from sqlenv import SqlEnvClient
    from sqlenv.agents.players import GREEDY, Plan
    from sqlenv.agents.rollout import jobs
    from sqlenv.calling.protocol import Retry
    from tests.live import LiveServices
    from trainer.evaluate import load_player
    from trainer.prompting import read_prompting

    where = str(trained / "habits" / "model")
    prompting = read_prompting(where)
    assert prompting is not None
    player = load_player(where, "m", prompting, device="cpu")
    with LiveServices(trained / "data", max_steps=5) as live:
        with SqlEnvClient(live.env, retry=Retry(patience_s=0.2)) as client:
            tasks = list(client.list_tasks(split="eval"))[:3]
            plan = Plan(jobs(tasks, 0), {task.task_id: task for task in tasks})
            assert [record.state for record in player.play(client, plan, GREEDY)].count("failed") == 0
            live.run(live._stack.aclose())
            assert [record.state for record in player.play(client, plan, GREEDY)] == ["failed"] * 3
