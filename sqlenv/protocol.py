"""What a client does, free of I/O: which calls to make, when to try again, how to bring a lost episode back.

Each operation is a generator that yields a `Call` or a `Sleep` and is sent the response, or thrown the ServiceError.
`sqlenv.client` drives it with blocking calls, `sqlenv.aio` with asyncio; neither decides anything itself.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlenv import actions
from sqlenv.convert import action_to_proto
from sqlenv.errors import DeadlineExceeded, Exhausted, NotFound, ServiceError, Unavailable, from_status
from sqlenv.types import RUBRICS
from sqlenv.v1 import environment_pb2, types_pb2

ActionLike = actions.Action | types_pb2.Action | str | dict[str, Any]
"""An action, its message, its text form, or a JSON tool call as a dict."""


@dataclass(frozen=True, slots=True)
class Call:
    """To be sent: `method` is the RPC's name."""

    method: str
    request: Any


@dataclass(frozen=True, slots=True)
class Sleep:
    """To be waited, in seconds."""

    seconds: float


Operation = Generator[Call | Sleep, Any, Any]


@dataclass(frozen=True, slots=True)
class Retry:
    """How long a client keeps trying while a server is away or full. Every call of ours may be sent again."""

    patience_s: float = 60.0
    first_wait_s: float = 0.05
    longest_wait_s: float = 2.0


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step gave, in the terms of Gymnasium's step API (https://gymnasium.farama.org/api/env/#gymnasium.Env.step).

    `reward` is `score.total`; `terminated`: the agent answered; `truncated`: the step budget was spent.
    """

    observation: types_pb2.Observation
    reward: float
    terminated: bool
    truncated: bool
    score: types_pb2.Score

    @property
    def done(self) -> bool:
        """True where the episode takes no more steps."""
        return self.terminated or self.truncated


@dataclass
class EpisodeLog:
    """What a client must keep of an episode to bring it back on any server: it is a function of these."""

    task: environment_pb2.Task
    seed: int
    rubric: str
    dataset_version: str
    episode_id: str
    observation: types_pb2.Observation
    state: types_pb2.EpisodeState
    episode_return: float = 0.0
    taken: list[types_pb2.Action] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """True where the episode takes no more steps."""
        return self.state != types_pb2.EPISODE_STATE_RUNNING

    def step_request(self, action: types_pb2.Action) -> environment_pb2.StepRequest:
        """The request of the next step."""
        return environment_pb2.StepRequest(episode_id=self.episode_id, step_index=len(self.taken), action=action)

    def replay_request(self) -> environment_pb2.ResetRequest:
        """The request that rebuilds the episode where it stands."""
        return environment_pb2.ResetRequest(
            task=environment_pb2.TaskSelector(task_id=self.task.task_id),
            seed=self.seed,
            rubric=self.rubric,
            request_id=uuid.uuid4().hex,
            replay=self.taken,
            dataset_version=self.dataset_version,
        )

    def accept(self, action: types_pb2.Action, response: environment_pb2.StepResponse) -> StepResult:
        """Notes a step that was taken."""
        self.taken.append(action)
        self.observation = response.observation
        self.state = response.state
        self.episode_return += response.reward
        return StepResult(
            response.observation,
            response.reward,
            response.state == types_pb2.EPISODE_STATE_TERMINATED,
            response.state == types_pb2.EPISODE_STATE_TRUNCATED,
            response.score,
        )


def to_action(action: ActionLike) -> types_pb2.Action:
    """An action's message. Text is sent as it is: the server parses it, and text it can't read costs the step."""
    if isinstance(action, types_pb2.Action):
        return action
    if isinstance(action, str):
        return types_pb2.Action(text=action)
    if isinstance(action, dict):
        return action_to_proto(actions.parse_tool_call(action))
    return action_to_proto(action)


def reset_request(
    task_id: str | None, split: str | None, db_id: str | None, difficulty: str | None, seed: int | None, rubric: str
) -> environment_pb2.ResetRequest:
    """The request that starts an episode. Raises ValueError where a task is named and a filter given."""
    which = {"split": split, "db_id": db_id, "difficulty": difficulty}
    given = {name: value for name, value in which.items() if value is not None}
    if task_id is not None and given:
        raise ValueError(f"give either task_id or {', '.join(given)}")
    if task_id is not None:
        selector = environment_pb2.TaskSelector(task_id=task_id)
    else:
        selector = environment_pb2.TaskSelector(filter=environment_pb2.TaskFilter(**given))
    return environment_pb2.ResetRequest(
        task=selector, seed=seed, rubric=rubric or RUBRICS[0], request_id=uuid.uuid4().hex
    )


def call(method: str, request: Any, retry: Retry) -> Operation:
    """One call, sent again while the server is away, within the retry's patience."""
    waits = _Waits(retry)
    while True:
        try:
            return (yield Call(method, request))
        except ServiceError as error:
            yield waits.after(error)


def reset(request: environment_pb2.ResetRequest, retry: Retry) -> Operation:
    """Starts an episode; returns its EpisodeLog."""
    return _log_of((yield from call("Reset", request, retry)))


def step(log: EpisodeLog, action: types_pb2.Action, retry: Retry) -> Operation:
    """Takes a step; returns its StepResult. Brings the episode back first where the server has lost it."""
    waits = _Waits(retry)
    while True:
        try:
            response = yield from call("Step", log.step_request(action), retry)
            return log.accept(action, response)
        except NotFound as error:
            yield waits.after(error, lost=True)
            restored = yield from call("Reset", log.replay_request(), retry)
            log.episode_id = restored.episode_id


def batch_reset(requests: Sequence[environment_pb2.ResetRequest], retry: Retry) -> Operation:
    """Starts many episodes; returns a list of EpisodeLog, or of the ServiceError where one can't be started."""
    outcomes = yield from _batch("BatchReset", list(requests), retry)
    return [outcome if isinstance(outcome, ServiceError) else _log_of(outcome) for outcome in outcomes]


def batch_step(steps: Sequence[tuple[EpisodeLog, types_pb2.Action]], retry: Retry) -> Operation:
    """Takes a step in each of many episodes; returns a list of StepResult, or of the ServiceError where one failed.

    Episodes that the server has lost are brought back, all in one call, and stepped again.
    """
    results: list[StepResult | ServiceError | None] = [None] * len(steps)
    waits = _Waits(retry)
    todo = list(range(len(steps)))
    while todo:
        requests = [steps[i][0].step_request(steps[i][1]) for i in todo]
        outcomes = yield from _batch("BatchStep", requests, retry)
        lost: list[int] = []
        for i, outcome in zip(todo, outcomes, strict=True):
            if isinstance(outcome, NotFound):
                lost.append(i)
            elif isinstance(outcome, ServiceError):
                results[i] = outcome
            else:
                results[i] = steps[i][0].accept(steps[i][1], outcome)
        todo = []
        if lost:
            try:
                wait = waits.after(NotFound("the server has lost the episode"), lost=True)
            except NotFound as error:
                for i in lost:
                    results[i] = error
                break
            yield wait
            replays = yield from _batch("BatchReset", [steps[i][0].replay_request() for i in lost], retry)
            for i, restored in zip(lost, replays, strict=True):
                if isinstance(restored, ServiceError):
                    results[i] = restored
                else:
                    steps[i][0].episode_id = restored.episode_id
                    todo.append(i)
    return results


def _batch(method: str, requests: list[Any], retry: Retry) -> Operation:
    """A batch whose items are tried again one by one as a call is; returns responses and ServiceErrors."""
    make = {"BatchReset": environment_pb2.BatchResetRequest, "BatchStep": environment_pb2.BatchStepRequest}[method]
    outcomes: list[Any] = [None] * len(requests)
    waits = _Waits(retry)
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
                if _may_retry(failure):
                    again.append(i)
            except ServiceError:
                pass  # final: it stays as the outcome
        todo = again
        if todo and wait:
            yield wait
    return outcomes


class _Waits:
    """Counts how long an operation has been tried, and says how long to wait before the next try."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._until = time.monotonic() + retry.patience_s
        self._wait_s = retry.first_wait_s

    def after(self, error: ServiceError, lost: bool = False) -> Sleep:
        """The wait after `error`. Raises it where it is final or patience is at its end."""
        if not (lost or _may_retry(error)) or time.monotonic() >= self._until:
            raise error
        # Many clients that lost one server should not come back in step.
        wait = self._wait_s * random.uniform(0.5, 1.0)
        self._wait_s = min(self._wait_s * 2, self._retry.longest_wait_s)
        if isinstance(error, Exhausted) and error.retry_after_s:
            wait = max(wait, min(error.retry_after_s, self._retry.longest_wait_s))
        return Sleep(wait)


def _may_retry(error: ServiceError) -> bool:
    if isinstance(error, Exhausted):
        return error.retry_after_s is not None
    return isinstance(error, (Unavailable, DeadlineExceeded))


def _log_of(response: environment_pb2.ResetResponse) -> EpisodeLog:
    return EpisodeLog(
        task=response.task,
        seed=response.seed,
        rubric=response.rubric,
        dataset_version=response.dataset_version,
        episode_id=response.episode_id,
        observation=response.observation,
        state=response.state,
        episode_return=response.episode_return,
    )
