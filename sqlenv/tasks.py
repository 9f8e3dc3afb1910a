"""Data sets, public side: databases, tasks and splits, in Spider's on-disk layout.

    DIR/dataset.json                       name and licence
    DIR/tasks.jsonl                        one task a line: task_id, db_id, question, split, difficulty, answer_type
    DIR/database/<db_id>/<db_id>.sqlite    the databases
    DIR/tables.json                        Spider's description of the schemas, for other tools
    DIR/gold.jsonl                         not public and never read here: see `sqlenv.gold`

`python -m data.build` makes the bundled set; `sqlenv data import` turns Spider, BIRD or a folder like them into this.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlenv.errors import DataSetError
from sqlenv.types import AnswerType

BUNDLED = Path(__file__).resolve().parent.parent / "data" / "bundled"
DIFFICULTIES = ("easy", "medium", "hard", "extra")


@dataclass(frozen=True, slots=True)
class Task:
    """The public part of a task."""

    task_id: str
    db_id: str
    question: str
    split: str
    difficulty: str
    answer_type: AnswerType


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks: all conditions that are not None must hold."""

    split: str | None = None
    db_id: str | None = None
    difficulty: str | None = None

    def fits(self, task: Task) -> bool:
        """True where the task meets every condition."""
        return (
            self.split in (None, task.split)
            and self.db_id in (None, task.db_id)
            and self.difficulty in (None, task.difficulty)
        )


@dataclass(frozen=True)
class DataSet:
    """A data set as agents may know it.

    `version` is a hash of the tasks and the databases' bytes: equal versions give equal episodes.
    """

    name: str
    version: str
    tasks: tuple[Task, ...]
    databases: dict[str, Path]
    _read: dict[Path, FileState | None] = field(default_factory=dict, repr=False, compare=False)
    _filtered: dict[TaskFilter, tuple[Task, ...]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def by_id(self) -> dict[str, Task]:
        """Tasks by their identifier."""
        return {task.task_id: task for task in self.tasks}

    def filtered(self, which: TaskFilter) -> tuple[Task, ...]:
        """The tasks that fit, in the data set's order."""
        if which not in self._filtered:
            if len(self._filtered) > 1_000:  # filters come from the network: don't let them pile up
                self._filtered.clear()
            self._filtered[which] = tuple(task for task in self.tasks if which.fits(task))
        return self._filtered[which]

    def draw(self, which: TaskFilter, seed: int) -> Task | None:
        """The task that `seed` draws, or None: seeds 0, 1, 2, … visit all that fit once, in a fixed mixed order."""
        tasks = self._mixed.filtered(which)
        return tasks[seed % len(tasks)] if tasks else None

    @cached_property
    def _mixed(self) -> DataSet:
        order = sorted(self.tasks, key=lambda task: hashlib.sha256(task.task_id.encode()).digest())
        return DataSet(self.name, self.version, tuple(order), self.databases)

    def check_files(self) -> None:
        """Raises DataSetError where a file is no longer the one that `version` was worked out from.

        To be called once the databases are open: what was opened in between is then of this version.
        """
        for path, state in self._read.items():
            if _state(path) != state:
                raise DataSetError(f"{path}: changed while it was being opened; start again once it is complete")


def load(directory: Path) -> DataSet:
    """Reads the public side of a data set. Raises DataSetError naming file and line where it is broken."""
    path = directory / "tasks.jsonl"
    if not path.is_file():
        hint = ""
        if (directory / "tables.json").is_file():
            hint = f"; this looks like Spider's layout: run `sqlenv data import {directory} --out DIR` first"
        raise DataSetError(f"{path}: no such file{hint}")
    read = {path: _state(path)}
    by_id: dict[str, Task] = {}
    for record, where in read_jsonl(path):
        task = read_task(record, where)
        if task.task_id in by_id:
            raise DataSetError(f"{where}: task_id {task.task_id!r} occurs twice")
        by_id[task.task_id] = task
    tasks = tuple(by_id.values())
    if not tasks:
        raise DataSetError(f"{path}: there are no tasks in it")
    databases = {db_id: database_path(directory, db_id) for db_id in sorted({task.db_id for task in tasks})}
    for db_id, file in databases.items():
        if not file.is_file():
            raise DataSetError(f"{file}: no such file; {path} has tasks for database {db_id!r}")
    read |= {file: _state(file) for file in databases.values()}
    data = DataSet(_read_name(directory), _hash(read), tasks, databases, read)
    data.check_files()
    return data


def database_path(directory: Path, db_id: str) -> Path:
    """Where Spider's layout keeps a database."""
    return directory / "database" / db_id / f"{db_id}.sqlite"


def read_jsonl(path: Path) -> Iterator[tuple[dict[str, object], str]]:
    """Each object of a JSON-lines file, and "file:line" for messages. Raises DataSetError."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                where = f"{path}:{number}"
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise DataSetError(f"{where}: not valid JSON: {error}") from None
                if not isinstance(record, dict):
                    raise DataSetError(f"{where}: expected a JSON object, not {type(record).__name__}")
                yield record, where
    except UnicodeDecodeError as error:
        raise DataSetError(f"{path}: not UTF-8: {error}") from None
    except OSError as error:
        raise DataSetError(f"{path}: {error.strerror}") from None


def text_field(record: dict[str, object], name: str, where: str) -> str:
    """A field that must be a non-empty string. Raises DataSetError."""
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataSetError(f"{where}: {name!r} must be a non-empty string, got {value!r:.80}")
    return value


def read_task(record: dict[str, object], where: str) -> Task:
    """The task in a line of tasks.jsonl. Raises DataSetError."""
    names = ("task_id", "db_id", "question", "split", "difficulty", "answer_type")
    fields = {name: text_field(record, name, where) for name in names}
    if fields["difficulty"] not in DIFFICULTIES:
        raise DataSetError(f"{where}: difficulty {fields['difficulty']!r} is not one of {', '.join(DIFFICULTIES)}")
    try:
        answer_type = AnswerType(fields.pop("answer_type"))
    except ValueError:
        known = ", ".join(AnswerType)
        raise DataSetError(f"{where}: answer_type {record['answer_type']!r} is not one of {known}") from None
    if "/" in fields["db_id"] or "\0" in fields["db_id"] or fields["db_id"] in {".", ".."}:
        raise DataSetError(f"{where}: db_id {fields['db_id']!r} is not a plain name")
    return Task(**fields, answer_type=answer_type)


def _read_name(directory: Path) -> str:
    path = directory / "dataset.json"
    if not path.is_file():
        return directory.resolve().name
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["name"])
    except (ValueError, KeyError, TypeError):
        raise DataSetError(f"{path}: expected a JSON object with a name") from None


FileState = tuple[int, int, int, int]
"""What tells one state of a file from another without reading it."""


def _state(path: Path) -> FileState | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _hash(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            total.update(path.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:16]
