"""`random`: legal actions without aim, then an answer made of values that were seen. The floor of every table."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlenv.actions import Action, AnswerValue, Describe, Query, Sample
from sqlenv.agents.base import episode_random, seen_result
from sqlenv.sqlite.schema import quote
from sqlenv.types import SqlValue
from sqlenv.v1 import types_pb2

# It answers after each look with this chance, so that it sees a handful of results; the budget cuts long episodes.
ANSWER_CHANCE = 0.2


class RandomAgent:
    """Looks at random tables, then answers with random values among those it saw."""

    def __init__(self, task_id: str, seed: int) -> None:
        self._random = episode_random(task_id, seed)
        self._values: list[SqlValue] = []
        self._columns: dict[str, list[str]] = {}
        self._described = ""

    def act(self, observation: types_pb2.Observation) -> Action:
        """As `Agent.act`."""
        self._note(observation)
        last = observation.steps_left <= 1
        if last or not observation.tables or (observation.step_count and self._random.random() < ANSWER_CHANCE):
            return AnswerValue(self._answer(observation.answer_type))
        table = self._random.choice(list(observation.tables))
        choice = self._random.randrange(3)
        if choice == 0:
            self._described = table
            return Describe(table)
        if choice == 1:
            return Sample(table, self._random.randint(1, 10))
        return Query(self._query(table))

    def _note(self, observation: types_pb2.Observation) -> None:
        result = seen_result(observation)
        if result is None:
            return
        if self._described:
            # A description's cells are names and types: worth knowing for queries, but no values.
            self._columns[self._described] = [str(row[0]) for row in result.rows]
            self._described = ""
            return
        self._values.extend(value for row in result.rows for value in row)

    def _query(self, table: str) -> str:
        column = quote(self._random.choice(self._columns[table])) if self._columns.get(table) else "*"
        what = self._random.choice(("count(*)", column, f"DISTINCT {column}"))
        limit = "" if what == "count(*)" else f" LIMIT {self._random.randint(1, 20)}"
        return f"SELECT {what} FROM {quote(table)}{limit}"

    def _answer(self, answer_type: int) -> str:
        pool = [value for value in self._values if value is not None and not isinstance(value, bytes)]
        if answer_type in (types_pb2.ANSWER_TYPE_INTEGER, types_pb2.ANSWER_TYPE_FLOAT):
            pool = [value for value in pool if isinstance(value, (int, float))]
        elif answer_type == types_pb2.ANSWER_TYPE_STRING:
            pool = [value for value in pool if isinstance(value, str)]
        if not pool:
            pool = [self._random.randint(0, 1_000)]
        if answer_type == types_pb2.ANSWER_TYPE_LIST:
            return json.dumps(self._some(pool), ensure_ascii=False)
        if answer_type == types_pb2.ANSWER_TYPE_TABLE:
            return json.dumps([[value, self._random.choice(pool)] for value in self._some(pool)], ensure_ascii=False)
        return str(self._random.choice(pool))

    def _some(self, pool: Sequence[SqlValue]) -> list[SqlValue]:
        return [self._random.choice(pool) for _ in range(self._random.randint(1, 5))]
