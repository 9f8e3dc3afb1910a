"""Results as columns: which candidate columns can stand for which gold column, and which are interchangeable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from reward_service.bags import counts_fit
from reward_service.values import Clusters, has_floats
from sqlenv.types import Row

Tokens = tuple[object, ...]
"""A column's values as what hashes: equal values have equal tokens."""


@dataclass(frozen=True, slots=True)
class Side:
    """One instance: non-empty candidate rows, the run of each, gold's rows (at least as many), the run of each."""

    candidate: Sequence[Row]
    slots: Sequence[int]
    gold: Sequence[Row]
    runs: Sequence[int]


@dataclass(frozen=True, slots=True)
class Columns:
    """A side turned to columns of tokens."""

    candidate: list[Tokens]
    gold: list[Tokens]
    slots: Sequence[int]
    runs: Sequence[int]
    tight: bool  # equal tokens prove equal values

    @classmethod
    def of(cls, side: Side) -> Columns:
        candidate: list[Tokens] = list(zip(*side.candidate, strict=True))
        gold: list[Tokens] = list(zip(*side.gold, strict=True))
        cells = list(chain(chain.from_iterable(side.candidate), chain.from_iterable(side.gold)))
        if not has_floats(cells):
            return cls(candidate, gold, side.slots, side.runs, True)
        clusters = Clusters(cells)
        candidate = [clusters.tokens(column) for column in zip(*side.candidate, strict=True)]
        gold = [clusters.tokens(column) for column in zip(*side.gold, strict=True)]
        return cls(candidate, gold, side.slots, side.runs, not clusters.loose)


def narrow(allowed: list[set[int]], columns: Columns) -> None:
    """Strikes out what one instance's columns, each by itself, rule out."""
    one_run = columns.runs[-1] == 0
    cut = len(columns.slots) != len(columns.runs)

    def counted(column: Tokens, runs: Sequence[int]) -> dict[tuple[object, ...], int]:
        return dict(Counter(zip(column) if one_run else zip(runs, column, strict=True)))

    mine = [counted(column, columns.slots) for column in columns.candidate]
    for gold, possible in enumerate(allowed):
        have = counted(columns.gold[gold], columns.runs)
        possible.difference_update([c for c in possible if not (counts_fit(mine[c], have) if cut else mine[c] == have)])


def classes(sides: Sequence[Side], columns: Sequence[Columns], width: int, tight: bool) -> tuple[list[int], list[int]]:
    """Classes of columns that are identical on every instance, the candidate's and gold's."""

    def number(keys: list[object]) -> list[int]:
        seen: dict[object, int] = {}
        return [seen.setdefault(key, len(seen)) for key in keys]

    if tight:
        return (
            number([tuple([side.candidate[c] for side in columns]) for c in range(width)]),
            number([tuple([side.gold[c] for side in columns]) for c in range(width)]),
        )

    # Tokens prove too little: only the very same values, types included, are interchangeable.
    def exact(rows_of: Callable[[Side], Sequence[Row]], c: int) -> object:
        cells = [tuple([row[c] for row in rows_of(side)]) for side in sides]
        return tuple(cells), tuple([tuple(map(type, column)) for column in cells])

    return (
        number([exact(lambda side: side.candidate, c) for c in range(width)]),
        number([exact(lambda side: side.gold, c) for c in range(width)]),
    )
