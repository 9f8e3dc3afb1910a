"""The scorers that the field uses, written anew from their published definitions. Each gets a connection to a database
and two queries, and says whether it takes the candidate for right.

- `bag_match`: both results as bags of tuples.
- `set_match`: both results as sets of tuples: SkyRL-gym's SQL reward
  (https://github.com/NovaSky-AI/SkyRL, skyrl-gym/skyrl_gym/envs/sql).
- `bird_ex`: BIRD's execution accuracy, `1 if set(predicted_res) == set(ground_truth_res) else 0`, a failure or a
  time-out counting 0 (https://github.com/AlibabaResearch/DAMO-ConvAI/tree/main/bird, evaluation.py). The rule is that
  of `set_match`; both are here since both names are in use.
- `list_match`: both results as lists, rows by position.
- `suite_match`: Zhong, Yu and Klein, "Semantic Evaluation for Text-to-SQL with Distilled Test Suites", EMNLP 2020
  (https://github.com/taoyds/test-suite-sql-eval, exec_eval.py): results equal on several databases, under some order
  of columns that may differ from one database to the next; rows in order if "order by" is anywhere in gold's text; two
  empty results agree; DISTINCT is struck from both texts unless `keep_distinct`. Simplified here: the databases are ten
  random fills with shipped values, not a distilled suite; the keyword is struck by a regular expression, not by
  sqlparse; values aren't plugged in (the tool's default).

The published tools have limits of 30 s and 60 s; here a query has `LIMIT_S`.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import permutations

import apsw

from benchmarks.fidelity.instances import random_instance
from benchmarks.fidelity.reference import Row, run, shipped

LIMIT_S = 2.0
FILLS = 10
Peer = Callable[[str, str, str], bool]


def _rows(connection: apsw.Connection, sql: str) -> list[Row] | None:
    result = run(connection, sql, LIMIT_S)
    return None if isinstance(result, str) else result.rows


def _on_shipped(db: str, gold: str, sql: str) -> tuple[list[Row], list[Row] | None]:
    truth = _rows(shipped(db), gold)
    assert truth is not None, f"gold fails: {gold}"
    return truth, _rows(shipped(db), sql)


def bag_match(db: str, gold: str, sql: str) -> bool:
    """Execution match, rows as a bag."""
    truth, found = _on_shipped(db, gold, sql)
    return found is not None and Counter(found) == Counter(truth)


def set_match(db: str, gold: str, sql: str) -> bool:
    """Execution match, rows as a set."""
    truth, found = _on_shipped(db, gold, sql)
    return found is not None and set(found) == set(truth)


def bird_ex(db: str, gold: str, sql: str) -> bool:
    """BIRD's EX: the predicted query runs first; any failure is a 0."""
    found = _rows(shipped(db), sql)
    if found is None:
        return False
    return set(found) == set(_rows(shipped(db), gold) or ())


def list_match(db: str, gold: str, sql: str) -> bool:
    """Execution match, rows by position."""
    truth, found = _on_shipped(db, gold, sql)
    return found == truth


@cache
def _fills(db: str) -> tuple[apsw.Connection, ...]:
    rng = random.Random(f"fills of {db}")
    return tuple(random_instance(db, rng) for _ in range(FILLS))


def prepare(db: str) -> None:
    """Makes the random fills of a database, which is not part of scoring a pair."""
    _fills(db)


def suite_match(db: str, gold: str, sql: str, *, keep_distinct: bool = False, fills: bool = True) -> bool:
    """The rule of test-suite-sql-eval."""
    if not keep_distinct:
        gold, sql = (re.sub(r"\bdistinct\b", "", text, flags=re.IGNORECASE) for text in (gold, sql))
    ordered = "order by" in gold.lower()
    for connection in (shipped(db), *(_fills(db) if fills else ())):
        truth = _rows(connection, gold)
        found = _rows(connection, sql)
        if truth is None or found is None or not _same(truth, found, ordered):
            return False
    return True


def _same(truth: list[Row], found: list[Row], ordered: bool) -> bool:
    if not truth or not found:
        return truth == found
    width = len(truth[0])
    if len(truth) != len(found) or len(found[0]) != width:
        return False
    # First a quick refusal: rows with their cells sorted, order or not as asked.
    mine, theirs = _sorted_cells(truth), _sorted_cells(found)
    if mine != theirs if ordered else set(mine) != set(theirs):
        return False
    kept = [{row[column] for row in truth} for column in range(width)]
    for order in permutations(range(width)):
        if any(found[0][column] not in kept[at] for at, column in enumerate(order)):
            continue
        moved = [tuple([row[column] for column in order]) for row in found]
        if truth == moved if ordered else Counter(truth) == Counter(moved):
            return True
    return False


def _sorted_cells(rows: Sequence[Row]) -> list[Row]:
    return [tuple(sorted(row, key=lambda cell: f"{cell}{type(cell)}")) for row in rows]


# Where not said otherwise, test-suite strikes DISTINCT, as its default is.
PEERS: dict[str, Peer] = {
    "execution match, set": set_match,
    "execution match, bag": bag_match,
    "execution match, list": list_match,
    "BIRD EX": bird_ex,
    "test-suite, shipped only": lambda db, gold, sql: suite_match(db, gold, sql, fills=False),
    f"test-suite, {FILLS} fills": suite_match,
    f"test-suite, {FILLS} fills, keep_distinct": lambda db, gold, sql: suite_match(db, gold, sql, keep_distinct=True),
}
