"""Whether a result is right, given gold's: rows, ties, limits and columns. Pure: no I/O, no gRPC, no SQL parser.

- Rows are a bag where gold has no top-level ORDER BY; otherwise a list in which rows with equal order keys (a *run*)
  may come in any order.
- Where gold's LIMIT or OFFSET cuts a run, any of the tied rows may fill the places that are left; a LIMIT without
  ORDER BY cuts one run that is the whole result.
- Columns may come in any order if one permutation fits every pair; extra and missing columns are wrong.
- Values compare by `values.equal`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import itemgetter

from reward_service.bags import counts_fit, rows_fit
from reward_service.columns import Side
from reward_service.permutation import fits_some_permutation
from reward_service.values import has_floats
from sqlenv.types import Row


@dataclass(frozen=True, slots=True)
class _Frame:
    """What gold asks of a candidate, worked out once: gold is compared thousands of times."""

    rows: tuple[Row, ...]  # the rows of every run that reaches into the window
    runs: tuple[int, ...]  # their runs, numbered from 0
    slots: tuple[int, ...]  # by place in a right answer: the run its row comes from
    window: tuple[Row, ...]  # gold's own answer
    cut: bool  # whether limit or offset leaves out a part of a run
    counts: dict[tuple[object, ...], int]  # how often each (run, row) occurs in `rows`; the row alone if one run
    floats: bool


@dataclass(frozen=True, slots=True)
class Gold:
    """Gold's result on one instance of the data.

    Attributes:
        rows: the full result without its top-level LIMIT and OFFSET, in order.
        keys: the ORDER BY key values of each row, equal exactly where the rows tie; None if gold has no top-level
            ORDER BY.
        offset: rows skipped by the top-level OFFSET; below 0 counts as 0, as in SQLite.
        limit: rows kept by the top-level LIMIT; None or below 0 is no limit.

    Raises:
        ValueError: there are not as many keys as rows.
    """

    rows: tuple[Row, ...]
    keys: tuple[Row, ...] | None
    offset: int = 0
    limit: int | None = None
    _frame: _Frame = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.keys is not None and len(self.keys) != len(self.rows):
            raise ValueError(f"{len(self.keys)} order keys for {len(self.rows)} rows")
        object.__setattr__(self, "_frame", _frame(self))

    @property
    def row_count(self) -> int:
        """How many rows a right answer has."""
        return len(self._frame.slots)

    @property
    def answer(self) -> tuple[Row, ...]:
        """Gold's own rows: those between offset and limit."""
        return self._frame.window


def _frame(gold: Gold) -> _Frame:
    count = len(gold.rows)
    start = min(max(gold.offset, 0), count)
    stop = count if gold.limit is None or gold.limit < 0 else min(start + gold.limit, count)
    lengths = [count] if gold.keys is None else [len(list(run)) for _, run in groupby(gold.keys)]
    first = last = 0
    runs: list[int] = []
    slots: list[int] = []
    low = high = start  # the rows of the runs that reach into the window
    for length in lengths:
        first, last = last, last + length
        inside = min(last, stop) - max(first, start)
        if inside > 0:
            run = runs[-1] + 1 if runs else 0
            runs += [run] * length
            slots += [run] * inside
            low, high = min(low, first), last
    rows = gold.rows[low:high]
    keyed: Counter[tuple[object, ...]] = (
        Counter(rows) if not runs or runs[-1] == 0 else Counter(zip(runs, rows, strict=True))
    )
    return _Frame(
        rows=rows,
        runs=tuple(runs),
        slots=tuple(slots),
        window=gold.rows[start:stop],
        cut=len(runs) != len(slots),
        counts=dict(keyed),
        floats=has_floats(chain.from_iterable(rows)),
    )


def _project(candidate: Sequence[Row], columns: tuple[int, ...]) -> tuple[Row, ...]:
    if not candidate or columns == tuple(range(len(candidate[0]))):
        return tuple(candidate)
    if len(columns) == 1:
        column = columns[0]
        return tuple([(row[column],) for row in candidate])
    return tuple(map(itemgetter(*columns), candidate))


def matches(candidate: Sequence[Row], gold: Gold, columns: tuple[int, ...]) -> bool:
    """Whether the candidate is right, with its column `columns[i]` standing for gold's i-th.

    Raises:
        IndexError: a candidate row has no such column.
    """
    frame = gold._frame
    if len(candidate) != len(frame.slots):
        return False
    rows = _project(candidate, columns)
    if rows == frame.window:
        return True
    # The exact way first: it decides all but what floats may change.
    one_run = not frame.runs or frame.runs[-1] == 0
    need: Counter[tuple[object, ...]] = Counter(rows) if one_run else Counter(zip(frame.slots, rows, strict=True))
    if counts_fit(need, frame.counts) if frame.cut else dict(need) == frame.counts:
        return True
    if not frame.floats and not has_floats(chain.from_iterable(rows)):
        return False
    return rows_fit(rows, frame.slots, frame.rows, frame.runs)


def agree(pairs: Sequence[tuple[Sequence[Row], Gold]], *, width: int, gold_width: int) -> bool:
    """Whether one column permutation makes the candidate right in every pair, that is, on every instance.

    Args:
        pairs: the candidate's whole result and gold's, for each instance. Two empty results agree: whether that
            proves anything is the caller's to judge.
        width: how many columns the candidate's results have; given because empty results don't tell.
        gold_width: how many columns gold's results have.

    The search is bounded by `permutation.SEARCH_BUDGET`; a result that exceeds it counts as not equal.

    Raises:
        ValueError: there are no pairs.
    """
    if not pairs:
        raise ValueError("nothing to compare")
    if width != gold_width:
        return False
    for candidate, gold in pairs:
        if len(candidate) != gold.row_count or (candidate and len(candidate[0]) != width):
            return False
    if all(matches(candidate, gold, tuple(range(width))) for candidate, gold in pairs):
        return True
    if width < 2:
        return False
    sides = [Side(rows, gold._frame.slots, gold._frame.rows, gold._frame.runs) for rows, gold in pairs if rows]
    return fits_some_permutation(
        sides, width, lambda columns: all(matches(candidate, gold, columns) for candidate, gold in pairs)
    )
