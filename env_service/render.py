"""Observations as text for a language model: aligned tables, cuts marked, no cell that can pose as anything else.

Pure; the limits are constants because they are part of what a policy is trained on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from env_service.episode import State, View
from sqlenv.actions import FORMS
from sqlenv.types import ActionFailure, AnswerType, Result, SqlValue

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

# Line breaks would break the table; other control characters and direction overrides could restyle a terminal or page.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def render(view: View) -> str:
    """The text of an observation: at the start the question and how to act, later what the last action gave."""
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
    lines = [_budget(view)]
    if isinstance(view.outcome, Result):
        # DESCRIBE and SAMPLE say in their heading how large the table is; how many rows describe it is no news.
        lines.insert(0, render_table(view.outcome, clean(view.heading)))
    elif isinstance(view.outcome, ActionFailure):
        lines.insert(0, f"Error: {clean(view.outcome.message)}")
    return "\n".join(lines)


def render_table(result: Result, heading: str = "") -> str:
    """The first rows as an aligned table, under `heading` or above a line that says how many there are in all."""
    columns = [cut(clean(name)) for name in result.columns[:SHOWN_COLUMNS]]
    rows = [[cell(value) for value in row[:SHOWN_COLUMNS]] for row in result.rows[:SHOWN_ROWS]]
    if len(result.columns) > SHOWN_COLUMNS:
        columns.append(f"… {len(result.columns) - SHOWN_COLUMNS} more columns")
        rows = [[*row, "…"] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in rows)) if rows else len(name) for i, name in enumerate(columns)]
    numeric = [_is_numeric(result, i) for i in range(len(columns))]
    lines = [_line(columns, widths, [False] * len(columns)), "-+-".join("-" * width for width in widths)]
    size = sum(map(len, lines))
    shown = 0
    for row in rows:
        line = _line(row, widths, numeric)
        size += len(line) + 1
        if size > TEXT_CHARS:
            break
        lines.append(line)
        shown += 1
    if heading and shown == result.row_count:
        return "\n".join((heading, *lines))
    return "\n".join((*([heading] if heading else []), *lines, _count(result, shown)))


def cell(value: SqlValue) -> str:
    """One value as text: NULL, numbers as SQLite writes them, blobs as X'…', long text cut and marked."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return cut(f"X'{value[:CELL_CHARS].hex().upper()}'", len(value))
    if isinstance(value, str):
        return cut(clean(value), len(value))
    return repr(value)


def cut(text: str, length: int | None = None) -> str:
    """`text`, or its start and how long the whole is."""
    if len(text) <= CELL_CHARS:
        return text
    return f"{text[: CELL_CHARS - 1]}… ({length or len(text)} long)"


def clean(text: str) -> str:
    """`text` with every character that could break a line or restyle a terminal written as an escape."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _is_numeric(result: Result, column: int) -> bool:
    return all(
        isinstance(row[column], (int, float, type(None))) for row in result.rows[:SHOWN_ROWS] if column < len(row)
    )


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True))
    return " | ".join(padded).rstrip()


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
