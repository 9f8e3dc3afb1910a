"""Writes a data set in our layout (see `sqlenv.tasks`), the same bytes for the same content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import apsw

from data.examine import Examined
from sqlenv import gold
from sqlenv.sqlite.schema import Schema, read_schema
from sqlenv.tasks import Task, database_path


@dataclass(frozen=True, slots=True)
class GoldRecord:
    """A task with its gold."""

    task: Task
    sql: str
    examined: Examined

    @property
    def marks(self) -> list[str]:
        """What is unusual about the answer and accepted."""
        return ["empty"] if not self.examined.rows else []


def write_dataset(directory: Path, about: Mapping[str, str], records: Iterable[GoldRecord]) -> None:
    """Writes everything but the databases, which must be in place under `directory`."""
    records = list(records)
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / "dataset.json", dict(about))
    _write_lines(directory / "tasks.jsonl", (asdict(record.task) for record in records))
    _write_lines(directory / gold.FILE, map(_gold, records))
    db_ids = sorted({record.task.db_id for record in records})
    _write_json(directory / "tables.json", [_spider_tables(directory, db_id) for db_id in db_ids])


def _gold(record: GoldRecord) -> dict[str, object]:
    found = record.examined
    line: dict[str, object] = {
        "task_id": record.task.task_id,
        "sql": record.sql,
        "tables": found.tables,
        "answer": {"columns": found.columns, "rows": [gold.row_to_json(row) for row in found.rows]},
    }
    if record.marks:
        line["marks"] = record.marks
    return line


def _spider_tables(directory: Path, db_id: str) -> dict[str, object]:
    connection = apsw.Connection(str(database_path(directory, db_id)), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return spider_tables(db_id, read_schema(connection))
    finally:
        connection.close()


def spider_tables(db_id: str, schema: Schema) -> dict[str, object]:
    """A database's entry in Spider's tables.json (https://github.com/taoyds/spider, "Tables")."""
    columns: list[tuple[int, str]] = [(-1, "*")]
    types = ["text"]
    index: dict[tuple[str, str], int] = {}
    for number, table in enumerate(schema.tables):
        for column in table.columns:
            index[table.name.lower(), column.name.lower()] = len(columns)
            columns.append((number, column.name))
            types.append("number" if column.type.upper().startswith(("INT", "REAL", "NUM", "DEC")) else "text")
    primary = [index[t.name.lower(), c.name.lower()] for t in schema.tables for c in t.columns if c.key == "PK"]
    foreign = []
    for table in schema.tables:
        for column in table.columns:
            target = tuple(column.references.lower().split(".", 1))
            if len(target) == 2 and target in index:
                foreign.append([index[table.name.lower(), column.name.lower()], index[target[0], target[1]]])
    words = [[number, name.replace("_", " ").lower()] for number, name in columns]
    return {
        "db_id": db_id,
        "table_names_original": list(schema.names),
        "table_names": [name.replace("_", " ").lower() for name in schema.names],
        "column_names_original": [list(column) for column in columns],
        "column_names": words,
        "column_types": types,
        "primary_keys": primary,
        "foreign_keys": foreign,
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_lines(path: Path, records: Iterable[dict[str, object]]) -> None:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8")
