"""The verdict on an answer, by the rules of `compare`: SQL on every instance, values on the shipped database."""

from __future__ import annotations

from dataclasses import dataclass

from reward_service.answers import RIGHT, WRONG, judge_value
from reward_service.compare import Gold, agree
from reward_service.gold import PreparedGold
from reward_service.progress import level
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.types import ActionFailure, ErrorKind, Result, Row, Verdict

_LIMITS = frozenset({ErrorKind.TIMEOUT, ErrorKind.OUT_OF_MEMORY})
NO_EVIDENCE = (
    "The answer is right as far as can be told: like the reference it gives no row, on any database tried, "
    "which is no evidence that it asks for the same."
)
GOLD_TOO_LARGE = (
    "The reference result of this task is too large to be compared, so no answer to it can be found right; "
    "the task should be left out of the data set."
)
TOO_MANY_ROWS = "The result of the answer's SQL is too large to be an answer."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found about an answer. `level` is the progress, in quarters, of its SQL's result; None for values."""

    verdict: Verdict
    reason: str
    ran: bool = True
    vm_steps: int = 0
    level: int | None = None

    @property
    def correct(self) -> bool:
        """True where the answer is right."""
        return self.verdict is Verdict.CORRECT


class Judge:
    """Judges answers and results against prepared gold."""

    def __init__(self, executor: QueryExecutor) -> None:
        self._executor = executor

    def value(self, text: str, gold: PreparedGold) -> Judgement:
        """The verdict on a value answer."""
        if not gold.comparable:
            return Judgement(Verdict.LIMIT_EXCEEDED, GOLD_TOO_LARGE)
        golds = [instance.gold for instance in gold.instances]
        return Judgement(*judge_value(text, gold.task.answer_type, golds, gold.width))

    async def sql(self, sql: str, gold: PreparedGold) -> Judgement:
        """The verdict on an SQL answer: right only where one order of its columns fits on every instance.

        The shipped database comes first; the first instance that rules the answer out is the last one it is run on.
        """
        if not gold.comparable:
            return Judgement(Verdict.LIMIT_EXCEEDED, GOLD_TOO_LARGE)
        pairs: list[tuple[tuple[Row, ...], Gold]] = []
        shipped: Result | None = None
        vm_steps = 0
        right = True
        for instance in gold.instances:
            outcome = await self._executor.run(instance.sandbox, sql)
            failure = _failure(outcome.value, shipped is None)
            if isinstance(outcome.value, ActionFailure) or failure is not None:
                assert failure is not None
                return failure
            if shipped is None:
                shipped, vm_steps = outcome.value, outcome.vm_steps
            pair = (outcome.value.rows, instance.gold)
            pairs.append(pair)
            right = agree([pair], width=len(outcome.value.columns), gold_width=gold.width)
            if not right:
                break
        assert shipped is not None
        width = len(shipped.columns)
        # Each by itself fits, perhaps each with its own order of the columns: now one order for all.
        right = right and (len(pairs) == 1 or agree(pairs, width=width, gold_width=gold.width))
        reached = level(shipped, gold.profile, right)
        if not right:
            return Judgement(Verdict.INCORRECT, WRONG, vm_steps=vm_steps, level=reached)
        reason = NO_EVIDENCE if gold.empty_everywhere else RIGHT
        return Judgement(Verdict.CORRECT, reason, vm_steps=vm_steps, level=reached)

    async def progress(self, sql: str, seen: Result, gold: PreparedGold) -> int:
        """Progress, in quarters, of a query's result toward gold's on the shipped database.

        `seen` is the result as the environment bounded it; only where that hides what decides is the query run again.
        """
        if not gold.comparable:
            return 0
        shipped = gold.shipped
        result = seen
        if seen.truncated and not seen.row_count_is_lower_bound and seen.row_count == shipped.gold.row_count:
            again = (await self._executor.run(shipped.sandbox, sql)).value
            if isinstance(again, Result) and not again.truncated:
                result = again
        equal = not result.truncated and agree(
            [(result.rows, shipped.gold)], width=len(result.columns), gold_width=gold.width
        )
        return level(seen, gold.profile, equal)


def _failure(value: Result | ActionFailure, on_shipped: bool) -> Judgement | None:
    if isinstance(value, ActionFailure):
        verdict = Verdict.LIMIT_EXCEEDED if value.kind in _LIMITS else Verdict.SQL_FAILED
        return Judgement(verdict, value.message, ran=not on_shipped)
    if value.truncated:
        return Judgement(Verdict.LIMIT_EXCEEDED, TOO_MANY_ROWS)
    return None
