"""Progress: how near a query's result is to gold's, in quarters. Pure.

`level` is 4 if and only if the caller found the result equal by the compare rules. Otherwise a closeness in [0, 1] is
cut down to 0..3, coarse on purpose: a fine measure would be a slope toward gold's values that an agent can climb by
guessing, without understanding the question. What goes in:

- cardinality: the smaller number of rows by the greater;
- overlap: F1 of the two bags of cells, wherever they stand. Recall alone would pay for `SELECT *`, which holds every
  value; precision makes such a dump cheap, because most of what it holds is not asked for;
- numbers: how near gold's numbers are to the nearest number of the result, smaller by greater, 0 across signs; less
  where the result has more or fewer numbers than gold, or a long list of numbers would be near everything.

An empty result against one with rows is 0, both ways round, and so is an empty result that isn't equal to an empty
gold.

Properties, which tests check, for results that aren't equal and are looked at whole (200 rows, 4,000 cells): in 0..3;
the order of rows and of columns does not matter; adding gold's missing rows to a part of gold's rows never lowers it;
with one number against one, moving toward gold's without passing it never lowers it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from math import isfinite
from typing import Final

from sqlenv.types import Result, Row, SqlValue

Number = int | float

CARDINALITY_WEIGHT: Final = 0.2
"""Below a quarter: the right number of rows alone, which `SELECT 1` has for every scalar, is no progress."""

OVERLAP_WEIGHT: Final = 0.6
"""The greatest: right values are the best sign of the right query, and the part that is hardest to have by accident."""

NUMBERS_WEIGHT: Final = 0.2
"""With the cardinality less than a half: a wrong scalar, however near, is level 0 or 1, so guessing numbers gains one
quarter at most. Where gold has no numbers the weight goes to the overlap."""

MAX_ROWS: Final = 200
"""Rows of each side that are looked at; the counts of rows and cells are those of the whole."""

MAX_CELLS: Final = 4_000
"""Cells of each side that are looked at, so that a result of 2,000 columns costs no more than one of 20."""

MAX_NUMBERS: Final = 128
"""Numbers of gold that are looked up, evenly spaced in their order."""

TOP_LEVEL: Final = 4


class GoldProfile:
    """Gold's side of `level`, computed once for a task.

    rows: gold's rows, or at least its first 200. count: rows that gold has in all, where `rows` is not all of them.
    """

    __slots__ = ("cells", "count", "number_count", "numbers", "seen_cells", "total_cells")

    def __init__(self, rows: Sequence[Row], count: int | None = None) -> None:
        seen = _seen(rows)
        cells, numbers = _cells(seen)
        self.count = max(len(rows), count or 0)
        self.cells: Counter[SqlValue] = Counter(cells)
        self.seen_cells = len(cells)
        self.total_cells = _extrapolate(len(cells), len(seen), self.count)
        self.number_count = _extrapolate(len(numbers), len(seen), self.count)
        self.numbers = _thin(numbers)


def level(candidate: Result, gold: GoldProfile, equal: bool) -> int:
    """Progress of a query's result, 0 to 4 quarters; `equal` is the compare rules' word, and alone gives 4."""
    if equal:
        return TOP_LEVEL
    count = max(candidate.row_count, len(candidate.rows))
    if not count or not gold.count:
        return 0
    seen = _seen(candidate.rows)
    cells, numbers = _cells(seen)
    cardinality = min(count, gold.count) / max(count, gold.count)
    overlap = _overlap(cells, _extrapolate(len(cells), len(seen), count), gold)
    if gold.numbers:
        near = _nearness(numbers, _extrapolate(len(numbers), len(seen), count), gold)
        closeness = CARDINALITY_WEIGHT * cardinality + OVERLAP_WEIGHT * overlap + NUMBERS_WEIGHT * near
    else:
        closeness = CARDINALITY_WEIGHT * cardinality + (OVERLAP_WEIGHT + NUMBERS_WEIGHT) * overlap
    return min(int(closeness * TOP_LEVEL), TOP_LEVEL - 1)


def _seen(rows: Sequence[Row]) -> Sequence[Row]:
    """The first rows, as many as the limits allow and at least one."""
    width = len(rows[0]) if rows else 0
    return rows[: max(1, min(MAX_ROWS, MAX_CELLS // width))] if width else rows[:MAX_ROWS]


def _extrapolate(seen: int, seen_rows: int, rows: int) -> float:
    """What `seen` things in the rows looked at make in all rows. Exact where all were looked at."""
    return seen if seen_rows in (0, rows) else seen * rows / seen_rows


def _cells(rows: Sequence[Row]) -> tuple[list[SqlValue], list[Number]]:
    """All cells in a form in which near-equal numbers are the same, and the numbers among them, sorted, as they are."""
    flat = list(chain.from_iterable(rows))
    cells = [_rounded(value) if isinstance(value, float) else value for value in flat]
    # NaN, which SQLite never gives, is unequal to itself; it has no order and would spoil the sort.
    numbers = [value for value in flat if isinstance(value, (int, float)) and value == value]  # noqa: PLR0124
    numbers.sort()
    return cells, numbers


def _rounded(value: float) -> Number:
    """A float to 6 significant digits, or to the nearest integer from a million up.

    Integers are not rounded: 1234567.0 must meet the integer 1234567, and keys and dates such as 20240101 differ in
    their last digits. Never rounding coarser than to integers keeps the order of numbers: one that lies between two
    others can't be rounded away from both.
    """
    if -1e6 < value < 1e6:
        return float(f"{value:.6g}")
    return round(value) if isfinite(value) else value


def _overlap(cells: list[SqlValue], total: float, gold: GoldProfile) -> float:
    """F1 of the two bags of cells.

    Where a side was not looked at whole, the common cells are scaled up by what both sides have unseen, and set against
    the sizes of the whole: a long dump does not gain by showing 200 rows only.
    """
    if not cells or not gold.seen_cells:
        return 0.0
    bag = Counter(cells)
    # A sum of integers, so the order in which a set gives its members can't show.
    common = sum([min(bag[cell], gold.cells[cell]) for cell in bag.keys() & gold.cells.keys()])
    unseen = min(total / len(cells), gold.total_cells / gold.seen_cells)
    return 2.0 * common * unseen / (total + gold.total_cells)


def _nearness(numbers: list[Number], total: float, gold: GoldProfile) -> float:
    """Mean nearness of gold's numbers to the nearest candidate, times how well the counts of numbers agree."""
    if not numbers:
        return 0.0
    end = len(numbers)
    nearness = 0.0
    for wanted in gold.numbers:
        at = bisect_left(numbers, wanted)
        above = _near(numbers[at], wanted) if at < end else 0.0
        below = _near(numbers[at - 1], wanted) if at else 0.0
        nearness += max(above, below)
    return nearness / len(gold.numbers) * min(total, gold.number_count) / max(total, gold.number_count)


def _near(a: Number, b: Number) -> float:
    """1 − |a−b| / max(|a|, |b|), which for numbers of one sign is the smaller by the greater; 0 across signs."""
    if a == b:
        return 1.0
    if not (isfinite(a) and isfinite(b)) or (a > 0) != (b > 0):
        return 0.0
    small, great = (a, b) if abs(a) < abs(b) else (b, a)
    return small / great


def _thin(numbers: list[Number]) -> list[Number]:
    """At most `MAX_NUMBERS` of them, evenly spaced, the least included."""
    if len(numbers) <= MAX_NUMBERS:
        return numbers
    return [numbers[i * len(numbers) // MAX_NUMBERS] for i in range(MAX_NUMBERS)]
