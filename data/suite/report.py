"""What building a suite found: figures for the data set, and for each task the mutants that are left."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data.suite.mutants import LITERAL, Mutant
from data.suite.task import TaskSuite

REPORT = "report.json"

# Kinds of mutants that are nearly always wrong come first for the person who reads what is left; those at the end are
# mostly equal to gold in a way that no rule proves.
_SUSPICION = (
    LITERAL,
    "limit",
    "sort",
    "aggregate",
    "set operation",
    "conjunct",
    "disjunct",
    "where",
    "having",
    "comparison",
    "constant",
    "between",
    "not",
    "is null",
    "join",
    "left to inner",
    "selected column",
    "count",
)
_MOSTLY_EQUAL = ("distinct added", "order by lost", "inner to left join", "group by extra column", "cast lost")


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A task's suite. `repeated`: another task of the database has the same gold, and counts for both."""

    instances: tuple[int, ...]
    sql: str
    mutants: int
    proved: int
    killed: int
    shipped: int
    left: tuple[Mutant, ...]
    reasons: dict[str, int]
    contradicted: tuple[Mutant, ...]
    evidence: bool
    trusted: bool
    repeated: bool

    @classmethod
    def of(cls, suite: TaskSuite, sql: str, *, repeated: bool) -> TaskResult:
        """The result of a task's suite; mutants left are ordered by how suspicious their kind is."""
        return cls(
            suite.instances,
            sql,
            suite.mutants,
            suite.proved,
            suite.killed,
            suite.shipped,
            tuple(sorted(suite.left, key=lambda mutant: (_suspicion(mutant.kind), mutant.kind, mutant.sql))),
            dict(sorted(Counter(mutant.proof for mutant in suite.proofs).items())),
            suite.contradicted,
            suite.evidence,
            suite.trusted,
            repeated,
        )


@dataclass(frozen=True, slots=True)
class DatabaseResult:
    """What is stored for one database."""

    archive: bytes
    instances: int
    tasks: dict[str, TaskResult]


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """Figures of a whole suite. Mutants are counted once for tasks that share their gold.

    `killed`: on an instance; `shipped`: only on the shipped database; `proved`: equal by a rule; `left`: the rest.
    `ambiguous`: tasks whose gold can give other results though nothing is changed, say a bare column of a group; the
    instances where it did were dropped. `untrusted`: so did sqlglot's writing of gold.
    """

    name: str
    tasks: int
    golds: int
    mutants: int
    killed: int
    shipped: int
    proved: int
    left: int
    instances: int
    median_instances: float
    bytes: int
    seed: int
    tries: int
    no_evidence: tuple[str, ...]
    literal_left: tuple[str, ...]
    without_instances: tuple[str, ...]
    untrusted: tuple[str, ...]
    ambiguous: tuple[str, ...]
    left_by_kind: dict[str, int]
    proved_by_reason: dict[str, int]
    seconds: float = 0.0

    @property
    def decided(self) -> float:
        """The share of mutants that are killed or proved equal."""
        return 1.0 if not self.mutants else 1 - self.left / self.mutants

    def timed(self, seconds: float) -> SuiteReport:
        """The same with the time that it took, which is not stored: the files are the same on every run."""
        return replace(self, seconds=seconds)

    def __str__(self) -> str:
        share = f"{self.decided:.2%} of {self.mutants:,} mutants killed or proved equal"
        parts = f"{self.killed:,} on instances, {self.shipped:,} on the shipped database, {self.proved:,} proved equal"
        return (
            f"{self.name}: {share} ({parts}, {self.left:,} left); "
            f"{self.instances:,} instances for {self.tasks:,} tasks, "
            f"median {self.median_instances:g} a task, {self.bytes:,} bytes, {self.seconds:.0f} s"
        )


def summarize(
    name: str,
    tasks: Mapping[str, TaskResult],
    databases: Mapping[str, DatabaseResult],
    size: int,
    *,
    seed: int,
    tries: int,
) -> SuiteReport:
    """The figures of a suite."""
    first = [task for task in tasks.values() if not task.repeated]
    kinds = Counter(mutant.kind for task in first for mutant in task.left)
    reasons: Counter[str] = Counter()
    for task in first:
        reasons.update(task.reasons)
    return SuiteReport(
        name=name,
        tasks=len(tasks),
        golds=len(first),
        mutants=sum(task.mutants for task in first),
        killed=sum(task.killed for task in first),
        shipped=sum(task.shipped for task in first),
        proved=sum(task.proved for task in first),
        left=sum(len(task.left) for task in first),
        instances=sum(database.instances for database in databases.values()),
        median_instances=statistics.median(len(task.instances) for task in tasks.values()) if tasks else 0.0,
        bytes=size,
        seed=seed,
        tries=tries,
        no_evidence=tuple(task_id for task_id, task in tasks.items() if not task.evidence),
        literal_left=tuple(i for i, task in tasks.items() if any(mutant.kind == LITERAL for mutant in task.left)),
        without_instances=tuple(task_id for task_id, task in tasks.items() if not task.instances),
        untrusted=tuple(task_id for task_id, task in tasks.items() if not task.trusted),
        ambiguous=tuple(task_id for task_id, task in tasks.items() if task.contradicted),
        left_by_kind=dict(kinds.most_common()),
        proved_by_reason=dict(reasons.most_common()),
    )


def write_report(folder: Path, report: SuiteReport, tasks: Mapping[str, TaskResult]) -> None:
    """Writes report.json: the figures, then each task that has something to look at."""
    figures = {key: value for key, value in asdict(report).items() if key != "seconds"}
    look = {
        task_id: {
            "sql": task.sql,
            "left": [{"kind": mutant.kind, "sql": mutant.sql} for mutant in task.left],
            "contradicted": [{"proof": mutant.proof, "sql": mutant.sql} for mutant in task.contradicted],
        }
        for task_id, task in tasks.items()
        if (task.left or task.contradicted) and not task.repeated
    }
    text = json.dumps({"figures": figures, "tasks": look}, indent=1, ensure_ascii=False)
    (folder / REPORT).write_text(text + "\n", encoding="utf-8")


def _suspicion(kind: str) -> int:
    if kind.startswith(_MOSTLY_EQUAL):
        return len(_SUSPICION) + 1
    return next((place for place, start in enumerate(_SUSPICION) if kind.startswith(start)), len(_SUSPICION))
