"""Counts what is in a data set, as plain data and as tables for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import apsw
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sqlenv.errors import DataSetError
from sqlenv.sandbox import Sandbox
from sqlenv.tasks import DIFFICULTIES, Task, load
from sqlenv.types import AnswerType


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """One database. `rows` are those of all its tables, views left out where too slow; `bytes` is its file's size."""

    db_id: str
    split: str
    tasks: int
    tables: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DataSetStats:
    """A data set in figures. `by_split` counts tasks as by_split[split]["difficulty" or "answer_type"][value]."""

    name: str
    version: str
    tasks: int
    splits: dict[str, int]
    difficulties: dict[str, int]
    answer_types: dict[str, int]
    by_split: dict[str, dict[str, dict[str, int]]]
    databases: tuple[DatabaseStats, ...]

    @property
    def rows(self) -> int:
        """Rows of all databases."""
        return sum(database.rows for database in self.databases)

    @property
    def bytes(self) -> int:
        """Size of all databases."""
        return sum(database.bytes for database in self.databases)

    def to_dict(self) -> dict[str, object]:
        """The same as JSON can hold it."""
        return {**asdict(self), "rows": self.rows, "bytes": self.bytes}


def stats(directory: Path) -> DataSetStats:
    """Counts the data set in `directory`; gold is not read. Raises DataSetError where it is broken."""
    data = load(directory)
    splits = Counter(task.split for task in data.tasks)
    return DataSetStats(
        name=data.name,
        version=data.version,
        tasks=len(data.tasks),
        splits=dict(splits),
        difficulties=_difficulties(data.tasks),
        answer_types=_answer_types(data.tasks),
        by_split={
            split: {
                "difficulty": _difficulties(task for task in data.tasks if task.split == split),
                "answer_type": _answer_types(task for task in data.tasks if task.split == split),
            }
            for split in splits
        },
        databases=tuple(_database(db_id, path, data.tasks) for db_id, path in data.databases.items()),
    )


def render(found: DataSetStats) -> Group:
    """Tables for a terminal of 80 columns."""
    about = Text(
        f"{found.name}, version {found.version}\n"
        f"{found.tasks:,} tasks, {len(found.databases)} databases, {found.rows:,} rows, {_size(found.bytes)}"
    )
    tasks = Table()
    tasks.add_column("tasks")
    columns = [*found.splits]
    for name in [*map(escape, columns), "all"]:
        tasks.add_column(name, justify="right")
    tasks.add_row("all", *(f"{found.splits[split]:,}" for split in columns), f"{found.tasks:,}", end_section=True)
    for kind, totals in (("difficulty", found.difficulties), ("answer_type", found.answer_types)):
        for number, (value, total) in enumerate(totals.items(), 1):
            cells = [f"{found.by_split[split][kind].get(value, 0):,}" for split in columns]
            tasks.add_row(value, *cells, f"{total:,}", end_section=number == len(totals))
    databases = Table()
    databases.add_column("database", overflow="fold")
    databases.add_column("split")
    for name in ("tasks", "tables", "rows", "size"):
        databases.add_column(name, justify="right")
    for each in found.databases:
        figures = (f"{each.tasks:,}", f"{each.tables:,}", f"{each.rows:,}", _size(each.bytes))
        databases.add_row(escape(each.db_id), escape(each.split), *figures)
    return Group(about, tasks, databases)


def _difficulties(tasks: Iterable[Task]) -> dict[str, int]:
    counts = Counter(task.difficulty for task in tasks)
    return {name: counts[name] for name in DIFFICULTIES}


def _answer_types(tasks: Iterable[Task]) -> dict[str, int]:
    counts = Counter(task.answer_type for task in tasks)
    return {kind.value: counts[kind] for kind in AnswerType}


def _database(db_id: str, path: Path, tasks: Iterable[Task]) -> DatabaseStats:
    mine = [task for task in tasks if task.db_id == db_id]
    try:
        sandbox = Sandbox(path)
    except apsw.Error as error:
        raise DataSetError(f"{path}: {error}") from None
    names = sandbox.schema.names
    rows = sum(max(0, sandbox.row_count(name)) for name in names)
    sandbox.close()
    splits = ", ".join(sorted({task.split for task in mine}))
    return DatabaseStats(db_id, splits, len(mine), len(names), rows, path.stat().st_size)


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"
