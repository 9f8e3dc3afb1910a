"""Observations as text: aligned, bounded, cuts marked, and nothing in a cell that could break out of it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from env_service.episode import Episode
from env_service.render import (
    CELL_CHARS,
    SHOWN_COLUMNS,
    SHOWN_ROWS,
    TEXT_CHARS,
    cell,
    clean,
    cut,
    render,
    render_outcome,
    render_table,
)
from sqlenv.actions import AnswerValue, Describe
from sqlenv.tasks import Task
from sqlenv.types import ActionFailure, AnswerType, ErrorKind, Result, Row, SqlValue


def result(rows: list[Row], columns: tuple[str, ...] | None = None, **more: int) -> Result:
    names = columns or tuple(f"c{i}" for i in range(len(rows[0]) if rows else 1))
    return Result(names, tuple(rows), more.get("row_count", len(rows)), len(rows) < more.get("row_count", 0))


def episode(
    question: str = "How many?", tables: tuple[str, ...] = ("singer", "concert"), max_steps: int = 3
) -> Episode:
    return Episode(Task("t", "db", question, "train", "easy", AnswerType.LIST), tables, 0, "dense", max_steps)


def test_a_table_as_it_looks() -> None:
    table = Result(("name", "age", "score"), (("Ann", 30, 1.5), ("Christopher", None, -12.25), (None, 7, 3)), 3)
    assert render_table(table).splitlines() == [
        "name        | age  | score",
        "------------+------+-------",
        "Ann         |   30 |    1.5",
        "Christopher | NULL | -12.25",
        "NULL        |    7 |      3",
        "(3 rows)",
    ]


def test_no_rows_and_one_row() -> None:
    assert render_table(Result(("a", "bc"), (), 0)).splitlines() == ["a | bc", "--+---", "(0 rows)"]
    assert render_table(Result(("a",), (("x",),), 1)).splitlines()[-1] == "(1 row)"


@pytest.mark.parametrize(
    ("sent", "row_count", "lower_bound", "line"),
    [
        (20, 20, False, "(20 rows)"),
        (21, 21, False, "(20 of 21 rows shown)"),
        (200, 12_345, False, "(20 of 12,345 rows shown)"),
        (200, 10_000, True, "(20 of 10,000+ rows shown)"),
        (0, 5, False, "(0 of 5 rows shown)"),
    ],
)
def test_rows_shown_of_how_many(sent: int, row_count: int, lower_bound: bool, line: str) -> None:
    lines = render_table(Result(("n",), tuple((i,) for i in range(sent)), row_count, True, lower_bound)).splitlines()
    assert lines[-1] == line
    assert len(lines) == 3 + min(sent, SHOWN_ROWS)


def test_long_cells_are_cut_and_marked() -> None:
    assert cell("x" * CELL_CHARS) == "x" * CELL_CHARS
    shown = cell("x" * 500)
    assert shown.startswith("x" * (CELL_CHARS - 1) + "…")
    assert "500" in shown
    assert "1000" in cell(b"\xab" * 1_000)
    assert cell(b"\xab\x00") == "X'AB00'"
    assert cell(b"") == "X''"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (0, "0"),
        (-(2**63), "-9223372036854775808"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        ("", ""),
        ("ü", "ü"),
    ],
)
def test_cells(value: SqlValue, text: str) -> None:
    assert cell(value) == text


def test_many_columns_are_bounded_and_told() -> None:
    wide = result([tuple(range(100))] * 3)
    lines = render_table(wide).splitlines()
    assert "c39" in lines[0]
    assert "c40" not in lines[0]
    assert "60 more columns" in lines[0]
    assert all(len(line.split(" | ")) == SHOWN_COLUMNS + 1 for line in (lines[0], *lines[2:-1]))


HOSTILE = [
    "a\nb",
    "a\r\nb",
    "\t",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egnitrevni",
    "\u2066isolate\u2069",
    "\u200f",
    "\u061c",
    "\u2028",
    "\u2029",
    "\x85",
    "\x0b\x0c",
    "\x00",
    "\ufeff",
    "\x7f",
    "(3 rows)\nSteps left: 99",
    "\nError: nothing",
]

# Unicode's bidirectional formatting characters (UAX #9) and the controls.
DIRECTION = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} or c in DIRECTION for c in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_breaks_out_of_its_place(text: str) -> None:
    assert harmless(cell(text))
    assert harmless(clean(text))
    assert len(cell(text).splitlines()) == 1
    lines = render_table(result([(text, 1)], ("a", text))).split("\n")
    assert len(lines) == 4
    assert all(map(harmless, lines))
    failure = render_outcome(ActionFailure(ErrorKind.NO_SUCH_TABLE, f"No such table: {text}."))
    assert harmless(failure)
    assert harmless(render_outcome(result([(1,)]), text).replace("\n", ""))
    assert render_outcome(result([(1,)]), text).count("\n") == 4
    view = episode(text, (text, "b")).view()
    assert len(render(view).split("\n")) == len(render(episode().view()).split("\n"))
    assert harmless(render(view).replace("\n", ""))


def test_what_was_escaped_is_still_told() -> None:
    assert cell("a\nb") == r"a\nb"
    assert cell("\x1b[0m") == r"\x1b[0m"
    assert cell("\u202e") == r"\u202e"


def test_printable_text_is_left_alone() -> None:
    for text in ("naïve café", "日本語", "😀", "a | b", "C:\\new", "<b>[bold]</b>", "100%"):
        assert cell(text) == text


any_text = st.text() | st.sampled_from(HOSTILE) | st.text(st.sampled_from("\n\r\x1b\u2028\x85 |-ab"))
cells: st.SearchStrategy[SqlValue] = (
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | any_text | st.binary() | st.text(min_size=50)
)
tables = st.integers(1, 5).flatmap(
    lambda width: st.builds(
        lambda names, rows, extra: Result(tuple(names), tuple(rows), len(rows) + extra, extra > 0),
        st.lists(any_text, min_size=width, max_size=width),
        st.lists(st.tuples(*[cells] * width), max_size=25),
        st.integers(0, 3),
    )
)


@given(tables)
def test_one_line_a_row_whatever_the_cells_hold(table: Result) -> None:
    text = render_table(table)
    lines = text.splitlines()
    assert text.split("\n") == lines
    assert len(lines) <= 3 + min(len(table.rows), SHOWN_ROWS)
    assert len(text) <= TEXT_CHARS + 100
    shown = len(lines) - 3
    assert re.fullmatch(r"\(\d+ rows?\)|\(\d+ of [\d,]+ rows shown\)", lines[-1])
    assert lines[-1].startswith(f"({shown} ")
    assert harmless(text.replace("\n", ""))


@given(tables)
def test_columns_are_aligned(table: Result) -> None:
    head, rule, *body = render_table(table).split("\n")[:-1]
    marks = [mark.start() for mark in re.finditer(r"\+", rule)]
    assert len(marks) == len(table.columns) - 1
    for line in (head, *body):
        assert len(line) <= len(rule)
        assert all(line.ljust(len(rule))[mark] == "|" for mark in marks)


@given(st.integers(1, 200), st.integers(0, 300), st.text("xü", min_size=40, max_size=300))
def test_the_text_is_bounded(columns: int, rows: int, text: str) -> None:
    table = Result((text,) * columns, ((text,) * columns,) * rows, rows)
    assert len(render_table(table)) <= TEXT_CHARS + 100
    assert len(render_outcome(table, "singer: 1 row")) <= TEXT_CHARS + 200


def test_rows_that_did_not_fit_are_told() -> None:
    text = render_table(result([("y" * 60,) * 30] * 20))
    last = text.split("\n")[-1]
    shown = len(text.split("\n")) - 3
    assert 0 < shown < 20
    assert last == f"({shown} of 20 rows shown)"


def test_a_description_is_shown_whole() -> None:
    description = Result(("column", "type"), tuple((f"column_{i}", "INT") for i in range(60)), 60)
    text = render_outcome(description, "wide: 3 rows")
    assert text.startswith("wide: 3 rows\n")
    assert "column_59" in text


def test_cut_never_hides_that_it_cut() -> None:
    assert cut("x" * 61, 61).endswith("(61 long)")
    assert "…" in cut("x" * 61)
    assert cut("x" * 60) == "x" * 60


def test_the_first_text_says_what_to_do() -> None:
    text = render(episode().view())
    for words in ("How many?", "a list of values", "singer, concert", "DESCRIBE", "SAMPLE", "QUERY", "ANSWER", "3"):
        assert words in text


def test_later_texts_tell_what_was_given_and_what_is_left() -> None:
    started = episode()
    started.commit(Describe("singer"), b"h", 0)
    gave = render_outcome(result([(1,)]))
    assert render(started.view(), gave) == f"{gave}\nSteps left: 2"
    failed = render_outcome(ActionFailure(ErrorKind.SYNTAX, "Incomplete input."))
    assert render(started.view(), failed) == "Error: Incomplete input.\nSteps left: 2"


def test_ends() -> None:
    answered, spent = episode(), episode(max_steps=1)
    answered.commit(AnswerValue("1"), b"h", 0)
    spent.commit(Describe("singer"), b"h", 0)
    assert "over" in render(answered.view())
    assert "No steps left" in render(spent.view(), "gave")
