"""What a client does, driven by hand: each effect is looked at and answered, no network, no time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.message import Message

from sqlenv import actions
from sqlenv.calling import batches, protocol
from sqlenv.calling.protocol import Call, EpisodeLog, Retry, Sleep, StepResult
from sqlenv.errors import (
    DeadlineExceeded,
    EpisodeFinished,
    Exhausted,
    Internal,
    InvalidArgument,
    NotFound,
    ServiceError,
    StepConflict,
    StepOutOfRange,
    Unavailable,
    VersionMismatch,
    to_status,
)
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import types_pb2

RETRY = Retry(patience_s=60, first_wait_s=0.1, longest_wait_s=1.0)
NO_PATIENCE = Retry(patience_s=0)
QUERY = types_pb2.Action(query=types_pb2.Query(sql="SELECT 1"))
ANSWER = types_pb2.Action(answer=types_pb2.Answer(value="1"))


class Driver:
    """Plays the server: `send` and `fail` answer the call that the operation waits for and give its next one."""

    def __init__(self, operation: protocol.Operation) -> None:
        self._operation = operation
        self.sleeps: list[float] = []
        self.result: Any = None
        self.done = False
        self.call = Call("", None)
        self._advance(lambda: next(operation))

    def _advance(self, go: Any) -> None:
        try:
            effect = go()
            while isinstance(effect, Sleep):
                self.sleeps.append(effect.seconds)
                effect = next(self._operation)
            self.call = effect
        except StopIteration as end:
            self.done, self.result = True, end.value

    def send(self, response: Message) -> None:
        self._advance(lambda: self._operation.send(response))

    def fail(self, error: ServiceError) -> None:
        self._advance(lambda: self._operation.throw(error))


def reset_response(episode_id: str = "e1", **more: Any) -> pb.ResetResponse:
    return pb.ResetResponse(
        episode_id=episode_id,
        task=pb.Task(task_id="t1"),
        seed=7,
        rubric="dense",
        dataset_version="v1",
        state=types_pb2.EPISODE_STATE_RUNNING,
        **more,
    )


def step_response(
    reward: float = 0.5, state: types_pb2.EpisodeState = types_pb2.EPISODE_STATE_RUNNING
) -> pb.StepResponse:
    return pb.StepResponse(observation=types_pb2.Observation(text="seen"), reward=reward, state=state)


def log(episode_id: str = "e1") -> EpisodeLog:
    driver = Driver(protocol.reset(protocol.reset_request("t1", None, None, None, 7, "dense"), RETRY))
    driver.send(reset_response(episode_id))
    assert isinstance(driver.result, EpisodeLog)
    return driver.result


# One call


@pytest.mark.parametrize(
    "error", [Unavailable("away"), DeadlineExceeded("slow"), Exhausted("full", retry_after_s=1.0)], ids=repr
)
def test_what_passes_is_tried_again_with_the_same_request(error: ServiceError) -> None:
    request = protocol.reset_request("t1", None, None, None, 0, "")
    driver = Driver(protocol.call("Reset", request, RETRY))
    sent = [driver.call]
    for _ in range(5):
        driver.fail(error)
        sent.append(driver.call)
    driver.send(reset_response())
    assert driver.result.episode_id == "e1"
    assert all(call.method == "Reset" and call.request == request for call in sent)
    assert request.request_id
    assert len(driver.sleeps) == 5


@pytest.mark.parametrize(
    "error",
    [
        InvalidArgument("no"),
        NotFound("no"),
        StepConflict("no"),
        StepOutOfRange("no"),
        EpisodeFinished("no"),
        VersionMismatch("no"),
        Exhausted("message too large", "MESSAGE_TOO_LARGE"),
        Internal("no"),
        ServiceError("no"),
    ],
    ids=repr,
)
def test_what_does_not_pass_is_raised_at_once(error: ServiceError) -> None:
    driver = Driver(protocol.call("Reset", pb.ResetRequest(), RETRY))
    with pytest.raises(type(error)) as raised:
        driver.fail(error)
    assert raised.value is error
    assert driver.sleeps == []


def test_patience_ends() -> None:
    driver = Driver(protocol.call("Reset", pb.ResetRequest(), NO_PATIENCE))
    with pytest.raises(Unavailable):
        driver.fail(Unavailable("away"))


def test_waits_grow_and_are_bounded_and_not_in_step() -> None:
    driver = Driver(protocol.call("Reset", pb.ResetRequest(), RETRY))
    for _ in range(10):
        driver.fail(Unavailable("away"))
    for i, wait in enumerate(driver.sleeps):
        longest = min(0.1 * 2**i, 1.0)
        assert longest / 2 <= wait <= longest
    assert len(set(driver.sleeps[4:])) > 1


@pytest.mark.parametrize(("hint", "least"), [(0.5, 0.5), (100.0, 1.0), (0.001, 0.05)])
def test_the_servers_hint_is_waited_for_within_bounds(hint: float, least: float) -> None:
    driver = Driver(protocol.call("Reset", pb.ResetRequest(), RETRY))
    driver.fail(Exhausted("full", retry_after_s=hint))
    assert least <= driver.sleeps[0] <= 1.0


# Requests


def test_reset_request() -> None:
    named = protocol.reset_request("t1", None, None, None, None, "")
    assert named.task.task_id == "t1"
    assert not named.HasField("seed")
    assert named.rubric == "dense"
    drawn = protocol.reset_request(None, "train", None, "easy", 0, "sparse")
    assert drawn.task.WhichOneof("kind") == "filter"
    assert (drawn.task.filter.split, drawn.task.filter.HasField("db_id"), drawn.seed) == ("train", False, 0)
    assert drawn.HasField("seed")
    assert named.request_id != drawn.request_id
    with pytest.raises(ValueError, match="split"):
        protocol.reset_request("t1", "train", None, None, None, "")


@pytest.mark.parametrize(
    "action",
    [
        actions.Query("SELECT 1"),
        QUERY,
        {"name": "query", "arguments": {"sql": "SELECT 1"}},
    ],
)
def test_every_form_of_an_action_is_sent(action: protocol.ActionLike) -> None:
    assert protocol.to_action(action) == QUERY


def test_text_is_sent_as_it_is() -> None:
    assert protocol.to_action("QUERY SELECT 1") == types_pb2.Action(text="QUERY SELECT 1")
    assert protocol.to_action("mumble").text == "mumble"


# Steps


def test_steps_count_up_and_are_noted() -> None:
    episode = log()
    for index in range(3):
        driver = Driver(protocol.step(episode, QUERY, RETRY))
        assert (driver.call.method, driver.call.request.step_index) == ("Step", index)
        assert driver.call.request.episode_id == "e1"
        driver.send(step_response(0.5))
        assert isinstance(driver.result, StepResult)
        assert not driver.result.done
    driver = Driver(protocol.step(episode, ANSWER, RETRY))
    driver.send(step_response(1.0, types_pb2.EPISODE_STATE_TERMINATED))
    assert (driver.result.terminated, driver.result.truncated, driver.result.done) == (True, False, True)
    assert episode.taken == [QUERY, QUERY, QUERY, ANSWER]
    assert episode.episode_return == pytest.approx(2.5)
    assert episode.done
    assert episode.observation.text == "seen"


def test_truncation_is_told() -> None:
    driver = Driver(protocol.step(log(), QUERY, RETRY))
    driver.send(step_response(0, types_pb2.EPISODE_STATE_TRUNCATED))
    assert (driver.result.terminated, driver.result.truncated, driver.result.done) == (False, True, True)


def test_a_step_that_may_or_may_not_have_arrived_is_sent_again_with_its_index() -> None:
    episode = log()
    driver = Driver(protocol.step(episode, QUERY, RETRY))
    first = driver.call.request
    driver.fail(DeadlineExceeded("slow"))
    assert driver.call.request == first
    assert episode.taken == []
    driver.send(step_response())
    assert episode.taken == [QUERY]


def test_a_lost_episode_is_brought_back_and_the_step_taken() -> None:
    episode = log()
    for _ in range(2):
        driver = Driver(protocol.step(episode, QUERY, RETRY))
        driver.send(step_response())
    driver = Driver(protocol.step(episode, ANSWER, RETRY))
    driver.fail(NotFound("gone"))
    replay = driver.call
    assert replay.method == "Reset"
    assert list(replay.request.replay) == [QUERY, QUERY]
    assert replay.request.task.task_id == "t1"
    assert (replay.request.seed, replay.request.rubric, replay.request.dataset_version) == (7, "dense", "v1")
    driver.fail(Unavailable("still starting"))
    assert driver.call.request == replay.request
    driver.send(reset_response("e2", next_step_index=2))
    assert driver.call.method == "Step"
    assert (driver.call.request.episode_id, driver.call.request.step_index) == ("e2", 2)
    driver.send(step_response(1.0, types_pb2.EPISODE_STATE_TERMINATED))
    assert driver.result.terminated
    assert episode.episode_id == "e2"
    assert episode.episode_return == pytest.approx(2.0)


def test_an_episode_may_be_lost_again_and_again_within_patience() -> None:
    episode = log()
    driver = Driver(protocol.step(episode, QUERY, RETRY))
    for i in range(4):
        driver.fail(NotFound("gone"))
        driver.send(reset_response(f"e{i}"))
    driver.send(step_response())
    assert episode.taken == [QUERY]
    impatient = Driver(protocol.step(episode, QUERY, NO_PATIENCE))
    with pytest.raises(NotFound):
        impatient.fail(NotFound("gone"))


def test_a_replay_that_the_server_refuses_is_raised() -> None:
    driver = Driver(protocol.step(log(), QUERY, RETRY))
    driver.fail(NotFound("gone"))
    with pytest.raises(VersionMismatch):
        driver.fail(VersionMismatch("another data set"))


def test_a_task_that_a_replay_does_not_find_is_not_asked_for_forever() -> None:
    driver = Driver(protocol.step(log(), QUERY, RETRY))
    driver.fail(NotFound("gone"))
    with pytest.raises(NotFound) as raised:
        driver.fail(NotFound("no such task", "TASK_NOT_FOUND"))
    assert raised.value.reason == "TASK_NOT_FOUND"


# Batches


def reset_results(outcomes: Sequence[pb.ResetResponse | ServiceError]) -> pb.BatchResetResponse:
    return pb.BatchResetResponse(
        results=[
            pb.BatchResetResult(status=to_status(o)) if isinstance(o, ServiceError) else pb.BatchResetResult(response=o)
            for o in outcomes
        ]
    )


def step_results(outcomes: Sequence[pb.StepResponse | ServiceError]) -> pb.BatchStepResponse:
    return pb.BatchStepResponse(
        results=[
            pb.BatchStepResult(status=to_status(o)) if isinstance(o, ServiceError) else pb.BatchStepResult(response=o)
            for o in outcomes
        ]
    )


def test_batch_reset_gives_each_its_outcome_in_order() -> None:
    requests = [protocol.reset_request(f"t{i}", None, None, None, i, "") for i in range(3)]
    driver = Driver(batches.batch_reset(requests, RETRY))
    assert driver.call.method == "BatchReset"
    assert list(driver.call.request.requests) == requests
    driver.send(reset_results([reset_response("a"), NotFound("no", "TASK_NOT_FOUND"), reset_response("c")]))
    first, second, third = driver.result
    assert (first.episode_id, third.episode_id) == ("a", "c")
    assert isinstance(second, NotFound)
    assert driver.sleeps == []


def test_only_what_may_pass_is_sent_again() -> None:
    requests = [protocol.reset_request(f"t{i}", None, None, None, i, "") for i in range(4)]
    driver = Driver(batches.batch_reset(requests, RETRY))
    full = Exhausted("full", retry_after_s=1.0)
    driver.send(reset_results([full, reset_response("b"), InvalidArgument("no"), full]))
    assert list(driver.call.request.requests) == [requests[0], requests[3]]
    assert len(driver.sleeps) == 1
    driver.send(reset_results([reset_response("a"), full]))
    assert list(driver.call.request.requests) == [requests[3]]
    driver.send(reset_results([reset_response("d")]))
    assert [getattr(outcome, "episode_id", None) for outcome in driver.result] == ["a", "b", None, "d"]
    assert isinstance(driver.result[2], InvalidArgument)


def test_a_final_failure_before_one_that_may_pass_does_not_stop_it() -> None:
    requests = [protocol.reset_request(f"t{i}", None, None, None, i, "") for i in range(2)]
    driver = Driver(batches.batch_reset(requests, RETRY))
    driver.send(reset_results([InvalidArgument("no"), Unavailable("away")]))
    assert list(driver.call.request.requests) == [requests[1]]
    # And the other way round: the wait that the first asked for does not make the second be sent again.
    driver = Driver(batches.batch_reset(requests, RETRY))
    driver.send(reset_results([Unavailable("away"), InvalidArgument("no")]))
    assert list(driver.call.request.requests) == [requests[0]]
    driver.send(reset_results([reset_response("a")]))
    assert isinstance(driver.result[1], InvalidArgument)


def test_a_batch_out_of_patience_gives_the_failures_as_outcomes() -> None:
    driver = Driver(batches.batch_reset([protocol.reset_request("t", None, None, None, 0, "")] * 2, NO_PATIENCE))
    driver.send(reset_results([reset_response("a"), Unavailable("away")]))
    assert driver.done
    assert isinstance(driver.result[1], Unavailable)


def test_a_batch_call_that_fails_whole_is_sent_again_whole() -> None:
    driver = Driver(batches.batch_reset([protocol.reset_request("t", None, None, None, 0, "")] * 2, RETRY))
    first = driver.call.request
    driver.fail(Unavailable("away"))
    assert driver.call.request == first


def test_an_empty_batch_needs_no_call() -> None:
    assert Driver(batches.batch_reset([], RETRY)).result == []
    assert Driver(batches.batch_step([], RETRY)).result == []


def test_batch_step_takes_what_succeeds_and_tells_what_failed() -> None:
    logs = [log(f"e{i}") for i in range(3)]
    driver = Driver(batches.batch_step([(one, QUERY) for one in logs], RETRY))
    assert [request.episode_id for request in driver.call.request.requests] == ["e0", "e1", "e2"]
    driver.send(step_results([step_response(0.1), EpisodeFinished("over"), step_response(0.3)]))
    assert [getattr(outcome, "reward", None) for outcome in driver.result] == [
        pytest.approx(0.1),
        None,
        pytest.approx(0.3),
    ]
    assert isinstance(driver.result[1], EpisodeFinished)
    assert [len(one.taken) for one in logs] == [1, 0, 1]


def test_lost_episodes_of_a_batch_are_brought_back_in_one_call_and_only_they_are_stepped_again() -> None:
    logs = [log(f"e{i}") for i in range(4)]
    driver = Driver(batches.batch_step([(one, QUERY) for one in logs], RETRY))
    driver.send(step_results([NotFound("gone"), step_response(), NotFound("gone"), Unavailable("away")]))
    assert driver.call.method == "BatchStep"  # first what may pass
    assert [request.episode_id for request in driver.call.request.requests] == ["e3"]
    driver.send(step_results([step_response()]))
    assert driver.call.method == "BatchReset"
    assert len(driver.call.request.requests) == 2
    driver.send(reset_results([reset_response("new"), VersionMismatch("another data set")]))
    assert driver.call.method == "BatchStep"
    assert [(r.episode_id, r.step_index) for r in driver.call.request.requests] == [("new", 0)]
    driver.send(step_results([step_response(0.9)]))
    assert driver.result[0].reward == pytest.approx(0.9)
    assert isinstance(driver.result[2], VersionMismatch)
    assert [len(one.taken) for one in logs] == [1, 1, 0, 1]


def test_a_batch_that_loses_an_episode_out_of_patience_still_gives_the_other_results() -> None:
    logs = [log("a"), log("b")]
    driver = Driver(batches.batch_step([(one, QUERY) for one in logs], NO_PATIENCE))
    driver.send(step_results([step_response(0.1), NotFound("gone")]))
    assert driver.done
    assert driver.result[0].reward == pytest.approx(0.1)
    assert isinstance(driver.result[1], NotFound)


@pytest.mark.parametrize("error", [Internal("broke"), InvalidArgument("no")], ids=repr)
def test_steps_of_a_batch_that_were_taken_are_noted_though_sending_the_others_again_fails(error: ServiceError) -> None:
    """Else the log lags behind the server, and the next step of that episode is a conflict."""
    logs = [log("a"), log("b")]
    driver = Driver(batches.batch_step([(one, QUERY) for one in logs], RETRY))
    driver.send(step_results([step_response(0.1), Unavailable("away")]))
    driver.fail(error)
    assert logs[0].taken == [QUERY]
    assert driver.result[0].reward == pytest.approx(0.1)
    assert driver.result[1] is error
