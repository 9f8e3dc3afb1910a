"""The forms in which answers are written: one value, a list, a table. Form only: nothing here knows gold.

A Markdown code fence around any answer is dropped.

- One value: outer whitespace and one pair of surrounding quotes are dropped.
- List: a JSON array (of values, or of rows with one value); one item a line, all lines perhaps with bullets (`-`, `*`,
  `•`) or numbers from 1 (`1.`, `1)`); one line of items separated by commas, quoted as in CSV, perhaps in brackets;
  a Markdown table of one column.
- Table: a JSON array of arrays or of objects (columns in the order of the first object's keys; all have the same
  keys), or of values (one row); a Markdown table, whose header goes with its |---| line; lines of cells separated by
  `|`, by tabs, or by commas quoted as in CSV. A header is dropped in Markdown only: elsewhere it can't be told from
  content.

An empty list or table is `[]`: an empty text is no answer.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from io import StringIO

_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_BULLET = re.compile(r"[-*•][ \t]+")
_ORDINAL = re.compile(r"([0-9]{1,6})[.)][ \t]+")
_SEPARATOR = re.compile(r":?-+:?")
_PIPE = re.compile(r"(?<!\\)\|")
_QUOTES = ('"', "'", "`")


@dataclass(frozen=True, slots=True)
class AnswerProblem:
    """Why an answer can't be read, in words for the agent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One value as written: `text` without form (None: JSON's null), `raw` with its quotes or bullet."""

    text: str | None
    raw: str


Cells = list[tuple[Cell, ...]]


def read_scalar(text: str) -> Cell:
    """One value; any text is one."""
    return _cell(_unfenced(text))


def read_list(text: str) -> Cells | AnswerProblem:
    """The items of a list, as rows of one cell."""
    text = _unfenced(text)
    if not text:
        return AnswerProblem("The answer is empty; an empty list is [].")
    if text.startswith("["):
        loaded = _json_array(text)
        if isinstance(loaded, list):
            rows = _json_rows([item if isinstance(item, (list, dict)) else [item] for item in loaded])
            if isinstance(rows, AnswerProblem) or all(len(row) == 1 for row in rows):
                return rows
            return AnswerProblem("The answer must be a list of single values.")
        if not text.endswith("]"):
            return loaded
        text = text[1:-1].strip()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    table = _markdown(lines)
    if table is not None:
        if all(len(row) == 1 for row in table):
            return table
        return AnswerProblem("The answer must be a list of single values.")
    items = _unmarked(lines)
    if len(lines) == 1 and items == lines:
        return _csv_list(text)
    return [(Cell(_cell(item).text, line),) for item, line in zip(items, lines, strict=True)]


def whole_line(text: str) -> Cell | None:
    """A one-line list taken as one item, commas and all; None where that is no other reading."""
    text = _unfenced(text)
    return _cell(text) if "," in text and "\n" not in text and not text.startswith("[") else None


def read_table(text: str) -> Cells | AnswerProblem:
    """The rows of a table."""
    text = _unfenced(text)
    if not text:
        return AnswerProblem("The answer is empty; an empty table is [].")
    if text.startswith("["):
        loaded = _json_array(text)
        if isinstance(loaded, AnswerProblem):
            return loaded
        if loaded and not any(isinstance(item, (list, dict)) for item in loaded):
            loaded = [loaded]
        return _json_rows(loaded)
    lines = [line.strip("\r\n ") for line in text.split("\n") if line.strip()]
    rows = _markdown([line.strip() for line in lines])
    if rows is not None:
        return _even(rows)
    if all(_PIPE.search(line) for line in lines):
        return _even([_piped(line) for line in lines])
    if all("\t" in line for line in lines):
        return _even([tuple([_cell(part) for part in line.split("\t")]) for line in lines])
    return _csv(text)


def _unfenced(text: str) -> str:
    text = text.strip()
    found = _FENCE.fullmatch(text)
    return found[1].strip() if found else text


def _cell(raw: str) -> Cell:
    text = raw.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        return Cell(text[1:-1].strip(), raw)
    return Cell(text, raw)


def _json_array(text: str) -> list[object] | AnswerProblem:
    try:
        # Numbers stay text, so that none is rounded and none is too long.
        loaded = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError:
        return AnswerProblem("The answer is nested too deeply.")
    except ValueError:
        return AnswerProblem("The answer starts with [ but is not a JSON array.")
    return loaded if isinstance(loaded, list) else AnswerProblem("The answer must be a JSON array.")


def _json_rows(loaded: list[object]) -> Cells | AnswerProblem:
    rows: Cells = []
    keys = list(loaded[0]) if loaded and isinstance(loaded[0], dict) else None
    for item in loaded:
        if isinstance(item, dict) and keys is not None and item.keys() == set(keys):
            values: list[object] = [item[key] for key in keys]
        elif isinstance(item, list) and keys is None:
            values = item
        else:
            return AnswerProblem("All rows must be arrays, or all objects with the same keys.")
        if any(isinstance(value, (list, dict)) for value in values):
            return AnswerProblem("A cell must be a single value.")
        rows.append(tuple([_json_cell(value) for value in values]))
    return _even(rows)


def _json_cell(value: object) -> Cell:
    if value is None:
        return Cell(None, "null")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Cell(text.strip(), text)


def _even(rows: Cells) -> Cells | AnswerProblem:
    if not rows or all(len(row) == len(rows[0]) > 0 for row in rows):
        return rows
    return AnswerProblem("All rows must have the same number of cells, at least one.")


def _unmarked(lines: list[str]) -> list[str]:
    """Lines without bullets or numbers, if all of them have some."""
    if all(_BULLET.match(line) for line in lines):
        return [_BULLET.sub("", line, count=1) for line in lines]
    found = [_ORDINAL.match(line) for line in lines]
    if all(match is not None and int(match[1]) == at for at, match in enumerate(found, 1)):
        return [_ORDINAL.sub("", line, count=1) for line in lines]
    return lines


def _markdown(lines: list[str]) -> Cells | None:
    """The rows under a Markdown table's header, or None where there is no |---| line."""
    if len(lines) < 2 or "|" not in lines[1] or "|" not in lines[0]:
        return None
    if not all(_SEPARATOR.fullmatch(cell.raw.strip()) for cell in _piped(lines[1])):
        return None
    return [_piped(line) for line in lines[2:]]


def _piped(line: str) -> tuple[Cell, ...]:
    line = line.strip()
    parts = _PIPE.split(line)
    if len(parts) > 2 and line.startswith("|") and not parts[-1]:
        parts = parts[1:-1]
    return tuple([_cell(part.replace("\\|", "|")) for part in parts])


def _csv(text: str, quote: str = '"') -> Cells | AnswerProblem:
    try:
        read = list(csv.reader(StringIO(text, newline=""), quotechar=quote, skipinitialspace=True, strict=True))
    except csv.Error:
        return AnswerProblem("The answer is not valid CSV: look at its quotes.")
    return _even([tuple([Cell(part.strip(), part) for part in row]) for row in read if row])


def _csv_list(line: str) -> Cells | AnswerProblem:
    row = _csv(line, "'" if line.startswith("'") else '"')
    if isinstance(row, AnswerProblem):
        # Quotes within words: only then does a quote not enclose an item.
        return [(_cell(part),) for part in line.split(",")]
    return [(cell,) for cells in row for cell in cells]
