"""What a set of played episodes comes to. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from sqlenv.agents.rollout import Trajectory

Z_95 = NormalDist().inv_cdf(0.975)

# Groups in the order in which a reader expects them; names that are not here come after, by alphabet.
ORDER = ("easy", "medium", "hard", "extra", "integer", "float", "string", "list", "table", "train", "eval", "test")

GROUPS: dict[str, Callable[[Trajectory], str]] = {
    "difficulty": lambda record: record.difficulty,
    "answer_type": lambda record: record.answer_type,
    "split": lambda record: record.split,
    "database": lambda record: record.db_id,
}
"""How episodes are grouped in tables: the group's kind, and to which group an episode belongs."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over episodes. `low` and `high`: the accuracy's 95% Wilson interval, of as many trials as there are tasks:
    several episodes of one task tell little more about other tasks than one does.

    `min_correct_return` and `max_incorrect_return` are None where there is no such episode.
    """

    episodes: int
    mean_return: float
    execution: float
    correctness: float
    efficiency: float
    accuracy: float
    low: float
    high: float
    mean_steps: float
    min_correct_return: float | None
    max_incorrect_return: float | None


def wilson(right: float, total: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a proportion: honest at 0, at 1 and for few episodes, where the normal one is not.

    Returns (0, 1) where there are none. See Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 22, 1927.
    """
    if total == 0:
        return 0.0, 1.0
    share = right / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    low, high = (centre - spread) / scale, (centre + spread) / scale
    # At the ends the interval touches 0 or 1 exactly; floating point would leave dust there.
    return (0.0 if right == 0 else low), (1.0 if right == total else high)


def summarise(played: Iterable[Trajectory]) -> Summary:
    """The summary of some episodes, in any order. Raises ValueError where there are none."""
    # Sums of floats depend on the order, and episodes end in any: put them in one.
    records = sorted(played, key=lambda record: (record.agent, record.task_id, record.seed, record.sample))
    if not records:
        raise ValueError("no episodes to summarise")
    right = [record.episode_return for record in records if record.correct]
    wrong = [record.episode_return for record in records if not record.correct]
    tasks = len({record.task_id for record in records})
    low, high = wilson(len(right) * tasks / len(records), tasks)
    return Summary(
        episodes=len(records),
        mean_return=fmean(record.episode_return for record in records),
        execution=fmean(record.execution for record in records),
        correctness=fmean(record.correctness for record in records),
        efficiency=fmean(record.efficiency for record in records),
        accuracy=len(right) / len(records),
        low=low,
        high=high,
        mean_steps=fmean(len(record.steps) for record in records),
        min_correct_return=min(right, default=None),
        max_incorrect_return=max(wrong, default=None),
    )


def by_group(played: Iterable[Trajectory], key: Callable[[Trajectory], str]) -> dict[str, Summary]:
    """A summary for each value of `key`, easy before hard."""
    groups: dict[str, list[Trajectory]] = {}
    for record in played:
        groups.setdefault(key(record), []).append(record)
    return {name: summarise(groups[name]) for name in in_order(groups)}


def in_order(names: Iterable[str]) -> list[str]:
    """Names of groups in reading order."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def breakdown(played: Sequence[Trajectory]) -> dict[str, dict[str, Summary]]:
    """By difficulty, by answer type, by split and by database."""
    return {kind: by_group(played, key) for kind, key in GROUPS.items()}


def separation(played: Iterable[Trajectory]) -> tuple[float | None, float | None]:
    """The least return of a correct episode and the greatest of an incorrect one; None where there is none."""
    records = list(played)
    right = [record.episode_return for record in records if record.correct]
    wrong = [record.episode_return for record in records if not record.correct]
    return min(right, default=None), max(wrong, default=None)
