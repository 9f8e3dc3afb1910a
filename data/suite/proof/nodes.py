"""Small questions about a query's tree that proofs ask."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp


def conjuncts(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """The parts of a AND b AND c."""
    if isinstance(node, exp.Paren):
        yield from conjuncts(node.this)
    elif isinstance(node, exp.And):
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    elif node is not None:
        yield node


def bare(node: exp.Expr) -> exp.Expr:
    """An expression without alias and parentheses around it."""
    while isinstance(node, (exp.Alias, exp.Paren)):
        node = node.this
    return node


def is_aggregated(select: exp.Select) -> bool:
    """Whether the SELECT makes groups, one or more."""
    return select.args.get("group") is not None or any(
        aggregate.find_ancestor(exp.Select) is select and not isinstance(aggregate.parent, exp.Window)
        for item in (*select.expressions, select.args.get("having"), select.args.get("order"))
        if item is not None
        for aggregate in item.find_all(exp.AggFunc)
        if not (isinstance(aggregate, (exp.Min, exp.Max)) and aggregate.expressions)
    )
