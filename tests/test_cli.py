"""The command line, as a person uses it: real processes, real services, real files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sqlenv import SqlEnvClient, __version__
from sqlenv.calling.protocol import Retry
from sqlenv.cli import app
from sqlenv.cli.checks import fits, ports
from sqlenv.cli.common import RubricName, lines, safe
from sqlenv.cli.predictions import PredictionsError, read_predictions
from sqlenv.errors import SqlEnvError
from sqlenv.gold import load_gold
from sqlenv.launch import Launched, LaunchError, launch
from sqlenv.tasks import BUNDLED, DataSet, load
from sqlenv.types import RUBRICS

COMMANDS = ["up", "play", "eval", "score", "doctor", "demo"]
COMMANDS += [f"data {name}" for name in ("import", "check", "stats", "pull", "build")]
DB = "campus_pets"
WAIT_S = 20.0


def copy_part(folder: Path) -> Path:
    """A data set with one of the bundled databases."""
    (folder / "database").mkdir(parents=True)
    shutil.copytree(BUNDLED / "database" / DB, folder / "database" / DB)
    for name in ("tasks.jsonl", "gold.jsonl"):
        kept = [line for line in (BUNDLED / name).read_text().splitlines(True) if f'"task_id": "{DB}-' in line]
        (folder / name).write_text("".join(kept))
    return folder


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_part(tmp_path_factory.mktemp("data") / "part")


@pytest.fixture(scope="module")
def up(part: Path) -> Iterator[Launched]:
    """Services that run beside the tests, on the part."""
    with launch(part, reward_port=0) as services:
        yield services


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*arguments: object, standard_input: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=standard_input)


def process(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sqlenv.cli", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def wait_until(done: object, what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A child that nobody waits for stays as a zombie until init has reaped it.
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z"


# Help and errors


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: sqlenv {command}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_version() -> None:
    assert run("--version").stdout.strip() == __version__


def test_rubrics_are_those_there_are() -> None:
    assert tuple(name.value for name in RubricName) == RUBRICS


def test_an_error_is_one_line_on_standard_error(tmp_path: Path) -> None:
    result = run("eval", "--agent", "random", "--dataset", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"error: {tmp_path / 'nowhere'}: no such folder\n"


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    result = run("--debug", "eval", "--agent", "random", "--dataset", tmp_path / "nowhere")
    assert isinstance(result.exception, SqlEnvError)


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nothing listens
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        result = run("eval", "--agent", "random", "--server", address)
    assert result.exit_code == 1
    assert f"no service answers at {address}; is it running? `sqlenv up` starts one" in result.stderr
    assert "Traceback" not in result.stderr


# eval


def test_eval_as_json(up: Launched, part: Path) -> None:
    def ask() -> dict[str, object]:
        agents = ("--agent", "random", "--agent", "explorer", "--agent", "oracle")
        result = run("eval", *agents, "--server", up.env_target, "--dataset", part, "--episodes", 20, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)  # type: ignore[no-any-return]

    found = ask()
    assert found["dataset_version"] == load(part).version
    agents = found["agents"]
    assert isinstance(agents, dict)
    assert list(agents) == ["random", "explorer", "oracle"]
    assert agents["oracle"]["accuracy"] == 1.0
    assert agents["oracle"]["low"] < 1.0 == agents["oracle"]["high"]
    assert sum(group["episodes"] for group in agents["oracle"]["by"]["difficulty"].values()) == 20
    for agent in agents.values():
        parts = agent["execution"] + agent["correctness"] + agent["efficiency"]
        assert agent["mean_return"] == pytest.approx(parts)
    assert ask() == found


def test_eval_table_fits(up: Launched, part: Path) -> None:
    options = ("--server", up.env_target, "--dataset", part, "--difficulty", "easy", "--answer-with", "sql")
    result = run("eval", "--agent", "oracle", "--agent", "explorer", *options)
    assert result.exit_code == 0, result.output
    assert "…" not in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("oracle/sql"))
    assert row.split()[2] == "1.000"


def test_eval_writes_episodes_and_overwrites_only_when_told(up: Launched, part: Path, tmp_path: Path) -> None:
    target = tmp_path / "episodes.jsonl"
    options = ("--agent", "oracle", "--server", up.env_target, "--dataset", part, "--episodes", 5, "--out", target)
    assert run("eval", *options).exit_code == 0
    records = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(records) == 5
    assert all(record["correct"] and record["steps"][-1]["action"].startswith("ANSWER") for record in records)
    target.write_text("mine")
    refused = run("eval", *options)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert target.read_text() == "mine"
    assert run("eval", *options, "--force").exit_code == 0
    assert len(target.read_text().splitlines()) == 5
    assert list(tmp_path.glob(".*")) == []


def test_eval_that_fails_leaves_no_file(up: Launched, part: Path, tmp_path: Path) -> None:
    options = ("--server", up.env_target, "--dataset", part, "--out", tmp_path / "x.jsonl", "--split", "nope")
    result = run("eval", "--agent", "random", *options)
    assert result.exit_code == 1
    assert "no task of" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_eval_oracle_with_the_gold_of_another_data_set(up: Launched) -> None:
    result = run("eval", "--agent", "oracle", "--server", up.env_target)
    assert result.exit_code == 1
    assert "--dataset" in result.stderr


def test_eval_stops_clean_on_sigterm(tmp_path: Path) -> None:
    running = process("eval", "--agent", "explorer", "--episodes", 100_000, "--out", tmp_path / "x.jsonl")
    wait_until(lambda: list(tmp_path.glob(".x.jsonl.*")), "no file was begun")
    time.sleep(0.5)
    running.terminate()
    _, err = running.communicate(timeout=WAIT_S)
    assert running.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} <= {"x.partial.jsonl"}


def test_eval_stops_clean_on_ctrl_c(up: Launched, part: Path, tmp_path: Path) -> None:
    options = ("--server", up.env_target, "--episodes", 100_000, "--out", tmp_path / "x.jsonl")
    running = process("eval", "--agent", "random", *options)
    wait_until(lambda: [path for path in tmp_path.glob(".x.jsonl.*") if path.stat().st_size], "no episode was written")
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=3 * WAIT_S)
    kept = tmp_path / "x.partial.jsonl"
    assert list(tmp_path.iterdir()) == [kept]
    count = len([json.loads(line) for line in kept.read_text().splitlines()])
    said = f"{count} episodes that were played are kept in {kept}\ninterrupted\n"
    assert (running.returncode, err) == (130, said)


# play


def test_play_by_hand(part: Path) -> None:
    """With services of its own, driven through standard input, on data that tries to steer the terminal."""
    running = process("play", "--task", f"{DB}-001", "--dataset", part, "--seed", 1)
    hostile = "QUERY SELECT char(27) || '[31mred' AS \"[red]a\", '[bold]x[/bold]', NULL, '[/]'"
    commands = ["help", "DESCRIBE pet", "SAMPLE pet 2", "foo", hostile, "", "ANSWER 57", "QUERY SELECT 1"]
    out, err = running.communicate("\n".join(commands) + "\n", timeout=WAIT_S)
    assert (running.returncode, err) == (0, "")
    assert "How many dogs are there in the pet register?" in out
    assert "\x1b" not in out
    assert "\\x1b[31mred" in out
    assert "[bold]x[/bold]" in out
    assert "[red]a" in out
    assert "weight_kg" in out
    assert "'foo' is not an action" in out
    assert "[15 steps left]" in out
    assert "[11 steps left]" in out
    assert "the answer is right +1.000" in out
    assert "The answer is right." in out
    assert "Return of the episode: +1." in out
    assert out.rstrip().endswith(out.rstrip().split("Return of the episode: ")[1].split("\n")[0])


def test_play_until_the_end_of_input(up: Launched) -> None:
    result = run("play", "--server", up.env_target, "--seed", 2, standard_input="DESCRIBE pet\n")
    assert result.exit_code == 0
    assert "You left the episode without an answer." in result.stdout


def test_play_quit_and_wrong_answer(up: Launched) -> None:
    quit_ = run("play", "--server", up.env_target, "--split", "train", standard_input="quit\nANSWER 1\n")
    assert "left the episode" in quit_.stdout
    wrong = run("play", "--server", up.env_target, "--task", f"{DB}-001", standard_input="ANSWER 58\n")
    assert "Return of the episode: -0.005" in wrong.stdout


def test_play_refuses_contradictions(up: Launched) -> None:
    result = run("play", "--server", up.env_target, "--task", f"{DB}-001", "--split", "train")
    assert result.exit_code == 1
    assert "--task names the task" in result.stderr
    unknown = run("play", "--server", up.env_target, "--task", "nope")
    assert unknown.exit_code == 1
    assert "no task 'nope'" in unknown.stderr


def test_safe() -> None:
    assert safe("a\x1b[2J\u202eb\ud800") == "a\\x1b[2J\\u202eb\\ud800"
    assert lines("a\nb\r") == "a\nb\\r"


# up and launch


def test_up_serves_and_drains_on_sigterm(part: Path) -> None:
    running = process("up", "--port", 0, "--dataset", part, "--json")
    assert running.stdout is not None
    about = json.loads(running.stdout.readline())
    assert about["tasks"] == len(load(part).tasks)
    with SqlEnvClient(about["environment"]) as client:
        assert client.list_databases().dataset_version == about["dataset_version"]
    running.terminate()
    _, err = running.communicate(timeout=WAIT_S)
    assert (running.returncode, err) == (0, "draining…\nstopped\n")
    assert not Path(about["reward"].removeprefix("unix:")).parent.exists()


def test_up_shows_how_to_connect_and_ends_when_a_service_dies(part: Path) -> None:
    running = process("up", "--port", 0, "--dataset", part)
    assert running.stdout is not None
    shown = ""
    while "Ctrl-C stops them." not in shown:
        line = running.stdout.readline()
        assert line, running.communicate()
        shown += line
    assert "from sqlenv import SqlEnvClient" in shown
    assert "71 (71 train)" in shown
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(children) == 2
    os.kill(int(children[0]), signal.SIGKILL)
    _, err = running.communicate(timeout=WAIT_S)
    assert running.returncode == 1
    assert "service ended by itself (exit status -9); the end of its log:" in err
    assert all(is_gone(int(pid)) for pid in children)


def test_up_says_that_a_port_is_taken(part: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("up", "--port", taken.getsockname()[1], "--dataset", part)
    assert result.exit_code == 1
    assert "the environment service did not start" in result.stderr
    assert "the port is taken" in result.stderr


def test_up_refuses_plain_text_beyond_loopback(part: Path) -> None:
    result = run("up", "--port", 0, "--host", "0.0.0.0", "--dataset", part)
    assert result.exit_code == 1
    assert "refusing to listen on 0.0.0.0 in plain text" in result.stderr


def test_services_end_with_a_parent_that_is_killed(part: Path) -> None:
    running = process("up", "--port", 0, "--dataset", part, "--json")
    assert running.stdout is not None
    about = json.loads(running.stdout.readline())
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    running.kill()
    running.communicate(timeout=WAIT_S)
    wait_until(lambda: all(is_gone(int(pid)) for pid in children), "services outlive their parent")
    shutil.rmtree(Path(about["reward"].removeprefix("unix:")).parent)  # nobody was left to remove it


def test_launch_reward_service_alone(part: Path) -> None:
    with launch(part, environment=False) as services:
        folder = next(iter(services.logs.values())).parent
        assert folder.stat().st_mode & 0o777 == 0o700
        assert services.env_target == ""
        assert list(services.logs) == ["reward"]
    assert not folder.exists()


def test_launch_stops_what_it_started_when_the_block_fails(part: Path) -> None:
    pids: list[int] = []

    def fail() -> None:
        with launch(part) as services:
            pids.extend((services.pid("environment"), services.pid("reward")))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(pids) == 2
    assert all(map(is_gone, pids))


def test_launch_ignores_addresses_from_outside(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLENV_ENV_REWARD_TARGET", "127.0.0.1:1")
    monkeypatch.setenv("SQLENV_REWARD_PORT", "1")
    monkeypatch.setenv("SQLENV_ENV_MAX_STEPS", "3")
    with launch(part) as services, SqlEnvClient(services.env_target, retry=Retry(patience_s=1)) as client:
        episode = client.reset(task_id=f"{DB}-001", seed=0)
        assert episode.observation.steps_left == 3  # a setting that is no address counts
        assert episode.answer("57").score.total > 1.0


def test_launch_of_a_broken_data_set(part: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(part, tmp_path / "broken")
    (broken / "gold.jsonl").write_text("{}\n")
    with pytest.raises(LaunchError, match=r"gold\.jsonl:1"), launch(broken):
        pass


# score


@pytest.fixture(scope="module")
def gold_sql(part: Path) -> dict[str, str]:
    return {task_id: task.sql for task_id, task in load_gold(part).items()}


def test_score_gold_is_all_right(up: Launched, part: Path, gold_sql: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(gold_sql))
    result = run("score", "--predictions", path, "--dataset", part, "--server", up.reward_target, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["accuracy"], found["correct"], found["ran"]) == (1.0, len(gold_sql), len(gold_sql))
    assert found["verdicts"] == {"correct": len(gold_sql)}
    assert result.stderr == ""


def test_score_says_what_is_unknown_missing_and_wrong(part: Path, gold_sql: dict[str, str], tmp_path: Path) -> None:
    path, target = tmp_path / "p.jsonl", tmp_path / "scores.jsonl"
    first, second, third, *_ = gold_sql
    chosen = {first: gold_sql[first], second: "SELECT nope", third: "SELECT 1", "stranger": "SELECT 1"}
    path.write_text("".join(json.dumps({"task_id": key, "sql": sql}) + "\n" for key, sql in chosen.items()))
    result = run("score", "--predictions", path, "--dataset", part, "--out", target)  # starts a service of its own
    assert result.exit_code == 0, result.output
    total = len(gold_sql)
    assert "1 predictions name tasks that the data set does not have: stranger" in result.stderr
    assert f"{total - 3} of {total} tasks have no prediction and count as wrong" in result.stderr
    assert "sql failed" in result.stdout
    items = [json.loads(line) for line in target.read_text().splitlines()]
    assert [item["task_id"] for item in items] == list(gold_sql)
    assert [item["verdict"] for item in items[:4]] == ["correct", "sql_failed", "incorrect", "missing"]
    assert [item["ran"] for item in items[:4]] == [True, False, True, False]
    assert run("score", "--predictions", path, "--dataset", part, "--out", target).exit_code == 1


def test_predictions_in_every_form(bundled: DataSet, tmp_path: Path) -> None:
    tasks = bundled.tasks[:3]
    ids = [task.task_id for task in tasks]
    expected = {ids[0]: "SELECT 1", ids[1]: "SELECT\n'a,b'"}
    forms = {
        "p.jsonl": "".join(json.dumps({"task_id": key, "sql": sql}) + "\n\n" for key, sql in expected.items()),
        "list.json": json.dumps([{"task_id": key, "sql": sql, "more": 1} for key, sql in expected.items()]),
        "dict.json": json.dumps(expected),
        "p.csv": f"\ufefftask_id,sql\n{ids[0]},SELECT 1\n{ids[1]},\"SELECT\n'a,b'\"\n",
    }
    for name, text in forms.items():
        path = tmp_path / name
        path.write_text(text)
        assert read_predictions(path, tasks) == expected, name
    path = tmp_path / "p.sql"
    path.write_text(f"SELECT 1\t{tasks[0].db_id}\n\nSELECT 'a\tb'\n")
    assert read_predictions(path, tasks) == {ids[0]: "SELECT 1", ids[2]: "SELECT 'a\tb'"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.jsonl", '{"task_id": "a", "sql": "x"}\n{"task_id": ', "p.jsonl:2: not valid JSON"),
        ("p.jsonl", "[1]\n", "p.jsonl:1: expected a JSON object"),
        ("p.jsonl", '{"sql": "x"}\n', "p.jsonl:1: 'task_id' must be"),
        ("p.jsonl", '{"task_id": "a", "sql": null}\n', "p.jsonl:1: 'sql' must be a string"),
        ("p.jsonl", '{"task_id": "a", "sql": "x"}\n{"task_id": "a", "sql": "y"}\n', "p.jsonl:2: a second prediction"),
        ("p.jsonl", "", "there are no predictions"),
        ("p.json", '{"a": "x",\n "b" "y"}', "p.json:2: not valid JSON"),
        ("p.json", '{"a": "x", "a": "y"}', "a second prediction for task 'a'"),
        ("p.json", '["x"]', "item 1: expected an object"),
        ("p.json", "3", "expected a list of objects"),
        ("p.json", '{"a": 3}', "'sql' must be a string"),
        ("p.json", "[" * 100_000, "nested too deeply"),
        ("p.csv", "id,sql\na,x\n", "p.csv:1: the header has no column task_id"),
        ("p.csv", "task_id,sql\na\n", "p.csv:2: 'sql' must be a string"),
        ("p.csv", 'task_id,sql\na,"x\n', "not valid CSV"),
        ("p.sql", "SELECT 1\n" * 4, "p.sql:4: more lines than tasks"),
        ("p.txt", "SELECT 1\n", "not one of"),
    ],
)
def test_bad_predictions_are_named(bundled: DataSet, tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SqlEnvError) as caught:
        read_predictions(path, bundled.tasks[:3])
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_predictions_that_are_not_text(bundled: DataSet, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PredictionsError, match="not UTF-8"):
        read_predictions(path, bundled.tasks)


def test_score_of_a_file_that_is_not_there(part: Path, tmp_path: Path) -> None:
    result = run("score", "--predictions", tmp_path / "no.csv", "--dataset", part)
    assert (result.exit_code, result.stderr) == (1, f"error: {tmp_path / 'no.csv'}: No such file or directory\n")


# data


@pytest.fixture(scope="module")
def raw(part: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part in Spider's layout."""
    folder = tmp_path_factory.mktemp("raw") / "mini"
    shutil.copytree(part / "database", folder / "database")
    gold = load_gold(part)
    questions = [
        {"db_id": task.db_id, "question": task.question, "query": gold[task.task_id].sql} for task in load(part).tasks
    ]
    (folder / "dev.json").write_text(json.dumps(questions))
    tables = json.loads((BUNDLED / "tables.json").read_text())
    (folder / "tables.json").write_text(json.dumps([table for table in tables if table["db_id"] == DB]))
    return folder


def test_data_import_check_and_stats(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "mini"
    imported = run("data", "import", raw, "--out", out, "--name", "mini")
    assert imported.exit_code == 0, imported.output
    assert "mini: 71 tasks (71 eval), 1 databases" in imported.stdout
    checked = run("data", "check", out)
    assert checked.exit_code == 0, checked.output
    assert "no errors" in checked.stdout
    stats = json.loads(run("data", "stats", out, "--json").stdout)
    assert (stats["name"], stats["tasks"]) == ("mini", 71)
    assert "mini" in run("data", "stats", out).stdout
    again = run("data", "import", raw, "--out", out)
    assert again.exit_code == 1
    assert str(out) in again.stderr


def test_data_check_names_what_is_broken(part: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(part, tmp_path / "broken")
    lines_ = (broken / "gold.jsonl").read_text().splitlines(True)
    (broken / "gold.jsonl").write_text(lines_[0].replace("SELECT", "SELCT", 1) + "".join(lines_[1:]))
    result = run("data", "check", broken)
    assert result.exit_code == 1
    assert "gold.jsonl:1" in result.stdout
    assert "1 errors" in result.stderr


def test_a_raw_data_set_is_imported_once(raw: Path) -> None:
    def play() -> Result:
        return run("play", "--dataset", raw, "--seed", 0, standard_input="quit\n")

    first, second = play(), play()
    assert first.exit_code == second.exit_code == 0, first.output
    assert "71 tasks imported, 0 left out" in first.stderr
    assert second.stderr == ""


# doctor and demo


def test_doctor_finds_nothing(part: Path) -> None:
    result = run("doctor", "--dataset", part)
    # Something else may hold our ports on the machine that tests run on; nothing else may be wrong.
    wrong = [line for line in result.stdout.splitlines() if line.startswith("✗") and "port 5005" not in line]
    assert wrong == []
    assert "✓ both services start and play an episode (3 steps" in result.stdout
    assert "all with gold" in result.stdout


def test_doctor_names_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLENV_ENV_MAX_STEP", "9")
    result = run("doctor", "--dataset", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "✗ no setting is called SQLENV_ENV_MAX_STEP" in result.stdout
    assert "no such folder" in result.stdout
    assert "things to mend" in result.stdout


def test_doctor_says_who_has_a_port() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 50052))
        except OSError:
            pytest.skip("port 50052 is taken on this machine")
        taken.listen()
        finding = ports()[1]
    assert not finding.fine
    assert "taken by something that is not sqlenv.v1.RewardService" in finding.what


@pytest.mark.parametrize(
    ("version", "bounds", "fine"),
    [
        ("3.54.1.0", ">=3.54,<3.55", True),
        ("3.55.0", ">=3.54,<3.55", False),
        ("3.9", ">=3.54", False),
        ("1.76", ">=1.76.0", True),
        ("2.0.1rc1", "==2.0.1", True),
        ("1.4.5", "~=1.4.2", True),
        ("1.5.0", "~=1.4.2", False),
        ("1.0", "", True),
    ],
)
def test_version_bounds(version: str, bounds: str, fine: bool) -> None:
    assert fits(version, bounds) is fine


@pytest.mark.slow
def test_demo() -> None:
    started = time.monotonic()
    result = run("demo")
    assert result.exit_code == 0, result.output
    assert time.monotonic() - started < 60
    assert "✓ every correct episode returns more than every incorrect one: min 1." in result.stdout
    for agent in ("random", "explorer", "oracle", "oracle/sql"):
        assert any(line.startswith(agent) for line in result.stdout.splitlines())
    assert "return +1." in result.stdout
