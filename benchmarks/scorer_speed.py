"""Pairs scored a second on one core: `python -m benchmarks.scorer_speed [DATASET] [--mutants 4] [--rounds 3]`.

The pairs are a data set's golds, each against itself and against some of its mutants, on the shipped database and the
set's instance suite, through BatchScoreSql and one by one. The floor is execution match of the same pairs in a plain
loop, with neither limits nor service nor suite. Nothing is asked twice, so nothing is answered from memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import apsw

from data.suite.mutants import mutants
from sqlenv.client import RewardClient
from sqlenv.errors import SqlEnvError
from sqlenv.gold import load_gold
from sqlenv.sandbox import Sandbox
from sqlenv.tasks import BUNDLED, database_path, load
from tests.live import process

BATCH = 256
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Asked:
    """A candidate for a task, and what the plain loop needs to judge it."""

    task_id: str
    db_id: str
    gold: str
    sql: str


@dataclass(frozen=True, slots=True)
class Throughput:
    """Figures of one run on one core, client and server together."""

    pairs: int
    rounds: int
    batch_pairs_per_s: float
    single_p50_ms: float
    loop_pairs_per_s: float
    loop_gold_kept_pairs_per_s: float

    def __str__(self) -> str:
        return (
            f"one core, nothing asked twice: BatchScoreSql {self.batch_pairs_per_s:,.0f} pairs/s, ScoreSql p50 "
            f"{self.single_p50_ms:.2f} ms; execution match in a loop {self.loop_pairs_per_s:,.0f} pairs/s, with gold's "
            f"results kept {self.loop_gold_kept_pairs_per_s:,.0f}"
        )


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
def service(directory: Path) -> Iterator[RewardClient]:
    """A reward service as a process of its own, and a client to it."""
    with (
        process("reward_service", port=0, dataset_dir=directory) as (_, address),
        RewardClient(address, timeout_s=300) as client,
    ):
        yield client


def throughput(client: RewardClient, directory: Path, pairs: Sequence[Asked], rounds: int) -> Throughput:
    """Measures BatchScoreSql, ScoreSql one by one, and the floor."""
    wall = 0.0
    for number in range(rounds + 1):  # round 0 warms up
        fresh = [(pair.task_id, f"{pair.sql}\n-- batch {number}") for pair in pairs]
        before = time.perf_counter()
        for at in range(0, len(fresh), BATCH):
            client.batch_score_sql(fresh[at : at + BATCH])
        wall += time.perf_counter() - before if number else 0.0
    seconds = []
    for pair in pairs:
        before = time.perf_counter()
        client.score_sql(pair.task_id, f"{pair.sql}\n-- alone")
        seconds.append(time.perf_counter() - before)
    return Throughput(
        pairs=len(pairs),
        rounds=rounds,
        batch_pairs_per_s=len(pairs) * rounds / wall,
        single_p50_ms=median(seconds) * 1_000,
        loop_pairs_per_s=_loop(directory, pairs, rounds, keep=False),
        loop_gold_kept_pairs_per_s=_loop(directory, pairs, rounds, keep=True),
    )


def _loop(directory: Path, pairs: Sequence[Asked], rounds: int, *, keep: bool) -> float:
    """Pairs a second by execution match as bags. `keep`: gold's results are kept."""
    connections = {
        db_id: apsw.Connection(
            str(database_path(directory, db_id)), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=0
        )
        for db_id in {pair.db_id for pair in pairs}
    }
    kept: dict[tuple[str, str], Counter[tuple[object, ...]]] = {}
    wall = 0.0
    for number in range(rounds + 1):
        before = time.perf_counter()
        for pair in pairs:
            connection = connections[pair.db_id]
            truth = kept.get((pair.db_id, pair.gold)) if keep else None
            if truth is None:
                truth = kept[pair.db_id, pair.gold] = Counter(connection.execute(pair.gold).fetchall())
            try:
                _ = Counter(connection.execute(pair.sql).fetchall()) == truth
            except apsw.Error:
                continue
        wall += time.perf_counter() - before if number else 0.0
    for connection in connections.values():
        connection.close()
    return len(pairs) * rounds / wall


def candidates(directory: Path, count: int) -> list[Asked]:
    """Each gold and `count` of its mutants, drawn by a fixed seed; those that take long are left out.

    A mutant that loses its join condition can run a second in the plain loop and would be all that is measured.
    """
    gold = load_gold(directory)
    data = load(directory)
    boxes = {db_id: Sandbox(path) for db_id, path in data.databases.items()}
    rng = random.Random(0)
    pairs = []
    for task in data.tasks:
        sql = gold[task.task_id].sql
        box = boxes[task.db_id]
        wrong = [mutant.sql for mutant in mutants(sql, box.schema)]
        for text in (sql, *rng.sample(wrong, min(count, len(wrong)))):
            if box.run(text).vm_steps < 1_000_000:
                pairs.append(Asked(task.task_id, task.db_id, sql, text))
    for box in boxes.values():
        box.close()
    return pairs


def main() -> int:
    """Measures, prints, writes the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scorer_speed", description=__doc__)
    parser.add_argument("dataset", type=Path, nargs="?", default=BUNDLED, help="folder of a data set; bundled if none")
    parser.add_argument("--mutants", type=int, default=4, help="of each gold")
    parser.add_argument("--rounds", type=int, default=3, help="times that the pairs are scored")
    parser.add_argument("--out", type=Path, default=RESULTS / "scorer_speed.json", help="where the JSON goes")
    options = parser.parse_args()
    try:
        pairs = candidates(options.dataset, options.mutants)
        with one_core(), service(options.dataset) as client:
            version = client.describe_rubrics().scorer_version
            found = throughput(client, options.dataset, pairs, options.rounds)
    except SqlEnvError as error:
        print(f"benchmarks.scorer_speed: {error}", file=sys.stderr)
        return 1
    print(f"{load(options.dataset).name}: {found.pairs} pairs, scorer version {version}\n{found}")
    options.out.parent.mkdir(exist_ok=True)
    record = {"dataset": load(options.dataset).name, "scorer_version": version, **asdict(found)}
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
