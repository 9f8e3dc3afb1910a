"""What a query asks of the data: which values matter in which column, which columns meet, how large groups must be.

Instances drawn without it would mostly give empty results: `WHERE name = 'Brazil' AND year = 2022` picks no row of a
random database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from data.suite.mutants import parse
from data.suite.mutation.scopes import Scopes
from sqlenv.sqlite.schema import Schema

Place = tuple[str, str]
"""Table and column, in lower case."""

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant that a column is compared with. `pattern`: by LIKE or GLOB. `text`: as written, without quotes."""

    text: str
    is_text: bool
    pattern: bool = False


@dataclass(slots=True)
class Hints:
    """What matters to one query, or to several."""

    tables: set[str] = field(default_factory=set)
    constants: dict[Place, list[Constant]] = field(default_factory=dict)
    links: list[tuple[Place, Place]] = field(default_factory=list)
    sizes: set[int] = field(default_factory=set)
    case_matters: set[Place] = field(default_factory=set)
    nulls: set[Place] = field(default_factory=set)
    columns: set[Place] = field(default_factory=set)

    def merge(self, other: Hints) -> None:
        """Takes what matters to another query too, group sizes excepted: they make instances large."""
        self.tables |= other.tables
        self.columns |= other.columns
        self.case_matters |= other.case_matters
        self.nulls |= other.nulls
        self.links += [link for link in other.links if link not in self.links]
        for place, constants in other.constants.items():
            known = self.constants.setdefault(place, [])
            known += [constant for constant in constants if constant not in known]


def read_hints(sql: str, schema: Schema) -> Hints:
    """The hints of one query; empty but for nothing where it can't be read."""
    tree = parse(sql)
    hints = Hints()
    if tree is None:
        hints.tables = {name.lower() for name in schema.names}
        return hints
    reader = _Reader(tree, schema)
    for item in tree.find_all(exp.Table):
        name = reader.scopes.table_of(item)
        if name:
            hints.tables.add(name.lower())
    for node in tree.walk():
        reader.read(node, hints)
    return hints


class _Reader:
    def __init__(self, tree: exp.Expr, schema: Schema) -> None:
        self.scopes = Scopes(tree, schema)
        self._ctes = {cte.alias.lower(): cte.this for cte in tree.find_all(exp.CTE)}

    def read(self, node: exp.Expr, hints: Hints) -> None:
        if isinstance(node, exp.Column):
            hints.columns.update(self._stored(node))
        elif isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            hints.nulls.update(self._places([node.this]))
        elif isinstance(node, _COMPARISONS):
            self._compare(node.this, [node.expression], hints)
        elif isinstance(node, exp.Between):
            self._compare(node.this, [node.args["low"], node.args["high"]], hints)
        elif isinstance(node, exp.In):
            self._compare(node.this, node.expressions, hints)
            query = node.args.get("query")
            if query is not None:
                self._link(self._places([node.this]), self._output(query.this), hints)
        elif isinstance(node, (exp.Like, exp.Glob)):
            self._pattern(node, hints)
        elif isinstance(node, exp.SetOperation):
            self._link(self._output(node.this), self._output(node.expression), hints)
        elif isinstance(node, exp.Sub):
            self._link(self._places([node.this]), self._places([node.expression]), hints)
        elif isinstance(node, exp.Join):
            for name in node.args.get("using") or ():
                found = [
                    (column.table.lower(), column.name.lower())
                    for columns in self.scopes.sources(node.parent).values()  # type: ignore[arg-type]
                    for column in columns
                    if column.table and column.name.lower() == name.name.lower()
                ]
                self._link(found[:1], found[1:], hints)

    def _compare(self, left: exp.Expr, right: list[exp.Expr], hints: Hints) -> None:
        for one, others in ((left, right), *((other, [left]) for other in right)):
            constants = list(_literals(others))
            if any(one.find(kind) is not None for kind in (exp.Count,)) or _counts(one):
                hints.sizes.update(int(c.text) for c in constants if c.text.isdigit())
            places = self._places([one])
            for place in places:
                known = hints.constants.setdefault(place, [])
                known += [constant for constant in constants if constant not in known]
                if one.find(exp.Lower, exp.Upper) is not None:
                    hints.case_matters.add(place)
        self._link(self._places([left]), self._places(right), hints)

    def _pattern(self, node: exp.Expr, hints: Hints) -> None:
        for place in self._places([node.this]):
            known = hints.constants.setdefault(place, [])
            known += [Constant(c.text, True, True) for c in _literals([node.expression])]
            hints.case_matters.add(place)

    def _link(self, left: Iterable[Place], right: Iterable[Place], hints: Hints) -> None:
        for one in left:
            for other in right:
                if one != other and (one, other) not in hints.links:
                    hints.links.append((one, other))

    def _places(self, nodes: list[exp.Expr]) -> list[Place]:
        found: dict[Place, None] = {}
        for node in nodes:
            query = node.this if isinstance(node, exp.Subquery) else None
            if query is not None:
                found.update(dict.fromkeys(self._output(query)))
                continue
            for column in node.find_all(exp.Column):
                if column.find_ancestor(exp.Count) is None:
                    found.update(dict.fromkeys(self._stored(column)))
        return list(found)

    def _stored(self, column: exp.Column, depth: int = 0) -> list[Place]:
        """The stored columns behind a reference, through subqueries and CTEs."""
        resolved = self.scopes.resolve(column)
        if resolved is None or depth > 5:
            return []
        select, visible = resolved
        if visible.table:
            return [(visible.table.lower(), visible.name.lower())]
        query = self._query(select, visible.alias)
        while isinstance(query, (exp.SetOperation, exp.Subquery)):
            query = query.this
        found: list[Place] = []
        if isinstance(query, exp.Select):
            for item in query.expressions:
                if item.alias_or_name.lower() == visible.name.lower():
                    for inner in item.find_all(exp.Column):
                        found += self._stored(inner, depth + 1)
        return found

    def _query(self, select: exp.Select, alias: str) -> exp.Expr | None:
        origin = select.args.get("from_")
        items = [origin.this] if origin is not None else []
        items += [join.this for join in select.args.get("joins") or ()]
        for item in items:
            if item.alias_or_name.lower() == alias.lower():
                return item.this if isinstance(item, exp.Subquery) else self._ctes.get(item.name.lower())
        return None

    def _output(self, query: exp.Expr | None) -> list[Place]:
        while isinstance(query, (exp.SetOperation, exp.Subquery)):
            query = query.this
        if not isinstance(query, exp.Select) or len(query.expressions) != 1:
            return []
        return [place for column in query.expressions[0].find_all(exp.Column) for place in self._stored(column)]


def _counts(node: exp.Expr) -> bool:
    """A computed name, say `n`, that may stand for a count: its constants may be sizes of groups."""
    return isinstance(node, exp.Column) and node.name.lower() in {"n", "cnt", "count", "total", "visits", "place"}


def _literals(nodes: list[exp.Expr]) -> Iterator[Constant]:
    for node in nodes:
        if isinstance(node, exp.Column) and not node.table and node.this.args.get("quoted"):
            yield Constant(node.name, True)  # "text in double quotes", which SQLite takes for text
        for literal in node.find_all(exp.Literal):
            if literal.find_ancestor(exp.Subquery) is None or node.find_ancestor(exp.Subquery) is not None:
                negative = isinstance(literal.parent, exp.Neg)
                yield Constant(("-" if negative else "") + str(literal.this), bool(literal.is_string))
