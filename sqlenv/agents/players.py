"""What plays a set of episodes for a table: scripted agents here, language models elsewhere, all behind one face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlenv.agents.base import Maker
from sqlenv.agents.rollout import CONCURRENCY, Job, Trajectory, play, task_record
from sqlenv.client import SqlEnvClient
from sqlenv.v1 import environment_pb2


@dataclass(frozen=True, slots=True)
class Plan:
    """The episodes to play, and what is known of their tasks. `seed` decides what is sampled."""

    jobs: Sequence[Job]
    tasks: Mapping[str, environment_pb2.Task]
    rubric: str = ""
    dataset_version: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """How a policy is to choose: greedily where `sample` is 0, else as the sample of that number at `temperature`."""

    sample: int = 0
    temperature: float = 0.0


GREEDY = Way()


class Player(Protocol):
    """Something that plays episodes."""

    @property
    def label(self) -> str:
        """Its name in tables and records."""

    @property
    def drawn(self) -> bool:
        """True where playing a task again may go another way."""

    @property
    def source(self) -> str:
        """Where its model is from, for reports; "" where it is code. Known once it has played."""

    def play(self, client: SqlEnvClient, plan: Plan, way: Way) -> Iterator[Trajectory]:
        """Plays every job, and yields each episode when it ends, in any order.

        An episode that services or an endpoint could not play to its end comes with `failed` set. Raises SqlEnvError
        where no episode can be played.
        """


@dataclass(frozen=True, slots=True)
class Scripted:
    """An agent that is code: one mind an episode, which `make` makes."""

    label: str
    make: Maker
    concurrency: int = CONCURRENCY
    drawn: bool = False
    source: str = ""

    def play(self, client: SqlEnvClient, plan: Plan, way: Way = GREEDY) -> Iterator[Trajectory]:
        """As `Player.play`. Its failures are the services', and raised: nothing else can fail here."""
        yield from play(
            client, plan.jobs, self.make, agent=self.label, rubric=plan.rubric, concurrency=self.concurrency
        )


def failed_record(label: str, plan: Plan, job: Job, why: str) -> Trajectory:
    """The record of an episode that could not even be started."""
    record = task_record(label, plan.tasks[job.task_id], job.seed, plan.rubric, plan.dataset_version)
    return mark_failed(record, why)


def mark_failed(record: Trajectory, why: str) -> Trajectory:
    """Notes that an episode could not be played to its end, and why."""
    record.failed, record.state = why, "failed"
    return record
