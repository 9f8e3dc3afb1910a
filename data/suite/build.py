"""Builds the instance suite of a data set: `build_instances(DIR)`, offline, seeded, parallel by database.

For each task a few small instances of its schema are found such that every mutant of gold that isn't equal to it gives
another result on one of them (`data.suite.task`). What comes out is a function of the data set, the seed and the number
of tries: the same bytes again, however many processes work. Nothing is written before all is done; then the new folder
takes the place of the old one.

A gold query that fails on an instance drops the instance, never the task. Mutants that no instance tells from gold are
proved equal, or told apart by the shipped database, or left: those are listed in report.json for a person to look at.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from data.suite.instances import Scratch
from data.suite.profile import read_profile
from data.suite.report import REPORT, DatabaseResult, SuiteReport, TaskResult, summarize, write_report
from data.suite.store import archive, write_archive, write_index
from data.suite.task import TaskBuilder, TaskSuite
from data.suite.trial import SHIPPED_VM_STEPS, Runner
from reward_service.instances import FOLDER, gold_mark
from sqlenv.errors import DataSetError
from sqlenv.gold import GoldTask, load_gold
from sqlenv.sandbox import FROZEN_CLOCK_VFS
from sqlenv.tasks import load

TRIES = 600
"""Instances drawn for a task at most. More find little: what is left then is mostly equal without a proof."""

Progress = Callable[[int, int], None]
"""Called with the number of tasks done and of all."""


@dataclass(frozen=True, slots=True)
class _Job:
    db_id: str
    path: Path
    golds: tuple[GoldTask, ...]
    seed: int
    tries: int


def build_instances(
    directory: Path,
    *,
    seed: int = 0,
    jobs: int = 2,
    tries: int = TRIES,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
) -> SuiteReport:
    """Builds and stores the suite of the data set in `directory`.

    Args:
        directory: a data set in our layout.
        seed: another seed draws other instances.
        jobs: processes; each takes a database at a time.
        tries: instances drawn for a task at most.
        only: databases to build for; tasks of the others then have no suite.
        progress: called as databases are done.

    Raises DataSetError where the data set is broken or `only` names a database that it hasn't.
    """
    started = time.monotonic()
    data = load(directory)
    gold = load_gold(directory)
    unknown = sorted(set(only or ()) - set(data.databases))
    if unknown:
        raise DataSetError(f"no database {', '.join(unknown)} in {directory}; there are {', '.join(data.databases)}")
    work = []
    for db_id, path in data.databases.items():
        golds = tuple(gold[task.task_id] for task in data.tasks if task.db_id == db_id and task.task_id in gold)
        if golds and (only is None or db_id in only):
            work.append(_Job(db_id, path, golds, seed, tries))
    total = sum(len(job.golds) for job in work)
    done = 0
    results: dict[str, DatabaseResult] = {}
    for job, result in _run(work, jobs):
        results[job.db_id] = result
        done += len(job.golds)
        if progress:
            progress(done, total)
    with _replacing(directory / FOLDER) as folder:
        archives = {db_id: write_archive(folder, db_id, results[db_id].archive) for db_id in sorted(results)}
        tasks = {
            task.task_id: results[task.db_id].tasks[task.task_id]
            for task in data.tasks
            if task.db_id in results and task.task_id in results[task.db_id].tasks
        }
        marks = {task_id: gold_mark(gold[task_id].sql) for task_id in tasks}
        write_index(
            folder, archives, {task_id: (marks[task_id], list(found.instances)) for task_id, found in tasks.items()}
        )
        size = sum(path.stat().st_size for path in folder.iterdir())
        report = summarize(data.name, tasks, results, size, seed=seed, tries=tries)
        write_report(folder, report, tasks)
    return report.timed(time.monotonic() - started)


def read_report(directory: Path) -> dict[str, object]:
    """The report of the suite that is stored with a data set. Raises DataSetError where there is none."""
    path = directory / FOLDER / REPORT
    if not path.is_file():
        raise DataSetError(f"{path}: no such file; `sqlenv data build-instances {directory}` builds the suite")
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _run(work: Sequence[_Job], jobs: int) -> Iterator[tuple[_Job, DatabaseResult]]:
    if jobs <= 1 or len(work) <= 1:
        for job in work:
            yield job, build_database(job)
        return
    # The largest first, so that no process is left alone with it at the end.
    ordered = sorted(work, key=lambda job: -len(job.golds))
    pool = ProcessPoolExecutor(min(jobs, len(work)), mp_context=multiprocessing.get_context("spawn"))
    try:
        running = {pool.submit(build_database, job): job for job in ordered}
        for future in as_completed(running):
            yield running[future], future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def build_database(job: _Job) -> DatabaseResult:
    """The suites of one database's tasks."""
    profile = read_profile(job.path)
    scratch = Scratch(profile, FROZEN_CLOCK_VFS)
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    uri = f"{job.path.resolve().as_uri()}?immutable=1"
    shipped = apsw.Connection(uri, flags=flags, vfs=FROZEN_CLOCK_VFS)
    try:
        builder = TaskBuilder(scratch, Runner(shipped, SHIPPED_VM_STEPS), job.seed, job.db_id, job.tries)
        builder.draw_probes(list(dict.fromkeys(gold.sql for gold in job.golds)))
        by_sql: dict[str, TaskSuite] = {}
        tasks: dict[str, TaskResult] = {}
        for gold in job.golds:
            first = gold.sql not in by_sql
            if first:
                by_sql[gold.sql] = builder.build(gold.sql, gold.columns, gold.rows)
            tasks[gold.task_id] = TaskResult.of(by_sql[gold.sql], gold.sql, repeated=not first)
        return DatabaseResult(archive(profile, builder.shelf.contents), len(builder.shelf.contents), tasks)
    finally:
        scratch.close()
        shipped.close()


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` when the block has ended without an error."""
    new = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = new.with_suffix(".old")
    try:
        new.mkdir()
        yield new
        if folder.exists():
            os.replace(folder, old)
        os.replace(new, folder)
    except OSError as error:
        raise DataSetError(f"{error.filename or folder}: {error.strerror}; {folder} is unchanged") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        shutil.rmtree(old, ignore_errors=True)
