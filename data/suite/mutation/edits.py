"""What a mutation is: a change to one node of a query's tree, done on a copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

Node = exp.Expr


@dataclass(frozen=True, slots=True)
class Edit:
    """A mutation before it is written out. `change` is given the twin of `node` in a copy of the tree.

    The twin always has a parent, so that `twin.replace(...)` works at the root too.
    """

    kind: str
    node: Node
    change: Callable[[Node], object]
    new: Node | None = None  # what comes in the place of `node`, where it is replaced as a whole


def replaced(kind: str, node: Node, new: Node) -> Edit:
    """The edit that puts `new` in the place of `node`."""
    return Edit(kind, node, lambda twin: twin.replace(new.copy()), new)


def without(kind: str, node: Node, *names: str) -> Edit:
    """The edit that takes clauses off `node`."""

    def change(twin: Node) -> None:
        for name in names:
            twin.set(name, None)

    return Edit(kind, node, change)


def apply(root: Node, edit: Edit) -> str:
    """The mutant's SQL."""
    path: list[tuple[str, int | None]] = []
    node = edit.node
    while node is not root:
        assert node.parent is not None
        assert node.arg_key is not None
        path.append((node.arg_key, node.index))
        node = node.parent
    twin = root.copy()
    holder = exp.Subquery(this=twin)
    for key, index in reversed(path):
        child = twin.args[key]
        twin = child if index is None else child[index]
    edit.change(twin)
    body = holder.this
    assert isinstance(body, exp.Expr)
    return body.sql("sqlite")


def enclosing_select(node: Node) -> exp.Select | None:
    """The SELECT whose clause holds `node`."""
    return node.find_ancestor(exp.Select)


def is_membership(query: Node) -> bool:
    """True where only membership in the query's result counts: within IN (…) and EXISTS (…).

    How often a row comes, and in which order, is then of no consequence.
    """
    node = query
    while isinstance(node.parent, (exp.Subquery, exp.SetOperation)):
        node = node.parent
        if node.args.get("limit") is not None:
            return False
    parent = node.parent
    return isinstance(parent, exp.Exists) or (isinstance(parent, exp.In) and node.arg_key == "query")


def drops_duplicates(query: Node) -> bool:
    """True where rows that come twice are made one behind the query anyway: in a set operation but UNION ALL."""
    node = query
    while isinstance(node.parent, exp.Subquery):
        node = node.parent
    parent = node.parent
    if not isinstance(parent, exp.SetOperation) or query.args.get("limit") is not None:
        return False
    return bool(parent.args.get("distinct")) or not isinstance(parent, exp.Union)


def is_exists(query: Node) -> bool:
    """True where the query's select list is of no consequence."""
    node = query
    while isinstance(node.parent, exp.Subquery):
        node = node.parent
    return isinstance(node.parent, exp.Exists)
