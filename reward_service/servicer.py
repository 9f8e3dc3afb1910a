"""RewardService: each RPC and batch item handed to the scorer."""

from __future__ import annotations

from typing import Any, cast

from reward_service.rubric import RUBRICS, bounds, describe
from reward_service.scorer import Scorer
from sqlenv.errors import InvalidArgument
from sqlenv.serving.batch import each
from sqlenv.v1 import reward_pb2 as pb
from sqlenv.v1 import reward_pb2_grpc, types_pb2

NAME = "sqlenv.v1.RewardService"


class RewardServicer(reward_pb2_grpc.RewardServiceServicer):
    """Translates between the wire and the scorer; keeps nothing."""

    def __init__(self, scorer: Scorer, max_batch: int) -> None:
        self._scorer = scorer
        self._max_batch = max_batch

    async def ScoreStep(self, request: pb.ScoreStepRequest, context: Any) -> pb.ScoreStepResponse:
        return await self._scorer.score_step(request)

    async def BatchScoreStep(self, request: pb.BatchScoreStepRequest, context: Any) -> pb.BatchScoreStepResponse:
        self._check(len(request.requests))
        results = await each(request.requests, self._scorer.score_step, pb.BatchScoreStepResult, "BatchScoreStep")
        return pb.BatchScoreStepResponse(results=results)

    async def ScoreSql(self, request: pb.ScoreSqlRequest, context: Any) -> pb.ScoreSqlResponse:
        return await self._scorer.score_sql(request)

    async def BatchScoreSql(self, request: pb.BatchScoreSqlRequest, context: Any) -> pb.BatchScoreSqlResponse:
        self._check(len(request.requests))
        results = await each(request.requests, self._scorer.score_sql, pb.BatchScoreSqlResult, "BatchScoreSql")
        return pb.BatchScoreSqlResponse(results=results)

    async def DescribeRubrics(self, request: pb.DescribeRubricsRequest, context: Any) -> pb.DescribeRubricsResponse:
        rubrics = []
        for rubric in RUBRICS.values():
            proved = bounds(rubric)
            terms = [
                pb.RubricTerm(
                    name=term.name,
                    component=cast(types_pb2.Component, int(term.component)),
                    weight=term.weight,
                    description=term.description,
                )
                for term in describe(rubric)
            ]
            rubrics.append(
                pb.Rubric(
                    name=rubric.name,
                    description=rubric.description,
                    terms=terms,
                    min_correct_return=proved.min_correct,
                    max_incorrect_return=proved.max_incorrect,
                )
            )
        return pb.DescribeRubricsResponse(
            rubrics=rubrics, scorer_version=self._scorer.version, dataset_version=self._scorer.dataset_version
        )

    def _check(self, size: int) -> None:
        if size > self._max_batch:
            raise InvalidArgument(f"{size:,} requests in a batch; at most {self._max_batch:,}", field="requests")
