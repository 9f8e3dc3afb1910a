"""Scores of steps and of SQL: gold, judge and rubric brought together. Knows messages, but no gRPC."""

from __future__ import annotations

import hashlib
from typing import cast

from cachetools import LRUCache

from reward_service.efficiency import step_ratio, work_ratio
from reward_service.gold import GoldBook, PreparedGold
from reward_service.judge import Judge, Judgement
from reward_service.metrics import RewardMetrics
from reward_service.rubric import RUBRICS, Rubric, State, StepFacts, StepScore, score_step
from sqlenv.actions import AnswerSql, AnswerValue, Describe, InvalidAction, Query, Sample, action_hash
from sqlenv.convert import action_from_proto, result_from_proto
from sqlenv.errors import InvalidArgument, NotFound, VersionMismatch
from sqlenv.telemetry.service import Telemetry
from sqlenv.types import Verdict
from sqlenv.v1 import reward_pb2, types_pb2

VERSION = "1"
SHIPPED_ONLY = "shipped-only"

# Verdicts on longer SQL are not kept.
KEPT_SQL_CHARS = 4_000


class Scorer:
    """Scores against one data set.

    `version` names scorer, gold and instance suite: equal versions give equal scores. It ends in "suite." and the
    suite's hash, or in "shipped-only" where answers are tried on the shipped databases alone, which wrong SQL may pass.
    """

    def __init__(
        self,
        book: GoldBook,
        judge: Judge,
        dataset_version: str,
        gold_hash: str,
        cache_entries: int,
        suite_hash: str | None = None,
        metrics: RewardMetrics | None = None,
    ) -> None:
        self._metrics = metrics or RewardMetrics(Telemetry("reward"))
        self.version = f"{VERSION}+{gold_hash}+{f'suite.{suite_hash}' if suite_hash else SHIPPED_ONLY}"
        self.dataset_version = dataset_version
        self._book = book
        self._judge = judge
        # Scores are functions of their requests, and the rollouts of a group ask for the same ones.
        self._levels: LRUCache[tuple[str, bytes, str], int] = LRUCache(cache_entries)
        self._judgements: LRUCache[tuple[str, str], Judgement] = LRUCache(cache_entries)

    async def score_step(self, request: reward_pb2.ScoreStepRequest) -> reward_pb2.ScoreStepResponse:
        """As the RPC."""
        if request.dataset_version not in ("", self.dataset_version):
            words = f"the step is of data set {request.dataset_version[:64]}, the scorer has {self.dataset_version}"
            raise VersionMismatch(words, field="dataset_version")
        rubric = RUBRICS.get(request.rubric or next(iter(RUBRICS)))
        if rubric is None:
            words = f"no rubric {request.rubric[:64]!r}; there are {', '.join(RUBRICS)}"
            raise InvalidArgument(words, reason="UNKNOWN_RUBRIC", field="rubric")
        gold = await self._gold(request.task_id)
        facts, judgement = await self._facts(request, gold)
        self._metrics.steps[rubric.name].inc()
        if judgement is not None:
            self._metrics.verdicts[judgement.verdict.name.lower()].inc()
        return self._respond(rubric, request.state, facts, judgement)

    async def score_sql(self, request: reward_pb2.ScoreSqlRequest) -> reward_pb2.ScoreSqlResponse:
        """As the RPC."""
        gold = await self._gold(request.task_id)
        judged = await self._judged(request.sql, gold)
        self._metrics.verdicts[judged.verdict.name.lower()].inc()
        right = float(judged.correct)
        score = types_pb2.Score(
            total=right,
            execution=float(judged.ran),
            correctness=right,
            efficiency=work_ratio(gold.vm_steps, judged.vm_steps) if judged.correct else 0.0,
            verdict=_verdict(judged),
            reason=judged.reason,
            progress=(judged.level or 0) / 4,
            scorer_version=self.version,
        )
        return reward_pb2.ScoreSqlResponse(score=score, vm_steps=judged.vm_steps)

    async def _gold(self, task_id: str) -> PreparedGold:
        if task_id not in self._book:
            raise NotFound(f"no task {task_id[:64]!r} in the data set", reason="TASK_NOT_FOUND", field="task_id")
        return await self._book.get(task_id)

    async def _facts(
        self, request: reward_pb2.ScoreStepRequest, gold: PreparedGold
    ) -> tuple[StepFacts, Judgement | None]:
        step = request.transition
        action = action_from_proto(step.action)
        named = action_hash(action)
        ran = step.WhichOneof("outcome") == "result"
        match action:
            case Describe(table):
                return StepFacts("describe", ran, named, table=table, truncates=step.truncates), None
            case Sample(table):
                return StepFacts("sample", ran, named, table=table, truncates=step.truncates), None
            case InvalidAction():
                return StepFacts("invalid", False, named, truncates=step.truncates), None
            case Query(sql):
                level, result_hash = await self._level(sql, step.result, gold) if ran else (None, None)
                facts = StepFacts(
                    "query",
                    ran,
                    named,
                    result_hash=result_hash,
                    level=level,
                    vm_steps=step.vm_steps,
                    truncates=step.truncates,
                )
                return facts, None
            case AnswerValue(value):
                judged = self._judge.value(value, gold)
                # The query that the answer rests on; a guess rests on none, and saved no work by being one.
                work = work_ratio(gold.vm_steps, _best_work(request.state)) if request.state.best_level > 0 else 0.0
            case AnswerSql(sql):
                judged = await self._judged(sql, gold)
                work = work_ratio(gold.vm_steps, judged.vm_steps)
        facts = StepFacts(
            "answer",
            judged.ran,
            named,
            step_count=step.step_count,
            correct=judged.correct,
            step_ratio=step_ratio(gold.reference_steps, max(1, step.step_count)),
            work_ratio=work,
        )
        return facts, judged

    async def _level(self, sql: str, result: types_pb2.Result, gold: PreparedGold) -> tuple[int, int]:
        """Progress of a result in quarters, and the hash that names the result in the episode's state."""
        digest = hashlib.blake2b(result.SerializeToString(deterministic=True), digest_size=16).digest()
        # Of a result that was cut, its first rows don't tell all: then the SQL decides too.
        key = (gold.task.task_id, digest, sql if result.truncated else "")
        level = self._levels.get(key)
        self._metrics.looked_up("levels", level is not None)
        if level is None:
            level = await self._judge.progress(sql, result_from_proto(result), gold)
            if len(key[2]) <= KEPT_SQL_CHARS:
                self._levels[key] = level
        return level, int.from_bytes(digest[:8], "big")

    async def _judged(self, sql: str, gold: PreparedGold) -> Judgement:
        key = (gold.task.task_id, sql)
        judged = self._judgements.get(key)
        self._metrics.looked_up("judgements", judged is not None)
        if judged is None:
            judged = await self._judge.sql(sql, gold)
            # Whether memory or time runs out can depend on the machine; long texts would fill the memory.
            if judged.verdict is not Verdict.LIMIT_EXCEEDED and len(sql) <= KEPT_SQL_CHARS:
                self._judgements[key] = judged
        return judged

    def _respond(
        self, rubric: Rubric, state: reward_pb2.RewardState, facts: StepFacts, judged: Judgement | None
    ) -> reward_pb2.ScoreStepResponse:
        try:
            score, after = score_step(rubric, _state_from_proto(state), facts)
        except ValueError as error:
            raise InvalidArgument(str(error), field="state") from None
        message = _score_to_proto(score)
        message.scorer_version = self.version
        if judged is not None:
            message.verdict = _verdict(judged)
            message.reason = judged.reason
        return reward_pb2.ScoreStepResponse(score=message, state=_state_to_proto(after))


def _verdict(judged: Judgement) -> types_pb2.Verdict:
    return cast(types_pb2.Verdict, int(judged.verdict))


def _score_to_proto(score: StepScore) -> types_pb2.Score:
    return types_pb2.Score(
        total=score.total,
        execution=score.execution,
        correctness=score.correctness,
        efficiency=score.efficiency,
        terms=[
            types_pb2.Term(name=t.name, component=cast(types_pb2.Component, int(t.component)), value=t.value)
            for t in score.terms
        ],
        progress=score.progress,
    )


def _best_work(state: reward_pb2.RewardState) -> int | None:
    return max(0, state.best_level_vm_steps) if state.HasField("best_level_vm_steps") else None


def _state_from_proto(state: reward_pb2.RewardState) -> State:
    return State(
        shaped_sum=state.shaped_sum,
        novelty_sum=state.novelty_sum,
        best_level=state.best_level,
        best_level_vm_steps=_best_work(state),
        seen_actions=tuple(state.seen_actions),
        seen_results=tuple(state.seen_results),
        seen_tables=tuple(state.seen_tables),
        last_level=state.last_level,
    )


def _state_to_proto(state: State) -> reward_pb2.RewardState:
    return reward_pb2.RewardState(
        shaped_sum=state.shaped_sum,
        novelty_sum=state.novelty_sum,
        best_level=state.best_level,
        best_level_vm_steps=state.best_level_vm_steps,
        seen_actions=state.seen_actions,
        seen_results=state.seen_results,
        seen_tables=state.seen_tables,
        last_level=state.last_level,
    )
