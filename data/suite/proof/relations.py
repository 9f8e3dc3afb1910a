"""How the columns of one SELECT's FROM and WHERE hang together: functional dependencies, equalities, NULLs kept out.

A column is written "alias.name" in lower case; any other expression is its own SQL text. Dependencies come from keys,
from equalities in WHERE and inner joins, and from constants; see any textbook on "attribute closure". Where something
isn't understood there is simply no relation, which loses proofs but makes none wrong.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from data.suite.mutation.scopes import Scopes
from data.suite.proof.nodes import bare, conjuncts

_STRICT_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Glob, exp.Between)
_NOT_STRICT = (exp.Coalesce, exp.Case, exp.If, exp.Or, exp.Is, exp.Anonymous, exp.Subquery, exp.Select, exp.AggFunc)


@dataclass(frozen=True, slots=True)
class Source:
    """A FROM item: for each column whether it may be NULL, and its keys without NULL."""

    columns: dict[str, bool]
    keys: tuple[frozenset[str], ...]
    table: str = ""


class Relations(ABC):
    """The relations of one SELECT. `ignored` is a condition that may not be used; `matched` are LEFT-joined sources of
    which only rows with a partner matter."""

    def __init__(
        self,
        select: exp.Select,
        scopes: Scopes,
        ignored: exp.Expr | None = None,
        matched: frozenset[str] = frozenset(),
    ) -> None:
        self.select = select
        self._scopes = scopes
        self._ignored = ignored
        self.sources: dict[str, Source] = {}
        self.optional: set[str] = set()  # sources whose row may be one of NULLs
        self._dependencies: list[tuple[frozenset[str], str]] = []
        self._equal: dict[str, str] = {}
        self.rejected: set[str] = set()  # columns that a condition keeps from being NULL
        self._read(matched)

    @abstractmethod
    def _source(self, item: exp.Expr) -> Source:
        """What is known of a FROM item."""

    def attribute(self, node: exp.Expr) -> str:
        """What an expression is called here; "" for a constant or a column of an outer query."""
        node = bare(node)
        if isinstance(node, exp.Literal):
            return ""
        if isinstance(node, exp.Column):
            found = self._scopes.resolve(node)
            if found is None:
                return "?" + node.sql("sqlite").lower()
            select, visible = found
            return f"{visible.alias.lower()}.{visible.name.lower()}" if select is self.select else ""
        return node.sql("sqlite").lower()

    def closure(self, given: Iterable[exp.Expr | str]) -> set[str]:
        """All columns that are the same wherever the given ones are."""
        known: set[str] = set()
        for one in given:
            known.add(one if isinstance(one, str) else self.attribute(one))
        grown = True
        while grown:
            grown = False
            for left, right in self._dependencies:
                if right not in known and left <= known:
                    known.add(right)
                    grown = True
        return known

    def determined(self, node: exp.Expr, known: set[str]) -> bool:
        """Whether an expression is the same wherever the known columns are."""
        node = bare(node)
        if self.attribute(node) in known | {""}:
            return True
        if node.find(exp.AggFunc, exp.Select, exp.Window, exp.Star) is not None:
            return False
        columns = list(node.find_all(exp.Column))
        return all(self.attribute(column) in known | {""} for column in columns)

    def same(self, one: str, other: str) -> bool:
        """Whether two columns are equal in every row."""
        return self._leader(one) == self._leader(other)

    def _leader(self, name: str) -> str:
        while name in self._equal:
            name = self._equal[name]
        return name

    def _read(self, matched: frozenset[str]) -> None:
        origin = self.select.args.get("from_")
        joins = self.select.args.get("joins") or []
        items = [origin.this] if origin is not None else []
        items += [join.this for join in joins]
        left_joined = {join.alias_or_name.lower() for join in joins if join.side} - matched
        for item in items:
            alias = item.alias_or_name.lower()
            source = self._source(item)
            self.sources[alias] = source
            for key in source.keys:
                if not key and alias in left_joined:
                    continue  # its one row, or the row of NULLs
                left = frozenset(f"{alias}.{column}" for column in key)
                self._dependencies += [(left, f"{alias}.{column}") for column in source.columns]
        for join in joins:
            alias = join.alias_or_name.lower()
            side = join.side.upper()
            if side == "LEFT" and alias not in matched:
                self.optional.add(alias)
                self._optional_join(join, alias)
            elif side in ("", "LEFT"):
                for condition in conjuncts(join.args.get("on")):
                    self._condition(condition)
                self._using(join, alias)
            else:  # RIGHT and FULL: nothing is known any more
                self.optional.update(self.sources)
        where = self.select.args.get("where")
        if where is not None:
            for condition in conjuncts(where.this):
                self._condition(condition)

    def _condition(self, node: exp.Expr) -> None:
        node = bare(node)
        if node is self._ignored:
            return
        negated = isinstance(node, exp.Not)
        inner = bare(node.this) if negated else node
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            name = self.attribute(inner.this)
            if negated:
                self.rejected.add(name)
            elif "." in name:
                self._dependencies.append((frozenset(), name))
            return
        if isinstance(inner, exp.Or) and not negated and not self._holds_ignored(inner):
            self.rejected |= self._rejected_by_all(inner)
        if isinstance(inner, _STRICT_COMPARISONS) or (isinstance(inner, exp.In) and not negated):
            self._reject(inner)
        if isinstance(node, exp.EQ):
            left, right = self.attribute(node.this), self.attribute(node.expression)
            constant = node.expression if left else node.this
            if left and right and not left.startswith("?") and not right.startswith("?"):
                self._dependencies += [(frozenset({left}), right), (frozenset({right}), left)]
                if self._leader(left) != self._leader(right):
                    self._equal[self._leader(left)] = self._leader(right)
            elif (left or right) and isinstance(bare(constant), (exp.Literal, exp.Column)):
                self._dependencies.append((frozenset(), left or right))

    def _holds_ignored(self, node: exp.Expr) -> bool:
        return any(part is self._ignored for part in node.walk())

    def _rejected_by_all(self, node: exp.Expr) -> set[str]:
        """Columns that every branch of an OR keeps from being NULL."""
        node = bare(node)
        if isinstance(node, exp.Or):
            return self._rejected_by_all(node.left) & self._rejected_by_all(node.right)
        before, self.rejected = self.rejected, set()
        if isinstance(node, (*_STRICT_COMPARISONS, exp.In)):
            self._reject(node)
        found, self.rejected = self.rejected, before
        return found

    def _reject(self, node: exp.Expr) -> None:
        sides = [node.this, node.args.get("expression")]
        for side in sides:
            if side is not None and side.find(*_NOT_STRICT) is None:
                self.rejected.update(self.attribute(column) for column in side.find_all(exp.Column))

    def _using(self, join: exp.Join, alias: str) -> None:
        for name in join.args.get("using") or ():
            for other, source in self.sources.items():
                if other == alias:
                    break
                if name.name.lower() in source.columns:
                    one, two = f"{other}.{name.name.lower()}", f"{alias}.{name.name.lower()}"
                    self._dependencies += [(frozenset({one}), two), (frozenset({two}), one)]
                    self.rejected |= {one, two}

    def _optional_join(self, join: exp.Join, alias: str) -> None:
        """LEFT JOIN on a whole key of the right side: the left side's columns determine the right side's row."""
        given: set[str] = set()
        covered: set[str] = set()
        for condition in conjuncts(join.args.get("on")):
            if not isinstance(condition, exp.EQ):
                return
            names = [self.attribute(condition.this), self.attribute(condition.expression)]
            own = [name for name in names if name.startswith(alias + ".")]
            rest = [name for name in names if not name.startswith(alias + ".")]
            if len(own) != 1:
                return
            covered.add(own[0])
            given.update(name for name in rest if name)
        source = self.sources[alias]
        if any({f"{alias}.{column}" for column in key} <= covered for key in source.keys):
            self._dependencies += [(frozenset(given), f"{alias}.{column}") for column in source.columns]
