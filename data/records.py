"""Reads a data set's own files line by line for `data.check`: what is wrong is collected, not raised at the first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from sqlenv import gold, tasks
from sqlenv.errors import DataSetError
from sqlenv.gold import GoldTask
from sqlenv.tasks import Task

T = TypeVar("T", Task, GoldTask)
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong. `where` is "file:line", or the file for a database.

    An "error" makes the set unusable or its scores wrong. A "warning" is about its quality: an imported set may have
    some that only its author can mend.
    """

    where: str
    what: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Line(Generic[T]):
    """A record that could be read, and where it stands. `marks` are gold's."""

    where: str
    value: T
    marks: tuple[str, ...] = ()


def read_tasks(directory: Path, problems: list[Problem]) -> list[Line[Task]]:
    """The tasks that can be read."""
    return list(_read(directory / "tasks.jsonl", tasks.read_task, problems))


def read_gold(directory: Path, problems: list[Problem]) -> list[Line[GoldTask]]:
    """The gold that can be read."""
    return list(_read(directory / gold.FILE, gold.read_gold, problems))


def read_extras(directory: Path, problems: list[Problem]) -> None:
    """Looks at dataset.json and tables.json: the one names the set, the other is there for other tools."""
    about = directory / "dataset.json"
    value = _read_json(about, problems)
    if value is not None and not (isinstance(value, dict) and isinstance(value.get("name"), str)):
        problems.append(Problem(f"{about}:1", "expected a JSON object with a name"))
    tables = directory / "tables.json"
    value = _read_json(tables, problems)
    if value is not None and not (isinstance(value, list) and all(isinstance(entry, dict) for entry in value)):
        problems.append(Problem(f"{tables}:1", "expected a JSON list of objects, one a database"))


def _read(path: Path, read: Callable[[dict[str, object], str], T], problems: list[Problem]) -> Iterator[Line[T]]:
    """Each line that `read`, the loader's own reader, takes."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        problems.append(Problem(str(path), f"can't be read: {error.strerror}"))
        return
    if not any(line.strip() for line in lines):
        problems.append(Problem(f"{path}:1", "there is nothing in it"))
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8"))
            if not isinstance(record, dict):
                raise DataSetError(f"{where}: expected a JSON object, not {type(record).__name__}")
            marks = record.get("marks", [])
            if not isinstance(marks, list):
                raise DataSetError(f"{where}: 'marks' must be a list, got {marks!r:.80}")
            yield Line(where, read(record, where), tuple(map(str, marks)))
        except UnicodeDecodeError as error:
            problems.append(Problem(where, f"not UTF-8: {error.reason} at byte {error.start}"))
        except DataSetError as error:
            problems.append(Problem(where, str(error).removeprefix(f"{where}: ")))
        except (ValueError, RecursionError) as error:
            problems.append(Problem(where, f"not valid JSON: {error}"))
        except (TypeError, KeyError, AttributeError) as error:  # a row that is no list, a blob that is no hex
            problems.append(Problem(where, f"not a record of ours: {error}"))


def _read_json(path: Path, problems: list[Problem]) -> object:
    if not path.is_file():
        problems.append(Problem(str(path), "no such file", "warning"))
        return None
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        problems.append(Problem(f"{path}:{error.lineno}", f"not valid JSON: {error.msg}"))
    except (UnicodeDecodeError, RecursionError) as error:
        problems.append(Problem(f"{path}:1", f"not valid JSON: {error}"))
    except OSError as error:
        problems.append(Problem(str(path), f"can't be read: {error.strerror}"))
    else:
        return value
    return None
