"""Whether rows fit into a bag of rows, each gold row used once, with float tolerance.

Rounding floats into buckets errs at bucket edges, and comparing sorted rows errs where a near-equal float precedes
another column. Here rows are grouped by what hashes (exact cells, and chains of close numbers), groups are counted,
and only in groups with a loose chain are rows matched one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from reward_service.values import Clusters, close, equal, has_floats
from sqlenv.types import Row, SqlValue

MATCH_BUDGET = 1_000_000
"""Pairs of rows looked at in one call, at most. Only results made for the purpose (hundreds of rows whose floats form
chains a millionth apart, in two columns at once) exceed it; they count as not equal."""

_Key = tuple[object, ...]


def counts_fit(need: Mapping[_Key, int], have: Mapping[_Key, int]) -> bool:
    """Whether `need` is a sub-bag of `have`."""
    return all(have.get(key, 0) >= count for key, count in need.items())


def rows_fit(candidate: Sequence[Row], slots: Sequence[int], gold: Sequence[Row], runs: Sequence[int]) -> bool:
    """Whether every candidate row has a gold row of its own with equal values and of the same run.

    `slots[i]` is the run that candidate row i must come from and `runs[j]` the run of gold row j. All rows have the
    same width. With as many candidate rows as gold rows in a run, this is equality of bags.
    """
    if not candidate:
        return True
    if not gold:
        return False
    candidate_columns: list[Sequence[object]] = [slots]
    gold_columns: list[Sequence[object]] = [runs]
    loose: dict[int, frozenset[int]] = {}
    for index, (mine, theirs) in enumerate(zip(zip(*candidate, strict=True), zip(*gold, strict=True), strict=True)):
        if has_floats(mine) or has_floats(theirs):
            clusters = Clusters(chain(mine, theirs))
            candidate_columns.append(clusters.tokens(mine))
            gold_columns.append(clusters.tokens(theirs))
            if clusters.loose:
                loose[index] = clusters.loose
        else:
            candidate_columns.append(mine)
            gold_columns.append(theirs)
    candidate_keys = list(zip(*candidate_columns, strict=True))
    gold_keys = list(zip(*gold_columns, strict=True))
    need = Counter(candidate_keys)
    if not counts_fit(need, Counter(gold_keys)):
        return False
    undecided = {key: found for key in need if (found := [i for i, ids in loose.items() if key[i + 1] in ids])}
    if not undecided:
        return True
    mine_by_key = _numbers(candidate, candidate_keys, undecided)
    theirs_by_key = _numbers(gold, gold_keys, undecided)
    budget = MATCH_BUDGET
    for key, mine_left in mine_by_key.items():
        budget -= len(mine_left) * len(theirs_by_key[key])
        if budget < 0 or not _match(mine_left, theirs_by_key[key]):
            return False
    return True


def _numbers(rows: Sequence[Row], keys: Sequence[_Key], undecided: Mapping[_Key, list[int]]) -> dict[_Key, list[Row]]:
    """By key, the rows that their key doesn't decide, cut to the columns that remain to be compared."""
    found: dict[_Key, list[Row]] = {key: [] for key in undecided}
    for row, key in zip(rows, keys, strict=True):
        columns = undecided.get(key)
        if columns is not None:
            found[key].append(tuple([row[i] for i in columns]))
    return found


def _match(mine: list[Row], theirs: list[Row]) -> bool:
    if len(mine[0]) == 1:
        a, b = [row[0] for row in mine], [row[0] for row in theirs]
        # Integers on both sides compare exactly, which breaks the order that the greedy way rests on.
        if not (any(isinstance(x, int) for x in a) and any(isinstance(x, int) for x in b)):
            return _match_sorted(a, b)
    edges = [[j for j, b in enumerate(theirs) if all(map(equal, a, b))] for a in mine]
    return _match_edges(edges, len(theirs))


def _match_sorted(mine: Sequence[SqlValue], theirs: Sequence[SqlValue]) -> bool:
    """One number a row: the numbers close to x are an interval whose both ends rise with x, so greed is right."""
    ordered = sorted(x for x in theirs if isinstance(x, (int, float)))
    at, end = 0, len(ordered)
    for x in sorted(x for x in mine if isinstance(x, (int, float))):
        while at < end and ordered[at] < x and not close(ordered[at], x):
            at += 1
        if at == end or not close(ordered[at], x):
            return False
        at += 1
    return True


def _match_edges(edges: Sequence[Sequence[int]], gold_count: int) -> bool:
    """Bipartite matching by augmenting paths; false where none covers all rows or the budget is spent."""
    owner = [-1] * gold_count
    taken = [-1] * len(edges)
    budget = MATCH_BUDGET
    for start in range(len(edges)):
        reached_from: dict[int, int] = {}
        queue, free = [start], -1
        for row in queue:  # grows while it is read: breadth first
            budget -= len(edges[row])
            for gold in edges[row]:
                if gold not in reached_from:
                    reached_from[gold] = row
                    if owner[gold] < 0:
                        free = gold
                        break
                    queue.append(owner[gold])
            if free >= 0:
                break
        if free < 0 or budget < 0:
            return False
        while free >= 0:
            row = reached_from[free]
            owner[free], taken[row], free = row, free, taken[row]
    return True
