"""Observations as text for a language model: aligned tables, cuts marked, no cell that can pose as anything else.

Pure; the limits are constants because they are part of what a policy is trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from env_service.episode import State, View
from sqlenv.actions import FORMS
from sqlenv.types import ActionFailure, AnswerType, Result, Row, SqlValue

SHOWN_ROWS = 20
SHOWN_COLUMNS = 40
CELL_CHARS = 60
TEXT_CHARS = 8_000

ANSWER_WITH = {
    AnswerType.INTEGER: "one whole number",
    AnswerType.FLOAT: "one number",
    AnswerType.STRING: "one text",
    AnswerType.LIST: "a list of values",
    AnswerType.TABLE: "a table of two or more columns",
}

_NUMBERS = {int, float, type(None)}

# Line breaks would break the table; other control characters and direction overrides could restyle a terminal or page.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def render(view: View, gave: str = "") -> str:
    """The text of an observation: at the start the question and how to act, later what the last action `gave`."""
    if view.step_count == 0:
        return "\n".join(
            (
                f"Question: {clean(view.question)}",
                f"Answer with {ANSWER_WITH[view.answer_type]}.",
                f"Tables: {', '.join(clean(name) for name in view.tables)}",
                f"Actions: {FORMS}.",
                _budget(view),
            )
        )
    return f"{gave}\n{_budget(view)}" if gave else _budget(view)


def render_outcome(value: Result | ActionFailure, heading: str = "") -> str:
    """What an action gave, as text. `heading` names the table that DESCRIBE or SAMPLE looked at."""
    if isinstance(value, ActionFailure):
        return f"Error: {clean(value.message)}"
    if heading:
        # The heading tells how large the table is. A description is shown whole: half the columns would mislead.
        return f"{clean(heading)}\n{render_table(value, len(value.rows))}"
    return render_table(value)


def render_table(result: Result, max_rows: int = SHOWN_ROWS) -> str:
    """The first rows as an aligned table, and a line that says how many there are in all."""
    names = [cut(clean(name)) for name in result.columns[:SHOWN_COLUMNS]]
    rows = result.rows[:max_rows]
    columns = [_column(name, values) for name, values in zip(names, _transposed(rows, len(names)), strict=True)]
    if len(result.columns) > SHOWN_COLUMNS:
        columns.append(_aligned(f"… {len(result.columns) - SHOWN_COLUMNS} more columns", ["…"] * len(rows), False))
    rule = "-+-".join(["-" * len(column[0]) for column in columns])
    head, *body = [" | ".join(line).rstrip() for line in zip(*columns, strict=True)]
    lines = [head, rule]
    size = len(head) + len(rule)
    for line in body:
        size += len(line) + 1
        if size > TEXT_CHARS:
            break
        lines.append(line)
    lines.append(_count(result, len(lines) - 2))
    return "\n".join(lines)


def cell(value: SqlValue) -> str:
    """One value as text: NULL, numbers as SQLite writes them, blobs as X'…', long text cut and marked."""
    if isinstance(value, str):
        # Nothing that is printable is a control character: most values need no closer look.
        return value if len(value) <= CELL_CHARS and value.isprintable() else cut(clean(value), len(value))
    if isinstance(value, bytes):
        return cut(f"X'{value[:CELL_CHARS].hex().upper()}'", len(value))
    return "NULL" if value is None else repr(value)


def cut(text: str, length: int | None = None) -> str:
    """`text`, or its start and how long the whole is."""
    if len(text) <= CELL_CHARS:
        return text
    return f"{text[: CELL_CHARS - 1]}… ({length or len(text)} long)"


def clean(text: str) -> str:
    """`text` with every character that could break a line or restyle a terminal written as an escape."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _transposed(rows: Sequence[Row], width: int) -> Iterable[Sequence[SqlValue]]:
    return islice(zip(*rows, strict=True), width) if rows else [()] * width


def _column(name: str, values: Sequence[SqlValue]) -> list[str]:
    kinds = set(map(type, values))
    return _aligned(name, [cell(value) for value in values], kinds <= _NUMBERS)


def _aligned(name: str, texts: list[str], right: bool) -> list[str]:
    width = max(len(name), *map(len, texts)) if texts else len(name)
    return [name.ljust(width), *([text.rjust(width) for text in texts] if right else [t.ljust(width) for t in texts])]


def _count(result: Result, shown: int) -> str:
    total = f"{result.row_count:,}" + ("+" if result.row_count_is_lower_bound else "")
    if shown == result.row_count:
        return f"({total} row{'' if shown == 1 else 's'})"
    return f"({shown} of {total} rows shown)"


def _budget(view: View) -> str:
    if view.state is State.TERMINATED:
        return "Answer recorded. The episode is over."
    if view.state is State.TRUNCATED:
        return "No steps left. The episode is over."
    return f"Steps left: {view.steps_left}"
