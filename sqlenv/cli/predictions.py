"""Reads files of predicted SQL. Each form ends as task_id → SQL; what is wrong is named by file and line.

.jsonl  {"task_id": "…", "sql": "…"} a line
.json   a list of such objects, or one object task_id → SQL
.csv    a header with task_id and sql
.sql    one query a line, in the order of the tasks; an empty line predicts nothing. Spider's "SQL<tab>db_id" fits too.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path

from sqlenv.errors import SqlEnvError
from sqlenv.tasks import Task, read_jsonl


class PredictionsError(SqlEnvError):
    """A predictions file can't be used; the message names file and line."""


def read_predictions(path: Path, tasks: Sequence[Task]) -> dict[str, str]:
    """SQL by task_id, in the file's order; `tasks` give `.sql` its order. Raises PredictionsError, DataSetError."""
    readers = {".jsonl": _jsonl, ".json": _json, ".csv": _csv}
    suffix = path.suffix.lower()
    if suffix == ".sql":
        return _sql(path, tasks)
    if suffix not in readers:
        raise PredictionsError(f"{path}: not one of .jsonl, .json, .csv, .sql")
    found: dict[str, str] = {}
    for task_id, sql, where in readers[suffix](path):
        if not isinstance(task_id, str) or not task_id:
            raise PredictionsError(f"{where}: 'task_id' must be a non-empty string, got {task_id!r:.80}")
        if not isinstance(sql, str):
            raise PredictionsError(f"{where}: 'sql' must be a string, got {sql!r:.80}")
        if task_id in found:
            raise PredictionsError(f"{where}: a second prediction for task {task_id!r}")
        found[task_id] = sql
    if not found:
        raise PredictionsError(f"{path}: there are no predictions in it")
    return found


Items = Iterable[tuple[object, object, str]]


def _jsonl(path: Path) -> Items:
    for record, where in read_jsonl(path):
        yield record.get("task_id"), record.get("sql"), where


def _json(path: Path) -> Items:
    text = _text(path)
    try:
        # Pairs, not a dict: a task_id that is there twice must not pass unseen.
        loaded = json.loads(text, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise PredictionsError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise PredictionsError(f"{path}: nested too deeply") from None
    if not isinstance(loaded, list):
        raise PredictionsError(f"{path}: expected a list of objects, or an object task_id → SQL")
    if text.lstrip().startswith("{"):
        yield from ((task_id, sql, f"{path}: {task_id!r:.80}") for task_id, sql in loaded)
        return
    for number, pairs in enumerate(loaded, 1):
        where = f"{path}: item {number}"
        if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
            raise PredictionsError(f"{where}: expected an object with task_id and sql")
        record = dict(pairs)
        yield record.get("task_id"), record.get("sql"), where


def _csv(path: Path) -> Items:
    reader = csv.DictReader(StringIO(_text(path), newline=""), strict=True)
    try:
        names = reader.fieldnames or []
        missing = [name for name in ("task_id", "sql") if name not in names]
        if missing:
            raise PredictionsError(f"{path}:1: the header has no column {' and no column '.join(missing)}")
        for record in reader:
            yield record["task_id"], record["sql"], f"{path}:{reader.line_num}"
    except csv.Error as error:
        raise PredictionsError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None


def _sql(path: Path, tasks: Sequence[Task]) -> dict[str, str]:
    lines = _text(path).removesuffix("\n").split("\n")
    if len(lines) > len(tasks):
        raise PredictionsError(f"{path}:{len(tasks) + 1}: more lines than tasks ({len(lines)} and {len(tasks)})")
    return {task.task_id: sql for task, sql in zip(tasks, _queries(lines, tasks), strict=False) if sql}


def _queries(lines: Iterable[str], tasks: Sequence[Task]) -> Iterator[str]:
    db_ids = {task.db_id for task in tasks}
    for line in lines:
        sql, tab, last = line.strip().rpartition("\t")
        yield sql.strip() if tab and last.strip() in db_ids else line.strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PredictionsError(f"{path}: not UTF-8: {error}") from None
