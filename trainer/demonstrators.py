"""Who demonstrates: agents that are given gold, with the skills and flaws of people.

    careful     looks at every table that gold reads, and at rows where texts are compared; then queries and answers
    impatient   queries at once, guessing names and spellings; looks only after errors, and not always
    recovering  guesses, and after the first error looks, mends the query and answers
    wasteful    careful, but looks at what does not matter and at some things twice

Their answers are what their last query showed them, right or wrong: nobody demonstrates what could not be known.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sqlenv.actions import Action, AnswerValue, Describe, Query, Sample
from sqlenv.agents.base import Agent, seen_result
from sqlenv.gold import GoldTask, answer_text
from sqlenv.types import AnswerType
from sqlenv.v1 import types_pb2
from trainer.guesses import compared_with_text, guess

SAMPLE_ROWS = 2


@dataclass(frozen=True, slots=True)
class Known:
    """What a demonstrator is given of a task. `columns`: of each of the database's tables."""

    gold: GoldTask
    answer_type: AnswerType
    columns: Mapping[str, Collection[str]]

    @property
    def names(self) -> set[str]:
        """Names of all columns."""
        return {name for columns in self.columns.values() for name in columns}


class Demonstrator:
    """Follows a plan of looks; then queries until it has a result; then answers what it saw."""

    def __init__(self, known: Known, rng: random.Random, looks: list[Action], guesses: int, look_again: float) -> None:
        self._known = known
        self._rng = rng
        self._plan = looks
        self._guesses = guesses  # how many queries may be guessed before gold's own words are used
        self._look_again = look_again  # how often an error makes it look before it queries again
        self._queried = False  # its last action was a query

    def act(self, observation: types_pb2.Observation) -> Action:
        """As `Agent.act`."""
        if observation.steps_left == 1 or (self._queried and seen_result(observation) is not None):
            return self._answer(observation)
        if self._queried and self._rng.random() < self._look_again and self._may_look(observation):
            self._guesses = 0
            self._plan = careful_looks(self._known)
        if self._plan:
            self._queried = False
            return self._plan.pop(0)
        self._queried = True
        if self._guesses > 0:
            self._guesses -= 1
            return Query(guess(self._known.gold.sql, self._known.names, self._rng))
        return Query(self._known.gold.sql)

    def _may_look(self, observation: types_pb2.Observation) -> bool:
        """True where steps are left for all looks, a query and the answer."""
        return bool(observation.steps_left >= len(careful_looks(self._known)) + 2)

    def _answer(self, observation: types_pb2.Observation) -> Action:
        result = seen_result(observation) if self._queried else None
        rows = result.rows if result is not None else ()
        return AnswerValue(answer_text(rows, self._known.answer_type))


def careful_looks(known: Known) -> list[Action]:
    """DESCRIBE each table that gold reads; where texts are compared, some rows too."""
    looks: list[Action] = [Describe(table) for table in known.gold.tables]
    compared = compared_with_text(known.gold.sql)
    for table in known.gold.tables:
        if compared & set(known.columns.get(table, ())):
            looks.append(Sample(table, SAMPLE_ROWS))
    return looks


def careful(known: Known, rng: random.Random) -> Agent:
    """Looks at all that matters first."""
    return Demonstrator(known, rng, careful_looks(known), guesses=0, look_again=1.0)


def impatient(known: Known, rng: random.Random) -> Agent:
    """Guesses until something runs; one in ten looks first, one in seven looks after an error."""
    looks = careful_looks(known) if rng.random() < 0.1 else []
    return Demonstrator(known, rng, looks, guesses=0 if looks else 1_000, look_again=0.15)


def recovering(known: Known, rng: random.Random) -> Agent:
    """Guesses once, and looks after an error."""
    return Demonstrator(known, rng, [], guesses=1, look_again=1.0)


def wasteful(known: Known, rng: random.Random) -> Agent:
    """Looks at all tables, in any order, and at one of them again."""
    looks: list[Action] = [Describe(table) for table in list(known.columns)[:3]]
    rng.shuffle(looks)
    looks.extend(careful_looks(known))
    return Demonstrator(known, rng, looks, guesses=0, look_again=1.0)


DEMONSTRATORS: Mapping[str, Callable[[Known, random.Random], Agent]] = {
    "careful": careful,
    "impatient": impatient,
    "recovering": recovering,
    "wasteful": wasteful,
}
