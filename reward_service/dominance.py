"""Dominance: an episode whose answer is right returns more than every other, for action sequences of any length.

A rubric that can't promise this is refused at start, because an agent trained on it would learn that a well-shaped
wrong episode beats a right one. The promise is analytic: it comes from the weights alone, and property tests try to
break it.

Write an episode's return as S + P + A: S the clamped sum of the steps that are no answer, P the potential terms, A the
answer's own terms.

- S ∈ [shaped_min, shaped_max], after every step. 0 must be inside, for that is where an episode starts.
- P = scale · ((γ−1) · ΣΦ(sₜ), t ≥ 1 + the last Φ if the episode is unfinished): the sum telescopes, Φ(s0) = 0, and a
  finished episode ends in Φ = 0. With γ = 1 that is 0 when finished and at most `scale` when not. With another γ the
  sum grows with the length of the episode, and a bound is infinite.
- A, right: step + correct + efficiencies in [0, 1] times their weights. A right answer's SQL ran, so `failed` is not
  in it.
- A, wrong: step, and `failed` where its SQL failed. An episode without an answer, truncated or given up, has no A.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple, get_args

from reward_service.weights import RUBRICS, Rubric, Shaping

MARGIN: Final = 1e-6
"""Least gap between right and wrong: far more than rounding adds up to (some 1e-16 a step), far less than a weight."""


class RubricError(ValueError):
    """A rubric that may not be used."""


class Bounds(NamedTuple):
    """Least return with a right answer, greatest of any other episode, unfinished ones included. In exact arithmetic:
    floats may be off by some 1e-16 a step."""

    min_correct: float
    max_incorrect: float


def bounds(rubric: Rubric) -> Bounds:
    """The bounds over all action sequences of any length; ±inf where there is none. Weights may have any sign."""
    drift = rubric.progress * (rubric.gamma - 1.0) if rubric.shaping == "potential" else 0.0
    unpaid = max(0.0, rubric.progress * rubric.gamma) if rubric.shaping == "potential" else 0.0
    finished_low = -math.inf if drift < 0.0 else 0.0
    finished_high = math.inf if drift > 0.0 else 0.0

    efficiency_low = min(0.0, rubric.step_efficiency) + min(0.0, rubric.work_efficiency)
    min_correct = rubric.shaped_min + rubric.step + rubric.correct + efficiency_low + finished_low
    wrong = rubric.shaped_max + rubric.step + max(0.0, rubric.failed) + finished_high
    unanswered = rubric.shaped_max + finished_high + unpaid
    return Bounds(min_correct, max(wrong, unanswered))


def check_dominance(rubric: Rubric) -> Bounds:
    """The bounds of a rubric that may be used.

    Raises RubricError where a weight is not finite, the clamp's range does not hold 0, γ is negative, the shaping is
    unknown, or `min_correct` is not greater than `max_incorrect` (by `MARGIN`, for rounding); the message has the
    numbers.
    """
    for name, weight in rubric.weights().items():
        if not math.isfinite(weight):
            raise RubricError(f"rubric {rubric.name!r}: {name} is {weight}, not a finite number")
    if rubric.shaping not in get_args(Shaping):
        raise RubricError(f"rubric {rubric.name!r}: unknown shaping {rubric.shaping!r}")
    if not rubric.shaped_min <= 0.0 <= rubric.shaped_max:
        raise RubricError(
            f"rubric {rubric.name!r}: the range [{rubric.shaped_min}, {rubric.shaped_max}] of the shaped sum "
            "must hold 0, where every episode starts"
        )
    if rubric.gamma < 0.0:
        raise RubricError(f"rubric {rubric.name!r}: gamma is {rubric.gamma}, less than 0")
    found = bounds(rubric)
    if not found.min_correct - found.max_incorrect > MARGIN:
        raise RubricError(
            f"rubric {rubric.name!r} breaks dominance: a right answer may return as little as {found.min_correct:.6g}, "
            f"another episode as much as {found.max_incorrect:.6g}"
        )
    return found


def check_rubrics(rubrics: Iterable[Rubric] = tuple(RUBRICS.values())) -> dict[str, Bounds]:
    """The bounds of each by name; called at start. Raises RubricError, as `check_dominance`, for the first bad one."""
    return {rubric.name: check_dominance(rubric) for rubric in rubrics}
