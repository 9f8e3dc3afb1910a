"""Finding the column permutation under which a candidate's results fit gold's, without trying all of them.

1. A candidate column can stand for a gold column only if its own values fit, run by run, on every instance.
2. Columns with one possibility are fixed. The others are tried in turn; after each, rows cut to the columns chosen so
   far must still fit, or the branch is dropped. Identical columns are interchangeable, so they are tried once.
3. Values are compared as tokens that are equal wherever values are (see `values.Clusters`): steps 1 and 2 may let too
   much pass, never too little. The permutation found is verified with the true comparison.

Deciding this is as hard as graph isomorphism in the worst case, hence the budget.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reward_service.columns import Columns, Side, classes, narrow

SEARCH_BUDGET = 2_000_000
"""Cells looked at while searching, at most (some 0.4 s). Only results made for the purpose exceed it: they count as
not equal."""

Verify = Callable[[tuple[int, ...]], bool]


def fits_some_permutation(sides: Sequence[Side], width: int, verify: Verify) -> bool:
    """Whether `verify` accepts a permutation p, where candidate column p[i] stands for gold's column i.

    False, too, where `SEARCH_BUDGET` is spent before the search ends.
    """
    all_columns: list[Columns] = []
    allowed = [set(range(width)) for _ in range(width)]
    for side in sides:
        columns = Columns.of(side)
        narrow(allowed, columns)
        if not all(allowed):
            return False
        all_columns.append(columns)
    tight = all(columns.tight for columns in all_columns)
    mine, theirs = classes(sides, all_columns, width, tight)
    members: dict[int, list[int]] = {}
    for column, of_class in enumerate(mine):
        members.setdefault(of_class, []).append(column)
    choices = [sorted({mine[column] for column in columns}) for columns in allowed]
    left = {of_class: len(columns) for of_class, columns in members.items()}
    fixed = _fix(choices, left)
    if fixed is None:
        return False
    # Fewest choices first; identical gold columns side by side, so that their order is tried one way only.
    open_columns = sorted((g for g in range(width) if g not in fixed), key=lambda g: (len(choices[g]), theirs[g], g))
    search = _Search(all_columns, members, theirs, choices, open_columns, verify)
    return search.run(fixed, left)


def _fix(choices: list[list[int]], left: dict[int, int]) -> dict[int, int] | None:
    """Settles gold columns with one choice, and what follows from them; None on contradiction."""
    fixed: dict[int, int] = {}
    while True:
        single = [g for g, options in enumerate(choices) if g not in fixed and len(options) == 1]
        if not single:
            return fixed
        for g in single:
            fixed[g] = choices[g][0]
            left[fixed[g]] -= 1
        if min(left.values()) < 0:
            return None
        for g, options in enumerate(choices):
            if g not in fixed:
                choices[g] = [of_class for of_class in options if left[of_class]]
                if not choices[g]:
                    return None


@dataclass(slots=True)
class _Level:
    """One open gold column: how gold's rows fall apart once it is chosen, and the candidate classes yet to try."""

    groups: list[tuple[dict[tuple[int, object], int], list[int], Counter[int]]]  # by side: ids, gold's rows, counts
    rows: list[list[int]]  # by side: the candidate's rows, numbered by the columns chosen before
    untried: Iterator[int]
    chosen: int | None = None


class _Search:
    def __init__(
        self,
        columns: Sequence[Columns],
        members: dict[int, list[int]],
        gold_classes: list[int],
        choices: list[list[int]],
        open_columns: list[int],
        verify: Verify,
    ) -> None:
        self._columns, self._members, self._gold_classes = columns, members, gold_classes
        self._choices, self._open, self._verify = choices, open_columns, verify
        self._budget = SEARCH_BUDGET
        self._cells = sum(len(side.slots) + len(side.runs) for side in columns)

    def run(self, fixed: dict[int, int], left: dict[int, int]) -> bool:
        """Depth first, with a stack of its own: SQLite allows more columns than Python does frames."""
        if not self._open:
            return self._accepts(fixed)
        start = self._start(fixed)
        if start is None:
            return False
        chosen = dict(fixed)
        stack = [self._level(0, *start, chosen)]
        while stack and self._budget > 0:
            level = stack[-1]
            gold = self._open[len(stack) - 1]
            if level.chosen is not None:
                left[level.chosen] += 1
                del chosen[gold]
                level.chosen = None
            of_class = next((c for c in level.untried if left[c]), None)
            if of_class is None:
                stack.pop()
                continue
            rows = self._refine(level, self._members[of_class][0])
            if rows is None:
                continue
            level.chosen = chosen[gold] = of_class
            left[of_class] -= 1
            if len(stack) < len(self._open):
                stack.append(self._level(len(stack), rows, [ids for _, ids, _ in level.groups], chosen))
            elif self._accepts(chosen):
                return True
        return False

    def _start(self, fixed: dict[int, int]) -> tuple[list[list[int]], list[list[int]]] | None:
        """Numbers rows by run and fixed columns: the candidate's and gold's by side, or None if they don't fit."""
        mine: list[list[int]] = []
        theirs: list[list[int]] = []
        golds = sorted(fixed)
        for side in self._columns:
            ids: dict[tuple[object, ...], int] = {}
            gold_keys = zip(side.runs, *[side.gold[g] for g in golds], strict=True)
            theirs.append([ids.setdefault(key, len(ids)) for key in gold_keys])
            keys = zip(side.slots, *[side.candidate[self._members[fixed[g]][0]] for g in golds], strict=True)
            mine.append([ids.get(key, -1) for key in keys])
            if not _fits(mine[-1], Counter(theirs[-1])):
                return None
        self._budget -= self._cells * (len(golds) + 1)
        return mine, theirs

    def _level(self, depth: int, mine: list[list[int]], theirs: list[list[int]], chosen: dict[int, int]) -> _Level:
        gold = self._open[depth]
        groups = []
        for side, rows in zip(self._columns, theirs, strict=True):
            ids: dict[tuple[int, object], int] = {}
            refined = [ids.setdefault(key, len(ids)) for key in zip(rows, side.gold[gold], strict=True)]
            groups.append((ids, refined, Counter(refined)))
        self._budget -= self._cells
        options = self._choices[gold]
        before = self._open[depth - 1] if depth else None
        if before is not None and self._gold_classes[before] == self._gold_classes[gold]:
            options = [of_class for of_class in options if of_class >= chosen[before]]
        return _Level(groups, mine, iter(options))

    def _refine(self, level: _Level, column: int) -> list[list[int]] | None:
        """The candidate's rows, numbered with one more column chosen, or None if they no longer fit gold's."""
        refined: list[list[int]] = []
        for side, rows, (ids, _, counts) in zip(self._columns, level.rows, level.groups, strict=True):
            self._budget -= len(rows)
            numbers = [ids.get(key, -1) for key in zip(rows, side.candidate[column], strict=True)]
            if not _fits(numbers, counts):
                return None
            refined.append(numbers)
        return refined

    def _accepts(self, chosen: dict[int, int]) -> bool:
        self._budget -= self._cells * len(chosen)
        columns = {of_class: iter(members) for of_class, members in self._members.items()}
        return self._verify(tuple([next(columns[chosen[gold]]) for gold in range(len(chosen))]))


def _fits(mine: list[int], counts: Counter[int]) -> bool:
    return -1 not in mine and all(counts[number] >= count for number, count in Counter(mine).items())
