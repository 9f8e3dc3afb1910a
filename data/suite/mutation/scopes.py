"""Which columns a SELECT sees: its sources by alias, with what is declared about each column."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from sqlenv.sqlite.schema import Schema

UNKNOWN = ""
"""The family of a column that is computed, not stored."""


@dataclass(frozen=True, slots=True)
class Visible:
    """A column as one SELECT sees it. `table` is the stored table, "" for a column of a subquery or CTE."""

    alias: str
    name: str
    family: str
    table: str = ""

    def node(self) -> exp.Column:
        """A reference to it that can't mean anything else."""
        name = exp.to_identifier(self.name, quoted=True)
        return exp.Column(this=name, table=exp.to_identifier(self.alias, quoted=True))


def family(declared: str) -> str:
    """Columns of the same family can be confused: "number", "date" or "text"."""
    upper = declared.upper()
    if any(word in upper for word in ("INT", "REAL", "NUM", "DEC", "FLO", "DOUB", "BOOL")):
        return "number"
    return "date" if "DATE" in upper or "TIME" in upper else "text"


class Scopes:
    """Resolves columns of one query. Names are compared in lower case."""

    def __init__(self, root: exp.Expr, schema: Schema) -> None:
        self._schema = schema
        self._ctes = {cte.alias.lower(): cte for cte in root.find_all(exp.CTE)}
        self._known: dict[int, dict[str, tuple[Visible, ...]]] = {}

    def sources(self, select: exp.Select) -> dict[str, tuple[Visible, ...]]:
        """Columns by alias, in the order of FROM and JOIN."""
        known = self._known.get(id(select))
        if known is None:
            known = self._known[id(select)] = {}
            origin = select.args.get("from_")
            items = [origin.this] if origin is not None else []
            items += [join.this for join in select.args.get("joins") or ()]
            for item in items:
                alias = item.alias_or_name
                known[alias.lower()] = self._columns(item, alias)
        return known

    def table_of(self, item: exp.Expr) -> str:
        """The stored table that a FROM item is, by its name in the schema; "" if it is none."""
        if not isinstance(item, exp.Table) or item.name.lower() in self._ctes:
            return ""
        table = self._schema.find(item.name)
        return table.name if table is not None else ""

    def item(self, select: exp.Select, alias: str) -> exp.Expr | None:
        """The FROM item of this alias."""
        origin = select.args.get("from_")
        items = [origin.this] if origin is not None else []
        items += [join.this for join in select.args.get("joins") or ()]
        return next((item for item in items if item.alias_or_name.lower() == alias.lower()), None)

    def query_of(self, item: exp.Expr) -> exp.Expr | None:
        """The query that a FROM item is, where it is a subquery or a CTE."""
        if isinstance(item, exp.Table) and item.name.lower() in self._ctes:
            query = self._ctes[item.name.lower()].this
        else:
            query = item.this if isinstance(item, exp.Subquery) else None
        return query if isinstance(query, exp.Expr) else None

    def resolve(self, column: exp.Column) -> tuple[exp.Select, Visible] | None:
        """The SELECT whose source a reference means, and the column; None where it isn't known."""
        select = column.find_ancestor(exp.Select)
        name, qualifier = column.name.lower(), column.table.lower()
        while select is not None:
            for alias, columns in self.sources(select).items():
                if qualifier in ("", alias):
                    for visible in columns:
                        if visible.name.lower() == name:
                            return select, visible
            select = _outer(select)
        return None

    def _columns(self, item: exp.Expr, alias: str) -> tuple[Visible, ...]:
        stored = self.table_of(item)
        if stored:
            table = self._schema.find(stored)
            assert table is not None
            return tuple(Visible(alias, c.name, family(c.type), table.name) for c in table.columns)
        if isinstance(item, exp.Table) and item.name.lower() in self._ctes:
            names = self._ctes[item.name.lower()].args["alias"].columns
            if names:
                return tuple(Visible(alias, name.name, UNKNOWN) for name in names)
        query = self.query_of(item)
        while isinstance(query, (exp.SetOperation, exp.Subquery)):
            query = query.this
        if not isinstance(query, exp.Select):
            return ()
        return tuple(
            Visible(alias, each.alias_or_name, UNKNOWN)
            for each in query.expressions
            if each.alias_or_name not in ("", "*")
        )


def _outer(select: exp.Select) -> exp.Select | None:
    """The query around one that its names may come from: a FROM item or CTE doesn't see those it stands beside."""
    node: exp.Expr = select
    skipped = False
    while node.parent is not None:
        parent = node.parent
        skipped = (
            skipped
            or isinstance(parent, exp.CTE)
            or (isinstance(parent, (exp.From, exp.Join)) and node.arg_key == "this")
        )
        if isinstance(parent, exp.Select):
            return _outer(parent) if skipped else parent
        node = parent
    return None
