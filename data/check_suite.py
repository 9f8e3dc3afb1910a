"""Checks a stored instance suite: index, archives, every instance, and whether it belongs to the gold there is."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from data.records import Line, Problem
from reward_service.instances import FOLDER, INDEX, Suite
from sqlenv.errors import DataSetError
from sqlenv.gold import GoldTask
from sqlenv.sandbox import Limits, Sandbox
from sqlenv.tasks import Task
from sqlenv.types import ActionFailure

AGAIN = "run sqlenv data build-instances"


def suite_problems(directory: Path, tasks: Iterable[Line[Task]], gold: Mapping[str, Line[GoldTask]]) -> list[Problem]:
    """What is wrong with the suite of a data set; nothing where there is no suite: it is optional."""
    try:
        suite = Suite.find(directory, Limits(), max_open=1)
    except (DataSetError, OSError, UnicodeDecodeError) as error:
        path = str(directory / FOLDER / INDEX)
        return [Problem(path, f"can't be read: {error}".replace(f"{path}: ", ""))]
    if suite is None:
        return []
    try:
        foreign = list(_foreign(directory))
        return [*foreign, *_instances(directory, suite, tasks, gold, {Path(one.where).stem for one in foreign})]
    finally:
        suite.close()


def _foreign(directory: Path) -> Iterator[Problem]:
    """The archives that are not those that the index was written for."""
    index = json.loads((directory / FOLDER / INDEX).read_text(encoding="utf-8"))
    for db_id, wanted in index.get("archives", {}).items():
        path = directory / FOLDER / f"{db_id}.zip"
        if path.is_file() and not hashlib.sha256(path.read_bytes()).hexdigest().startswith(wanted):
            yield Problem(str(path), f"is not the archive that {INDEX} was written for: {AGAIN}")


def _instances(
    directory: Path, suite: Suite, tasks: Iterable[Line[Task]], gold: Mapping[str, Line[GoldTask]], broken: set[str]
) -> Iterator[Problem]:
    """Does each instance open, does gold run on it, and are the tasks' instances for their gold?

    Databases in `broken` are left out, and so are those whose archive can't be read, after the first word about it.
    """
    wanted: dict[tuple[str, int], list[Line[GoldTask]]] = defaultdict(list)
    stale = []
    for line in tasks:
        found = gold.get(line.value.task_id)
        if found is None:
            continue
        numbers = suite.numbers(line.value.task_id, found.value.sql)
        if suite.is_stale(line.value.task_id, found.value.sql):
            stale.append(line.value.task_id)
        for number in numbers:
            wanted[line.value.db_id, number].append(found)
    for (db_id, number), golds in sorted(wanted.items()):
        path = directory / FOLDER / f"{db_id}.zip"
        if db_id in broken:
            continue
        try:
            box = Sandbox.from_bytes(suite.data(db_id, number))
        except DataSetError as error:
            broken.add(db_id)
            yield Problem(str(path), str(error).removeprefix(f"{path}: "))
            continue
        for asked in golds:
            value = box.run(asked.value.sql).value
            if isinstance(value, ActionFailure):
                yield Problem(asked.where, f"gold fails on instance {number} of {path}: {value.message}")
        box.close()
    if stale:
        some = ", ".join(stale[:3]) + ("…" if len(stale) > 3 else "")
        what = f"{len(stale)} tasks are not in the suite with the gold they have now ({some}): {AGAIN}"
        yield Problem(str(directory / FOLDER / INDEX), what, "warning")
