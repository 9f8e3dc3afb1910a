"""Gold SQL made ready for comparing: its full result, with the values that say which rows tie.

`plan` takes the top-level LIMIT and OFFSET off gold and has its ORDER BY keys come out as columns. The text is edited
in place, guided by sqlglot's tokens and checked against its parse, never generated anew: SQLite's leniences (text in
double quotes, odd spacing) keep their meaning.

Where a key comes from:
- an ordinal, an alias or a term that is itself in the select list: the output column in that position;
- any other term: copied to the end of the select list as a further column;
- a term with COLLATE NOCASE or RTRIM: likewise copied, folded as the collation folds, since ties are under it.

Where keys can't be had, the plan is *strict*: gold as it stands, its rows compared in order, position by position. That
may refuse a right answer among ties but accepts no wrong one. Strict are: a SELECT DISTINCT ordered by what doesn't
follow from what it selects (copying the term would change what is distinct); a compound with a collated term; a custom
collation; a constant that isn't a plain ordinal (SQLite takes `+1` for one); an expression over an alias that could as
well be a column's name; a LIMIT or OFFSET that isn't arithmetic on literals; and what sqlglot can't read. A collation
declared in the schema, not in the query, isn't seen: rows equal under it only are taken in gold's order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlglot import parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.simplify import simplify

from reward_service.compare import Gold
from reward_service.select_text import OrderTerm, SelectText, Unreadable, read_select
from reward_service.sql_tokens import is_constant
from sqlenv.types import Row

_FOLDS = {"NOCASE": "lower({0})", "RTRIM": "rtrim({0}, ' ')"}


@dataclass(frozen=True, slots=True)
class GoldPlan:
    """How to get a `Gold`.

    Attributes:
        sql: what to run.
        width_keys: how many columns at the end of its rows are keys only.
        key_positions: where in the full row the order keys are, in order; below 0 from the row's end.
        ordered: whether order counts. Ordered without positions is strict: no rows tie.
        offset: rows of gold's answer to skip, 0 where `sql` still has its OFFSET.
        limit: rows of gold's answer to keep, None where all or where `sql` still has its LIMIT.
    """

    sql: str
    width_keys: int = 0
    key_positions: tuple[int, ...] = ()
    ordered: bool = False
    offset: int = 0
    limit: int | None = None

    def gold(self, rows: Sequence[Row]) -> Gold:
        """What `sql` gave, all its rows, made ready for comparing."""
        keys: tuple[Row, ...] | None = None
        if self.key_positions:
            keys = tuple([tuple([row[p] for p in self.key_positions]) for row in rows])
        elif self.ordered:
            keys = tuple([(index,) for index in range(len(rows))])
        cut = [row[: len(row) - self.width_keys] for row in rows] if self.width_keys else rows
        return Gold(tuple(cut), keys, self.offset, self.limit)


def strict(sql: str) -> GoldPlan:
    """The plan that compares `sql`'s own result row by row. Also the way out where a plan's SQL fails or gives too
    many rows without its LIMIT."""
    return GoldPlan(sql, ordered=True)


def plan(sql: str, schema_columns: Collection[str] | None = None) -> GoldPlan:
    """The plan for one gold query in SQLite's SQL. Never raises on strange SQL: it gets a strict plan.

    Args:
        sql: the query, without placeholders.
        schema_columns: the names, in lower case, of all columns of the database, if known. They tell whether a name
            within an ORDER BY expression may be an alias (SQLite takes a column first).
    """
    try:
        select = read_select(sql)
    except Unreadable:
        return strict(sql)
    if select.limit is None and select.offset is None and not select.terms:
        return GoldPlan(sql)
    limit, offset = _literal(select.limit), _literal(select.offset)
    if (select.limit is not None and limit is None) or (select.offset is not None and offset is None):
        return strict(sql)
    keys = _keys(select, schema_columns)
    if keys is None:
        return strict(sql)
    appended, positions = keys
    body = sql[: select.end]
    if appended:
        body = body[: select.list_end] + "".join(f", {text}" for text in appended) + body[select.list_end :]
    return GoldPlan(
        sql=body,
        width_keys=len(appended),
        key_positions=tuple(positions),
        ordered=bool(select.terms),
        offset=max(offset or 0, 0),
        limit=limit if limit is not None and limit >= 0 else None,
    )


def _literal(text: str | None) -> int | None:
    """The integer that `text` is, as a literal or as arithmetic on literals; None for anything else."""
    if not text:
        return None
    try:
        text = simplify(parse_one(text, dialect="sqlite")).sql(dialect="sqlite")
    except SqlglotError:
        return None
    digits = text.removeprefix("-").strip("()")
    return int(f"{'-' * text.startswith('-')}{digits}") if digits.isascii() and digits.isdigit() else None


def _keys(select: SelectText, schema_columns: Collection[str] | None) -> tuple[list[str], list[int]] | None:
    """Texts to append and where each key will be, or None where some key can't be had."""
    found: list[int | str] = []
    for term in select.terms:
        key = _key(term, select, schema_columns)
        if key is None:
            return None
        found.append(key)
    appended = [key for key in found if isinstance(key, str)]
    positions: list[int] = []
    copies = 0
    for key in found:
        if isinstance(key, str):
            positions.append(copies - len(appended))
            copies += 1
        else:  # counted from the end where a star stands before it: the copies come after
            positions.append(key if key >= 0 else key - len(appended))
    return appended, positions


def _key(term: OrderTerm, select: SelectText, schema_columns: Collection[str] | None) -> int | str | None:
    """A position in the row as selected (below 0: from its end), a text to append, or None."""
    item = select.output(term)
    if item is not None and not (item.collation or term.collation) and item.position is not None:
        return item.position
    # From here on the key is a further column. A compound has no one select list to append it to.
    if select.compound:
        return None
    if item is None:
        # DISTINCT bears a further column only if it follows from the selected ones; constants may be ordinals.
        if is_constant(term.tokens) or (select.distinct and not select.follows(term)):
            return None
        text = select.without_aliases(term, schema_columns)
    else:
        text = None if item.star else item.text
    if text is None:
        return None
    collation = (term.collation or (item.collation if item is not None else "") or "BINARY").upper()
    if collation in _FOLDS:
        folded = _FOLDS[collation].format(f"({text})")
        # Folding makes text of numbers, which would tie 1 with '1'.
        return f"CASE typeof({text}) WHEN 'text' THEN {folded} ELSE ({text}) END"
    return text if collation == "BINARY" else None
