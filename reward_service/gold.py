"""Gold made ready for scoring: its results, ties and work, worked out when a task is first scored and then kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from reward_service.compare import Gold
from reward_service.ordering import GoldPlan, plan, strict
from reward_service.progress import GoldProfile
from sqlenv.errors import DataSetError, Internal
from sqlenv.executor import QueryExecutor
from sqlenv.gold import GoldTask
from sqlenv.sandbox import Limits, Sandbox
from sqlenv.tasks import DataSet, Task
from sqlenv.types import Result

# Without its LIMIT gold may give many more rows than a right answer has; past this it is compared row by row instead.
MAX_TIED_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class GoldOnInstance:
    """Gold's result on one instance of the task's database, and the door to that instance."""

    sandbox: Sandbox
    gold: Gold


@dataclass(frozen=True, slots=True)
class PreparedGold:
    """All that scoring a task needs. `instances[0]` is the shipped database; a right answer is right on every one."""

    task: Task
    reference_steps: int
    width: int
    vm_steps: int
    profile: GoldProfile
    instances: tuple[GoldOnInstance, ...]

    @property
    def shipped(self) -> GoldOnInstance:
        """The database that agents see."""
        return self.instances[0]


class GoldBook:
    """Gold of a data set. Raises DataSetError where a task has none."""

    def __init__(self, data: DataSet, gold: Mapping[str, GoldTask], limits: Limits, executor: QueryExecutor) -> None:
        missing = next((task.task_id for task in data.tasks if task.task_id not in gold), None)
        if missing is not None:
            raise DataSetError(f"task {missing!r} of {data.name} has no gold")
        self._tasks = data.by_id
        self._gold = gold
        self._executor = executor
        self._candidates = {db_id: Sandbox(path, limits) for db_id, path in data.databases.items()}
        trusted = dataclasses.replace(
            limits, vm_steps=1_000_000_000, wall_ms=60_000, result_rows=MAX_TIED_ROWS, counted_rows=MAX_TIED_ROWS + 1
        )
        self._trusted = {db_id: Sandbox(path, trusted) for db_id, path in data.databases.items()}
        self._prepared: dict[str, PreparedGold] = {}

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks

    async def get(self, task_id: str) -> PreparedGold:
        """A task's gold. Raises KeyError where there is no such task, Internal where its gold does not run."""
        known = self._prepared.get(task_id)
        if known is None:
            known = self._prepared[task_id] = await self._prepare(self._tasks[task_id])
        return known

    def close(self) -> None:
        """Closes the databases."""
        for sandbox in (*self._candidates.values(), *self._trusted.values()):
            sandbox.close()

    async def _prepare(self, task: Task) -> PreparedGold:
        record = self._gold[task.task_id]
        trusted = self._trusted[task.db_id]
        plain = await self._executor.run(trusted, record.sql)
        if not isinstance(plain.value, Result):
            raise Internal(f"gold of task {task.task_id} does not run")
        columns = {column.name.lower() for table in trusted.schema.tables for column in table.columns}
        gold = await self._tied(trusted, plan(record.sql, columns), plain.value, record.sql)
        return PreparedGold(
            task=task,
            reference_steps=record.reference_steps,
            width=len(plain.value.columns),
            vm_steps=plain.vm_steps,
            profile=GoldProfile(plain.value.rows),
            # Generated instances of the schema, on which wrong queries give themselves away, take their places here.
            instances=(GoldOnInstance(self._candidates[task.db_id], gold),),
        )

    async def _tied(self, sandbox: Sandbox, how: GoldPlan, plain: Result, sql: str) -> Gold:
        """Gold's rows and which of them tie."""
        if how.sql == sql:
            return how.gold(plain.rows)
        outcome = await self._executor.run(sandbox, how.sql)
        if not isinstance(outcome.value, Result) or outcome.value.truncated:
            return strict(sql).gold(plain.rows)
        return how.gold(outcome.value.rows)
