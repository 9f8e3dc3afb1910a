"""Plays episodes through a client, many at once: one BatchReset and one BatchStep a round, however many there are."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from sqlenv.agents.base import Agent, Maker, action_text
from sqlenv.calling import protocol
from sqlenv.calling.protocol import StepResult
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError
from sqlenv.types import ErrorKind
from sqlenv.v1 import environment_pb2, types_pb2

CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class Job:
    """One episode to play: the task, and the seed of what is drawn in it."""

    task_id: str
    seed: int


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step: what was done, what the agent saw then, what it was worth. `terms` are the score's named parts.

    `error_kind` names the kind of error that the agent was shown, as no_such_column; "" where there was none.
    """

    action: str
    observation: str
    reward: float
    execution: float
    correctness: float
    efficiency: float
    terms: dict[str, float]
    error_kind: str = ""


@dataclass(slots=True)
class Trajectory:
    """An episode that was played. `prompt` is the first observation's text; `verdict` is "" where nothing was answered.

    Its components are sums over the steps, and add up to `episode_return`.

    `state`: terminated (answered), truncated (no steps left), stopped (the policy came to a bound of its own: turns or
    tokens), failed. `failed` says why services or an endpoint could not play it to its end: no figure counts such an
    episode. `sample`: 0 for a greedy episode and for agents that have but one way to play, else the number of the
    sampled episode, from 1; `temperature` is what it was asked for with; None where that was left to the endpoint. Of a
    language model: `turns` that it took, tokens that it read and wrote, turns that a bound cut off, turns in which it
    refused.
    """

    agent: str
    task_id: str
    db_id: str
    split: str
    difficulty: str
    answer_type: str
    question: str
    prompt: str
    seed: int
    rubric: str
    dataset_version: str
    scorer_version: str = ""
    steps: list[StepRecord] = field(default_factory=list)
    episode_return: float = 0.0
    execution: float = 0.0
    correctness: float = 0.0
    efficiency: float = 0.0
    verdict: str = ""
    reason: str = ""
    state: str = "running"
    failed: str = ""
    sample: int = 0
    temperature: float | None = 0.0
    turns: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut_turns: int = 0
    refusals: int = 0

    @property
    def correct(self) -> bool:
        """True where the answer was right."""
        return self.verdict == "correct"

    def to_json(self) -> str:
        """One line of JSON: the fields, and `correct` and `step_count` for readers that filter."""
        record = asdict(self) | {"correct": self.correct, "step_count": len(self.steps)}
        return json.dumps(record, ensure_ascii=False)


def jobs(tasks: Iterable[environment_pb2.Task], seed: int, episodes: int | None = None) -> list[Job]:
    """Every task once, in order; or so many `episodes`: tasks in an order that `seed` mixes, again when all are used.

    A task that comes again has another seed. The same arguments give the same jobs, for every agent.
    """
    ids = [task.task_id for task in tasks]
    if episodes is None or not ids:
        return [Job(task_id, seed) for task_id in ids]
    random.Random(f"jobs:{seed}").shuffle(ids)
    return [Job(ids[i % len(ids)], seed + i // len(ids)) for i in range(episodes)]


def play(
    client: SqlEnvClient,
    work: Iterable[Job],
    make: Maker,
    *,
    agent: str = "",
    rubric: str = "",
    concurrency: int = CONCURRENCY,
) -> Iterator[Trajectory]:
    """Plays every job, up to `concurrency` at once, and yields each episode when it ends, so not in the jobs' order.

    `agent` is the name for the records. Raises ServiceError where an episode can't be started or stepped. Episodes that
    are open when the caller stops, or an agent fails, are closed.
    """
    live: list[_Live] = []
    try:
        yield from _rounds(client, iter(work), live, make, agent, rubric, concurrency)
    except ServiceError:
        raise  # the server is away or at odds with us: asking it to close anything would only take longer
    except BaseException:
        with suppress(ServiceError):
            for one in live:
                one.episode.close()
        raise


def _rounds(
    client: SqlEnvClient,
    todo: Iterator[Job],
    live: list[_Live],
    make: Maker,
    agent: str,
    rubric: str,
    concurrency: int,
) -> Iterator[Trajectory]:
    """Rounds of one reset and one step; `live` always holds the episodes that are open."""
    while True:
        live += _start(client, todo, concurrency - len(live), make, agent, rubric)
        if not live:
            return
        acts = [one.mind.act(one.episode.observation) for one in live]
        results = client.batch_step([(one.episode, act) for one, act in zip(live, acts, strict=True)])
        ended = []
        for one, act, result in zip(live, acts, results, strict=True):
            if isinstance(result, ServiceError):
                raise result
            note_step(one.record, action_text(act), result)
            if result.done:
                ended.append(one.record)
        live[:] = [one for one in live if not one.episode.done]
        yield from ended


@dataclass(frozen=True, slots=True)
class _Live:
    """An episode under way."""

    episode: Episode
    mind: Agent
    record: Trajectory


def _start(
    client: SqlEnvClient, todo: Iterator[Job], free: int, make: Maker, agent: str, rubric: str
) -> Iterator[_Live]:
    batch = list(islice(todo, free))
    if not batch:
        return
    minds = [make(job.task_id, job.seed) for job in batch]
    requests = [protocol.reset_request(job.task_id, None, None, None, job.seed, rubric) for job in batch]
    for episode, mind in zip(client.batch_reset(requests), minds, strict=True):
        if isinstance(episode, ServiceError):
            raise episode
        yield _Live(episode, mind, start_record(agent, episode))


def start_record(agent: str, episode: Episode) -> Trajectory:
    """The record of an episode that was just started."""
    log = episode.log
    record = task_record(agent, episode.task, log.seed, log.rubric, log.dataset_version)
    record.prompt = episode.observation.text
    return record


def task_record(
    agent: str, task: environment_pb2.Task, seed: int, rubric: str = "", dataset_version: str = ""
) -> Trajectory:
    """The record of an episode of which nothing has been seen yet."""
    return Trajectory(
        agent=agent,
        task_id=task.task_id,
        db_id=task.db_id,
        split=task.split,
        difficulty=task.difficulty,
        answer_type=_name(types_pb2.AnswerType.Name(task.answer_type), "ANSWER_TYPE_"),
        question=task.question,
        prompt="",
        seed=seed,
        rubric=rubric,
        dataset_version=dataset_version,
    )


def note_step(record: Trajectory, action: str, result: StepResult) -> None:
    """Adds a step to its episode's record."""
    score = result.score
    terms = {term.name: term.value for term in score.terms}
    parts: dict[str, Any] = {
        "execution": score.execution,
        "correctness": score.correctness,
        "efficiency": score.efficiency,
    }
    seen = result.observation
    kind = _error_kind(seen.error.kind) if seen.HasField("error") else ""
    record.steps.append(StepRecord(action, seen.text, result.reward, **parts, terms=terms, error_kind=kind))
    record.episode_return += result.reward
    record.execution += score.execution
    record.correctness += score.correctness
    record.efficiency += score.efficiency
    record.scorer_version = score.scorer_version
    if result.done:
        record.state = "terminated" if result.terminated else "truncated"
    if score.verdict != types_pb2.VERDICT_UNSPECIFIED:
        record.verdict = _name(types_pb2.Verdict.Name(score.verdict), "VERDICT_")
        record.reason = score.reason


def _error_kind(number: int) -> str:
    known = {kind.value: kind.name.lower() for kind in ErrorKind}
    return known.get(number, f"kind_{number}")  # of a newer server


def _name(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()
