"""Mistakes in what rows are kept: comparisons, conditions, joins, membership, NULL."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from data.suite.mutation.edits import Edit, Node, replaced, without

_SHIFTS: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.LT: (exp.LTE, exp.GT, exp.NEQ),
    exp.LTE: (exp.LT, exp.GTE, exp.EQ),
    exp.GT: (exp.GTE, exp.LT, exp.NEQ),
    exp.GTE: (exp.GT, exp.LTE, exp.EQ),
    exp.EQ: (exp.NEQ, exp.GTE, exp.LTE),
    exp.NEQ: (exp.EQ, exp.GT, exp.LT),
}
_NEGATABLE = (exp.In, exp.Exists, exp.Like, exp.Glob, exp.Between, exp.Is)
MAX_LIST_ITEMS = 6


def predicates(node: Node) -> Iterator[Edit]:
    """Edits of `node` itself."""
    if type(node) in _SHIFTS:
        yield from _comparison(node)
    if isinstance(node, (exp.And, exp.Or)):
        yield from _connector(node)
    if isinstance(node, exp.Where):
        yield Edit("where lost", node, lambda twin: twin.pop())
    if isinstance(node, exp.Having):
        yield Edit("having lost", node, lambda twin: twin.pop())
        if node.this.find(exp.AggFunc) is None:
            assert node.parent is not None
            yield Edit("having moved to where", node.parent, _having_to_where)
    if isinstance(node, exp.Not):
        kind = "is not null to is null" if isinstance(node.this, exp.Is) else "not lost"
        yield replaced(kind, node, _inner(node))
    if isinstance(node, _NEGATABLE) and not isinstance(_outer(node), exp.Not):
        kind = "is null to is not null" if isinstance(node, exp.Is) else "not added"
        yield replaced(kind, node, exp.Not(this=exp.Paren(this=node.copy())))
    if isinstance(node, exp.Between):
        yield from _between(node)
    if isinstance(node, exp.In) and 2 <= len(node.expressions) <= MAX_LIST_ITEMS:
        for index in range(len(node.expressions)):
            shorter = node.copy()
            shorter.set("expressions", [e.copy() for i, e in enumerate(node.expressions) if i != index])
            yield replaced("list item lost", node, shorter)
    if isinstance(node, exp.Join):
        yield from _join(node)


def _inner(node: exp.Not) -> Node:
    inner: Node = node.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    return inner


def _outer(node: Node) -> Node | None:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return parent


def _comparison(node: Node) -> Iterator[Edit]:
    shifts = _SHIFTS[type(node)]
    if isinstance(node, exp.EQ) and isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column):
        shifts = (exp.NEQ,)  # a join key: ranges there are nobody's mistake
    for other in shifts:
        yield replaced("comparison", node, other(this=node.this.copy(), expression=node.expression.copy()))


def _connector(node: exp.And | exp.Or) -> Iterator[Edit]:
    what = "conjunct" if isinstance(node, exp.And) else "disjunct"
    # With a chain a AND b AND c the tree is (a AND b) AND c: each part is lost by one edit of its own.
    yield replaced(f"{what} lost", node, node.left)
    if not isinstance(node.left, type(node)):
        yield replaced(f"{what} lost", node, node.right)
    else:
        yield (
            replaced(f"{what} lost", node.left, node.left.right)
            if isinstance(node.left.left, type(node))
            else (replaced(f"{what} lost", node, node.right))
        )
    other = exp.Or if isinstance(node, exp.And) else exp.And
    swapped = other(this=exp.Paren(this=node.left.copy()), expression=exp.Paren(this=node.right.copy()))
    yield replaced("and to or" if isinstance(node, exp.And) else "or to and", node, exp.Paren(this=swapped))


def _having_to_where(twin: Node) -> None:
    having = twin.args["having"]
    where = twin.args.get("where")
    condition = having.this.copy()
    twin.set("having", None)
    if where is not None:
        condition = exp.And(this=exp.Paren(this=where.this.copy()), expression=exp.Paren(this=condition))
    twin.set("where", exp.Where(this=condition))


def _between(node: exp.Between) -> Iterator[Edit]:
    value, low, high = node.this, node.args["low"], node.args["high"]

    def both(above: type[exp.Binary], below: type[exp.Binary]) -> Node:
        return exp.Paren(
            this=exp.And(
                this=above(this=value.copy(), expression=low.copy()),
                expression=below(this=value.copy(), expression=high.copy()),
            )
        )

    yield replaced("between without its low end", node, both(exp.GT, exp.LTE))
    yield replaced("between without its high end", node, both(exp.GTE, exp.LT))
    yield replaced("between lost its high bound", node, exp.GTE(this=value.copy(), expression=low.copy()))
    yield replaced("between lost its low bound", node, exp.LTE(this=value.copy(), expression=high.copy()))


def _join(node: exp.Join) -> Iterator[Edit]:
    side, kind = node.side.upper(), node.kind.upper()
    keyed = node.args.get("on") is not None or node.args.get("using")
    if side == "LEFT":
        yield without("left to inner join", node, "side", "kind")
        on = node.args.get("on")
        if isinstance(on, exp.And):
            yield Edit("join condition moved to where", node, _on_to_where)
    elif not side and kind in ("", "INNER") and keyed:
        yield Edit("inner to left join", node, _to_left)
    select = node.parent
    if isinstance(select, exp.Select) and not _used(select, node):
        yield Edit("join lost", node, lambda twin: twin.pop())


def _to_left(twin: Node) -> None:
    twin.set("kind", None)
    twin.set("side", "LEFT")


def _on_to_where(twin: Node) -> None:
    """`LEFT JOIN b ON key AND condition` to `… ON key WHERE condition`, which drops the unmatched rows."""
    on, select = twin.args["on"], twin.parent
    assert isinstance(select, exp.Select)
    condition = on.right.copy()
    twin.set("on", on.left.copy())
    where = select.args.get("where")
    if where is not None:
        condition = exp.And(this=exp.Paren(this=where.this.copy()), expression=exp.Paren(this=condition))
    select.set("where", exp.Where(this=condition))


def _used(select: exp.Select, join: exp.Join) -> bool:
    """Whether anything outside the join itself names its source; unqualified names may, so they count."""
    alias = join.alias_or_name.lower()
    if select.find(exp.Star) is not None and any(isinstance(e, (exp.Star, exp.Column)) for e in select.expressions):
        return True
    for column in select.find_all(exp.Column):
        if column.table.lower() in ("", alias) and column.find_ancestor(exp.Join) is not join:
            return True
    return False
