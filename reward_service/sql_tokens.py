"""Small questions about runs of SQL tokens, as sqlglot's tokenizer for SQLite gives them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import Token, TokenType

_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}


def outside_parentheses(tokens: Sequence[Token]) -> list[int]:
    found, depth = [], 0
    for at, token in enumerate(tokens):
        if token.token_type in _OPEN:
            depth += 1
        elif token.token_type in _CLOSE:
            depth -= 1
        elif depth == 0:
            found.append(at)
    return found


def split_at_commas(tokens: Sequence[Token], start: int, end: int) -> list[list[Token]]:
    """Tokens from start to end, split at commas outside parentheses."""
    part = list(tokens[start:end])
    outer = set(outside_parentheses(part))
    parts: list[list[Token]] = [[]]
    for at, token in enumerate(part):
        if at in outer and token.token_type is TokenType.COMMA:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def text_of(sql: str, tokens: Sequence[Token]) -> str:
    return sql[tokens[0].start : tokens[-1].end + 1] if tokens else ""


def without_collation(part: Sequence[Token]) -> tuple[Sequence[Token], str]:
    """The expression and its collation: "" if none, "?" where COLLATE stands within it and so may or may not hold."""
    inner = bare(part)
    collates = sum(token.token_type is TokenType.COLLATE for token in inner)
    if collates == 0:
        return part, ""
    if collates == 1 and len(inner) > 2 and inner[-2].token_type is TokenType.COLLATE and _is_operand(inner[:-2]):
        return inner[:-2], inner[-1].text
    return part, "?"


def _is_operand(tokens: Sequence[Token]) -> bool:
    """Whether a COLLATE behind these tokens, which binds tightest, applies to all of them."""
    if is_column(tokens):
        return True
    start = 1 if len(tokens) > 1 and is_name(tokens[0]) else 0
    inner = outside_parentheses(tokens[start:])
    return tokens[start].token_type is TokenType.L_PAREN and not inner


def bare(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without parentheses around the whole."""
    while len(tokens) > 2 and tokens[0].token_type is TokenType.L_PAREN and not outside_parentheses(tokens):
        tokens = tokens[1:-1]
    return tokens


def is_name(token: Token) -> bool:
    return token.token_type in (TokenType.VAR, TokenType.IDENTIFIER) or (
        token.token_type not in (TokenType.STRING, TokenType.NUMBER) and token.text.isidentifier()
    )


def is_constant(tokens: Sequence[Token]) -> bool:
    """Whether an expression names nothing: SQLite takes some of these for ordinals (`+1`, `0x1`)."""
    return not any(is_name(token) for token in tokens)


def same(a: Sequence[Token], b: Sequence[Token], qualifiers_matter: bool) -> bool:
    """Whether two expressions are the same text, but for case.

    Unless `qualifiers_matter`, `t.x` and `x` are the same column: SQLite lets `x` stand only where it is unambiguous.
    """
    if not qualifiers_matter and is_column(a) and is_column(b) and 1 in (len(a), len(b)):
        return a[-1].text.lower() == b[-1].text.lower()
    return len(a) == len(b) and all(
        x.text == y.text if TokenType.STRING in (x.token_type, y.token_type) else x.text.lower() == y.text.lower()
        for x, y in zip(a, b, strict=True)
    )


def is_column(tokens: Sequence[Token]) -> bool:
    return bool(tokens) and all(
        token.token_type is TokenType.DOT if at % 2 else is_name(token) for at, token in enumerate(tokens)
    )
