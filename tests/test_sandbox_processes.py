"""Long queries in processes of their own: stopped in time, cancelled with their call, and never missed when lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sqlenv.errors import Unavailable
from sqlenv.sandbox import Sandbox
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.sqlite.limits import Limits
from sqlenv.sqlite.query_process import QueryProcess
from sqlenv.tasks import BUNDLED, database_path
from sqlenv.types import ActionFailure, ErrorKind, Result
from tests.hostile import DATABASE, corpus

COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT sum(i) FROM n"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
PATIENT = Limits(vm_steps=10**12, wall_ms=20_000)
# One row of functions that take a second each: SQLite looks at nothing meanwhile.
STUCK = next(str(case.sql) for case in corpus() if case.name == "json_patch 500 times in one row")


@pytest.fixture(scope="module")
def path() -> Path:
    return database_path(BUNDLED, DATABASE)


@pytest.fixture
async def executor() -> AsyncIterator[QueryExecutor]:
    executor = QueryExecutor(1, 10_000)
    yield executor
    executor.close()


async def pid(executor: QueryExecutor, box: Sandbox) -> int:
    """The process that runs queries, once there is one."""
    assert isinstance((await executor.run(box, COUNT)).value, Result)
    return executor._idle[-1].pid


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


async def until(condition: object, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_short_queries_need_no_process(executor: QueryExecutor, path: Path) -> None:
    assert isinstance((await executor.run(Sandbox(path), "SELECT name FROM pet")).value, Result)
    assert (executor.stats.inline, executor.stats.long, len(executor._idle)) == (1, 0, 0)


@pytest.mark.parametrize("kept", ["file", "bytes"])
async def test_a_long_query_gives_what_it_gives_here(executor: QueryExecutor, path: Path, kept: str) -> None:
    box = Sandbox(path) if kept == "file" else Sandbox.from_bytes(path.read_bytes())
    for sql in (COUNT, COUNT.replace("sum(i)", "i, i * 0.5, 'ü' || i, CAST(i AS BLOB), NULL"), COUNT + ", nope"):
        assert await executor.run(box, sql) == box.run(sql)
    assert executor.stats.long == 2


async def test_what_nothing_interrupts_is_killed_in_time_and_replaced(executor: QueryExecutor, path: Path) -> None:
    box = Sandbox(path, Limits(wall_ms=200))
    first = await pid(executor, Sandbox(path))
    start = time.monotonic()
    failure = (await executor.run(box, STUCK)).value
    assert time.monotonic() - start < 2
    assert isinstance(failure, ActionFailure)
    assert failure.kind is ErrorKind.TIMEOUT
    assert executor.stats.killed == 1
    await until(lambda: gone(first))
    assert await pid(executor, Sandbox(path)) != first


async def test_a_cancelled_call_stops_its_query_and_frees_the_slot(executor: QueryExecutor, path: Path) -> None:
    box = Sandbox(path, PATIENT)
    same = await pid(executor, box)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(executor.run(box, ENDLESS), 0.2)
    start = time.monotonic()
    assert isinstance((await executor.run(box, COUNT)).value, Result)
    assert time.monotonic() - start < 2
    assert executor.stats.cancelled == 1
    assert executor.stats.running == executor.stats.waiting == 0
    # It heard of it at its next tick and lives on.
    assert (executor.stats.killed, executor._idle[-1].pid) == (0, same)


async def test_a_cancelled_call_ends_a_process_that_does_not_hear_of_it(executor: QueryExecutor, path: Path) -> None:
    box = Sandbox(path, PATIENT)
    first = await pid(executor, box)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(executor.run(box, STUCK), 0.2)
    start = time.monotonic()
    assert isinstance((await executor.run(box, COUNT)).value, Result)
    assert time.monotonic() - start < 3
    assert executor.stats.killed == 1
    await until(lambda: gone(first))


async def test_who_waits_for_a_turn_and_is_cancelled_leaves_nothing(executor: QueryExecutor, path: Path) -> None:
    box = Sandbox(path, PATIENT)
    calls = [asyncio.ensure_future(executor.run(box, ENDLESS)) for _ in range(20)]
    await until(lambda: executor.stats.waiting == 19)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance((await executor.run(box, COUNT)).value, Result)
    assert executor.stats.waiting == executor.stats.running == 0


async def test_a_process_that_somebody_kills_is_not_missed(executor: QueryExecutor, path: Path) -> None:
    box = Sandbox(path)
    os.kill(await pid(executor, box), signal.SIGTERM)
    assert isinstance((await executor.run(box, COUNT)).value, Result)
    assert executor.stats.crashed == 1


async def test_a_process_that_hangs_is_given_up(executor: QueryExecutor, path: Path) -> None:
    box = Sandbox(path, Limits(wall_ms=300))
    stopped = await pid(executor, box)
    os.kill(stopped, signal.SIGSTOP)
    start = time.monotonic()
    failure = (await executor.run(box, COUNT)).value
    assert isinstance(failure, ActionFailure)
    assert failure.kind is ErrorKind.TIMEOUT
    assert time.monotonic() - start < 2
    await until(lambda: gone(stopped))
    assert isinstance((await executor.run(Sandbox(path), COUNT)).value, Result)


async def test_closing_ends_the_query_that_runs_and_every_process(path: Path) -> None:
    executor = QueryExecutor(2, 10_000)
    box = Sandbox(path, PATIENT)
    first = await pid(executor, box)
    call = asyncio.ensure_future(executor.run(box, ENDLESS))
    await until(lambda: executor.stats.running == 1)
    start = time.monotonic()
    await asyncio.to_thread(executor.close)
    assert time.monotonic() - start < 2
    await asyncio.wait([call])
    await until(lambda: gone(first))


def test_a_process_ends_with_its_parent(path: Path) -> None:
    program = (
        "import asyncio, os, pathlib, signal, sys; from sqlenv.sqlite.executor import QueryExecutor;"
        "from sqlenv.sandbox import Limits, Sandbox\n"
        "async def main():\n"
        "    executor, box = QueryExecutor(1, 10_000), Sandbox(pathlib.Path(sys.argv[1]), Limits(wall_ms=500))\n"
        "    await executor.run(box, sys.argv[2])\n"
        "    print(executor._idle[-1].pid, flush=True)\n"
        "    asyncio.ensure_future(executor.run(box, sys.argv[3])); await asyncio.sleep(0.1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-c", program, str(path), COUNT, STUCK]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=30, check=False)
    process = int(done.stdout)
    deadline = time.monotonic() + 5
    # In a container nobody may collect it: then it stays as a zombie, which runs nothing.
    while not gone(process) and Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_a_file_put_in_the_place_of_another_is_noticed(
    executor: QueryExecutor, path: Path, tmp_path: Path
) -> None:
    copy, other = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    copy.write_bytes(path.read_bytes())
    other.write_bytes(path.read_bytes())
    box = Sandbox(copy)
    before = await executor.run(box, COUNT)
    other.rename(copy)
    with pytest.raises(Unavailable, match="replaced"):
        await executor.run(box, COUNT)
    # What is open already still reads the file that it opened.
    assert isinstance((await executor.run(box, "SELECT name FROM pet")).value, Result)
    assert await executor.run(Sandbox(copy), COUNT) == before


async def test_a_process_knows_no_secrets_and_writes_no_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLENV_ENV_SECRET", "hidden")
    process = QueryProcess()
    try:
        environment = Path(f"/proc/{process.pid}/environ")
        await until(lambda: b"PYTHONPATH" in environment.read_bytes())
        assert b"hidden" not in environment.read_bytes()
        limits = Path(f"/proc/{process.pid}/limits")
        await until(lambda: "Max file size             0" in limits.read_text(), 10)
    finally:
        process.stop()
