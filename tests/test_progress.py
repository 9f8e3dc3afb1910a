"""Progress: its properties, what must not score high, and its speed."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reward_service.progress import MAX_NUMBERS, TOP_LEVEL, GoldProfile, level
from sqlenv.types import Result, Row, SqlValue

numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-20, 20), st.floats(allow_nan=False), st.floats(-100, 100)
)
values: st.SearchStrategy[SqlValue] = st.one_of(
    st.none(), numbers, st.text(max_size=4), st.sampled_from("abc"), st.binary(max_size=3)
)


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 12) -> list[Row]:
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.tuples(*[values] * width), max_size=max_rows))


def result(rows: Sequence[Row], row_count: int | None = None) -> Result:
    width = len(rows[0]) if rows else 1
    count = len(rows) if row_count is None else row_count
    return Result(tuple(f"c{i}" for i in range(width)), tuple(rows), count, truncated=count > len(rows))


def unequal(rows: Sequence[Row], gold: Sequence[Row], row_count: int | None = None) -> int:
    return level(result(rows, row_count), GoldProfile(gold), equal=False)


def column(*cells: SqlValue) -> list[Row]:
    return [(cell,) for cell in cells]


# Range


@settings(deadline=None)
@given(tables(), tables(), st.integers(0, 10**9))
def test_unequal_results_are_in_0_to_3_and_equal_ones_are_4(rows: list[Row], gold: list[Row], more: int) -> None:
    profile = GoldProfile(gold)
    candidate = result(rows, len(rows) + more)
    assert level(candidate, profile, equal=False) in range(TOP_LEVEL)
    assert level(candidate, profile, equal=True) == TOP_LEVEL


@settings(deadline=None)
@given(tables())
def test_empty_against_rows_is_0(rows: list[Row]) -> None:
    assert unequal([], rows) == 0
    assert unequal(rows, []) == 0


@settings(deadline=None)
@given(tables())
def test_same_rows_in_a_wrong_order_are_3(rows: list[Row]) -> None:
    assume(rows)
    assert unequal(rows[::-1], rows) == TOP_LEVEL - 1


# Order


@settings(deadline=None)
@given(tables(), tables(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows: list[Row], gold: list[Row], rng: random.Random) -> None:
    before = unequal(rows, gold)
    assert unequal(rng.sample(rows, len(rows)), gold) == before
    assert unequal(rows, rng.sample(gold, len(gold))) == before


@settings(deadline=None)
@given(tables(), tables(), st.data())
def test_order_of_columns_does_not_matter(rows: list[Row], gold: list[Row], data: st.DataObject) -> None:
    assume(rows)
    order = data.draw(st.permutations(range(len(rows[0]))))
    assert unequal([tuple(row[i] for i in order) for row in rows], gold) == unequal(rows, gold)


# Monotone


@settings(deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_adding_missing_gold_rows_never_lowers_it(gold: list[Row], rng: random.Random) -> None:
    shuffled = rng.sample(gold, len(gold))
    levels = [unequal(shuffled[:k], gold) for k in range(len(gold) + 1)]
    assert levels == sorted(levels)


@pytest.mark.parametrize("size", [150, 200, 201, 500, 1000])
def test_adding_gold_rows_in_gold_order_never_lowers_it_beyond_the_rows_looked_at(size: int) -> None:
    rng = random.Random(size)
    gold: list[Row] = [(rng.randrange(5), f"name {i}", rng.random()) for i in range(size)]
    levels = [unequal(gold[:k], gold) for k in range(0, size + 1, 7)]
    assert levels == sorted(levels)
    assert levels[-1] == 3


@settings(max_examples=500, deadline=None)
@given(numbers, numbers, numbers)
def test_a_number_nearer_to_golds_never_lowers_it(a: float, b: float, c: float) -> None:
    low, near, high = sorted((a, b, c))
    for wanted, far in ((low, high), (high, low)):
        assert unequal(column(near), column(wanted)) >= unequal(column(far), column(wanted))


def test_a_nearer_number_that_is_whole_is_not_rounded_away() -> None:
    # To 6 digits 1234567.2 is 1234570, which the farther number below happens to be.
    assert unequal(column(1234568), column(1234567.2)) >= unequal(column(1234570), column(1234567.2))


# Coarse


@settings(deadline=None)
@given(numbers, numbers)
def test_a_wrong_scalar_gets_one_quarter_at_most(a: float, b: float) -> None:
    assume(not math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-9))
    assert unequal(column(a), column(b)) <= 1


def test_a_number_is_near_from_either_side() -> None:
    assert unequal(column(41), column(42)) == 1
    assert unequal(column(43), column(42)) == 1
    assert unequal(column(-42), column(42)) == 0
    assert unequal(column(1, 41, 99), column(42, 2, 98)) == 1


def test_the_right_number_of_rows_alone_is_no_progress() -> None:
    assert unequal(column("x"), column("gold")) == 0
    assert unequal(column(1), column(42)) == 0
    assert unequal(column("u", "v", "w"), column("a", "b", "c")) == 0


def test_the_four_levels_of_a_column() -> None:
    gold = column(*"abcdefgh")
    found = [unequal(column(*"abcdefgh"[:k]), gold) for k in (0, 1, 2, 4, 7)]
    assert found == [0, 0, 1, 2, 3]


# Dumps


def test_a_dump_of_the_table_does_not_score_high() -> None:
    rng = random.Random(1)
    ages = [rng.randrange(90) for _ in range(150)]
    table: list[Row] = [(i, f"name {i}", rng.choice("abc"), age, rng.random()) for i, age in enumerate(ages)]
    gold = column(*(f"name {i}" for i, age in enumerate(ages) if age > 80))
    assert gold
    assert unequal(table, gold) == 0
    assert unequal(table, column(len(table) - 1)) == 0  # a count whose value is among the keys
    assert unequal(table, column(max(ages))) == 0


def test_the_right_rows_with_every_column_are_one_quarter() -> None:
    table: list[Row] = [(i, f"name {i}", f"city {i}", f"note {i}", f"tag {i}") for i in range(1, 11)]
    assert unequal(table, [(row[1],) for row in table]) == 1


def test_a_long_list_of_numbers_is_not_near_everything() -> None:
    assert unequal(column(*range(200)), column(42)) == 0
    assert unequal([tuple(range(100))], column(42)) == 0


def test_a_long_dump_does_not_gain_by_showing_200_rows_only() -> None:
    kinds = "abcde"
    gold = column(*(kinds[i % 5] for i in range(100)))
    dump = column(*(kinds[i % 5] for i in range(200)))
    assert unequal(dump, gold, row_count=100_000) == 0
    long_gold = column(*(kinds[i % 5] for i in range(250)))
    assert unequal(dump, long_gold, row_count=100_000) == 0
    assert unequal(dump, long_gold, row_count=250) == 3


def test_rows_are_counted_where_they_are_not_sent() -> None:
    gold = column(*"abcd")
    assert unequal(column(*"abcd"), gold) > unequal(column(*"abcd"), gold, row_count=40)
    profile = GoldProfile(column(*"ab"), count=400)
    assert profile.count == 400
    assert level(result(column(*"ab")), profile, equal=False) == 0
    assert level(result([], row_count=10), profile, equal=False) == 0


# Values


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (3, 3.0, True),
        (1234567, 1234567.0, True),
        (0.1 + 0.2, 0.3, True),
        (3.14159265, 3.14159, True),
        (2.5, 2.6, False),
        (20240101, 20240102, False),
        (3, "3", False),
        (None, 0, False),
        ("a", b"a", False),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (2**63 - 1, 2**63 - 2, False),
    ],
)
def test_which_cells_are_the_same(a: SqlValue, b: SqlValue, same: bool) -> None:
    assert (unequal(column(a), column(b)) == 3) is same
    assert (unequal(column(b), column(a)) == 3) is same


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan, 5e-324, 1.7e308, -1.7e308, 0.0, -0.0, -(2**63), None])
def test_odd_values_give_a_level(odd: SqlValue) -> None:
    for other in (0, 1.5, math.inf, math.nan, -1.7e308, 2**63 - 1, "x"):
        assert unequal(column(odd, 1), column(other)) in range(TOP_LEVEL)
        assert unequal(column(odd), column(other, other)) in range(TOP_LEVEL)


def test_rows_without_cells_give_a_level() -> None:
    assert unequal([(), ()], column(1, 2)) == 0
    assert unequal(column(1, 2), [(), ()]) == 0


# Bounds and speed


def test_sizes_are_bounded() -> None:
    wide: list[Row] = [tuple(range(i, i + 2000)) for i in range(200)]
    profile = GoldProfile(wide)
    assert len(profile.numbers) == MAX_NUMBERS
    assert profile.seen_cells == 4000
    assert unequal(wide, wide) == 3
    assert unequal([tuple(range(5000))], wide) in range(TOP_LEVEL)


def best_seconds(candidate: Result, profile: GoldProfile, rounds: int) -> float:
    """Least time of one call, which load on the machine disturbs least."""
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter()
        level(candidate, profile, equal=False)
        best = min(best, time.perf_counter() - start)
    return best


def test_speed() -> None:
    """Under 1 ms for 200x5 and under 10 us for a scalar on an idle core; thrice that here, for slow machines."""
    rng = random.Random(0)
    rows: list[Row] = [tuple(rng.random() for _ in range(5)) for _ in range(200)]
    gold: list[Row] = [tuple(rng.random() for _ in range(5)) for _ in range(200)]
    assert best_seconds(result(rows), GoldProfile(gold), 50) < 3e-3
    assert best_seconds(result(column(41.5)), GoldProfile(column(42)), 500) < 30e-6
