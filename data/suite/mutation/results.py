"""Mistakes in what is made of the rows: DISTINCT, aggregates, groups, order, limit, set operations, windows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from data.suite.mutation.edits import Edit, Node, drops_duplicates, is_membership, replaced, without
from data.suite.mutation.scopes import Scopes

_AGGREGATES: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.Min: (exp.Max,),
    exp.Max: (exp.Min, exp.Sum),
    exp.Sum: (exp.Avg, exp.Max, exp.Count),
    exp.Avg: (exp.Sum, exp.Max),
}
_RANKS = ("ROW_NUMBER", "RANK", "DENSE_RANK")
_SET_OPERATIONS: tuple[type[exp.SetOperation], ...] = (exp.Union, exp.Intersect, exp.Except)
MAX_COUNTED = 3
"""Columns that COUNT(*) is confused with."""


def results(node: Node, scopes: Scopes) -> Iterator[Edit]:
    """Edits of `node` itself."""
    if isinstance(node, exp.Select):
        yield from _select(node)
    if isinstance(node, exp.SetOperation):
        yield from _set_operation(node)
    if isinstance(node, (exp.Select, exp.SetOperation)):
        yield from _window_of_rows(node)
    if isinstance(node, exp.Count):
        yield from _count(node, scopes)
    if type(node) in _AGGREGATES and not node.expressions:
        yield from _aggregate(node)
    elif isinstance(node, (exp.Min, exp.Max)):  # of several values in one row
        other = exp.Max if isinstance(node, exp.Min) else exp.Min
        yield replaced(
            "aggregate", node, other(this=node.this.copy(), expressions=[e.copy() for e in node.expressions])
        )
    if isinstance(node, exp.Window):
        yield from _window(node)


def _select(node: exp.Select) -> Iterator[Edit]:
    if not is_membership(node) and not drops_duplicates(node):
        if node.args.get("distinct") is not None:
            yield without("distinct lost", node, "distinct")
        else:
            yield Edit("distinct added", node, lambda twin: twin.set("distinct", exp.Distinct()))
    group = node.args.get("group")
    if group is not None and group.expressions:
        having = node.args.get("having")
        if having is None:
            yield without("group by lost", node, "group")
        if len(group.expressions) > 1:
            for expression in group.expressions:
                yield Edit("group by column lost", expression, lambda twin: twin.pop())


def _window_of_rows(node: exp.Select | exp.SetOperation) -> Iterator[Edit]:
    """ORDER BY, LIMIT and OFFSET."""
    limit, offset, order = node.args.get("limit"), node.args.get("offset"), node.args.get("order")
    for name, clause in (("limit", limit), ("offset", offset)):
        if clause is None:
            continue
        names = ("limit", "offset") if name == "limit" else ("offset",)
        yield without(f"{name} lost", node, *names)
        number = clause.expression
        if isinstance(number, exp.Literal) and not number.is_string and number.this.isdigit():
            for value in (int(number.this) - 1, int(number.this) + 1):
                if value >= (1 if name == "limit" else 0):
                    yield replaced(name, number, exp.Literal.number(value))
    counts = node.parent is None or limit is not None
    if order is None or not counts or (is_membership(node) and limit is None):
        return
    terms = order.expressions
    yield without("order by lost", node, "order")
    for term in terms:
        yield Edit("sort direction", term, _flip)
        if len(terms) > 1:
            yield Edit("sort key lost", term, lambda twin: twin.pop())
    if len(terms) > 1:
        yield Edit("sort keys swapped", order, _swap_terms)


def _flip(twin: Node) -> None:
    descending = not twin.args.get("desc")
    twin.set("desc", descending)
    # SQLite's NULLs are smallest; leaving the flag would write NULLS FIRST or LAST out.
    twin.set("nulls_first", not descending)


def _swap_terms(twin: Node) -> None:
    first, second, *rest = [term.copy() for term in twin.expressions]
    twin.set("expressions", [second, first, *rest])


def _set_operation(node: exp.SetOperation) -> Iterator[Edit]:
    if isinstance(node, exp.Union) and not is_membership(node):
        kind = "union to union all" if node.args.get("distinct") else "union all to union"
        yield Edit(kind, node, lambda twin: twin.set("distinct", not twin.args.get("distinct")))
    clauses = {name: node.args[name].copy() for name in ("order", "limit", "offset", "with_") if node.args.get(name)}
    for other in _SET_OPERATIONS:
        if not isinstance(node, other):
            changed = other(this=node.this.copy(), expression=node.expression.copy(), distinct=True)
            for name, clause in clauses.items():
                changed.set(name, clause.copy())
            yield replaced("set operation", node, changed)
    if isinstance(node, exp.Except):
        yield Edit("except sides swapped", node, _swap_sides)
    for side in (node.this, node.expression):
        alone = side.copy()
        if isinstance(alone, (exp.Select, exp.SetOperation)):
            for name, clause in clauses.items():
                alone.set(name, clause.copy())
        yield replaced("set operation lost a side", node, alone)


def _swap_sides(twin: Node) -> None:
    left, right = twin.this.copy(), twin.expression.copy()
    twin.set("this", right)
    twin.set("expression", left)


def _count(node: exp.Count, scopes: Scopes) -> Iterator[Edit]:
    counted = node.this
    if isinstance(counted, exp.Distinct):
        if len(counted.expressions) == 1:
            yield replaced("count distinct to count", node, exp.Count(this=counted.expressions[0].copy()))
        yield replaced("count distinct to count(*)", node, exp.Count(this=exp.Star()))
        return
    if not isinstance(counted, exp.Star):
        yield replaced("count to count(*)", node, exp.Count(this=exp.Star()))
        distinct = exp.Distinct(expressions=[counted.copy()])
        yield replaced("count to count distinct", node, exp.Count(this=distinct))
        return
    select = node.find_ancestor(exp.Select)
    if select is None or isinstance(node.parent, exp.Window):
        return
    for columns in scopes.sources(select).values():
        # The first is mostly the key: counting it is the same, which the proofs know. Later ones may be NULL.
        for column in columns[1 : 1 + MAX_COUNTED]:
            yield replaced("count(*) to count", node, exp.Count(this=column.node()))
        for column in columns[:2]:
            distinct = exp.Distinct(expressions=[column.node()])
            yield replaced("count(*) to count distinct", node, exp.Count(this=distinct))


def _aggregate(node: Node) -> Iterator[Edit]:
    for other in _AGGREGATES[type(node)]:
        yield replaced("aggregate", node, other(this=node.this.copy()))
    if isinstance(node, (exp.Sum, exp.Avg)) and not isinstance(node.parent, exp.Window):
        kind = type(node)
        if isinstance(node.this, exp.Distinct):
            yield replaced("distinct lost in aggregate", node, kind(this=node.this.expressions[0].copy()))
        else:
            distinct = exp.Distinct(expressions=[node.this.copy()])
            yield replaced("distinct added in aggregate", node, kind(this=distinct))


def _window(node: exp.Window) -> Iterator[Edit]:
    if node.args.get("partition_by"):
        yield Edit("window partition lost", node, lambda twin: twin.set("partition_by", None))
    order = node.args.get("order")
    if order is not None:
        for term in order.expressions:
            yield Edit("window sort direction", term, _flip)
    name = node.this.sql("sqlite").split("(")[0].upper()
    if name in _RANKS:
        for other in _RANKS:
            if other != name:
                yield replaced("window function", node.this, exp.Anonymous(this=other))
    swapped = {"LAG": exp.Lead, "LEAD": exp.Lag}.get(name)
    if swapped is not None:
        yield replaced("window function", node.this, swapped(**{k: v for k, v in node.this.args.items() if v}))
