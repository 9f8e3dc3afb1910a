"""Our scorer as a service: the pairs through BatchScoreSql."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.fidelity.corpus import Pair
from benchmarks.fidelity.ours import Golds, Scored
from benchmarks.scorer_speed import BATCH, Asked, Throughput, throughput
from sqlenv.client import RewardClient
from sqlenv.v1 import types_pb2


def score(client: RewardClient, golds: Golds, pairs: Sequence[Pair]) -> dict[str, Scored]:
    """Verdicts by id; a pair's time is its share of its batch's."""
    client.batch_score_sql([(golds.task(pair), f"{pair.gold} -- gold") for pair in pairs])
    found: dict[str, Scored] = {}
    for at in range(0, len(pairs), BATCH):
        part = pairs[at : at + BATCH]
        before = time.perf_counter()
        results = client.batch_score_sql([(golds.task(pair), pair.sql) for pair in part])
        share = (time.perf_counter() - before) / len(part)
        for pair, result in zip(part, results, strict=True):
            verdict = result.response.score
            found[pair.id] = Scored(verdict.verdict == types_pb2.VERDICT_CORRECT, verdict.reason, share)
    return found


def speed(client: RewardClient, golds: Golds, pairs: Sequence[Pair], rounds: int) -> Throughput:
    """Pairs a second; without the hostile ones, which in a plain loop would not end."""
    asked = [Asked(golds.task(pair), pair.db, pair.gold, pair.sql) for pair in pairs if pair.rule != "hostile"]
    return throughput(client, golds.directory, asked, rounds)
