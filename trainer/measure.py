"""How good is a policy: plays every task of a split, greedy or sampled, and sums up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlenv.agents.rollout import Job, Trajectory
from sqlenv.agents.summary import summarise, wilson
from sqlenv.client import SqlEnvClient
from sqlenv.errors import SqlEnvError
from trainer.chat import Chat
from trainer.episodes import kind_of
from trainer.generate import Generate
from trainer.rollout import Bounds, Rollout, roll_out
from trainer.view import ViewName

LOOKS = ("describe", "sample")


@dataclass(frozen=True, slots=True)
class Measured:
    """Episodes and what they come to."""

    played: list[Trajectory]

    @property
    def figures(self) -> dict[str, float]:
        """Plain numbers: accuracy with its 95% interval, return and components, steps, errors, how it begins."""
        summary = summarise(self.played)
        errors = sum(step.observation.startswith("Error:") for one in self.played for step in one.steps)
        return {
            "episodes": summary.episodes,
            "accuracy": summary.accuracy,
            "low": summary.low,
            "high": summary.high,
            "return": summary.mean_return,
            "execution": summary.execution,
            "correctness": summary.correctness,
            "efficiency": summary.efficiency,
            "steps": summary.mean_steps,
            "tool_errors": errors / summary.episodes,
            "answered": sum(bool(one.verdict) for one in self.played) / summary.episodes,
            "looks_first": looks_first(self.played),
        }


def looks_first(played: Sequence[Trajectory]) -> float:
    """Share of the episodes whose first action is DESCRIBE or SAMPLE."""
    first = [kind_of(one.steps[0].action) for one in played if one.steps]
    return sum(kind in LOOKS for kind in first) / max(1, len(first))


def measure(
    client: SqlEnvClient,
    jobs: Sequence[Job],
    chat: Chat,
    view: ViewName,
    generate: Generate,
    bounds: Bounds,
    *,
    seed: int,
    rubric: str = "",
    batch: int = 256,
    agent: str = "policy",
) -> Measured:
    """Plays the jobs, `batch` at once. Raises SqlEnvError where the services fail an episode: a figure that leaves
    some out would not be comparable."""
    done: list[Rollout] = []
    for start in range(0, len(jobs), batch):
        part = jobs[start : start + batch]
        done += roll_out(client, part, chat, view, generate, bounds, seed=seed + start, rubric=rubric, agent=agent)
    failed = [one.played for one in done if one.played is not None and one.played.failed]
    if failed:
        raise SqlEnvError(f"{len(failed)} of {len(jobs)} episodes could not be played: {failed[0].failed}")
    return Measured([one.played.record for one in done if one.played is not None and one.played.record is not None])


def interval(right: int, total: int) -> str:
    """An accuracy with its 95% Wilson interval, as text."""
    low, high = wilson(right, total)
    return f"{right / max(1, total):.3f} ({low:.3f}–{high:.3f})"


def eval_jobs(client: SqlEnvClient, split: str, episodes: int | None, seed: int) -> list[Job]:
    """The split's tasks, the first `episodes` of them in a mixed order if not all. Raises SqlEnvError without any."""
    from sqlenv.agents.rollout import jobs

    tasks: list[Any] = list(client.list_tasks(split=split))
    if not tasks:
        raise SqlEnvError(f"the served data set has no tasks in split {split!r}")
    return jobs(tasks, seed, None if episodes is None or episodes >= len(tasks) else episodes)
