"""Runs queries for an asyncio server: short ones on the event loop, long ones in processes of their own.

Handing a query over costs more than most queries take. So a query is first tried on the loop itself for a bounded
number of VM steps, on short values, which bounds how long it can hold the loop; one that is not done by then starts
again elsewhere with its whole budget. It reads only and is deterministic, so starting again changes nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlenv.errors import SqlEnvError, Unavailable
from sqlenv.sandbox import Sandbox, Unfinished, count_sql
from sqlenv.serving.fairness import FairSlots, step_aside
from sqlenv.sqlite.faults import Stop
from sqlenv.sqlite.query_process import Lost, QueryProcess
from sqlenv.types import ActionFailure, ErrorKind, Outcome

_BROKEN = ActionFailure(ErrorKind.SQL, "The query made SQLite fail and was stopped.")


@dataclass
class QueryStats:
    """What an executor did so far, for metrics: counts, but for the gauges `waiting` and `running`.

    `waited_s` and `ran_s` are sums over long queries, in seconds. `killed` counts queries that outlived their time and
    took a process with them, `crashed` processes that ended by themselves. `peak_bytes` is the most that SQLite held
    for one long query.
    """

    inline: int = 0
    long: int = 0
    waiting: int = 0
    running: int = 0
    waited_s: float = 0.0
    ran_s: float = 0.0
    cancelled: int = 0
    killed: int = 0
    crashed: int = 0
    peak_bytes: int = 0


class QueryExecutor:
    """`processes` bounds how many long queries run at once; callers take turns for what becomes free."""

    def __init__(self, processes: int, inline_vm_steps: int) -> None:
        self.stats = QueryStats()
        # Told of each query's outcome, the seconds it ran, and whether it was a long one; and of each wait in seconds.
        self.on_outcome: Callable[[Outcome, float, bool], None] = lambda outcome, seconds, long: None
        self.on_wait: Callable[[float], None] = lambda seconds: None
        self._size = processes
        self._inline_vm_steps = inline_vm_steps
        # Threads only wait for processes; so they come back, whatever a query does.
        self._pool = ThreadPoolExecutor(processes, thread_name_prefix="sqlenv-query")
        self._idle: deque[QueryProcess] = deque()
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, FairSlots] = WeakKeyDictionary()
        self._under_way: set[threading.Event] = set()
        self._lock = threading.Lock()
        self._closed = False

    async def run(self, sandbox: Sandbox, sql: str) -> Outcome:
        """The outcome of one SELECT; see `Sandbox.run`. Cancelling the call ends the query.

        Raises Unavailable where the database file was replaced, or no process can be started.
        """
        start = time.monotonic()
        try:
            outcome = sandbox.run(sql, inline_vm_steps=self._inline_vm_steps)
        except Unfinished:
            return await self._run_long(sandbox, sql)
        self.stats.inline += 1
        self.on_outcome(outcome, time.monotonic() - start, False)
        return outcome

    async def row_count(self, sandbox: Sandbox, table: str) -> int:
        """Rows of a table; -1 for a view that is too slow to count. Raises Unavailable as `run`."""
        known = sandbox.known_row_count(table)
        if known is None:
            known = sandbox.learn_row_count(table, await self.run(sandbox, count_sql(table)))
        return known

    def close(self) -> None:
        """Ends the queries that run, and the processes."""
        self._closed = True
        for cancelled in list(self._under_way):
            cancelled.set()
        self._pool.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().stop()

    async def _run_long(self, sandbox: Sandbox, sql: str) -> Outcome:
        loop = asyncio.get_running_loop()
        slots = self._slots.get(loop)
        if slots is None:
            slots = self._slots[loop] = FairSlots(self._size)
        stats, start = self.stats, time.monotonic()
        step_aside()
        stats.long += 1
        stats.waiting += 1
        try:
            # A slot is given back when the caller goes on, not when the query ends: results never pile up.
            await slots.acquire()
        finally:
            stats.waiting -= 1
            waited = time.monotonic() - start
            stats.waited_s += waited
            self.on_wait(waited)
        start = time.monotonic()
        stats.running += 1
        cancelled = threading.Event()
        self._under_way.add(cancelled)
        try:
            outcome = await loop.run_in_executor(self._pool, self._in_process, sandbox, sql, cancelled)
            self.on_outcome(outcome, time.monotonic() - start, True)
            return outcome
        except asyncio.CancelledError:
            cancelled.set()
            stats.cancelled += 1
            raise
        finally:
            self._under_way.discard(cancelled)
            stats.running -= 1
            stats.ran_s += time.monotonic() - start
            slots.release()

    def _in_process(self, sandbox: Sandbox, sql: str, cancelled: threading.Event) -> Outcome:
        for _ in range(2):  # a process may have been ended by somebody else: the query is not to blame at once
            process = self._take()
            try:
                outcome, peak_bytes = process.run(sandbox, sql, cancelled)
            except Lost as lost:
                if lost.late or cancelled.is_set():
                    with self._lock:
                        self.stats.killed += 1
                    self._later(process)
                    return Outcome(Stop.WALL_CLOCK.failure(), 0)
                with self._lock:
                    self.stats.crashed += 1
                continue
            except SqlEnvError:
                self._keep(process)
                raise
            except BaseException:
                process.stop()
                raise
            self._keep(process)
            with self._lock:
                self.stats.peak_bytes = max(self.stats.peak_bytes, peak_bytes)
            return outcome
        return Outcome(_BROKEN, 0)

    def _later(self, lost: QueryProcess) -> None:
        """Puts another process in the place of a lost one, when the answer is on its way."""
        try:
            self._pool.submit(self._replace, lost)
        except RuntimeError:  # the pool is closed
            lost.stop()

    def _replace(self, lost: QueryProcess) -> None:
        lost.stop()
        if not self._closed:
            with suppress(Unavailable):
                self._keep(QueryProcess())

    def _keep(self, process: QueryProcess) -> None:
        if len(self._idle) < self._size:
            self._idle.append(process)
        else:
            process.stop()

    def _take(self) -> QueryProcess:
        try:
            return self._idle.pop()
        except IndexError:
            return QueryProcess()
