"""Results and rewards in a terminal. Everything from data is plain text here: no markup, no control characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from sqlenv.cli.common import safe
from sqlenv.types import Result, Row, SqlValue
from sqlenv.v1 import types_pb2

SHOWN_ROWS = 20
CELL_CHARS = 60
TURNED_ROWS = 5
"""So many rows at most are turned into columns where they are too wide."""

TERMS = {
    "query_ran": "the query ran",
    "failed": "it failed",
    "new_information": "something new",
    "repeat": "the same again",
    "step": "a step",
    "clamp": "limit of the sum",
    "progress": "closer to the answer",
    "potential": "change of progress",
    "correct": "the answer is right",
    "step_efficiency": "few steps",
    "work_efficiency": "little work",
}
"""Names of terms in words; one that is not here is shown by its name."""


def cell(value: SqlValue) -> Text:
    """One value: NULL dim, blobs as X'…', long text cut and marked."""
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, bytes):
        return Text(_cut(f"X'{value.hex().upper()}'"))
    return Text(_cut(safe(value)) if isinstance(value, str) else repr(value))


def result_table(result: Result, title: str = "", width: int = 80) -> Table:
    """The first rows, and how many there are in all. A few rows that are too wide stand side by side, as columns."""
    shown = result.rows[:SHOWN_ROWS]
    more = "+" if result.row_count_is_lower_bound else ""
    count = f"{result.row_count:,}{more} row{'' if result.row_count == 1 else 's'}"
    caption = count if len(shown) == result.row_count else f"{len(shown)} of {count} shown"
    table = Table(title=Text(title) if title else None, caption=caption, title_justify="left", caption_justify="left")
    if len(shown) <= TURNED_ROWS and _natural_width(result, shown) > width:
        table.show_header = False
        for _ in range(len(shown) + 1):
            table.add_column(overflow="fold")
        for number, name in enumerate(result.columns):
            table.add_row(Text(_cut(safe(name)), style="bold"), *(cell(row[number]) for row in shown))
        return table
    for number, name in enumerate(result.columns):
        values = [row[number] for row in result.rows if row[number] is not None]
        numeric = bool(values) and all(isinstance(value, (int, float)) for value in values)
        table.add_column(Text(_cut(safe(name))), justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        table.add_row(*map(cell, row))
    return table


def _natural_width(result: Result, shown: Sequence[Row]) -> int:
    """Columns of the terminal that the table takes where nothing is folded."""
    widths = [
        max(len(_cut(safe(name))), *(cell(row[number]).cell_len for row in shown)) if shown else len(name)
        for number, name in enumerate(result.columns)
    ]
    return sum(widths) + 3 * len(widths) + 1


def reward_lines(score: types_pb2.Score) -> Iterator[Text]:
    """The reward, and under it each of the three components with the terms that it is made of."""
    yield Text(f"reward {score.total:+.3f}", style="bold")
    parts = (
        ("execution", score.execution, types_pb2.COMPONENT_EXECUTION),
        ("correctness", score.correctness, types_pb2.COMPONENT_CORRECTNESS),
        ("efficiency", score.efficiency, types_pb2.COMPONENT_EFFICIENCY),
    )
    for name, value, component in parts:
        terms = [f"{TERMS.get(t.name, safe(t.name))} {t.value:+.3f}" for t in score.terms if t.component == component]
        yield Text(f"  {name:<11} {value:+.3f}  {', '.join(terms)}".rstrip(), style="dim")


def _cut(text: str) -> str:
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"
