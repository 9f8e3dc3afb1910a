"""The trainer's data, without torch: worlds, views, demonstrators, demonstrations, configuration."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from data.check import check
from sqlenv import SqlEnvClient, actions
from sqlenv.cli import app, train
from sqlenv.errors import ConfigError, DataSetError, SqlEnvError, Unauthenticated
from sqlenv.serving.tokens import new_token
from sqlenv.tasks import BUNDLED, load
from tests.live import LiveServices
from trainer.config import CONFIGS, Services, apply_override, load_config
from trainer.demonstrators import DEMONSTRATORS
from trainer.demos import demonstrate
from trainer.folder import RunFolder
from trainer.guesses import compared_with_text, guess
from trainer.serving import serving
from trainer.view import compact
from trainer.worlds import WorldSize, build_worlds

SIZE = WorldSize(train_databases=4, eval_databases=2, train_questions=9, eval_questions=9)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    build_worlds(folder, SIZE, seed=3)
    return folder


@pytest.fixture(scope="module")
def client(worlds: Path) -> Iterator[SqlEnvClient]:
    with LiveServices(worlds, max_steps=7) as live, SqlEnvClient(live.env) as connected:
        yield connected


def test_worlds_are_the_same_bytes_for_the_same_seed(worlds: Path, tmp_path: Path) -> None:
    build_worlds(tmp_path / "same", SIZE, seed=3)
    build_worlds(tmp_path / "other", SIZE, seed=4)
    assert load(tmp_path / "same").version == load(worlds).version
    assert (tmp_path / "same" / "gold.jsonl").read_bytes() == (worlds / "gold.jsonl").read_bytes()
    assert load(tmp_path / "other").version != load(worlds).version


def test_worlds_are_a_sound_data_set(worlds: Path) -> None:
    assert [str(problem) for problem in check(worlds) if problem.severity == "error"] == []
    data = load(worlds)
    splits = {split: {task.db_id for task in data.tasks if task.split == split} for split in ("train", "eval")}
    assert len(splits["train"]) == 4
    assert len(splits["eval"]) == 2
    assert not splits["train"] & splits["eval"]
    assert len({(task.db_id, task.question) for task in data.tasks}) == len(data.tasks) == 4 * 9 + 2 * 9


def test_held_out_databases_are_no_twins_of_those_to_train_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five words for tables by chance some pairs would come in both splits."""
    monkeypatch.setattr("trainer.worlds.ENTITIES", ("film", "ship", "book", "farm", "shop"))
    for seed in range(4):
        folder = tmp_path / str(seed)
        build_worlds(folder, WorldSize(train_databases=5, eval_databases=4, train_questions=1, eval_questions=1), seed)
        pairs: dict[str, set[frozenset[str]]] = {"train": set(), "eval": set()}
        for name, path in load(folder).databases.items():
            with closing(sqlite3.connect(path)) as database:
                tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            pairs[name.rstrip("0123456789")].add(frozenset(table for (table,) in tables))
        assert pairs["train"]
        assert pairs["eval"]
        assert not pairs["train"] & pairs["eval"]


def test_the_tiny_profile_holds_out_enough() -> None:
    worlds = load_config("tiny").services.worlds
    assert worlds is not None
    assert worlds.eval_databases >= 12
    assert worlds.eval_databases * worlds.eval_questions >= 300


@pytest.mark.parametrize("name", DEMONSTRATORS)
def test_demonstrators_do_what_they_are_called(name: str, client: SqlEnvClient, worlds: Path) -> None:
    demos = list(demonstrate(client, worlds, {name: 1.0}, 40, seed=1, view="compact"))
    right = sum(demo.correct for demo in demos) / len(demos)
    first = [type(demo.turns[0][1]) for demo in demos]
    looks_first = sum(kind in (actions.Describe, actions.Sample) for kind in first) / len(demos)
    assert len(demos) == 40
    if name in ("careful", "wasteful"):
        assert right == looks_first == 1.0
    else:
        assert right < 1.0
        assert looks_first <= (0.3 if name == "impatient" else 0.0)
    assert all(isinstance(demo.turns[-1][1], actions.AnswerValue) for demo in demos)


def test_demonstrations_are_the_same_for_the_same_seed(client: SqlEnvClient, worlds: Path) -> None:
    mix = {"careful": 1.0, "recovering": 1.0}
    once, again, other = (list(demonstrate(client, worlds, mix, 12, seed=seed)) for seed in (5, 5, 6))
    assert once == again != other


def test_only_correct_leaves_wrong_ones_out(client: SqlEnvClient, worlds: Path) -> None:
    demos = list(demonstrate(client, worlds, {"impatient": 1.0}, 40, seed=1, only_correct=True))
    assert 0 < len(demos) < 40
    assert all(demo.correct for demo in demos)


@pytest.mark.parametrize("form", ["text", "tool"])
def test_rows_are_conversations_of_both_sides(form: str, client: SqlEnvClient, worlds: Path) -> None:
    for demo in demonstrate(client, worlds, {"careful": 1.0}, 5, seed=2):
        messages = demo.to_row("tool" if form == "tool" else "text")["messages"]
        roles = [message["role"] for message in messages]
        assert roles == ["user" if i % 2 == 0 else "assistant" for i in range(len(roles))] or form == "tool"
        assert roles[-1] == "assistant"
        assert roles.count("assistant") == len(demo.turns)
        for message, (_, action) in zip(messages[1::2], demo.turns, strict=True):
            if form == "text":
                assert actions.parse(message["content"]) == action
            else:
                assert actions.parse_tool_call(message["tool_calls"][0]) == action
                assert None not in message["tool_calls"][0]["function"]["arguments"].values()


def test_demonstrations_work_on_any_data_set() -> None:
    with LiveServices() as live, SqlEnvClient(live.env) as client:
        demos = list(demonstrate(client, BUNDLED, dict.fromkeys(DEMONSTRATORS, 1.0), 60, seed=0))
        assert {demo.demonstrator for demo in demos} == set(DEMONSTRATORS)
        assert all(demo.correct for demo in demos if demo.demonstrator == "careful")
        with pytest.raises(ConfigError, match="no demonstrator"):
            list(demonstrate(client, BUNDLED, {"clever": 1.0}, 1))


def test_demonstrations_need_the_served_data_set(client: SqlEnvClient) -> None:
    with pytest.raises(DataSetError, match="but the server plays"):
        list(demonstrate(client, BUNDLED, {"careful": 1.0}, 1))


@given(seed=st.integers(0, 1_000))
def test_guesses_change_names_and_spellings_alone(seed: int) -> None:
    import random

    sql = "SELECT COUNT(*) FROM film WHERE genre = 'Drama' AND genre <> 'X' AND cost > 5"
    guessed = guess(sql, {"genre", "cost"}, random.Random(seed))
    assert guessed.startswith("SELECT COUNT(*) FROM film WHERE ")
    words = guessed.split()
    assert words[5] == words[9]  # the same column is guessed the same way
    assert words[7].lower() == "'drama'"
    assert guessed.endswith("> 5")
    assert compared_with_text(sql) == {"genre"}


def test_the_compact_view_is_short_and_holds_what_matters(client: SqlEnvClient) -> None:
    task = next(iter(client.list_tasks(split="train")))
    with client.reset(task_id=task.task_id, seed=0) as episode:
        start = compact(episode.observation)
        table = episode.observation.tables[0]
        assert task.question in start
        assert "|".join(episode.observation.tables) in start
        described = episode.describe(table).observation
        assert all(row.values[0].text in compact(described) for row in described.result.rows)
        sampled = episode.sample(table, 2).observation
        assert compact(sampled).count("\n") == 2  # heading and two rows
        assert len(compact(sampled)) < len(sampled.text)
        wrong = episode.query("SELECT nowhere FROM " + table).observation
        assert compact(wrong) == "No such column: nowhere"
        assert compact(episode.answer("1").observation) == "over"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_profiles_are_valid(path: Path) -> None:
    assert load_config(path) == load_config(path.stem)


def test_overrides() -> None:
    config = load_config("smoke", ["grpo.steps=7", "sft.0.lr=1e-5", "policy.template_kwargs.enable_thinking=false"])
    assert config.grpo is not None
    assert config.grpo.steps == 7
    assert config.sft[0].lr == 1e-5
    assert config.policy.template_kwargs == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("grpo.stepps=7", "grpo.stepps: Extra inputs"),
        ("grpo.steps", "is no override"),
        ("sft.9.lr=1", "there is no '9'"),
        ("grpo.generations=1", "grpo.generations"),
        ("services.address=localhost:1", "exactly one of address, dataset and worlds"),
        ("services.rubric=nice", "no rubric 'nice'"),
        ("sft.0.mix={clever: 1}", "no demonstrator"),
        ("limits.turn_tokens=9999", "turn_tokens can't be more"),
    ],
)
def test_wrong_configurations_say_what_is_wrong(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config("smoke", [override])


def test_there_is_no_such_profile(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no profile of that name; profiles are"):
        load_config("nothing")
    (tmp_path / "bad.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected keys and values"):
        load_config(tmp_path / "bad.yaml")
    value: dict[str, object] = {}
    apply_override(value, "a.b=3")
    assert json.dumps(value) == '{"a": {"b": 3}}'


def cli(*words: str) -> Result:
    return CliRunner().invoke(app, ["train", *words])


def test_demos_from_the_command_line(worlds: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "demos.jsonl", tmp_path / "again.jsonl"
    with LiveServices(worlds, max_steps=7) as live:
        words = ["--episodes", "6", "--server", live.env, "--dataset", str(worlds), "--mix", "careful=2"]
        done = cli("demos", "--out", str(out), *words)
        assert done.exit_code == 0, done.output
        assert cli("demos", "--out", str(out), *words).exit_code == 1  # the file is there
        assert cli("demos", "--out", str(again), *words).exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 6
    assert all(row["messages"][1]["tool_calls"] for row in rows)
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demos", "--out", "x", "--mix", "careful=much"], "expected NAME=WEIGHT"),
        (["demos", "--out", "x", "--form", "song"], "--form is text or tool"),
        (["run", "smoke", "--resume"], "--resume needs --out"),
        (["run", "smoke", "--seeds", "one"], "expected whole numbers"),
        (["run", "nothing"], "no profile of that name"),
        (["plots", "nowhere"], "stage grpo has logged nothing"),
    ],
)
def test_commands_say_what_is_wrong(words: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "_NEEDED", ())
    done = cli(*words)
    assert done.exit_code == 1
    assert said in done.stderr


def test_training_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "_NEEDED", ("torch_that_is_not_there",))
    done = cli("run", "smoke")
    assert done.exit_code == 1
    assert "pip install 'sqlenv[train]'" in done.stderr


def test_a_server_that_is_not_ours_is_told_from_none(tmp_path: Path) -> None:
    with LiveServices() as live:
        with (
            pytest.raises(SqlEnvError, match="does not know our calls"),
            serving(Services(address=live.reward), tmp_path),
        ):
            pass
        with serving(Services(address=live.env), tmp_path) as served:
            assert served.folder is None
            assert served.version == load(BUNDLED).version


def test_what_guards_other_servers_is_not_for_services_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token or a CA in the environment is for a server elsewhere: those that are started here have none."""
    monkeypatch.setenv("SQLENV_CA_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SQLENV_TOKEN", "of-another-server")
    with serving(Services(dataset="bundled"), tmp_path) as served:
        assert served.name == "sqlenv-bundled"


def test_a_server_that_lets_nobody_in_says_so(tmp_path: Path) -> None:
    new_token(tmp_path / "tokens", "somebody")
    with (
        LiveServices(tokens_file=tmp_path / "tokens") as live,
        pytest.raises(Unauthenticated, match="SQLENV_TOKEN"),
        serving(Services(address=live.env), tmp_path),
    ):
        pass


def test_a_run_folder_refuses_what_is_not_its_run(tmp_path: Path) -> None:
    config = load_config("smoke")
    folder = RunFolder(tmp_path / "run")
    folder.open(config, resume=False)
    folder.note("v1", "worlds")
    folder.open(config, resume=True)
    folder.note("v1", "worlds")
    with pytest.raises(DataSetError, match="started on data set v1, but the services play v2"):
        folder.note("v2", "worlds")
    with pytest.raises(ConfigError, match=r"grpo.lr was 0.001, now 0.5"):
        folder.open(load_config("smoke", ["grpo.lr=0.5"]), resume=True)
    with pytest.raises(ConfigError, match="holds a run already"):
        folder.open(config, resume=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ConfigError, match="is not empty, and holds no run"):
        RunFolder(tmp_path / "other").open(config, resume=False)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["versions"]["sqlenv"]
