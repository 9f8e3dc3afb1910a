"""Plays a batch of episodes in lockstep: one BatchReset, then one BatchStep a turn, whoever decides the actions.

Demonstrations, training and evaluation all go through here. An episode that the services could not go on with, after
all of the client's patience, is marked `failed`: it is nobody's fault and nobody's training data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sqlenv import actions
from sqlenv.agents.rollout import Job, Trajectory, note_step, start_record
from sqlenv.calling import protocol
from sqlenv.calling.protocol import ActionLike
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError
from sqlenv.v1 import types_pb2

T = TypeVar("T")

MAX_BATCH = 512
"""Episodes in one call: half of what a server takes by default."""


@dataclass(slots=True)
class Played:
    """An episode under way or at its end. `reward` is None where it failed; `observation` is what is seen now."""

    job: Job
    episode: Episode | None = None
    record: Trajectory | None = None
    failed: str = ""
    kinds: list[str] = field(default_factory=list)
    stopped: bool = False

    @property
    def observation(self) -> types_pb2.Observation:
        """What the agent sees now. Only of an episode that has started."""
        assert self.episode is not None
        seen: types_pb2.Observation = self.episode.observation
        return seen

    @property
    def running(self) -> bool:
        """True where it takes another step."""
        return not self.failed and not self.stopped and self.episode is not None and not self.episode.done

    @property
    def reward(self) -> float | None:
        """The episode's return."""
        return None if self.failed or self.record is None else self.record.episode_return

    @property
    def correct(self) -> bool:
        """True where the answer was right."""
        return self.record is not None and self.record.correct


Decide = Callable[[Sequence[Played]], Sequence[ActionLike | None]]
"""The next action of each of the running episodes; None gives one up."""


def play_batch(
    client: SqlEnvClient,
    jobs: Sequence[Job],
    decide: Decide,
    *,
    agent: str = "policy",
    rubric: str = "",
    started: Callable[[Sequence[Played]], None] = lambda played: None,
) -> list[Played]:
    """Plays the jobs to their ends, in their order. `started` is told once, before the first action.

    Raises nothing for services that are away: episodes come back `failed`. Episodes that end early are closed.
    """
    played = [Played(job) for job in jobs]
    _start(client, played, agent, rubric)
    started(played)
    try:
        while running := [one for one in played if one.running]:
            chosen = list(zip(running, decide(running), strict=True))
            for one, action in chosen:
                one.stopped = action is None
            _step(client, [(one, action) for one, action in chosen if action is not None])
    finally:
        _close(played)
    return played


def _start(client: SqlEnvClient, played: Sequence[Played], agent: str, rubric: str) -> None:
    for part in _parts(played):
        requests = [protocol.reset_request(p.job.task_id, None, None, None, p.job.seed, rubric) for p in part]
        try:
            outcomes: Sequence[Episode | ServiceError] = client.batch_reset(requests)
        except ServiceError as error:
            outcomes = [error] * len(part)
        for one, outcome in zip(part, outcomes, strict=True):
            if isinstance(outcome, ServiceError):
                one.failed = str(outcome)
            else:
                one.episode, one.record = outcome, start_record(agent, outcome)


def _step(client: SqlEnvClient, chosen: Sequence[tuple[Played, ActionLike]]) -> None:
    for part in _parts(chosen):
        steps = [(one.episode, action) for one, action in part if one.episode is not None]
        try:
            results = client.batch_step(steps)
        except ServiceError as error:
            results = [error] * len(steps)
        for (one, action), result in zip(part, results, strict=True):
            if isinstance(result, ServiceError):
                one.failed = str(result)
                continue
            assert one.record is not None
            text = action if isinstance(action, str) else _text(action)
            note_step(one.record, text, result)
            one.kinds.append(kind_of(text))


def _close(played: Sequence[Played]) -> None:
    """Frees the sessions of episodes that are still open; a server that is away forgets them by itself."""
    for one in played:
        if one.episode is not None and not one.episode.done:
            with suppress(ServiceError):
                one.episode.__exit__()


def _parts(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[i : i + MAX_BATCH] for i in range(0, len(items), MAX_BATCH)]


def _text(action: ActionLike) -> str:
    if isinstance(action, (dict, types_pb2.Action)):
        raise TypeError("give an action, or its text")
    return action if isinstance(action, str) else actions.to_text(action)


def kind_of(text: str) -> str:
    """describe, sample, query, answer, or invalid."""
    match actions.parse(text):
        case actions.Describe():
            return "describe"
        case actions.Sample():
            return "sample"
        case actions.Query():
            return "query"
        case actions.AnswerValue() | actions.AnswerSql():
            return "answer"
    return "invalid"
