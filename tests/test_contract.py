"""The contract, over every transport: what a server must answer, in words and codes, to good requests and bad ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sqlenv.actions import AnswerSql, AnswerValue, Describe, Query, Sample
from sqlenv.convert import action_to_proto
from sqlenv.errors import (
    EpisodeFinished,
    InvalidArgument,
    NotFound,
    ServiceError,
    StepConflict,
    StepOutOfRange,
    VersionMismatch,
)
from sqlenv.gold import answer_text, load_gold
from sqlenv.tasks import BUNDLED, DataSet
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import types_pb2
from tests.live import LiveServices
from tests.transports import TRANSPORTS, Transport

TASK = "campus_pets-001"


@pytest.fixture(scope="module", params=sorted(TRANSPORTS))
def wire(request: pytest.FixtureRequest, services: LiveServices) -> Iterator[Transport]:
    transport = TRANSPORTS[request.param](services.env)
    yield transport
    transport.close()


def reset(wire: Transport, **fields: Any) -> pb.ResetResponse:
    fields.setdefault("task", pb.TaskSelector(task_id=TASK))
    fields.setdefault("seed", 0)
    return wire.send("Reset", pb.ResetRequest(**fields))


def step(wire: Transport, episode: str, index: int, action: Any) -> pb.StepResponse:
    message = types_pb2.Action(text=action) if isinstance(action, str) else action
    if not isinstance(message, types_pb2.Action):
        message = action_to_proto(message)
    return wire.send("Step", pb.StepRequest(episode_id=episode, step_index=index, action=message))


def error_kind(response: pb.StepResponse) -> str:
    observation = response.observation
    return types_pb2.ErrorKind.Name(observation.error.kind) if observation.HasField("error") else ""


def test_an_episode_from_reset_to_right_answer(wire: Transport) -> None:
    gold = load_gold(BUNDLED)[TASK]
    started = reset(wire)
    assert started.state == types_pb2.EPISODE_STATE_RUNNING
    assert started.next_step_index == 0
    assert started.task.task_id == TASK
    assert started.task.question in started.observation.text
    assert started.observation.steps_left == 15
    table = gold.tables[0]
    described = step(wire, started.episode_id, 0, Describe(table))
    assert list(described.observation.result.columns) == ["column", "type", "null", "key", "references"]
    sampled = step(wire, started.episode_id, 1, Sample(table, 3))
    assert len(sampled.observation.result.rows) == 3
    queried = step(wire, started.episode_id, 2, Query(gold.sql))
    assert queried.observation.result.row_count == len(gold.rows)
    assert queried.score.progress == 1.0
    assert not queried.score.verdict
    task_type = pb.GetTaskRequest(task_id=TASK)
    answer_type = wire.send("GetTask", task_type).task.answer_type
    assert answer_type == started.observation.answer_type
    answered = step(wire, started.episode_id, 3, AnswerSql(gold.sql))
    assert answered.state == types_pb2.EPISODE_STATE_TERMINATED
    assert answered.score.verdict == types_pb2.VERDICT_CORRECT
    assert answered.reward == answered.score.total > 1.0
    assert answered.observation.steps_left == 0
    for score in (described.score, sampled.score, queried.score, answered.score):
        assert score.total == score.execution + score.correctness + score.efficiency
        assert score.scorer_version == described.score.scorer_version


def test_every_answer_type_by_value_and_by_sql(wire: Transport, bundled: DataSet) -> None:
    gold = load_gold(BUNDLED)
    first_of_each = {task.answer_type: task for task in reversed(bundled.tasks)}
    assert len(first_of_each) == 5
    for answer_type, task in first_of_each.items():
        known = gold[task.task_id]
        for action in (AnswerValue(answer_text(known.rows, answer_type)), AnswerSql(known.sql)):
            started = reset(wire, task=pb.TaskSelector(task_id=task.task_id))
            assert step(wire, started.episode_id, 0, action).score.verdict == types_pb2.VERDICT_CORRECT, task


def test_the_same_step_again_gives_the_same_response(wire: Transport) -> None:
    episode = reset(wire).episode_id
    first = step(wire, episode, 0, Query("SELECT 1"))
    assert step(wire, episode, 0, Query("SELECT 1")) == first
    second = step(wire, episode, 1, Query("SELECT 1"))
    assert second.observation.step_count == 2
    assert [t.name for t in second.score.terms if t.name == "repeat"]


def test_another_action_at_the_same_index_is_aborted(wire: Transport) -> None:
    episode = reset(wire).episode_id
    first = step(wire, episode, 0, Query("SELECT 1"))
    with pytest.raises(StepConflict, match="another action"):
        step(wire, episode, 0, Query("SELECT 2"))
    assert step(wire, episode, 0, Query("SELECT 1")) == first


@pytest.mark.parametrize("index", [-1, 1, 5, 2**31 - 1])
def test_a_gap_is_out_of_range(wire: Transport, index: int) -> None:
    episode = reset(wire).episode_id
    with pytest.raises(StepOutOfRange, match="the next is 0") as caught:
        step(wire, episode, index, Query("SELECT 1"))
    assert caught.value.field == "step_index"


def test_no_step_after_the_end_but_the_last_one_again(wire: Transport) -> None:
    episode = reset(wire).episode_id
    last = step(wire, episode, 0, "ANSWER 12345")
    assert step(wire, episode, 0, "ANSWER 12345") == last
    with pytest.raises(EpisodeFinished, match="ended after 1 steps"):
        step(wire, episode, 1, Query("SELECT 1"))


def test_the_budget_truncates(wire: Transport) -> None:
    episode = reset(wire).episode_id
    for index in range(15):
        response = step(wire, episode, index, Query(f"SELECT {index}"))
        assert response.observation.steps_left == 14 - index
    assert response.state == types_pb2.EPISODE_STATE_TRUNCATED
    assert "No steps left" in response.observation.text
    with pytest.raises(EpisodeFinished):
        step(wire, episode, 15, Query("SELECT 1"))


def test_same_seed_and_actions_give_the_same_bytes_and_replay_rebuilds_them(wire: Transport) -> None:
    script = ["DESCRIBE pet", "SAMPLE pet 4", "QUERY SELECT count(*) FROM pet", "QUERY SELEC", "what?"]
    episodes = [reset(wire, seed=7, rubric="potential") for _ in range(2)]
    responses = [[step(wire, e.episode_id, i, text) for i, text in enumerate(script)] for e in episodes]
    a, b = ([r.SerializeToString(deterministic=True) for r in played] for played in responses)
    assert a == b
    replayed = reset(
        wire,
        seed=7,
        rubric="potential",
        replay=[types_pb2.Action(text=text) for text in script],
        dataset_version=episodes[0].dataset_version,
    )
    assert replayed.next_step_index == len(script)
    assert replayed.observation == responses[0][-1].observation
    assert replayed.episode_return == pytest.approx(sum(r.reward for r in responses[0]), abs=1e-12)
    after = [step(wire, e, len(script), "ANSWER 3") for e in (episodes[0].episode_id, replayed.episode_id)]
    assert after[0] == after[1]


def test_replay_to_the_end_and_beyond(wire: Transport) -> None:
    actions = [types_pb2.Action(text="QUERY SELECT 1"), types_pb2.Action(text="ANSWER 1")]
    finished = reset(wire, replay=actions)
    assert finished.state == types_pb2.EPISODE_STATE_TERMINATED
    assert step(wire, finished.episode_id, 1, "ANSWER 1").reward < 0
    with pytest.raises(InvalidArgument, match="after the end"):
        reset(wire, replay=[*actions, actions[0]])
    with pytest.raises(InvalidArgument, match="step budget") as caught:
        reset(wire, replay=[actions[0]] * 16)
    assert caught.value.reason == "REPLAY_TOO_LONG"
    with pytest.raises(VersionMismatch):
        reset(wire, dataset_version="0123")


def test_filter_and_seed_choose_the_task(wire: Transport, bundled: DataSet) -> None:
    which = pb.TaskSelector(filter=pb.TaskFilter(split="eval", difficulty="hard"))
    chosen = [reset(wire, task=which, seed=seed).task for seed in (0, 0, 1, 2)]
    assert chosen[0] == chosen[1]
    assert len({task.task_id for task in chosen}) == 3
    assert {(task.split, task.difficulty) for task in chosen} == {("eval", "hard")}
    drawn = wire.send("Reset", pb.ResetRequest())
    again = wire.send("Reset", pb.ResetRequest(seed=drawn.seed))
    assert again.task == drawn.task
    assert drawn.rubric == "dense"


def test_request_id_makes_reset_safe_to_send_again(wire: Transport) -> None:
    name = f"again-{type(wire).__name__}"
    first = reset(wire, request_id=name)
    step(wire, first.episode_id, 0, Query("SELECT 1"))
    again = reset(wire, request_id=name)
    assert again.episode_id == first.episode_id
    assert again.next_step_index == 1
    assert reset(wire).episode_id != first.episode_id
    with pytest.raises(InvalidArgument):
        reset(wire, request_id="x" * 129)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"task": pb.TaskSelector(task_id="no-such-task")}, "TASK_NOT_FOUND"),
        ({"task": pb.TaskSelector(task_id="")}, "TASK_NOT_FOUND"),
        ({"task": pb.TaskSelector(filter=pb.TaskFilter(split="nope"))}, "TASK_NOT_FOUND"),
        ({"task": pb.TaskSelector(filter=pb.TaskFilter(db_id=""))}, "TASK_NOT_FOUND"),
        ({"rubric": "generous"}, "UNKNOWN_RUBRIC"),
        ({"replay": [types_pb2.Action()]}, "FIELD_INVALID"),
    ],
)
def test_bad_resets(wire: Transport, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ServiceError) as caught:
        reset(wire, **fields)
    assert caught.value.reason == reason
    assert caught.value.field


def test_get_and_close(wire: Transport) -> None:
    episode = reset(wire).episode_id
    response = step(wire, episode, 0, Query("SELECT 1"))
    known = wire.send("GetEpisode", pb.GetEpisodeRequest(episode_id=episode))
    assert known.next_step_index == 1
    assert known.observation == response.observation
    assert known.episode_return == response.reward
    for _ in range(2):
        wire.send("CloseEpisode", pb.CloseEpisodeRequest(episode_id=episode))
    for method, request in (
        ("GetEpisode", pb.GetEpisodeRequest(episode_id=episode)),
        ("Step", pb.StepRequest(episode_id=episode, step_index=1, action=types_pb2.Action(text="ANSWER 1"))),
        ("Step", pb.StepRequest(action=types_pb2.Action(text="ANSWER 1"))),
    ):
        with pytest.raises(NotFound) as caught:
            wire.send(method, request)
        assert caught.value.reason == "EPISODE_NOT_FOUND"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Describe("no_such_table"), "ERROR_KIND_NO_SUCH_TABLE"),
        (Sample("no_such_table"), "ERROR_KIND_NO_SUCH_TABLE"),
        (Describe(""), "ERROR_KIND_NO_SUCH_TABLE"),
        (types_pb2.Action(sample=types_pb2.Sample(table="pet", rows=0)), "ERROR_KIND_INVALID_ACTION"),
        (types_pb2.Action(sample=types_pb2.Sample(table="pet", rows=21)), "ERROR_KIND_INVALID_ACTION"),
        (Query(""), "ERROR_KIND_EMPTY_SQL"),
        (Query("-- nothing"), "ERROR_KIND_EMPTY_SQL"),
        (Query("SELECT 1; SELECT 2"), "ERROR_KIND_MULTIPLE_STATEMENTS"),
        (Query("DELETE FROM pet"), "ERROR_KIND_NOT_ALLOWED"),
        (Query("PRAGMA table_info(pet)"), "ERROR_KIND_NOT_ALLOWED"),
        (Query("SELECT * FROM sqlite_master"), "ERROR_KIND_NOT_ALLOWED"),
        (Query("SELECT random()"), "ERROR_KIND_NOT_ALLOWED"),
        (Query("SELECT '\0'"), "ERROR_KIND_SYNTAX"),
        (Query("SELECT nope FROM pet"), "ERROR_KIND_NO_SUCH_COLUMN"),
        (Query("SELECT '" + "x" * 2_000_000 + "'"), "ERROR_KIND_TOO_LARGE"),
        (
            Query("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r"),
            "ERROR_KIND_TIMEOUT",
        ),
        ("I would like to see the tables", "ERROR_KIND_INVALID_ACTION"),
        ('{"name": "drop", "arguments": {}}', "ERROR_KIND_INVALID_ACTION"),
        ("", "ERROR_KIND_INVALID_ACTION"),
    ],
)
def test_bad_actions_are_observations_that_help(wire: Transport, action: Any, kind: str) -> None:
    episode = reset(wire).episode_id
    response = step(wire, episode, 0, action)
    assert error_kind(response) == kind
    assert response.observation.error.message in response.observation.text
    assert len(response.observation.text) < 2_000
    assert response.observation.step_count == 1
    assert response.state == types_pb2.EPISODE_STATE_RUNNING
    assert response.reward == pytest.approx(-0.025)
    assert "/" not in response.observation.error.message


def test_an_action_without_kind_is_refused_and_costs_nothing(wire: Transport) -> None:
    episode = reset(wire).episode_id
    for empty in (types_pb2.Action(), types_pb2.Action(answer=types_pb2.Answer())):
        with pytest.raises(InvalidArgument) as caught:
            step(wire, episode, 0, empty)
        assert caught.value.field.startswith("action")
    assert step(wire, episode, 0, Query("SELECT 1")).observation.step_count == 1


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("forty-two", types_pb2.VERDICT_WRONG_TYPE),
        ("there are 42 of them", types_pb2.VERDICT_WRONG_TYPE),
        ("-99", types_pb2.VERDICT_INCORRECT),
        ("x" * 2_000_000, types_pb2.VERDICT_WRONG_TYPE),
    ],
)
def test_answers_of_the_wrong_type_end_the_episode_with_a_reason(
    wire: Transport, bundled: DataSet, value: str, verdict: int
) -> None:
    task = next(task for task in bundled.tasks if task.answer_type == "integer")
    episode = reset(wire, task=pb.TaskSelector(task_id=task.task_id)).episode_id
    response = step(wire, episode, 0, AnswerValue(value))
    assert response.score.verdict == verdict
    assert response.score.reason
    assert response.state == types_pb2.EPISODE_STATE_TERMINATED
    assert response.reward < 0


def test_tasks_are_listed_in_pages_and_without_gold(wire: Transport, bundled: DataSet) -> None:
    seen: list[pb.Task] = []
    token = ""
    while True:
        page = wire.send("ListTasks", pb.ListTasksRequest(page_size=300, page_token=token))
        seen.extend(page.tasks)
        assert page.total_size == len(bundled.tasks)
        token = page.next_page_token
        if not token:
            break
    assert [task.task_id for task in seen] == [task.task_id for task in bundled.tasks]
    for bad in (pb.ListTasksRequest(page_size=-1), pb.ListTasksRequest(page_token="x")):
        with pytest.raises(InvalidArgument):
            wire.send("ListTasks", bad)
    with pytest.raises(NotFound):
        wire.send("GetTask", pb.GetTaskRequest(task_id="nope"))
    databases = wire.send("ListDatabases", pb.ListDatabasesRequest())
    assert len(databases.databases) == 10
    assert sum(database.task_count for database in databases.databases) == len(bundled.tasks)
    assert databases.dataset_version == bundled.version
