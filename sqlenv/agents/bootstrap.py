"""Bootstrap intervals of means over tasks, and of paired differences: plain percentiles, seeded, no dependency. Pure.

What is drawn again, with replacement, are whole tasks or whole databases, each with all of its episodes. By tasks: what
would other questions on these databases have given? By databases: what would other databases have given? The second is
what a claim about unseen databases needs; with few of them percentiles are too narrow, so below `MIN_DATABASES` there
is none. See Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, and for clusters Davison and Hinkley,
"Bootstrap Methods and their Application", 1997, 3.8.

A proportion of 0 or 1 has an interval without width here: nothing else was ever drawn. Wilson's is the one to quote.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

RESAMPLES = 10_000
MIN_DATABASES = 5
DIGITS = 9

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """An episode, or a difference between two: its task, its database, its accuracy (0 or 1, or a difference of such)
    and its return."""

    task: Hashable
    database: Hashable
    accuracy: float
    value: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """95% intervals; `databases` is None where there are too few of them."""

    tasks: Interval
    databases: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"tasks": list(self.tasks), "databases": list(self.databases) if self.databases else None}


def bootstrap(points: Iterable[Point], resamples: int = RESAMPLES, seed: int = 0) -> tuple[Intervals, Intervals]:
    """Intervals of the mean accuracy and of the mean return. The order of the points does not matter.

    Raises ValueError where there are none.
    """
    known = sorted(points, key=lambda point: (repr(point.task), repr(point.database), point.accuracy, point.value))
    if not known:
        raise ValueError("no episodes to draw from")
    by_task = _drawn(_clusters(known, "task"), resamples, seed)
    databases = _clusters(known, "database")
    by_database = _drawn(databases, resamples, seed) if len(databases) >= MIN_DATABASES else (None, None)
    return Intervals(by_task[0], by_database[0]), Intervals(by_task[1], by_database[1])


def _clusters(points: Iterable[Point], key: str) -> list[tuple[complex, int]]:
    """Sum and number of the points of each cluster. One draw serves both figures: accuracy is the real part of a sum,
    return the imaginary one."""
    found: dict[Hashable, tuple[complex, int]] = {}
    for point in points:
        total, count = found.get(getattr(point, key), (0j, 0))
        found[getattr(point, key)] = total + complex(point.accuracy, point.value), count + 1
    return list(found.values())


def _drawn(clusters: list[tuple[complex, int]], resamples: int, seed: int) -> tuple[Interval, Interval]:
    if len(clusters) == 1:
        mean = clusters[0][0] / clusters[0][1]
        return _percentiles([mean.real] * 2), _percentiles([mean.imag] * 2)
    rng = random.Random(seed)
    size = len(clusters)
    if len({count for _, count in clusters}) == 1:
        means = [total / count for total, count in clusters]
        drawn = [sum(rng.choices(means, k=size)) / size for _ in range(resamples)]
    else:
        drawn = []
        for _ in range(resamples):
            totals, counts = zip(*rng.choices(clusters, k=size), strict=True)
            drawn.append(sum(totals) / sum(counts))
    return _percentiles([mean.real for mean in drawn]), _percentiles([mean.imag for mean in drawn])


def _percentiles(values: list[float]) -> Interval:
    cuts = quantiles(values, n=40, method="inclusive")
    return round(cuts[0], DIGITS), round(cuts[-1], DIGITS)  # without the dust of sums
