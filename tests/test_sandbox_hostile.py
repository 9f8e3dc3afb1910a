"""The hostile corpus: against the sandbox as servers use it, and over gRPC against real service processes."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from sqlenv.sandbox import Sandbox
from sqlenv.sqlite.connection import Unfinished
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.sqlite.limits import Limits
from sqlenv.tasks import BUNDLED, database_path
from sqlenv.types import ActionFailure, Outcome
from tests.hostile import DATABASE, corpus
from tests.hostile.attack import MAX_ANSWER_S, MAX_GROWTH_BYTES, MAX_P99_RATIO, Attack, verdicts
from tests.hostile.case import RESULT, Case, leak

TEXTS = [case for case in corpus() if isinstance(case.sql, str)]
FAMILIES = list(dict.fromkeys(case.family for case in TEXTS))
# These only end when time is up, so a tenth of it is enough to see that they do.
SLOW_WALL_MS = 150


@pytest.fixture(scope="module")
def path() -> Path:
    return database_path(BUNDLED, DATABASE)


@pytest.fixture(scope="module")
def executor() -> Iterator[QueryExecutor]:
    executor = QueryExecutor(4, 10_000)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def boxes(path: Path) -> dict[bool, Sandbox]:
    """The sandbox for slow cases and for the others. The wall clock of these is no subject of their tests."""
    return {True: Sandbox(path, Limits(wall_ms=SLOW_WALL_MS)), False: Sandbox(path, Limits(wall_ms=20_000))}


def run(executor: QueryExecutor, box: Sandbox, sql: str) -> Outcome:
    return asyncio.run(executor.run(box, sql))


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(corpus()) >= 150
    assert [name for name, count in Counter(case.id for case in corpus()).items() if count > 1] == []
    assert [name for name, count in Counter(case.sql for case in corpus()).items() if count > 1] == []


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_comes_of_it(executor: QueryExecutor, boxes: dict[bool, Sandbox], family: str) -> None:
    cases = [case for case in TEXTS if case.family == family]
    box = boxes[family.startswith("slow")]
    outcomes = await asyncio.gather(*(executor.run(box, str(case.sql)) for case in cases))
    for case, value in zip(cases, (outcome.value for outcome in outcomes), strict=True):
        assert (value.kind.name if isinstance(value, ActionFailure) else RESULT) in case.expected, (case.id, value)
        if isinstance(value, ActionFailure):
            assert leak(value.message) is None
            assert len(value.message) < 600


def test_none_holds_the_event_loop_while_it_is_tried(boxes: dict[bool, Sandbox]) -> None:
    slowest = []
    for case in TEXTS:
        assert isinstance(case.sql, str)
        start = time.thread_time()  # this thread's own time: others' load is no fault of the query
        with suppress(Unfinished):
            boxes[False].run(case.sql, inline_vm_steps=10_000)
        slowest.append((time.thread_time() - start, case.id))
    assert max(slowest)[0] < 0.1, sorted(slowest)[-3:]


def test_what_a_trial_gives_is_what_a_whole_run_gives(boxes: dict[bool, Sandbox]) -> None:
    for case in TEXTS:
        assert isinstance(case.sql, str)
        try:
            tried = boxes[False].run(case.sql, inline_vm_steps=10_000)
        except Unfinished:
            continue
        assert repr(tried) == repr(boxes[False].run(case.sql)), case.id


def test_a_process_full_of_others_queries_changes_no_verdict_on_memory(path: Path) -> None:
    """A neighbour's memory must not count: same request, same outcome, bit for bit."""
    bomb = next(case.sql for case in TEXTS if case.id == "memory: many values: distinct")
    below = "SELECT count(*) FROM (SELECT DISTINCT printf('%.*c', 60000, 'x') || student_id FROM student)"
    assert isinstance(bomb, str)
    box = Sandbox(path, Limits(wall_ms=30_000))
    executor = QueryExecutor(3, 1_000)

    async def crowd() -> list[Outcome]:
        return await asyncio.gather(*(executor.run(box, sql) for sql in [below, bomb, below] * 4))

    neighbour = apsw.Connection(":memory:")
    neighbour.execute("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(80000000))")
    try:
        alone = [run(executor, box, sql) for sql in (below, bomb, below)]
        assert asyncio.run(crowd()) == alone * 4
    finally:
        neighbour.close()
        executor.close()
    assert alone[0].value == dataclasses.replace(alone[0].value, rows=((444,),))
    assert isinstance(alone[1].value, ActionFailure)


def test_the_peak_of_a_query_is_the_same_number_every_time(path: Path) -> None:
    value = "printf('%.*c', 9000, 'x') || a.student_id || p.pet_id"
    sql = f"SELECT count(*) FROM (SELECT DISTINCT {value} FROM student a, pet p LIMIT 2000)"
    box = Sandbox(path, Limits(wall_ms=30_000))
    peaks = set()
    for number in range(3):
        executor = QueryExecutor(1, 1_000)
        for _ in range(number + 1):
            run(executor, box, "SELECT count(*) FROM student, pet")
            run(executor, box, sql)
        peaks.add(executor.stats.peak_bytes)
        executor.close()
    assert len(peaks) == 1
    assert 18_000_000 < peaks.pop() < 40_000_000


def _checked(attack: Attack, cases: list[Case], quiet_s: float) -> None:
    attack.quiet(quiet_s)
    for case in cases:
        attack.send(case)
    attack.quiet(quiet_s)


def _faults(attack: Attack, max_s: float = MAX_ANSWER_S) -> list[str]:
    found = []
    for answer in attack.answers:
        late = answer.fault is not None and answer.fault.startswith("answered after") and answer.seconds < max_s
        if answer.fault and not late:
            found.append(f"{answer.case.id}: {answer.fault}")
    return found


def test_a_sample_over_grpc() -> None:
    """Where the machine is shared with other tests, times tell little: the whole corpus is held to them elsewhere."""
    cases = [case for case in corpus() if not case.family.startswith("slow")][::12]
    slow = [case for case in corpus() if case.family.startswith("slow")][::20]
    with Attack.on_environment() as attack:
        _checked(attack, cases + slow, 0.5)
    assert _faults(attack, max_s=8) == []
    assert attack.peak_growth_bytes < MAX_GROWTH_BYTES


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("service", ["environment", "reward"])
def test_all_of_it_over_grpc(service: str) -> None:
    environment = service == "environment"
    with Attack.on_environment() if environment else Attack.on_reward() as attack:
        _checked(attack, corpus() if environment else [verdicts(case) for case in corpus()], 10)
    assert _faults(attack) == []
    assert attack.peak_growth_bytes < MAX_GROWTH_BYTES
    assert attack.p99_ratio() < MAX_P99_RATIO
