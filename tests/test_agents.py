"""The baselines, and the rollouts that let them play."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlenv import SqlEnvClient, actions
from sqlenv.agents import Trajectory, play, summarise
from sqlenv.agents.base import Maker, action_text, episode_random
from sqlenv.agents.explorer import Explorer
from sqlenv.agents.guess import SeenColumn, SeenTable, guess
from sqlenv.agents.oracle import AnswerWith, Oracle, oracle_maker
from sqlenv.agents.random_agent import RandomAgent
from sqlenv.agents.rollout import Job, jobs
from sqlenv.agents.summary import separation
from sqlenv.agents.words import akin, content, overlap, stems
from sqlenv.convert import action_to_proto, result_to_proto
from sqlenv.errors import DataSetError, NotFound
from sqlenv.gold import GoldTask
from sqlenv.launch import launch
from sqlenv.sandbox import Sandbox
from sqlenv.tasks import BUNDLED, DataSet
from sqlenv.types import AnswerType, Result
from sqlenv.v1 import types_pb2

ANSWER_TYPES = [types_pb2.AnswerType.Value(f"ANSWER_TYPE_{kind.name}") for kind in AnswerType]


@pytest.fixture(scope="module")
def client() -> Iterator[SqlEnvClient]:
    with launch() as services, SqlEnvClient(services.env_target) as client:
        yield client


@pytest.fixture(scope="module")
def everything(client: SqlEnvClient) -> dict[str, list[Trajectory]]:
    """Every bundled task, played by each baseline."""
    work = jobs(client.list_tasks(), seed=0)
    makers: dict[str, Maker] = {
        "random": RandomAgent,
        "explorer": Explorer,
        "value": oracle_maker(BUNDLED),
        "sql": oracle_maker(BUNDLED, AnswerWith.SQL),
    }
    return {name: list(play(client, work, make, agent=name)) for name, make in makers.items()}


def test_oracle_is_always_right(everything: dict[str, list[Trajectory]]) -> None:
    for name in ("value", "sql"):
        assert [record.task_id for record in everything[name] if not record.correct] == []
        assert summarise(everything[name]).mean_return > 1.0


def test_random_is_almost_never_right(everything: dict[str, list[Trajectory]]) -> None:
    assert summarise(everything["random"]).accuracy < 0.05


def test_explorer_is_better_than_random_and_far_from_perfect(everything: dict[str, list[Trajectory]]) -> None:
    explorer = summarise(everything["explorer"])
    assert summarise(everything["random"]).high < explorer.accuracy < 0.5
    failed = [step for record in everything["explorer"] for step in record.steps if "failed" in step.terms]
    assert failed == []


def test_every_correct_episode_returns_more(everything: dict[str, list[Trajectory]]) -> None:
    least, most = separation(record for records in everything.values() for record in records)
    assert least is not None
    assert most is not None
    assert least > most


def test_records_add_up(everything: dict[str, list[Trajectory]], bundled: DataSet) -> None:
    for name, records in everything.items():
        assert sorted(record.task_id for record in records) == sorted(bundled.by_id)
        for record in records:
            task = bundled.by_id[record.task_id]
            assert (record.agent, record.db_id, record.question) == (name, task.db_id, task.question)
            assert (record.difficulty, record.answer_type, record.split) == (
                task.difficulty,
                task.answer_type.value,
                task.split,
            )
            assert record.state == "terminated"
            assert record.verdict
            assert record.steps[-1].action.startswith("ANSWER")
            assert record.episode_return == pytest.approx(sum(step.reward for step in record.steps))
            whole = record.execution + record.correctness + record.efficiency
            assert record.episode_return == pytest.approx(whole)
            for step in record.steps:
                assert sum(step.terms.values()) == pytest.approx(step.reward, abs=1e-9)


def test_record_as_json(everything: dict[str, list[Trajectory]]) -> None:
    record = everything["value"][0]
    line = record.to_json()
    assert "\n" not in line
    loaded = json.loads(line)
    assert loaded["correct"] is True
    assert loaded["step_count"] == len(loaded["steps"]) == len(record.steps)
    assert loaded["steps"][0]["observation"] == record.steps[0].observation


@pytest.mark.parametrize("make", [RandomAgent, Explorer])
def test_play_does_not_depend_on_concurrency(client: SqlEnvClient, make: Maker) -> None:
    work = jobs(client.list_tasks(split="eval"), seed=3, episodes=12)
    alone = sorted(record.to_json() for record in play(client, work, make, concurrency=1))
    together = sorted(record.to_json() for record in play(client, work, make, concurrency=7))
    assert alone == together
    assert len(alone) == 12


def test_seeds_change_what_random_does(client: SqlEnvClient) -> None:
    first, second = play(client, [Job("campus_pets-001", 1), Job("campus_pets-001", 2)], RandomAgent)
    assert [step.action for step in first.steps] != [step.action for step in second.steps]


def test_jobs(client: SqlEnvClient) -> None:
    tasks = list(client.list_tasks(db_id="hiring"))
    once = jobs(tasks, seed=5)
    assert [job.task_id for job in once] == [task.task_id for task in tasks]
    assert {job.seed for job in once} == {5}
    some = jobs(tasks, seed=5, episodes=len(tasks) + 3)
    assert some == jobs(tasks, seed=5, episodes=len(tasks) + 3)
    assert len(set(some)) == len(tasks) + 3
    assert [job.seed for job in some[-3:]] == [6, 6, 6]
    assert {job.task_id for job in some[: len(tasks)]} == {task.task_id for task in tasks}
    assert jobs([], seed=0, episodes=4) == []


def test_episodes_are_closed_when_the_caller_stops(client: SqlEnvClient) -> None:
    closed: list[str] = []

    class Watched(SqlEnvClient):
        def _send(self, method: str, request: Any) -> Any:
            if method == "CloseEpisode":
                closed.append(request.episode_id)
            return super()._send(method, request)

    class Slow(Explorer):
        """Looks for ever."""

        def act(self, observation: types_pb2.Observation) -> actions.Action:
            return actions.Describe(observation.tables[0])

    minds = iter([RandomAgent, Slow, Slow])
    with launch() as services, Watched(services.env_target) as watched:
        playing = play(watched, [Job("campus_pets-001", n) for n in range(3)], lambda *key: next(minds)(*key))
        next(playing)
        playing.close()
        assert len(closed) == 2
        with pytest.raises(NotFound):
            watched.get_episode(closed[0])


def test_play_says_what_it_can_not_start(client: SqlEnvClient) -> None:
    with pytest.raises(NotFound, match="no task 'nope'"):
        list(play(client, [Job("nope", 0)], RandomAgent))


def test_oracle_needs_the_gold_of_what_is_played() -> None:
    with pytest.raises(DataSetError, match="no gold for task 'nope'"):
        oracle_maker(BUNDLED)("nope", 0)


def observation(steps_left: int, answer_type: int = ANSWER_TYPES[0], **more: object) -> types_pb2.Observation:
    return types_pb2.Observation(
        question="How many dogs are there?", tables=["dog"], answer_type=answer_type, steps_left=steps_left, **more
    )


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (9, ["DESCRIBE a", "DESCRIBE b", "QUERY SELECT 1", "ANSWER 1"]),
        (3, ["DESCRIBE a", "QUERY SELECT 1", "ANSWER 1"]),
        (2, ["QUERY SELECT 1", "ANSWER 1"]),
        (1, ["ANSWER 1"]),
    ],
)
def test_oracle_fits_its_budget(budget: int, expected: list[str]) -> None:
    agent = Oracle(GoldTask("t", "SELECT 1", ("a", "b"), ("1",), ((1,),)), AnswerType.INTEGER)
    taken = [action_text(agent.act(observation(budget - step))) for step in range(len(expected))]
    assert taken == expected


@pytest.mark.parametrize("make", [RandomAgent, Explorer])
@pytest.mark.parametrize("answer_type", ANSWER_TYPES)
@pytest.mark.parametrize("budget", [1, 2, 4, 15])
def test_agents_answer_within_any_budget(make: Maker, answer_type: int, budget: int) -> None:
    """Even where every look and query fails."""
    agent = make("t", 0)
    error = types_pb2.ActionError(kind=types_pb2.ERROR_KIND_SQL, message="no")
    for step in range(budget):
        seen = observation(budget - step, answer_type, step_count=step, error=error if step else None)
        action = agent.act(seen)
        assert not isinstance(actions.parse(action_text(action)), actions.InvalidAction)
        if isinstance(action, (actions.AnswerValue, actions.AnswerSql)):
            return
    pytest.fail("no answer")


def test_random_answers_with_what_it_saw() -> None:
    result = result_to_proto(Result(("a", "b"), (("x", 7), (None, b"\x00")), 2))
    for answer_type, allowed in zip(ANSWER_TYPES, ({"7"}, {"7"}, {"x"}), strict=False):
        agent = RandomAgent("t", 0)
        action = agent.act(observation(1, answer_type, step_count=2, result=result))
        assert isinstance(action, actions.AnswerValue)
        assert action.value in allowed


def test_action_text_of_every_form() -> None:
    tool_call = {"name": "query", "arguments": {"sql": "SELECT 1"}}
    query = actions.Query("SELECT 1")
    for form in ("QUERY SELECT 1", query, action_to_proto(query), tool_call):
        assert action_text(form) == "QUERY SELECT 1"


def test_episode_random_is_the_same_everywhere() -> None:
    assert episode_random("t", 1).random() == episode_random("t", 1).random() != episode_random("t", 2).random()
    # A hash seed of the process must not come in: str.__hash__ differs from run to run.
    code = "from sqlenv.agents.base import episode_random; print(episode_random('t', 1).random())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(printed) == episode_random("t", 1).random()


def test_words() -> None:
    assert stems("How many hiredEmployees (2023) per city_name?") == [
        "how", "many", "hired", "employee", "2023", "per", "city", "name",
    ]  # fmt: skip
    assert content("the names of all cities") == ["city"]
    assert akin("vaccine", "vaccination")
    assert not akin("pet", "petition")
    assert overlap("birth_date", stems("date of birth")) == 1.0
    assert overlap("id", stems("the id")) == 0.0


PET = SeenTable(
    "pet",
    [
        SeenColumn("pet_id", "INTEGER", "PK", ""),
        SeenColumn("name", "TEXT", "", ""),
        SeenColumn("species", "TEXT", "", ""),
        SeenColumn("weight", "REAL", "", ""),
        SeenColumn("owner_id", "INTEGER", "FK", "owner.owner_id"),
    ],
    ((1, "Rex", "Dog", 9.5, 1), (2, "Tom", "Cat", 4.0, 2)),
)
OWNER = SeenTable(
    "owner", [SeenColumn("owner_id", "INTEGER", "PK", ""), SeenColumn("city", "TEXT", "", "")], ((1, "New York"),)
)
INTEGER, FLOAT, STRING, LIST, TABLE = ANSWER_TYPES


@pytest.mark.parametrize(
    ("question", "answer_type", "sql"),
    [
        ("How many pets are there?", INTEGER, 'SELECT count(*) FROM "pet"'),
        ("How many dogs are there?", INTEGER, """SELECT count(*) FROM "pet" WHERE "species" = 'Dog'"""),
        ("How many different species?", INTEGER, 'SELECT count(DISTINCT "species") FROM "pet"'),
        ("What is the average weight of cats?", FLOAT, """SELECT avg("weight") FROM "pet" WHERE "species" = 'Cat'"""),
        ("What percentage are dogs?", FLOAT, """SELECT 100.0 * avg("species" = 'Dog') FROM "pet\""""),
        ("Total weight, to two decimals?", FLOAT, 'SELECT round(sum("weight"), 2) FROM "pet"'),
        ("Name the pet with the largest weight", STRING, 'SELECT "name" FROM "pet" ORDER BY "weight" DESC LIMIT 1'),
        (
            "Which species is most common?",
            STRING,
            'SELECT "species" FROM "pet" GROUP BY 1 ORDER BY count(*) DESC LIMIT 1',
        ),
        ("How many pets of each species?", TABLE, 'SELECT "species", count(*) FROM "pet" GROUP BY 1'),
        ("Show species and weight", TABLE, 'SELECT "species", "weight" FROM "pet"'),
        (
            "Names of pets in New York",
            LIST,
            'SELECT "name" FROM "pet" WHERE "owner_id" IN '
            """(SELECT "owner_id" FROM "owner" WHERE "city" = 'New York')""",
        ),
    ],
)
def test_guess(question: str, answer_type: int, sql: str) -> None:
    assert guess(question, answer_type, PET, OWNER) == sql


def test_guess_by_a_table_that_refers_to_it() -> None:
    missing = guess("Which owners have no pet?", LIST, OWNER, None, PET)
    assert 'NOT IN (SELECT "owner_id" FROM "pet"' in missing
    most = guess("The owner with the most pets?", STRING, OWNER, None, PET)
    assert most.endswith('(SELECT count(*) FROM "pet" WHERE "owner_id" = "owner"."owner_id") DESC LIMIT 1')


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.text("ab'\"[] -;%é", min_size=1, max_size=6).filter(lambda name: name.strip() == name),
    value=st.text("xyz'\"; -", max_size=8),
    cue=st.sampled_from(
        ["how many", "average", "most common", "largest", "each number of", "no", "percent", "different"]
    ),
    answer_type=st.sampled_from(ANSWER_TYPES),
)
def test_guess_is_sql_whatever_names_there_are(
    tmp_path: Path, name: str, value: str, cue: str, answer_type: int
) -> None:
    path = tmp_path / "strange.sqlite"
    path.unlink(missing_ok=True)
    quoted = '"' + name.replace('"', '""') + '"'
    database = apsw.Connection(str(path))
    database.execute(f"CREATE TABLE {quoted} ({quoted} TEXT, weight REAL)")
    database.execute(f"INSERT INTO {quoted} VALUES (?, 1.5)", (value,))
    database.close()
    table = SeenTable(name, [SeenColumn(name, "TEXT", "", ""), SeenColumn("weight", "REAL", "", "")], ((value, 1.5),))
    sandbox = Sandbox(path)
    sql = guess(f"{cue} {name} weight {value}", answer_type, table)
    assert isinstance(sandbox.run(sql).value, Result), sql
    sandbox.close()


@pytest.mark.parametrize("module", ["env_service.app", "reward_service.app"])
def test_services_do_not_import_agents(module: str) -> None:
    code = f"import sys, {module}; print([m for m in sys.modules if m.startswith(('sqlenv.agents', 'sqlenv.cli.'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize("answer_with", AnswerWith)
def test_oracle_on_real_spider(spider10: Path, tmp_path: Path, answer_with: AnswerWith) -> None:
    from data.spider import import_dataset

    out = tmp_path / "spider10"
    import_dataset(spider10, out)
    with launch(out) as services, SqlEnvClient(services.env_target) as client:
        records = list(play(client, jobs(client.list_tasks(), seed=0), oracle_maker(out, answer_with)))
    assert len(records) == 676
    assert [record.task_id for record in records if not record.correct] == []
