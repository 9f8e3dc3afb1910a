"""Mutants of a gold query: what a person or a model who almost understood the question would write instead.

Each mutant is one edit of gold's syntax tree; the kinds are in `data.suite.mutation`. Mutants are written by sqlglot,
never run here, and those that don't compile on the schema are left out. Two more kinds are not edits: the answer
itself, copied from the shipped database and written as constants (`literal_answer`), and gold as sqlglot writes it
(`rewritten`), which tells whether the edits' texts can be trusted.

What is not generated, because the scorer's rules call it equal or wrong without any instance: selected columns in
another order (equal), columns too many or too few (wrong), ORDER BY in a subquery without LIMIT (of no consequence).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import apsw
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from data.suite.mutation.columns import columns
from data.suite.mutation.edits import Edit, apply
from data.suite.mutation.predicates import predicates
from data.suite.mutation.results import results
from data.suite.mutation.rewrites import rewrites
from data.suite.mutation.scopes import Scopes
from data.suite.mutation.values import values
from sqlenv.sqlite.schema import Schema, quote
from sqlenv.types import Row, SqlValue

Prove = Callable[[Edit], str]

LITERAL = "literal answer"
MAX_LITERAL_CELLS = 2_000
"""Longer answers are not copied: nobody learns them by heart."""

MAX_MUTANTS = 400
"""Of one query. Those of queries with many joins and columns are thinned out evenly, kind by kind."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong query, if nothing proves it equal to gold."""

    kind: str
    sql: str
    proof: str = ""  # why it equals gold on every valid instance, where that is proved


def parse(sql: str) -> exp.Expr | None:
    """The tree of one query, or None where sqlglot can't read it: then there are no mutants but the literal answer."""
    try:
        statements = sqlglot.parse(sql, read="sqlite")
    except (SqlglotError, RecursionError):
        return None
    tree = statements[0] if len(statements) == 1 else None
    return tree if isinstance(tree, (exp.Select, exp.SetOperation)) else None


def rewritten(sql: str) -> str | None:
    """Gold as sqlglot writes it: the mutant without a mistake."""
    tree = parse(sql)
    return tree.sql("sqlite") if tree is not None else None


def mutants(sql: str, schema: Schema, prover: Callable[[exp.Expr, Scopes], Prove] | None = None) -> list[Mutant]:
    """All mutants of one query, without doubles, in a fixed order.

    `prover` is given the tree once and then asked for each edit why it changes nothing; "" where it can't tell.
    """
    tree = parse(sql)
    if tree is None:
        return []
    same = {sql, tree.sql("sqlite")}
    compiler = _Compiler(schema)
    try:
        found: list[Mutant] = []
        scopes = Scopes(tree, schema)
        prove = prover(tree, scopes) if prover is not None else None
        for edit in _edits(tree, scopes, schema):
            text = apply(tree, edit)
            if text not in same:
                same.add(text)
                if compiler.accepts(text):
                    found.append(Mutant(edit.kind, text, prove(edit) if prove is not None else ""))
    finally:
        compiler.close()
    return _thin(found)


def literal_answer(columns: Sequence[str], rows: Sequence[Row]) -> Mutant | None:
    """`SELECT` of the answer itself; None where it is too long or can't be written."""
    if len(rows) * len(columns) > MAX_LITERAL_CELLS:
        return None
    if not rows:
        names = ", ".join(f"NULL AS {quote(name)}" for name in columns)
        return Mutant(LITERAL, f"SELECT {names} WHERE 0")
    lines = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in rows)
    return Mutant(LITERAL, f"VALUES {lines}")


def _edits(tree: exp.Expr, scopes: Scopes, schema: Schema) -> Iterator[Edit]:
    for node in tree.walk():
        yield from predicates(node)
        yield from results(node, scopes)
        yield from values(node)
        yield from columns(node, scopes)
        yield from rewrites(node, scopes, schema)


def _thin(found: list[Mutant]) -> list[Mutant]:
    """At most MAX_MUTANTS, taken in turn from each kind, in the order found."""
    if len(found) <= MAX_MUTANTS:
        return found
    rank: dict[str, int] = {}
    turns: list[tuple[int, int]] = []
    for index, mutant in enumerate(found):
        turns.append((rank.get(mutant.kind, 0), index))
        rank[mutant.kind] = rank.get(mutant.kind, 0) + 1
    return [found[index] for index in sorted(index for _, index in sorted(turns)[:MAX_MUTANTS])]


def _literal(value: SqlValue) -> str:
    return str(apsw.format_sql_value(value))


class _Compiler:
    """Tells whether SQL compiles on a schema, on tables without rows."""

    def __init__(self, schema: Schema) -> None:
        self._db = apsw.Connection(":memory:")
        for table in schema.tables:
            columns = ", ".join(quote(column.name) for column in table.columns)
            self._db.execute(f"CREATE TABLE {quote(table.name)} ({columns})")

    def accepts(self, sql: str) -> bool:
        """True where SQLite can prepare the statement."""
        try:
            self._db.execute("EXPLAIN " + sql).close(True)
        except apsw.Error:
            return False
        return True

    def close(self) -> None:
        """Frees the tables."""
        self._db.close()
