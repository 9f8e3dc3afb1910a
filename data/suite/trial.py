"""Tries gold and its mutants on instances: which mutants give themselves away, and whether gold itself is in order.

An instance is of no use to a task, and dropped for it, where gold
- fails or does too much work there,
- depends on what SQL leaves open: the order of a scan, the row that a bare column of a group comes from. It is run a
  second time with all scans reversed, and both results must agree by the scorer's rules;
- rounds a number that is on the edge, or compares a calculated real with one that it equals but for its last digits:
  another way to write the same sum would come out on the other side.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
from sqlglot import exp

from data.suite.mutants import Mutant, parse
from reward_service.compare import Gold, agree
from reward_service.gold import on_generated
from reward_service.ordering import plan, strict
from sqlenv.sqlite.schema import Schema
from sqlenv.types import Row

MAX_VM_STEPS = 600_000
"""Of a query on an instance: one that needs more there is a product of several tables, of which nothing is said."""

SHIPPED_VM_STEPS = 20_000_000
MAX_ROWS = 20_000
_TICK = 10_000


class Exceeded(Exception):
    """A query did too much work."""


class Runner:
    """Runs queries on one connection under limits."""

    def __init__(self, db: apsw.Connection, max_vm_steps: int = MAX_VM_STEPS) -> None:
        self.db = db
        self._max_ticks = max(1, max_vm_steps // _TICK)
        self._left = 0
        db.set_progress_handler(self._tick, _TICK)

    def _tick(self) -> bool:
        self._left -= 1
        return self._left == 0  # below 0 once it has said so, and between queries: the connection has other uses

    def rows(self, sql: str) -> tuple[tuple[Row, ...], int] | None:
        """All rows and their width; None where the query fails. Raises Exceeded where it does too much."""
        self._left = self._max_ticks
        try:
            cursor = self.db.execute(sql)
            # A statement without a row tells its columns only before it has ended.
            width = len(cursor.get_description()) if cursor.has_vdbe else 0
            rows = []
            for row in cursor:
                rows.append(row)
                if len(rows) > MAX_ROWS:
                    raise Exceeded
        except apsw.ExecutionCompleteError:
            return (), 0
        except apsw.InterruptError:
            raise Exceeded from None
        except (apsw.Error, UnicodeDecodeError, OverflowError):
            return None
        finally:
            self._left = 0
        return tuple(rows), width


class Trial:
    """One gold query with its mutants."""

    def __init__(self, sql: str, mutants: Sequence[Mutant], schema: Schema, width: int) -> None:
        self.sql = sql
        self.mutants = mutants
        self._width = width
        columns = {column.name.lower() for table in schema.tables for column in table.columns}
        self._plan = plan(sql, columns)
        self._edges = _edges(sql, schema)

    def gold(self, runner: Runner, *, shipped: bool = False) -> Gold | None:
        """Gold's result on what the runner holds, a generated instance or not; None where it fails there."""
        finish = (lambda how, rows: how.gold(rows)) if shipped else on_generated
        try:
            plain = runner.rows(self.sql)
            if plain is None:
                return None
            if self._plan.sql == self.sql:
                return finish(self._plan, plain[0])
            found = runner.rows(self._plan.sql)
        except Exceeded:
            return None
        return finish(strict(self.sql), plain[0]) if found is None else finish(self._plan, found[0])

    def killed(self, runner: Runner, gold: Gold, which: Sequence[int]) -> frozenset[int]:
        """Those of some mutants that disagree with gold here. One that does too much is not called killed."""
        return frozenset(index for index in which if self.disagrees(runner, gold, self.mutants[index].sql))

    def disagrees(self, runner: Runner, gold: Gold, sql: str) -> bool:
        """Whether a query's result is not gold's. One that fails gives no result."""
        try:
            found = runner.rows(sql)
        except Exceeded:
            return False
        if found is None:
            return True
        rows = found[0]
        # The width is looked at where there are rows: mutants have gold's own width.
        width = len(rows[0]) if rows else self._width
        return not agree([(rows, gold)], width=width, gold_width=self._width)

    def in_order(self, runner: Runner, gold: Gold) -> bool:
        """Whether gold means one thing here; see the module's head."""
        runner.db.pragma("reverse_unordered_selects", True)
        try:
            if self.disagrees(runner, gold, self.sql):
                return False
        finally:
            runner.db.pragma("reverse_unordered_selects", False)
        return not any(self.disagrees(runner, gold, edge) for edge in self._edges)


def vacuous(gold: Gold) -> bool:
    """Whether gold's result is no rows at all, or rows of nothing but NULL and 0: so much comes out of many queries."""
    return all(value in (None, 0) for row in gold.answer for value in row)


def _edges(sql: str, schema: Schema) -> tuple[str, ...]:
    """Gold with what it rounds, and the calculated reals that it compares, made a little smaller and larger."""
    tree = parse(sql)
    if tree is None:
        return ()
    reals = {
        column.name.lower()
        for table in schema.tables
        for column in table.columns
        if column.type.upper().startswith(("REAL", "FLOA", "DOUB", "DEC", "NUM"))
    }

    def places(root: exp.Expr) -> list[exp.Expr]:
        found: list[exp.Expr] = [node.this for node in root.find_all(exp.Round)]
        for node in root.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE):
            names = {column.name.lower() for column in node.find_all(exp.Column)}
            if names & reals and node.find(exp.Add, exp.Sub, exp.Mul, exp.Div) is not None:
                found.append(node.this)
        return found

    if not places(tree):
        return ()
    changed = []
    for factor in ("0.999999999", "1.000000001"):
        copy = tree.copy()
        for node in places(copy):
            node.replace(exp.Mul(this=exp.Paren(this=node.copy()), expression=exp.Literal.number(factor)))
        changed.append(copy.sql("sqlite"))
    return tuple(changed)
