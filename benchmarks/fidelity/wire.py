"""Our scorer as a service: the pairs through BatchScoreSql, and how many a second on one core."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median

import apsw

from benchmarks.fidelity.corpus import Pair
from benchmarks.fidelity.ours import Golds, Scored
from sqlenv.client import RewardClient
from sqlenv.tasks import database_path
from sqlenv.v1 import types_pb2
from tests.live import process

BATCH = 256


@dataclass(frozen=True, slots=True)
class Throughput:
    """Pairs a second on one core; what is asked is never asked twice, so nothing is answered from memory."""

    pairs: int
    rounds: int
    batch_pairs_per_s: float
    single_p50_ms: float
    loop_pairs_per_s: float
    loop_gold_kept_pairs_per_s: float


@contextmanager
def one_core() -> Iterator[int]:
    """Binds this process, and what it starts meanwhile, to one core (as `taskset -c N` does): client and server."""
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def service(golds: Golds) -> Iterator[RewardClient]:
    """A reward service as a process of its own, and a client to it."""
    with (
        process("reward_service", port=0, dataset_dir=golds.directory) as (_, address),
        RewardClient(address, timeout_s=300) as client,
    ):
        yield client


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


def throughput(client: RewardClient, golds: Golds, pairs: Sequence[Pair], rounds: int) -> Throughput:
    """Measures BatchScoreSql, ScoreSql one by one, and the floor: execution match in a plain loop."""
    asked = [(golds.task(pair), pair.sql) for pair in pairs if pair.rule != "hostile"]
    wall = 0.0
    for number in range(rounds + 1):  # round 0 warms up
        fresh = [(task, f"{sql}\n-- batch {number}") for task, sql in asked]
        before = time.perf_counter()
        for at in range(0, len(fresh), BATCH):
            client.batch_score_sql(fresh[at : at + BATCH])
        wall += time.perf_counter() - before if number else 0.0
    seconds = []
    for task, sql in asked:
        before = time.perf_counter()
        client.score_sql(task, f"{sql}\n-- alone")
        seconds.append(time.perf_counter() - before)
    plain = [pair for pair in pairs if pair.rule != "hostile"]
    return Throughput(
        pairs=len(asked),
        rounds=rounds,
        batch_pairs_per_s=len(asked) * rounds / wall,
        single_p50_ms=median(seconds) * 1_000,
        loop_pairs_per_s=_loop(golds, plain, rounds, keep=False),
        loop_gold_kept_pairs_per_s=_loop(golds, plain, rounds, keep=True),
    )


def _loop(golds: Golds, pairs: Sequence[Pair], rounds: int, *, keep: bool) -> float:
    """Pairs a second by execution match as bags, no limits, no service. `keep`: gold's results are kept."""
    connections = {
        pair.db: apsw.Connection(
            str(database_path(golds.directory, pair.db)), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=0
        )
        for pair in pairs
    }
    kept: dict[tuple[str, str], Counter[tuple[object, ...]]] = {}
    wall = 0.0
    for number in range(rounds + 1):
        before = time.perf_counter()
        for pair in pairs:
            connection = connections[pair.db]
            truth = kept.get((pair.db, pair.gold)) if keep else None
            if truth is None:
                truth = kept[pair.db, pair.gold] = Counter(connection.execute(pair.gold).fetchall())
            try:
                _ = Counter(connection.execute(pair.sql).fetchall()) == truth
            except apsw.Error:
                continue
        wall += time.perf_counter() - before if number else 0.0
    for connection in connections.values():
        with closing(connection):
            pass
    return len(pairs) * rounds / wall
