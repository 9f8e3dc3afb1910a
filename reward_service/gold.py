"""Gold made ready for scoring: its results, ties and work, worked out when a task is first scored and then kept.

With an instance suite (`instances`) that is gold's result on each of the task's instances too. An instance on which
gold doesn't run is left out: it tells nothing about a candidate.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from reward_service.compare import Gold
from reward_service.instances import Suite
from reward_service.ordering import GoldPlan, plan, strict
from reward_service.progress import GoldProfile
from sqlenv.errors import DataSetError, Internal, Unavailable
from sqlenv.gold import GoldTask
from sqlenv.sandbox import Limits, Sandbox
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.tasks import DataSet, Task
from sqlenv.types import ActionFailure, ErrorKind, Outcome, Result, Row

log = logging.getLogger(__name__)

# Without its LIMIT gold may give many more rows than a right answer has; past this it is compared row by row instead.
MAX_TIED_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class GoldOnInstance:
    """Gold's result on one instance of the task's database, and the door to that instance.

    The door opens the instance again where it has been closed meanwhile: of the many instances few are kept open.
    """

    door: Callable[[], Sandbox]
    gold: Gold

    @property
    def sandbox(self) -> Sandbox:
        """The instance itself."""
        return self.door()


@dataclass(frozen=True, slots=True)
class PreparedGold:
    """All that scoring a task needs. `instances[0]` is the shipped database; a right answer is right on every one."""

    task: Task
    tables: tuple[str, ...]
    reference_steps: int
    width: int
    vm_steps: int
    profile: GoldProfile
    instances: tuple[GoldOnInstance, ...]
    comparable: bool = True
    """False where gold's result is too large to be kept: nothing can be said then about any answer."""

    @property
    def shipped(self) -> GoldOnInstance:
        """The database that agents see."""
        return self.instances[0]

    @property
    def empty_everywhere(self) -> bool:
        """Whether gold gives no row on any instance, so that a right answer agrees with it in nothing but that."""
        return all(not instance.gold.row_count for instance in self.instances)


def on_generated(how: GoldPlan, rows: Sequence[Row]) -> Gold:
    """Gold on a generated instance, from what its plan gave there.

    Generated rows tie wherever they can. Where the plan can't tell which rows tie, order is asked for on the shipped
    database only: there gold's own order was looked at by people, here it would refuse right answers.
    """
    return Gold(tuple(rows), None) if how.ordered and not how.key_positions else how.gold(rows)


class GoldBook:
    """Gold of a data set. Raises DataSetError where a task has none."""

    def __init__(
        self,
        data: DataSet,
        gold: Mapping[str, GoldTask],
        limits: Limits,
        executor: QueryExecutor,
        suite: Suite | None = None,
    ) -> None:
        missing = next((task.task_id for task in data.tasks if task.task_id not in gold), None)
        if missing is not None:
            raise DataSetError(f"task {missing!r} of {data.name} has no gold")
        self._tasks = data.by_id
        self._gold = gold
        self._executor = executor
        self._suite = suite
        self._candidates = {db_id: Sandbox(path, limits) for db_id, path in data.databases.items()}
        trusted = dataclasses.replace(
            limits, vm_steps=1_000_000_000, wall_ms=60_000, result_rows=MAX_TIED_ROWS, counted_rows=MAX_TIED_ROWS + 1
        )
        self._trusted = {db_id: Sandbox(path, trusted) for db_id, path in data.databases.items()}
        self._prepared: dict[str, PreparedGold] = {}

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks

    async def get(self, task_id: str) -> PreparedGold:
        """A task's gold. Raises KeyError where there is no such task, Internal where its gold does not run.

        Raises Unavailable where it did not run in time, as on a machine that stood still: it may, when tried again.
        """
        known = self._prepared.get(task_id)
        if known is None:
            known = self._prepared[task_id] = await self._prepare(self._tasks[task_id])
        return known

    def close(self) -> None:
        """Closes the databases."""
        for sandbox in (*self._candidates.values(), *self._trusted.values()):
            sandbox.close()
        if self._suite is not None:
            self._suite.close()

    async def _prepare(self, task: Task) -> PreparedGold:
        record = self._gold[task.task_id]
        trusted = self._trusted[task.db_id]
        plain = await self._executor.run(trusted, record.sql)
        if not isinstance(plain.value, Result):
            raise Internal(f"gold of task {task.task_id} does not run")
        columns = {column.name.lower() for table in trusted.schema.tables for column in table.columns}
        how = plan(record.sql, columns)
        candidates = self._candidates[task.db_id]
        if plain.value.truncated:
            log.error("gold of task %s gives too many rows to be compared: no answer is right", task.task_id)
            nothing = GoldOnInstance(lambda: candidates, Gold((), None))
            width = len(plain.value.columns)
            return PreparedGold(
                task, record.tables, record.reference_steps, width, plain.vm_steps, GoldProfile(()), (nothing,), False
            )
        gold = await self._tied(trusted, how, plain.value, record.sql)
        return PreparedGold(
            task=task,
            tables=record.tables,
            reference_steps=record.reference_steps,
            width=len(plain.value.columns),
            vm_steps=plain.vm_steps,
            profile=GoldProfile(plain.value.rows),
            instances=(GoldOnInstance(lambda: candidates, gold), *await self._generated(task, how, record.sql)),
        )

    async def _generated(self, task: Task, how: GoldPlan, sql: str) -> list[GoldOnInstance]:
        """Gold on the task's instances of the suite."""
        found: list[GoldOnInstance] = []
        suite = self._suite
        if suite is None:
            return found
        for number in suite.numbers(task.task_id, sql):
            door = partial(suite.sandbox, task.db_id, number)
            outcome = await self._executor.run(door(), sql)
            plain = outcome.value
            if isinstance(plain, ActionFailure) and _by_chance(outcome, door().limits):
                # Left out for good, it would let wrong answers pass that others of these services refuse.
                words = "the task's gold did not run in time on an instance; try again"
                raise Unavailable(words, "GOLD_NOT_READY", retry_after_s=1.0)
            if isinstance(plain, Result) and not plain.truncated:
                found.append(GoldOnInstance(door, await self._tied(door(), how, plain, sql, generated=True)))
        return found

    async def _tied(self, sandbox: Sandbox, how: GoldPlan, plain: Result, sql: str, *, generated: bool = False) -> Gold:
        """Gold's rows and which of them tie."""
        rows = plain.rows
        if how.sql != sql:
            outcome = await self._executor.run(sandbox, how.sql)
            if isinstance(outcome.value, Result) and not outcome.value.truncated:
                rows = outcome.value.rows
            else:
                how = strict(sql)
        return on_generated(how, rows) if generated else how.gold(rows)


def _by_chance(outcome: Outcome, limits: Limits) -> bool:
    """True where the clock or the machine's memory ended a query, not its own work, which is the same every time."""
    failure = outcome.value
    if not isinstance(failure, ActionFailure) or failure.kind not in (ErrorKind.TIMEOUT, ErrorKind.OUT_OF_MEMORY):
        return False
    return outcome.vm_steps < limits.vm_steps
