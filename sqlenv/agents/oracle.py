"""`oracle`: is given gold, and plays what a perfect agent would. For tests, demonstrations and the upper end of tables.

It reads the data set's gold file itself; the services give it nothing that they would not give to any agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from sqlenv.actions import Action, AnswerSql, AnswerValue, Describe, Query
from sqlenv.agents.base import Maker
from sqlenv.errors import DataSetError
from sqlenv.gold import GoldTask, answer_text, load_gold
from sqlenv.tasks import load
from sqlenv.types import AnswerType
from sqlenv.v1 import types_pb2


class AnswerWith(StrEnum):
    """The form in which the oracle answers."""

    VALUE = "value"
    SQL = "sql"


class Oracle:
    """Describes the tables that gold reads, runs gold's query, answers: `reference_steps` steps."""

    def __init__(self, gold: GoldTask, answer_type: AnswerType, answer_with: AnswerWith = AnswerWith.VALUE) -> None:
        self._gold = gold
        self._answer_type = answer_type
        self._answer_with = answer_with
        self._to_describe = list(gold.tables)
        self._queried = False

    def act(self, observation: types_pb2.Observation) -> Action:
        """As `Agent.act`. Where the budget is too small for every look, the looks are what is left out."""
        if self._to_describe and observation.steps_left > 2:
            return Describe(self._to_describe.pop(0))
        if not self._queried and observation.steps_left > 1:
            self._queried = True
            return Query(self._gold.sql)
        if self._answer_with is AnswerWith.SQL:
            return AnswerSql(self._gold.sql)
        return AnswerValue(answer_text(self._gold.rows, self._answer_type))


def oracle_maker(directory: Path, answer_with: AnswerWith = AnswerWith.VALUE) -> Maker:
    """Makes oracles for the data set in `directory`. Raises DataSetError where it or its gold is broken."""
    return _maker({task.task_id: task.answer_type for task in load(directory).tasks}, load_gold(directory), answer_with)


def _maker(types: Mapping[str, AnswerType], gold: Mapping[str, GoldTask], answer_with: AnswerWith) -> Maker:
    def make(task_id: str, seed: int) -> Oracle:
        if task_id not in gold or task_id not in types:
            raise DataSetError(f"the oracle has no gold for task {task_id!r}: it needs the data set that is played")
        return Oracle(gold[task_id], types[task_id], answer_with)

    return make
