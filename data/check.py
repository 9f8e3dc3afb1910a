"""Checks a data set: `check(DIR)` lists everything that is wrong with it, with file and line.

Errors: a file that is missing or can't be read, a record that is not one, an unknown database, one that is damaged,
locked or left in the middle of a write, gold without a task or a task without gold, gold that does not run or gives
something else than is stored, an answer type that does not fit, a database in two splits, an answer that is empty or
says nothing about the data and is not marked so.
An instance suite, where there is one, must be readable whole (`data.check_suite`).
Warnings: a question that occurs twice, a table that no question reaches, rows without a parent, tasks whose instances
were built for another gold.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import apsw

from data.check_suite import suite_problems
from data.constant import Emptied
from data.examine import Examined, Examiner, answer_type
from data.integrity import database_problems, schema_of
from data.records import Line, Problem, read_extras, read_gold, read_tasks
from reward_service.config import RewardSettings
from sqlenv import gold as gold_module
from sqlenv import tasks as tasks_module
from sqlenv.errors import DataSetError
from sqlenv.gold import GoldTask
from sqlenv.tasks import Task, database_path
from sqlenv.types import ActionFailure, AnswerType

EMPTY, CONSTANT = "empty", "constant"
"""Marks in gold.jsonl that accept an unusual answer."""

COMPARED_ROWS: int = RewardSettings.model_fields["score_rows"].default
"""The reward service keeps no more rows of an answer than this."""


def check(directory: Path) -> list[Problem]:
    """All that is wrong with the data set in `directory`; an empty list where nothing is."""
    if not directory.is_dir():
        return [Problem(str(directory), "no such folder")]
    problems: list[Problem] = []
    tasks = read_tasks(directory, problems)
    gold = read_gold(directory, problems)
    read_extras(directory, problems)
    problems += _twice(tasks)
    problems += _twice(gold)
    problems += _unpaired(tasks, gold, directory)
    problems += _shared_databases(tasks)
    problems += _same_questions(tasks)
    by_id = {line.value.task_id: line for line in gold}
    by_database: dict[str, list[Line[Task]]] = defaultdict(list)
    for line in tasks:
        by_database[line.value.db_id].append(line)
    for db_id, lines in by_database.items():
        path = database_path(directory, db_id)
        found = database_problems(path, lines[0].where)
        problems += found
        if not any(problem.severity == "error" for problem in found):
            problems += _database(
                path, [(line, by_id[line.value.task_id]) for line in lines if line.value.task_id in by_id]
            )
    if not any(problem.severity == "error" for problem in problems):
        problems += _loads(directory)
        problems += suite_problems(directory, tasks, by_id)
    return problems


def _twice(lines: Iterable[Line[Task]] | Iterable[Line[GoldTask]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for line in lines:
        known = first.setdefault(line.value.task_id, line.where)
        if known != line.where:
            yield Problem(line.where, f"task_id {line.value.task_id!r} is at {known} already")


def _unpaired(tasks: list[Line[Task]], gold: list[Line[GoldTask]], directory: Path) -> Iterator[Problem]:
    known, having = {line.value.task_id for line in tasks}, {line.value.task_id for line in gold}
    if having:  # without the file one problem is enough
        for task in tasks:
            if task.value.task_id not in having:
                what = f"task {task.value.task_id!r} has no gold in {directory / gold_module.FILE}"
                yield Problem(task.where, what)
    if known:
        for line in gold:
            if line.value.task_id not in known:
                yield Problem(line.where, f"gold for {line.value.task_id!r}, which is no task")


def _shared_databases(tasks: Iterable[Line[Task]]) -> Iterator[Problem]:
    first: dict[str, Line[Task]] = {}
    told: set[tuple[str, str]] = set()
    for line in tasks:
        task, other = line.value, first.setdefault(line.value.db_id, line)
        if task.split != other.value.split and (task.db_id, task.split) not in told:
            told.add((task.db_id, task.split))
            what = (
                f"database {task.db_id!r} is in split {task.split!r} here and in {other.value.split!r} at {other.where}"
            )
            yield Problem(line.where, what)


def _same_questions(tasks: Iterable[Line[Task]]) -> Iterator[Problem]:
    """The same words, whatever their case and punctuation, about the same database."""
    first: dict[tuple[str, str], str] = {}
    for line in tasks:
        words = re.sub(r"\W+", " ", line.value.question).strip().casefold()
        known = first.setdefault((line.value.db_id, words), line.where)
        if known != line.where:
            yield Problem(line.where, f"the same question as at {known}", "warning")


def _database(path: Path, pairs: list[tuple[Line[Task], Line[GoldTask]]]) -> Iterator[Problem]:
    """Runs all gold of one sound database."""
    try:
        examiner = Examiner(path)
    except (DataSetError, apsw.Error) as error:
        yield Problem(str(path), f"can't be opened: {error}")
        return
    examine = cache(examiner.examine)  # other phrasings of a question share its gold
    reached: Counter[str] = Counter()
    try:
        with Emptied(path) as emptied:
            for task, gold in pairs:
                found = examine(gold.value.sql)
                if isinstance(found, ActionFailure):
                    yield Problem(gold.where, f"gold does not run: {found.message}")
                    continue
                reached.update(name.lower() for name in found.tables)
                yield from _answer(task, gold, found)
                yield from _meaning(gold, found, emptied)
    finally:
        examiner.close()
    for name in schema_of(path).names:
        if not reached[name.lower()]:
            yield Problem(str(path), f"table {name!r} is reached by no question", "warning")


def _answer(task: Line[Task], gold: Line[GoldTask], found: Examined) -> Iterator[Problem]:
    """Does what is stored agree with what gold gives?"""
    stored = gold.value
    if stored.columns != found.columns:
        yield Problem(gold.where, f"stored columns {list(stored.columns)}, but gold gives {list(found.columns)}")
    if _typed(stored.rows) != _typed(found.rows):
        same = Counter(_typed(stored.rows)) == Counter(_typed(found.rows))
        yield Problem(
            gold.where, f"the stored rows are {'in another order than' if same else 'not'} what gold gives now"
        )
    if stored.tables != found.tables:
        yield Problem(gold.where, f"stored tables {list(stored.tables)}, but gold reads {list(found.tables)}")
    if len(found.rows) > COMPARED_ROWS:
        words = f"gold gives {len(found.rows):,} rows; answers of more than {COMPARED_ROWS:,} can't be compared with it"
        yield Problem(gold.where, f"{words}: leave the task out")
    kind, actual = task.value.answer_type, answer_type(found.columns, found.rows)
    if kind != actual and not (kind is AnswerType.LIST and len(found.columns) == 1):
        yield Problem(task.where, f"answer_type is {kind}, but gold gives {actual}")


def _typed(rows: Iterable[Iterable[object]]) -> list[tuple[tuple[str, object], ...]]:
    """Rows that tell 1 from 1.0."""
    return [tuple((type(value).__name__, value) for value in row) for row in rows]


def _meaning(gold: Line[GoldTask], found: Examined, emptied: Emptied) -> Iterator[Problem]:
    """Does the answer say anything about the data?"""
    if not found.rows:
        if EMPTY not in gold.marks:
            yield Problem(gold.where, f'the answer is empty; mark it "{EMPTY}" if that is meant')
    elif CONSTANT not in gold.marks:
        if not found.tables:
            yield Problem(gold.where, f'gold reads no table; mark it "{CONSTANT}" if that is meant')
        elif emptied.gives(gold.value.sql, found.rows):
            yield Problem(gold.where, f'an empty database gives the same answer; mark it "{CONSTANT}" if that is meant')


def _loads(directory: Path) -> Iterator[Problem]:
    """The loaders have the last word: what they refuse is wrong, whatever was found here."""
    try:
        tasks_module.load(directory)
        gold_module.load_gold(directory)
    except DataSetError as error:
        yield Problem(str(directory), str(error))
