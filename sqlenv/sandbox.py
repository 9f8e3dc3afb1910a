"""Read-only SQLite under limits: the only door to a database at run time.

connection.py      one connection, its limits, and the watch on the query that runs on it
sandbox.py         a database: connections for whoever asks
executor.py        for servers: short queries on the event loop, the others in processes of their own
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import apsw

from sqlenv.errors import DataSetError, Unavailable
from sqlenv.sqlite.connection import GuardedConnection, Unfinished, refuse_text
from sqlenv.sqlite.limits import TICK_VM_STEPS, TRIAL_SQL_BYTES, Budget, Limits, trial, whole
from sqlenv.sqlite.opening import FROZEN_CLOCK_VFS, Identity, SourceChanged, identify
from sqlenv.sqlite.schema import Schema, quote
from sqlenv.types import Outcome, Result

__all__ = ["FROZEN_CLOCK_VFS", "TICK_VM_STEPS", "Limits", "Sandbox", "Unfinished"]

_keys = itertools.count()


class Sandbox:
    """One database behind limits. Safe to use from many threads: each query has a connection for itself.

    `key` names it within this process. Raises DataSetError on construction where the file is missing or not a database.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        if not path.is_file():
            raise DataSetError(f"{path}: no such file")
        self._start(path, limits or Limits(), identify(path))

    @classmethod
    def from_bytes(cls, data: bytes, limits: Limits | None = None) -> Self:
        """A database that is not a file but the bytes of one, in memory; raises DataSetError where they are none."""
        sandbox = cls.__new__(cls)
        sandbox._start(data, limits or Limits(), None)
        return sandbox

    def _start(self, source: Path | bytes, limits: Limits, identity: Identity | None) -> None:
        self.key = next(_keys)
        self.limits = limits
        self.source = source
        self.identity = identity
        self._whole = whole(limits)
        self._trials: dict[int, Budget] = {}
        self._idle: deque[GuardedConnection] = deque()
        self._row_counts: dict[str, int] = {}
        try:
            with self._connection() as connection:
                self.schema: Schema = connection.schema
        except apsw.Error as error:
            name = source if isinstance(source, Path) else "an instance in memory"
            raise DataSetError(f"{name}: not a database that SQLite can read: {error}") from None

    @contextmanager
    def _connection(self) -> Iterator[GuardedConnection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except Unfinished:
            self._idle.append(connection)
            raise
        # Not in a finally: a connection on which something unforeseen was raised is dropped, not used again.
        self._idle.append(connection)

    def _connect(self) -> GuardedConnection:
        try:
            return GuardedConnection(self.source, self.limits, self.identity)
        except (SourceChanged, FileNotFoundError):
            raise changed() from None

    def run(self, sql: str, *, inline_vm_steps: int | None = None) -> Outcome:
        """Runs one SELECT and gives its result, or says in words why there is none.

        With `inline_vm_steps` the query may use no more than that, and little of everything else, before `Unfinished`
        is raised: what an event loop uses to run short queries itself and to hand the others over, where they start
        again. Without, it runs to its end here; then its memory is counted together with that of all other queries of
        this process, and a single slow function can't be interrupted: `executor` does better, for servers.

        Raises Unavailable where the file was replaced since the sandbox was made.
        """
        refused = refuse_text(sql, self.limits)
        if refused is not None:
            return Outcome(refused, 0)
        budget = self._whole
        if inline_vm_steps is not None and inline_vm_steps < self.limits.vm_steps:
            if len(sql) > TRIAL_SQL_BYTES:
                raise Unfinished
            budget = self._trials.get(inline_vm_steps) or trial(self.limits, inline_vm_steps)
            self._trials[inline_vm_steps] = budget
        try:
            with self._connection() as connection:
                return connection.run(sql, budget)
        except SourceChanged:
            raise changed() from None

    def row_count(self, table: str) -> int:
        """Rows of a table of the schema, counted once; -1 for a view that is too slow to count."""
        known = self.known_row_count(table)
        return self.learn_row_count(table, self.run(count_sql(table))) if known is None else known

    def known_row_count(self, table: str) -> int | None:
        """The same where it has been counted; None where not."""
        return self._row_counts.get(table)

    def learn_row_count(self, table: str, outcome: Outcome) -> int:
        """The same from the outcome of `count_sql`."""
        value = outcome.value
        count = int(str(value.rows[0][0])) if isinstance(value, Result) else -1
        # That a view is too slow is known for good only where its VM steps tell, not a clock.
        if count >= 0 or outcome.vm_steps >= self.limits.vm_steps:
            self._row_counts[table] = count
        return count

    def close(self) -> None:
        """Closes idle connections; those in use close when their query ends and they are collected."""
        while self._idle:
            self._idle.pop().db.close()


def count_sql(table: str) -> str:
    """SQL that counts a table's rows."""
    return f"SELECT count(*) FROM {quote(table)}"


def changed() -> Unavailable:
    """What is said where a database file was replaced: old and new rows must never be mixed in one episode."""
    words = "a database file was replaced while the service was running; the service has to be restarted"
    return Unavailable(words, "DATASET_CHANGED", retry_after_s=5.0)
