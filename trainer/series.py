"""What runs logged, step by step, as figures with intervals. Pure: no pictures, no files.

A history is what a stage logged (see `trainer.folder`), one a seed. Of several seeds a point is their mean with the 95%
interval of Student's t over seeds, which is wide where seeds are few, and rightly so. Of one seed a share of episodes
has its Wilson interval, which says how sure the measurement is and nothing about other seeds; other figures have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from sqlenv.agents.summary import Z_95, wilson

History = Sequence[dict[str, Any]]

# Student's t, 97.5%, for 1, 2, … degrees of freedom; beyond them the normal quantile is at most 4% less.
T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
SHARES = ("accuracy", "looks_first", "answered")
"""Figures that are shares of the episodes that were measured."""


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a step: the mean over seeds, and its interval where there is one."""

    step: int
    mean: float
    low: float | None = None
    high: float | None = None


def t_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95% interval of the mean of what seeds came to; None for fewer than two."""
    if len(values) < 2:
        return None
    spread = stdev(values) / math.sqrt(len(values))
    freedom = len(values) - 1
    reach = (T_95[freedom - 1] if freedom <= len(T_95) else Z_95) * spread
    middle = fmean(values)
    return middle - reach, middle + reach


def logged(history: History, key: str) -> dict[int, float]:
    """The figure by step, where it was logged and is a number (a step whose episodes all failed has none)."""
    return {int(one["step"]): one[key] for one in history if key in one and not math.isnan(one[key])}


def having(histories: Sequence[History], key: str) -> list[History]:
    """Those in which the figure was logged: runs of older versions lack some."""
    return [history for history in histories if logged(history, key)]


def series(histories: Sequence[History], key: str) -> list[Point]:
    """The figure over the steps that all runs have that logged it at all; [] where none did."""
    found = [logged(history, key) for history in having(histories, key)]
    if not found:
        return []
    steps = sorted(set.intersection(*map(set, found)))
    if len(found) == 1:
        return _of_one(having(histories, key)[0], key, steps)
    points = []
    for step in steps:
        values = [one[step] for one in found]
        low, high = t_interval(values) or (None, None)
        if _is_share(key) and low is not None and high is not None:
            low, high = max(0.0, low), min(1.0, high)
        points.append(Point(step, fmean(values), low, high))
    return points


def turning_point(points: Sequence[Point], level: float = 0.5) -> int | None:
    """The step from which on the figure stays above `level`; None where it ends below it, or never was."""
    if not points or points[-1].mean <= level or points[0].mean > level:
        return None
    below = [point.step for point in points if point.mean <= level]
    return next(point.step for point in points if point.step > below[-1])


def _of_one(history: History, key: str, steps: Sequence[int]) -> list[Point]:
    shares = logged(history, key)
    episodes = logged(history, f"{key.rpartition('/')[0]}/episodes")
    if not _is_share(key) or not set(steps) <= set(episodes):
        return [Point(step, shares[step]) for step in steps]
    points = []
    for step in steps:
        total = int(episodes[step])
        low, high = wilson(round(shares[step] * total), total)
        points.append(Point(step, shares[step], low, high))
    return points


def _is_share(key: str) -> bool:
    return key.rpartition("/")[2] in SHARES
