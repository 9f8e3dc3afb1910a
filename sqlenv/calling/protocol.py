"""What a client does, free of I/O: which calls to make, when to try again, how to bring a lost episode back.

Each operation is a generator that yields a `Call` or a `Sleep` and is sent the response, or thrown the ServiceError.
`sqlenv.client` drives it with blocking calls, `sqlenv.aio` with asyncio; neither decides anything itself.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from sqlenv import actions
from sqlenv.convert import action_to_proto
from sqlenv.errors import DeadlineExceeded, Exhausted, NotFound, ServiceError, Unavailable
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
    closed: bool = False

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

    def accept(self, request: environment_pb2.StepRequest, response: environment_pb2.StepResponse) -> StepResult:
        """Notes a step that was taken; once, though two threads may have sent it."""
        if request.step_index == len(self.taken):
            self.taken.append(request.action)
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
        return types_pb2.Action(text=actions.well_formed(action))
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
    waits = Waits(retry)
    while True:
        try:
            return (yield Call(method, request))
        except ServiceError as error:
            yield waits.after(error)


def reset(request: environment_pb2.ResetRequest, retry: Retry) -> Operation:
    """Starts an episode; returns its EpisodeLog."""
    return log_of((yield from call("Reset", request, retry)))


def close(log: EpisodeLog, retry: Retry) -> Operation:
    """Ends an episode on the server; it is not brought back after that."""
    log.closed = True
    yield from call("CloseEpisode", environment_pb2.CloseEpisodeRequest(episode_id=log.episode_id), retry)


def step(log: EpisodeLog, action: types_pb2.Action, retry: Retry) -> Operation:
    """Takes a step; returns its StepResult. Brings the episode back first where the server has lost it."""
    waits = Waits(retry)
    while True:
        try:
            request = log.step_request(action)
            return log.accept(request, (yield from call("Step", request, retry)))
        except NotFound as error:
            if log.closed:
                raise
            yield waits.after(error, lost=True)
            restored = yield from call("Reset", log.replay_request(), retry)
            log.episode_id = restored.episode_id


class Waits:
    """Counts how long an operation has been tried, and says how long to wait before the next try."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._until = time.monotonic() + retry.patience_s
        self._wait_s = retry.first_wait_s
        self._lost = False

    def after(self, error: ServiceError, lost: bool = False) -> Sleep:
        """The wait after `error`. Raises it where it is final or patience is at its end."""
        # Patience may have been spent on waiting for the server: that it is back without the episode is good news.
        first_loss = lost and not self._lost and self._retry.patience_s > 0
        self._lost = self._lost or lost
        if not (lost or may_retry(error)) or (time.monotonic() >= self._until and not first_loss):
            raise error
        # Many clients that lost one server should not come back in step.
        wait = self._wait_s * random.uniform(0.5, 1.0)
        self._wait_s = min(self._wait_s * 2, self._retry.longest_wait_s)
        if isinstance(error, Exhausted) and error.retry_after_s:
            wait = max(wait, min(error.retry_after_s, self._retry.longest_wait_s))
        return Sleep(wait)


def may_retry(error: ServiceError) -> bool:
    """True where the same call may succeed later."""
    if isinstance(error, Exhausted):
        return error.retry_after_s is not None
    return isinstance(error, (Unavailable, DeadlineExceeded))


def log_of(response: environment_pb2.ResetResponse) -> EpisodeLog:
    """The log of an episode that was just started."""
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
