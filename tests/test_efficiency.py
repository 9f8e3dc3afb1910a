"""Efficiency ratios: in [0, 1], exact, monotone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.efficiency import step_ratio, work_ratio

counts = st.integers(1, 2**62)


@pytest.mark.parametrize(
    ("reference", "steps", "ratio"), [(3, 3, 1.0), (3, 2, 1.0), (3, 6, 0.5), (3, 4, 0.75), (1, 15, 1 / 15)]
)
def test_step_ratio(reference: int, steps: int, ratio: float) -> None:
    assert step_ratio(reference, steps) == ratio


@pytest.mark.parametrize(
    ("gold", "candidate", "ratio"),
    [(100, 100, 1.0), (100, 50, 1.0), (100, 400, 0.25), (100, None, 1.0), (100, 0, 1.0), (0, 0, 1.0), (0, 7, 0.0)],
)
def test_work_ratio(gold: int, candidate: int | None, ratio: float) -> None:
    found = work_ratio(gold, candidate)
    assert found == ratio
    assert isinstance(found, float)


@pytest.mark.parametrize(("reference", "steps"), [(0, 1), (1, 0), (-1, 3), (3, -1)])
def test_steps_are_counted_from_one(reference: int, steps: int) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        step_ratio(reference, steps)


@pytest.mark.parametrize(("gold", "candidate"), [(-1, 5), (5, -1), (-1, None)])
def test_work_is_not_negative(gold: int, candidate: int | None) -> None:
    with pytest.raises(ValueError, match="not negative"):
        work_ratio(gold, candidate)


@settings(deadline=None)
@given(counts, counts)
def test_ratios_lie_in_the_unit_interval_and_reach_one_by_being_as_cheap(reference: int, taken: int) -> None:
    for ratio in (step_ratio(reference, taken), work_ratio(reference, taken)):
        assert isinstance(ratio, float)
        assert 0.0 <= ratio <= 1.0
        assert ratio == 1.0 or taken > reference


@settings(deadline=None)
@given(counts, counts, counts)
def test_more_steps_or_work_never_pays(reference: int, a: int, b: int) -> None:
    fewer, more = sorted((a, b))
    assert step_ratio(reference, fewer) >= step_ratio(reference, more)
    assert work_ratio(reference, fewer) >= work_ratio(reference, more)
