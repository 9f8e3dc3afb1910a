"""Data sets, the side that agents must not know: gold SQL and answers.

The reward service, the builders in `data/` and the oracle agent read it; the environment service must never import this
module (a test of the imports holds it to that).

    DIR/gold.jsonl    one record a task: task_id, sql, tables (that gold reads), answer {columns, rows}
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlenv.errors import DataSetError
from sqlenv.tasks import read_jsonl, text_field
from sqlenv.types import AnswerType, Row, SqlValue

FILE = "gold.jsonl"


@dataclass(frozen=True, slots=True)
class GoldTask:
    """Gold of one task. `rows` is the materialised result on the shipped database."""

    task_id: str
    sql: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def reference_steps(self) -> int:
        """Steps of a good episode: a look at each table that gold reads, one query, the answer."""
        return len(self.tables) + 2


def load_gold(directory: Path) -> dict[str, GoldTask]:
    """Gold of all tasks by task_id. Raises DataSetError naming file and line where it is broken."""
    path = directory / FILE
    if not path.is_file():
        raise DataSetError(f"{path}: no such file; scoring needs the data set's gold")
    gold: dict[str, GoldTask] = {}
    for record, where in read_jsonl(path):
        task = read_gold(record, where)
        if task.task_id in gold:
            raise DataSetError(f"{where}: task_id {task.task_id!r} occurs twice")
        gold[task.task_id] = task
    return gold


def gold_hash(directory: Path) -> str:
    """A short hash of the gold file: part of the scorer's version."""
    return hashlib.sha256((directory / FILE).read_bytes()).hexdigest()[:8]


def answer_text(rows: tuple[Row, ...], answer_type: AnswerType) -> str:
    """A result in the text form in which an agent gives it as a value answer."""
    if answer_type is AnswerType.TABLE:
        return json.dumps([row_to_json(row) for row in rows], ensure_ascii=False)
    if answer_type is AnswerType.LIST:
        return json.dumps([row_to_json(row)[0] for row in rows], ensure_ascii=False)
    value = rows[0][0] if rows else None
    return "NULL" if value is None else str(value)


def read_gold(record: dict[str, object], where: str) -> GoldTask:
    """The gold in a line of gold.jsonl. Raises DataSetError."""
    answer = record.get("answer")
    tables = record.get("tables")
    if not isinstance(tables, list) or not isinstance(answer, dict):
        raise DataSetError(f"{where}: expected a list 'tables' and an object 'answer'")
    columns, rows = answer.get("columns"), answer.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise DataSetError(f"{where}: expected lists 'columns' and 'rows' in 'answer'")
    return GoldTask(
        task_id=text_field(record, "task_id", where),
        sql=text_field(record, "sql", where),
        tables=tuple(map(str, tables)),
        columns=tuple(map(str, columns)),
        rows=tuple(_read_row(row, len(columns), where) for row in rows),
    )


def _read_row(row: object, width: int, where: str) -> Row:
    if not isinstance(row, list) or len(row) != width:
        raise DataSetError(f"{where}: a row of the answer must be a list of {width} values")
    try:
        return row_from_json(row)
    except (TypeError, ValueError, KeyError):
        raise DataSetError(f"{where}: a row of the answer holds what is no value: {row!r:.80}") from None


def row_to_json(row: Row) -> list[object]:
    """A row as JSON can hold it; a blob as {"blob": hex}."""
    return [{"blob": value.hex()} if isinstance(value, bytes) else value for value in row]


def row_from_json(row: list[Any]) -> Row:
    """The row that `row_to_json` wrote. Raises TypeError, ValueError or KeyError where it did not."""
    return tuple(map(_value_from_json, row))


def _value_from_json(value: Any) -> SqlValue:
    if isinstance(value, dict):
        return bytes.fromhex(value["blob"])
    if isinstance(value, (list, bool)):
        raise TypeError(f"not a value: {value!r}")
    found: SqlValue = value
    return found
