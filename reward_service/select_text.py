"""The parts of a SELECT's text: its select lists, ORDER BY terms, LIMIT and OFFSET, with their places in the text.

sqlglot's tokenizer splits the text; only tokens outside all parentheses count, so that "order by" in a subquery, a
window or a string is none of ours. Its parser checks the split: where the two disagree, the SQL is unreadable.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from reward_service.sql_tokens import (
    bare,
    is_column,
    is_name,
    outside_parentheses,
    same,
    split_at_commas,
    text_of,
    without_collation,
)

_SET_OPERATORS = {TokenType.UNION, TokenType.INTERSECT, TokenType.EXCEPT}
_CLAUSES = _SET_OPERATORS | {
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.WINDOW,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
}
_CUTS = ("ORDER", "LIMIT", ";")
"""Where no token outside parentheses starts so, the query surely has no order, no limit and no second statement."""


AGGREGATES = frozenset("avg count group_concat max median min percentile string_agg sum total".split())


class Unreadable(ValueError):
    """The SQL isn't one query that is understood."""


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One term of ORDER BY: its expression without COLLATE, direction and NULLS FIRST or LAST."""

    text: str
    tokens: tuple[Token, ...]
    collation: str  # "" if none is written


@dataclass(frozen=True, slots=True)
class Item:
    """One output column as written in a select list."""

    text: str
    tokens: tuple[Token, ...]
    alias: str  # in lower case; "" if none
    collation: str
    position: int | None  # in the row; below 0 from its end; None between two stars
    star: bool


@dataclass(frozen=True, slots=True)
class SelectText:
    """A query, read. `lists` has one select list per part of a compound, in order."""

    lists: tuple[tuple[Item, ...], ...]
    list_end: int  # where in the text the first select list ends
    terms: tuple[OrderTerm, ...]
    limit: str | None
    offset: str | None
    end: int  # where LIMIT starts, or the query ends
    distinct: bool
    nested_names: frozenset[str] = frozenset()  # columns named within subqueries and CTEs, in lower case
    merged_columns: bool = False  # a NATURAL or USING join, after which `x` may differ from `t.x`

    @property
    def compound(self) -> bool:
        return len(self.lists) > 1

    def output(self, term: OrderTerm) -> Item | None:
        """The output column that a term names, as SQLite resolves it: ordinal, alias, then the same expression."""
        tokens = bare(term.tokens)
        if len(tokens) == 1 and tokens[0].token_type is TokenType.NUMBER and tokens[0].text.isdigit():
            return self._ordinal(int(tokens[0].text) - 1)
        for items in self.lists:
            if len(tokens) == 1 and is_name(tokens[0]):
                for item in items:
                    if item.alias == tokens[0].text.lower():
                        return item
            for item in items:
                if same(bare(item.tokens), tokens, self.merged_columns):
                    return item
        return None

    def follows(self, term: OrderTerm) -> bool:
        """Whether a term is a plain expression over selected columns, so that equal rows have equal keys."""
        columns = [bare(item.tokens) for items in self.lists for item in items if is_column(bare(item.tokens))]
        aliases = {item.alias for items in self.lists for item in items if item.alias}
        tokens = term.tokens
        at = 0
        while at < len(tokens):
            after = tokens[at + 1].token_type if at + 1 < len(tokens) else None
            if tokens[at].token_type in (TokenType.SELECT, TokenType.OVER):
                return False
            if not is_name(tokens[at]) or after is TokenType.L_PAREN:  # an operator, a literal, a function
                if tokens[at].text.lower() in AGGREGATES:
                    return False
                at += 1
                continue
            named = tokens[at : at + 3] if after is TokenType.DOT else tokens[at : at + 1]
            if not any(same(column, named, self.merged_columns) for column in columns) and (
                len(named) > 1 or named[0].text.lower() not in aliases
            ):
                return False
            at += len(named)
        return True

    def _ordinal(self, index: int) -> Item | None:
        items = self.lists[0]
        if any(item.star for item in items[: index + 1]) or index >= len(items):
            # An ordinal is a position, whatever stands there.
            return Item("*", (), "", "", index, True)
        return items[index]

    def without_aliases(self, term: OrderTerm, schema_columns: Collection[str] | None) -> str | None:
        """A term's text with aliases replaced by what they stand for; None where a name may be either.

        Aliases are known to ORDER BY but not to the select list, and a column of the same name comes before them.
        """
        aliases = {item.alias: item for item in self.lists[0] if item.alias}
        start = term.tokens[0].start
        text = term.text
        for at in reversed(range(len(term.tokens))):
            token = term.tokens[at]
            item = aliases.get(token.text.lower()) if is_name(token) else None
            before = term.tokens[at - 1].token_type if at else None
            after = term.tokens[at + 1].token_type if at + 1 < len(term.tokens) else None
            if item is None or before is TokenType.DOT or after in (TokenType.DOT, TokenType.L_PAREN):
                continue
            if any(is_name(inner) and inner.text.lower() == item.alias for inner in item.tokens):
                continue  # there is a column of that name, which is what SQLite takes
            if schema_columns is None or item.alias in schema_columns or item.alias in self.nested_names:
                return None
            text = f"{text[: token.start - start]}({item.text}){text[token.end + 1 - start :]}"
        return text


def read_select(sql: str) -> SelectText:
    """Reads one query.

    Raises:
        Unreadable: it is not a single SELECT, compound or WITH query, or sqlglot can't read it.
    """
    try:
        tokens = list(sqlglot.tokenize(sql, read="sqlite"))
        while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
        outer = outside_parentheses(tokens)
        if not any(tokens[at].text.upper().startswith(_CUTS) for at in outer):
            return SelectText((), 0, (), None, None, len(sql), False)  # no parse needed
        statements = sqlglot.parse(sql, read="sqlite")
    except (SqlglotError, RecursionError) as error:
        raise Unreadable(str(error)) from error
    tree = statements[0] if len(statements) == 1 else None
    if not isinstance(tree, (exp.Select, exp.SetOperation)):
        raise Unreadable("not one query")
    starts = [at for at in outer if tokens[at].token_type is TokenType.SELECT]
    leaves = _leaves(tree)
    if not starts or len(starts) != len(leaves):
        raise Unreadable("select lists unclear")
    clauses = [at for at in outer if tokens[at].token_type in _CLAUSES and not _is_distinct_from(tokens, at)]
    lists = []
    list_end = 0
    for start, leaf in zip(starts, leaves, strict=True):
        end = next((at for at in clauses if at > start), len(tokens))
        first = start + 1
        if tokens[first].token_type in (TokenType.DISTINCT, TokenType.ALL):
            first += 1
        parts = split_at_commas(tokens, first, end)
        if len(parts) != len(leaf.expressions) or not all(parts):
            raise Unreadable("select list unclear")
        lists.append(_items(sql, parts, leaf.expressions))
        list_end = list_end or parts[-1][-1].end + 1
    order_at = next((at for at in clauses if tokens[at].token_type is TokenType.ORDER_BY), None)
    limit_at = next((at for at in clauses if tokens[at].token_type is TokenType.LIMIT), None)
    terms = (
        [] if order_at is None else split_at_commas(tokens, order_at + 1, len(tokens) if limit_at is None else limit_at)
    )
    order = tree.args.get("order")
    if len(terms) != (len(order.expressions) if order is not None else 0) or not all(terms):
        raise Unreadable("ORDER BY unclear")
    if (limit_at is None) is not (tree.args.get("limit") is None):
        raise Unreadable("LIMIT unclear")
    limit, offset = (None, None) if limit_at is None else _limit(sql, tokens, limit_at)
    return SelectText(
        lists=tuple(lists),
        list_end=list_end,
        terms=tuple(_term(sql, part) for part in terms),
        limit=limit,
        offset=offset,
        end=tokens[-1].end + 1 if limit_at is None else tokens[limit_at].start,
        distinct=bool(leaves[0].args.get("distinct")),
        nested_names=_nested_names(tree, leaves),
        merged_columns=any(token.text.upper() in ("NATURAL", "USING") for token in tokens),
    )


def _leaves(tree: exp.Expression) -> list[exp.Select]:
    """The SELECTs of a compound, left to right, without recursion: compounds may be long."""
    found: list[exp.Select] = []
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, exp.SetOperation):
            left += [node.expression, node.this]
        elif isinstance(node, exp.Select):
            found.append(node)
        else:
            raise Unreadable("not a compound of SELECTs")
    return found


def _nested_names(tree: exp.Expression, leaves: Sequence[exp.Select]) -> frozenset[str]:
    outer = {id(expression) for leaf in leaves for expression in leaf.expressions}
    names = {node.alias.lower() for node in tree.find_all(exp.Alias) if id(node) not in outer}
    for node in tree.find_all(exp.TableAlias):
        names.update(column.name.lower() for column in node.columns)
    return frozenset(names)


def _is_distinct_from(tokens: Sequence[Token], at: int) -> bool:
    """The FROM of `a IS DISTINCT FROM b` is no clause."""
    return tokens[at].token_type is TokenType.FROM and tokens[at - 1].token_type is TokenType.DISTINCT


def _items(sql: str, parts: Sequence[list[Token]], expressions: Sequence[exp.Expression]) -> tuple[Item, ...]:
    stars = [part[-1].token_type is TokenType.STAR for part in parts]
    items = []
    for index, (part, expression) in enumerate(zip(parts, expressions, strict=True)):
        alias = expression.alias.lower() if isinstance(expression, exp.Alias) else ""
        if alias:
            part = part[:-1]
            if part and part[-1].token_type is TokenType.ALIAS:
                part = part[:-1]
        if not part:
            raise Unreadable("alias unclear")
        position = index if not any(stars[:index]) else None if any(stars[index:]) else index - len(parts)
        _, collation = without_collation(part)
        items.append(Item(text_of(sql, part), tuple(part), alias, collation, position, stars[index]))
    return tuple(items)


def _term(sql: str, part: list[Token]) -> OrderTerm:
    if len(part) > 2 and part[-2].text.upper() == "NULLS" and part[-1].text.upper() in ("FIRST", "LAST"):
        part = part[:-2]
    if len(part) > 1 and part[-1].token_type in (TokenType.ASC, TokenType.DESC):
        part = part[:-1]
    bare, collation = without_collation(part)
    return OrderTerm(text_of(sql, bare), tuple(bare), collation)


def _limit(sql: str, tokens: Sequence[Token], at: int) -> tuple[str, str | None]:
    """The texts of limit and offset, in either of SQLite's forms: LIMIT a OFFSET b, and LIMIT b, a."""
    rest = list(tokens[at + 1 :])
    parts = split_at_commas(rest, 0, len(rest))
    if len(parts) == 2:
        return text_of(sql, parts[1]), text_of(sql, parts[0])
    outer = set(outside_parentheses(rest))
    split = next((i for i in outer if rest[i].token_type is TokenType.OFFSET), None)
    if split is None:
        return text_of(sql, rest), None
    return text_of(sql, rest[:split]), text_of(sql, rest[split + 1 :])
