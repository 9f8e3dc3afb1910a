"""The rules, written the plain and slow way, and what they say about a label. Shares nothing with the scorer.

A candidate is right on an instance if its rows are gold's: as a bag; where gold has a top-level ORDER BY, with the rows
of each run of equal keys in any order; where LIMIT or OFFSET cuts a run, with any of its rows in the places left. One
permutation of columns must do on all instances. Numbers are equal within 1e-6 where one is a float.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from math import isclose
from typing import Any

import apsw

from benchmarks.fidelity.corpus import Pair, Ties
from benchmarks.fidelity.instances import build, random_instance
from sqlenv.tasks import BUNDLED, database_path

Row = tuple[Any, ...]
Permutations = set[tuple[int, ...]]
LIMIT_S = 0.5  # no query of the corpus but the hostile ones takes a tenth of it
_RANDOM = re.compile(r"\brandom(blob)?\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A result."""

    width: int
    rows: list[Row]


def run(connection: apsw.Connection, sql: str, limit_s: float = LIMIT_S) -> Table | str:
    """The result of one statement, or what SQLite said."""
    deadline = time.monotonic() + limit_s
    widths: list[int] = []

    def note(cursor: apsw.Cursor, _: str, __: object) -> bool:
        if cursor.has_vdbe:  # else a comment
            widths.append(len(cursor.get_description()))
        return True

    connection.set_progress_handler(lambda: time.monotonic() > deadline, 2_000)
    cursor = connection.cursor()
    cursor.exec_trace = note
    try:
        rows = cursor.execute(sql).fetchall()
    except apsw.Error as error:
        return str(error)
    return Table(widths[0], rows) if len(widths) == 1 and widths[0] else "not one query"


def equal(a: Any, b: Any) -> bool:
    """Whether two values are the same."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        if isinstance(a, int) and isinstance(b, int):
            return a == b
        return isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
    return type(a) is type(b) and bool(a == b)


def within(mine: Sequence[Row], theirs: Sequence[Row]) -> bool:
    """Whether each of my rows is one of theirs, none used twice."""
    exact = not any(isinstance(value, float) for row in [*mine, *theirs] for value in row)
    if exact or not Counter(mine) - Counter(theirs):
        return not Counter(mine) - Counter(theirs)
    left = list(theirs)
    for row in mine:
        at = next((i for i, other in enumerate(left) if all(map(equal, row, other))), None)
        if at is None:
            return False
        del left[at]
    return True


def runs(full: Table, ties: Ties | None) -> list[tuple[list[Row], int]]:
    """What a right answer is made of: in turn, rows to choose from and how many of them."""
    if ties is None:
        return [(full.rows, len(full.rows))]
    width = full.width - ties.keys
    stop = len(full.rows) if ties.limit is None else ties.offset + ties.limit
    made: list[tuple[list[Row], int]] = []
    at = 0
    while at < len(full.rows):
        end = at + 1
        while end < len(full.rows) and (full.rows[end][width:] == full.rows[at][width:]):
            end += 1
        inside = min(end, stop) - max(at, ties.offset)
        if inside > 0:
            made.append(([row[:width] for row in full.rows[at:end]], inside))
        at = end
    return made


def fitting(connection: apsw.Connection, pair: Pair, tried: Permutations | None = None) -> Permutations:
    """The column permutations (of `tried`, if given) under which the candidate is right on an instance."""
    full = run(connection, pair.ties.sql if pair.ties else pair.gold)
    gold = run(connection, pair.gold)
    if isinstance(full, str) or isinstance(gold, str):
        raise ValueError(f"{pair.id}: gold fails: {full if isinstance(full, str) else gold}")
    results = [run(connection, pair.sql) for _ in range(20 if _RANDOM.search(pair.sql) else 1)]
    candidate = results[0]
    if isinstance(candidate, str) or candidate.width != gold.width or results.count(candidate) < len(results):
        return set()
    parts = runs(full, pair.ties)
    width = gold.width
    if not _fits(gold.rows, parts, tuple(range(width))):
        raise ValueError(f"{pair.id}: `ties` don't describe gold")
    every = tried if tried is not None else set(permutations(range(width)))
    return {order for order in every if _fits(candidate.rows, parts, order)}


def _fits(rows: Sequence[Row], parts: Sequence[tuple[list[Row], int]], order: tuple[int, ...]) -> bool:
    if len(rows) != sum(count for _, count in parts):
        return False
    at = 0
    for choice, count in parts:
        if not within([tuple([row[c] for c in order]) for row in rows[at : at + count]], choice):
            return False
        at += count
    return True


@cache
def shipped(db: str) -> apsw.Connection:
    """The bundled database, read only."""
    return apsw.Connection(str(database_path(BUNDLED, db)), flags=apsw.SQLITE_OPEN_READONLY)


def hidden(pair: Pair) -> bool:
    """Whether the shipped database alone would take the candidate for right."""
    return bool(fitting(shipped(pair.db), pair))


def problem(pair: Pair, tries: int, progress: Callable[[], None] = lambda: None) -> str | None:
    """What is wrong with a pair's label, or None where it stands.

    A wrong candidate must differ on the instance that the pair states (together with the shipped database, where only
    no single permutation fits both). A right one must agree on the shipped database and `tries` random instances.
    """
    progress()
    if not pair.right:
        orders = fitting(build(pair.db, pair.rows), pair)
        return "its instance doesn't tell the two apart" if orders and fitting(shipped(pair.db), pair, orders) else None
    orders = fitting(shipped(pair.db), pair)
    if not orders:
        return "the two differ on the shipped database"
    rng = random.Random(pair.id)
    for number in range(tries):
        instance = random_instance(pair.db, rng, pair.gold, pair.sql)
        orders = fitting(instance, pair, orders)
        if not orders:
            return f"the two differ on random instance {number}: {dump(instance)}"
    return None


def dump(connection: apsw.Connection) -> str:
    """The rows of a small instance, for messages."""
    tables = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    return "; ".join(f"{name}: {rows}" for name, rows in found.items() if rows)[:2_000]
