"""`explorer`: a scripted heuristic that knows nothing but its observations.

It describes the tables that the question's words point to, samples the best of them and the table it refers to, makes
one SELECT by the rules in `guess.py`, looks at the result, and answers. A policy that has learned anything beats it.
"""

from __future__ import annotations

from sqlenv.actions import MAX_SAMPLE_ROWS, Action, AnswerSql, AnswerValue, Describe, Query, Sample
from sqlenv.agents.base import seen_result
from sqlenv.agents.guess import SeenColumn, SeenTable, guess
from sqlenv.agents.words import overlap, stems
from sqlenv.sqlite.schema import quote
from sqlenv.types import Result
from sqlenv.v1 import types_pb2

LOOKS = 6
"""Tables that it describes at most."""

# Sampling, the query and the answer: steps that looks must leave.
RESERVE = 4


class Explorer:
    """Describes, samples, queries once, answers."""

    def __init__(self, task_id: str = "", seed: int = 0) -> None:
        # Both unused: it is told nothing about the task, and draws nothing.
        self._seen: dict[str, SeenTable] = {}
        self._to_describe: list[str] | None = None
        self._to_sample: list[SeenTable] | None = None
        self._last: Action | None = None

    def act(self, observation: types_pb2.Observation) -> Action:
        """As `Agent.act`."""
        result = seen_result(observation)
        self._note(result)
        self._last = self._next(observation, result)
        return self._last

    def _note(self, result: Result | None) -> None:
        if result is None:
            return
        if isinstance(self._last, Describe):
            columns = [SeenColumn(str(row[0]), str(row[1]), str(row[3]), str(row[4])) for row in result.rows]
            self._seen[self._last.table] = SeenTable(self._last.table, columns)
        elif isinstance(self._last, Sample) and self._last.table in self._seen:
            self._seen[self._last.table].rows = result.rows

    def _next(self, observation: types_pb2.Observation, result: Result | None) -> Action:
        if self._to_describe is None:
            self._to_describe = _by_name(observation)
        if self._to_describe and observation.steps_left > RESERVE:
            return Describe(self._to_describe.pop(0))
        if self._to_sample is None:
            self._to_sample = self._main(observation.question)
        if self._to_sample and observation.steps_left > 2:
            return Sample(self._to_sample.pop(0).name, MAX_SAMPLE_ROWS)
        if isinstance(self._last, Query):
            return _answer(observation.answer_type, self._last.sql, result)
        sql = self._select(observation)
        return Query(sql) if observation.steps_left > 1 else AnswerSql(sql)

    def _ranked(self, question: str) -> list[SeenTable]:
        """The tables that were described, those first that the question is most about."""
        asked = stems(question)
        return sorted(self._seen.values(), key=lambda table: -table.relevance(asked))

    def _main(self, question: str) -> list[SeenTable]:
        """The table that the question is most about, and the best of those that it refers to."""
        ranked = self._ranked(question)
        return ranked[:1] + [table for table in ranked[1:] if ranked[0].refers_to(table)][:1]

    def _select(self, observation: types_pb2.Observation) -> str:
        main = self._main(observation.question)
        if not main:  # every look failed, or there was no step for one
            table = observation.tables[0] if observation.tables else "sqlite_schema"
            return f"SELECT count(*) FROM {quote(table)}"
        asked = stems(observation.question)
        children = [t for t in self._ranked(observation.question) if t.refers_to(main[0]) and overlap(t.name, asked)]
        parent = main[1] if len(main) > 1 else None
        child = next((table for table in children if table is not main[0]), None)
        return guess(observation.question, observation.answer_type, main[0], parent, child)


def _by_name(observation: types_pb2.Observation) -> list[str]:
    """The tables to describe: those whose names the question holds first, then the others in their order."""
    asked = stems(observation.question)
    return sorted(observation.tables, key=lambda name: -overlap(name, asked))[:LOOKS]


def _answer(answer_type: int, sql: str, result: Result | None) -> Action:
    """What the query gave: as a value where it is one, else by the SQL itself."""
    scalar = answer_type not in (types_pb2.ANSWER_TYPE_LIST, types_pb2.ANSWER_TYPE_TABLE)
    if result is not None and scalar and result.rows and result.rows[0]:
        value = result.rows[0][0]
        return AnswerValue("NULL" if value is None else str(value))
    return AnswerSql(sql)
