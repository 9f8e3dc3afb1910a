"""Builds the bundled data set from `data/sources`: `python -m data.build [OUT]`. The same bytes on every run.

Task ids count a database's questions in the order of its questions.toml (a second phrasing has a letter behind the
number), so questions are only ever added at the end.
"""

from __future__ import annotations

import importlib
import random
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from data.difficulty import difficulty
from data.examine import Examined, Examiner, answer_type
from data.write import GoldRecord, write_dataset
from sqlenv.errors import DataSetError, SqlEnvError
from sqlenv.sqlite.schema import quote
from sqlenv.tasks import BUNDLED, Task, database_path
from sqlenv.types import ActionFailure

SOURCES = Path(__file__).parent / "sources"
ABOUT = {
    "name": "sqlenv-bundled",
    "license": "Apache-2.0",
    "description": "Ten databases and their questions, written for SQLEnv. Persons, figures and events are made up.",
}
# Whole databases, so that nothing about an eval database can be learned in training.
EVAL_DATABASES = frozenset({"concert_season", "flight_network", "kennel_club"})


def build(out: Path) -> int:
    """Builds the set in `out`; returns the number of tasks. Raises DataSetError where a source is wrong."""
    records: list[GoldRecord] = []
    for source in sorted(path.parent for path in SOURCES.glob("*/questions.toml")):
        path = database_path(out, source.name)
        build_database(source, path)
        examiner = Examiner(path)
        records.extend(_records(source, examiner))
        examiner.close()
    write_dataset(out, ABOUT, records)
    return len(records)


def build_database(source: Path, path: Path) -> None:
    """Makes one database: schema, rows, then a VACUUM, so that pages are laid out the same way every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    rows = importlib.import_module(f"data.sources.{source.name}.rows").rows(random.Random(f"sqlenv:{source.name}:1"))
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = OFF; PRAGMA foreign_keys = OFF; PRAGMA auto_vacuum = NONE").fetchall()
    with connection:
        connection.execute((source / "schema.sql").read_text(encoding="utf-8"))
        for table, records in rows.items():
            if records:
                places = ", ".join("?" * len(records[0]))
                connection.executemany(f"INSERT INTO {quote(table)} VALUES ({places})", records)
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise DataSetError(f"{source.name}: rows without a parent, first {broken[0]}")
    connection.execute("VACUUM")
    connection.close()


def _records(source: Path, examiner: Examiner) -> Iterator[GoldRecord]:
    path = source / "questions.toml"
    split = "eval" if source.name in EVAL_DATABASES else "train"
    questions: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
    for number, question in enumerate(questions, 1):
        sql = question["sql"].strip()
        where = f"{path}: question {number}"
        found = examiner.examine(sql)
        if isinstance(found, ActionFailure):
            raise DataSetError(f"{where}: gold does not run: {found.message}")
        _check_type(question["answer"], found, where)
        for letter, text in zip("abcdefgh", [question["text"], *question.get("also", [])], strict=False):
            task_id = f"{source.name}-{number:03}" + ("" if letter == "a" else letter)
            kind = answer_type(found.columns, found.rows) if question["answer"] != "list" else question["answer"]
            task = Task(task_id, source.name, " ".join(text.split()), split, difficulty(sql), kind)
            yield GoldRecord(task, sql, found)


def _check_type(declared: str, found: Examined, where: str) -> None:
    actual = answer_type(found.columns, found.rows)
    if declared != actual and not (declared == "list" and len(found.columns) == 1):
        raise DataSetError(f"{where}: declared {declared}, but gold gives {actual}")


def main() -> None:
    """The command line."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLED
    try:
        count = build(out)
    except SqlEnvError as error:
        sys.exit(f"data.build: {error}")
    print(f"{count} tasks in {out}")


if __name__ == "__main__":
    main()
