"""Batches of episodes, as `protocol` has single ones: each item is tried again, and brought back, by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlenv.calling.protocol import EpisodeLog, Operation, Retry, Sleep, StepResult, Waits, call, log_of, may_retry
from sqlenv.errors import NotFound, ServiceError, from_status
from sqlenv.v1 import environment_pb2, types_pb2


def batch_reset(requests: Sequence[environment_pb2.ResetRequest], retry: Retry) -> Operation:
    """Starts many episodes; returns a list of EpisodeLog, or of the ServiceError where one can't be started."""
    outcomes = yield from _batch("BatchReset", list(requests), retry)
    return [outcome if isinstance(outcome, ServiceError) else log_of(outcome) for outcome in outcomes]


def batch_step(steps: Sequence[tuple[EpisodeLog, types_pb2.Action]], retry: Retry) -> Operation:
    """Takes a step in each of many episodes; returns a list of StepResult, or of the ServiceError where one failed.

    Episodes that the server has lost are brought back, all in one call, and stepped again. Raises ValueError where an
    episode is there twice: its second step would need the first one's index.
    """
    if len({id(log) for log, _ in steps}) < len(steps):
        raise ValueError("an episode can take only one step in a batch")
    results: list[StepResult | ServiceError | None] = [None] * len(steps)
    waits = Waits(retry)
    todo = list(range(len(steps)))
    while todo:
        try:
            lost = yield from _step_all(steps, todo, results, retry)
            if not lost:
                break
            yield waits.after(NotFound("the server has lost the episode"), lost=True)
            replays = yield from _batch("BatchReset", [steps[i][0].replay_request() for i in lost], retry)
        except ServiceError as error:
            if all(result is None for result in results):
                raise
            # The others' steps were taken, and their results must not be lost with these.
            results = [error if result is None else result for result in results]
            break
        todo = []
        for i, restored in zip(lost, replays, strict=True):
            if isinstance(restored, ServiceError):
                results[i] = restored
            else:
                steps[i][0].episode_id = restored.episode_id
                todo.append(i)
    return results


def _step_all(
    steps: Sequence[tuple[EpisodeLog, types_pb2.Action]],
    todo: list[int],
    results: list[StepResult | ServiceError | None],
    retry: Retry,
) -> Operation:
    """Steps the episodes `todo` and notes their results; returns those that the server has lost."""
    requests = [steps[i][0].step_request(steps[i][1]) for i in todo]
    outcomes = yield from _batch("BatchStep", requests, retry)
    lost: list[int] = []
    for i, request, outcome in zip(todo, requests, outcomes, strict=True):
        log = steps[i][0]
        if isinstance(outcome, NotFound) and not log.closed:
            lost.append(i)
        else:
            results[i] = outcome if isinstance(outcome, ServiceError) else log.accept(request, outcome)
    return lost


def _batch(method: str, requests: list[Any], retry: Retry) -> Operation:
    """A batch whose items are tried again one by one as a call is; returns responses and ServiceErrors."""
    make = {"BatchReset": environment_pb2.BatchResetRequest, "BatchStep": environment_pb2.BatchStepRequest}[method]
    outcomes: list[Any] = [None] * len(requests)
    waits = Waits(retry)
    todo = list(range(len(requests)))
    while todo:
        try:
            response = yield from call(method, make(requests=[requests[i] for i in todo]), retry)
        except ServiceError as error:
            if len(todo) == len(requests):
                raise  # nothing of this batch was taken
            for i in todo:
                outcomes[i] = error
            break
        again: list[int] = []
        wait: Sleep | None = None
        for i, result in zip(todo, response.results, strict=True):
            if result.WhichOneof("outcome") == "response":
                outcomes[i] = result.response
                continue
            outcomes[i] = failure = from_status(result.status)
            try:
                wait = wait or waits.after(failure)
                if may_retry(failure):
                    again.append(i)
            except ServiceError:
                pass  # final: it stays as the outcome
        todo = again
        if todo and wait:
            yield wait
    return outcomes
