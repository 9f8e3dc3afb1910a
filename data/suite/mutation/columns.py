"""Mistakes in which column is meant: another of its type, in the select list, conditions, keys, groups, order."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from data.suite.mutation.edits import Edit, Node, is_exists, replaced
from data.suite.mutation.scopes import Scopes, Visible

MAX_OTHERS = 3
"""Columns that one reference is confused with."""


def columns(node: Node, scopes: Scopes) -> Iterator[Edit]:
    """Edits of `node` itself."""
    if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
        yield from _other_column(node, scopes)
    if isinstance(node, exp.Group) and isinstance(node.parent, exp.Select):
        yield from _extra_group(node, node.parent, scopes)


def _other_column(node: exp.Column, scopes: Scopes) -> Iterator[Edit]:
    found = scopes.resolve(node)
    if found is None:
        return
    select, meant = found
    home = node.find_ancestor(exp.Select)
    if home is not None and is_exists(home) and node.parent is home:
        return
    for other in _confusable(meant, scopes.sources(select)):
        yield replaced(_kind(node), node, other.node())


def _kind(node: exp.Column) -> str:
    if node.find_ancestor(exp.Join, exp.Select).__class__ is exp.Join:
        return "join key"
    clause = node.find_ancestor(exp.Where, exp.Having, exp.Group, exp.Ordered, exp.Select)
    names: dict[type[object], str] = {
        exp.Where: "condition's column",
        exp.Having: "having's column",
        exp.Group: "group by other column",
        exp.Ordered: "sort key",
    }
    return names.get(type(clause), "selected column")


def _confusable(meant: Visible, sources: dict[str, tuple[Visible, ...]]) -> list[Visible]:
    """The same name in other sources first, then neighbours of the same family, nearest first."""
    namesakes = [
        column
        for columns in sources.values()
        for column in columns
        if column.name.lower() == meant.name.lower() and column.alias.lower() != meant.alias.lower()
    ]
    own = sources[meant.alias.lower()]
    at = own.index(meant)
    near = sorted(
        (column for column in own if column is not meant and column.family == meant.family),
        key=lambda column: (abs(own.index(column) - at), own.index(column)),
    )
    return namesakes[:MAX_OTHERS] + near[: max(1, MAX_OTHERS - len(namesakes))]


def _extra_group(node: exp.Group, select: exp.Select, scopes: Scopes) -> Iterator[Edit]:
    named = {column.sql("sqlite").lower() for column in node.find_all(exp.Column)}
    for columns in scopes.sources(select).values():
        extra = [c for c in columns if c.name.lower() not in {text.split(".")[-1].strip('"') for text in named}]
        for column in extra[:1] + extra[-1:]:

            def change(twin: Node, column: Visible = column) -> None:
                twin.append("expressions", column.node())

            yield Edit("group by extra column", node, change, column.node())
