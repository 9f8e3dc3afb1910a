"""What episodes come to: the interval, the means, the groups."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlenv.agents.rollout import StepRecord, Trajectory
from sqlenv.agents.summary import breakdown, by_group, in_order, separation, summarise, wilson

STEP = StepRecord("DESCRIBE t", "", 0.0, 0.0, 0.0, 0.0, {})


def played(
    task_id: str, episode_return: float, correct: bool, *, steps: int = 2, difficulty: str = "easy", seed: int = 0
) -> Trajectory:
    """An episode with these figures."""
    return Trajectory(
        agent="a",
        task_id=task_id,
        db_id="d",
        split="train",
        difficulty=difficulty,
        answer_type="integer",
        question="?",
        prompt="",
        seed=seed,
        rubric="dense",
        dataset_version="v",
        steps=[STEP] * steps,
        episode_return=episode_return,
        execution=0.01,
        correctness=episode_return - 0.02,
        efficiency=0.01,
        verdict="correct" if correct else "incorrect",
        state="terminated",
    )


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    # From R: prop.test(right, total, correct = FALSE)$conf.int
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (3, 742, 0.001376, 0.011819)],
)
def test_wilson_known(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=1e-5)


def test_wilson_of_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 5_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_holds_the_share(pair: tuple[int, int]) -> None:
    right, total = pair
    low, high = wilson(right, total)
    assert 0.0 <= low <= right / total <= high <= 1.0
    wrong_low, wrong_high = wilson(total - right, total)
    assert (low, high) == pytest.approx((1 - wrong_high, 1 - wrong_low), abs=1e-12)
    # Ten times the episodes with the same share tell more.
    assert wilson(10 * right, 10 * total)[1] - wilson(10 * right, 10 * total)[0] < high - low


def test_summary() -> None:
    records = [played("t1", 1.2, True, steps=3), played("t2", 0.1, False, steps=5), played("t3", 1.3, True, steps=4)]
    found = summarise(records)
    assert (found.episodes, found.accuracy, found.mean_steps) == (3, pytest.approx(2 / 3), 4.0)
    assert found.mean_return == pytest.approx(2.6 / 3)
    assert found.execution + found.correctness + found.efficiency == pytest.approx(found.mean_return)
    assert (found.low, found.high) == wilson(2, 3)
    assert (found.min_correct_return, found.max_incorrect_return) == (1.2, 0.1)
    assert separation(records) == (1.2, 0.1)


def test_summary_does_not_depend_on_the_order() -> None:
    rng = random.Random(0)
    records = [played(f"t{i}", rng.random(), rng.random() < 0.5, seed=i % 3) for i in range(200)]
    mixed = records[:]
    rng.shuffle(mixed)
    assert summarise(records) == summarise(mixed)


def test_nothing_to_summarise() -> None:
    with pytest.raises(ValueError, match="no episodes"):
        summarise([])


def test_only_one_kind() -> None:
    assert summarise([played("t", 1.0, True)]).max_incorrect_return is None
    assert summarise([played("t", 0.0, False)]).min_correct_return is None
    assert separation([]) == (None, None)


def test_groups() -> None:
    records = [
        played("t1", 1.2, True, difficulty="hard"),
        played("t2", 0.1, False, difficulty="easy"),
        played("t3", 0.1, False, difficulty="hard"),
    ]
    groups = by_group(records, lambda record: record.difficulty)
    assert list(groups) == ["easy", "hard"]
    assert (groups["easy"].accuracy, groups["hard"].accuracy) == (0.0, 0.5)
    assert set(breakdown(records)) == {"difficulty", "answer_type", "split", "database"}
    assert in_order(["zoo", "table", "extra", "ant", "easy"]) == ["easy", "extra", "table", "ant", "zoo"]
