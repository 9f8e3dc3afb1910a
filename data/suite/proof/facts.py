"""What holds of the rows of one SELECT: which are unique, which columns are never NULL, whether there is more than one.

See `data.suite.proof.relations` for what that is worked out from.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from sqlglot import exp

from data.suite.mutation.scopes import Scopes
from data.suite.profile import Profile
from data.suite.proof.nodes import bare, is_aggregated
from data.suite.proof.relations import Relations, Source


class Facts(Relations):
    """The facts of one SELECT."""

    def __init__(
        self,
        select: exp.Select,
        scopes: Scopes,
        profile: Profile,
        ignored: exp.Expr | None = None,
        matched: frozenset[str] = frozenset(),
    ) -> None:
        self._profile = profile
        super().__init__(select, scopes, ignored, matched)

    def term(self, node: exp.Expr, columns_first: bool) -> exp.Expr:
        """The expression that a term of GROUP BY (columns first) or ORDER BY (aliases first) stands for."""
        node = bare(node)
        items = self.select.expressions
        if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
            place = int(node.this) - 1
            return bare(items[place]) if place < len(items) else node
        if isinstance(node, exp.Column) and not node.table:
            resolves = self._scopes.resolve(node) is not None
            for item in items:
                if isinstance(item, exp.Alias) and item.alias.lower() == node.name.lower():
                    return node if columns_first and resolves else bare(item.this)
        return node

    @cached_property
    def group(self) -> list[exp.Expr] | None:
        """The expressions of GROUP BY; [] for aggregates without one, None where there are no groups."""
        if not is_aggregated(self.select):
            return None
        group = self.select.args.get("group")
        return [self.term(e, True) for e in group.expressions] if group is not None else []

    def identifies(self, given: Iterable[exp.Expr | str]) -> bool:
        """Whether the given expressions tell every row of the FROM clause from every other."""
        known = self.closure(given)
        return bool(self.sources) and all(
            any({f"{alias}.{column}" for column in key} <= known for key in source.keys)
            for alias, source in self.sources.items()
        )

    def never_null(self, node: exp.Expr) -> bool:
        """Whether an expression is surely NULL in no row: a column, a conversion of one, an aggregate of a group."""
        node = bare(node)
        if isinstance(node, (exp.Count, exp.Literal)):
            return True
        if isinstance(node, (exp.Sum, exp.Avg, exp.Min, exp.Max)) and not node.expressions:
            return bool(self.group) and self.never_null(node.this)  # a group has a row at least
        if isinstance(node, exp.Cast):
            return self.never_null(node.this)
        name = self.attribute(node)
        if not isinstance(node, exp.Column) or "." not in name or name.startswith("?"):
            return False
        alias, column = name.split(".", 1)
        if name in self.rejected:
            return True
        source = self.sources.get(alias)
        return source is not None and alias not in self.optional and not source.columns.get(column, True)

    def one_row(self) -> bool:
        """Whether the SELECT gives one row at most, its LIMIT aside."""
        if self.group is not None:
            known = self.closure([])
            return all(self.determined(e, known) for e in self.group)
        return self.select.args.get("from_") is None or self.identifies([])

    def distinct_rows(self) -> bool:
        """Whether the SELECT gives no row twice, DISTINCT aside."""
        if self.one_row():
            return True
        items = [bare(item) for item in self.select.expressions]
        if any(isinstance(item, exp.Star) for item in items):
            return self.group is None
        columns = [item for item in items if isinstance(item, exp.Column)]
        stars = {column.table.lower() for column in columns if isinstance(column.this, exp.Star)}
        given: list[exp.Expr | str] = list(items)
        for alias in sorted(stars & self.sources.keys()):
            given += [f"{alias}.{column}" for column in self.sources[alias].columns]
        if self.group is not None:
            known = self.closure(given)
            texts = {item.sql("sqlite").lower() for item in items}
            return all(self.determined(e, known) or e.sql("sqlite").lower() in texts for e in self.group)
        return self.identifies(given)

    def _source(self, item: exp.Expr) -> Source:
        name = self._scopes.table_of(item)
        table = self._profile.tables.get(name.lower()) if name else None
        if table is not None:
            nullable = {column.name: not column.not_null for column in table.columns}
            keys = tuple(key for key in table.keys if not any(nullable[column] for column in key))
            return Source(nullable, keys, name.lower())
        query = self._scopes.query_of(item)
        visible = {v.name.lower(): True for v in self._scopes.sources(self.select).get(item.alias_or_name.lower(), ())}
        if not isinstance(query, exp.Select) or any(isinstance(bare(e), exp.Star) for e in query.expressions):
            keys = (frozenset(visible),) if isinstance(query, exp.SetOperation) and query.args.get("distinct") else ()
            return Source(visible, keys)
        inner = Facts(query, self._scopes, self._profile)
        names = [e.alias_or_name.lower() for e in query.expressions]
        if len(names) != len(visible) or set(names) != set(visible):
            return Source(visible, ())
        columns = {name: not inner.never_null(e) for name, e in zip(names, query.expressions, strict=True)}
        return Source(columns, inner.output_keys(names))

    def output_keys(self, names: list[str]) -> tuple[frozenset[str], ...]:
        """Keys of the SELECT's own result, by the names of its columns."""
        limit = self.select.args.get("limit")
        if self.one_row() or (limit is not None and limit.expression.sql() == "1"):
            return (frozenset(),)
        if self.select.args.get("distinct") is not None and not self.distinct_rows():
            return (frozenset(names),)
        if not self.distinct_rows():
            return ()
        items = dict(zip(names, map(bare, self.select.expressions), strict=True))
        key = dict(items)
        for name in names:  # leave out what isn't needed
            fewer = {other: item for other, item in key.items() if other != name}
            known = self.closure(fewer.values())
            texts = {item.sql("sqlite").lower() for item in fewer.values()}
            if self.group is not None:
                enough = all(self.determined(e, known) or e.sql("sqlite").lower() in texts for e in self.group)
            else:
                enough = self.identifies(fewer.values())
            if enough:
                key = fewer
        return (frozenset(key),)
