"""Runs queries for an asyncio server: short ones on the event loop, long ones on a thread.

Handing a query to a thread costs more than most queries take. So a query is first tried on the loop itself for a
bounded number of VM steps, which bounds how long it can hold the loop; one that is not done by then starts again on
a thread with its whole budget. It reads only and is deterministic, so starting again changes nothing.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sqlenv.sandbox import Sandbox, Unfinished
from sqlenv.types import Outcome


class QueryExecutor:
    """`threads` bounds how many long queries run at once; the others wait their turn."""

    def __init__(self, threads: int, inline_vm_steps: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sqlenv-query")
        self._inline_vm_steps = inline_vm_steps

    async def run(self, sandbox: Sandbox, sql: str) -> Outcome:
        """The outcome of one SELECT; see `Sandbox.run`."""
        try:
            return sandbox.run(sql, inline_vm_steps=self._inline_vm_steps)
        except Unfinished:
            return await asyncio.get_running_loop().run_in_executor(self._pool, sandbox.run, sql)

    def close(self) -> None:
        """Waits for the queries that run and ends the threads."""
        self._pool.shutdown(cancel_futures=True)
