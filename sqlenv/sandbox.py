"""Read-only SQLite under limits: the only door to a database at run time.

A query runs under a budget of SQLite VM steps, which are the same number on every run of every machine with the same
SQLite, so that a time-out is as deterministic as a result. Length limits stop what one VM step can't: a single opcode
that would run or allocate without end. See https://www.sqlite.org/security.html.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote as url_quote

import apsw

from sqlenv.authorizer import Authorizer
from sqlenv.errors import DataSetError
from sqlenv.faults import Stop, StopError, explain
from sqlenv.schema import Schema, quote, read_schema
from sqlenv.types import ActionFailure, ErrorKind, Outcome, Result, Row, SqlValue

# The progress handler is called every so many VM steps; budgets are multiples of it. Often enough that the clock is
# read in time where single steps take milliseconds (pattern matching on long texts).
TICK_VM_STEPS = 100

# A query that is tried inline may hold the event loop no longer than this, however few its VM steps.
INLINE_WALL_S = 0.005

# Nothing but blanks and comments. Possessive, so that no text can make it backtrack.
_BLANK = re.compile(r"(?:[\s;\ufeff]|--[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))*+\Z")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use."""

    vm_steps: int = 10_000_000
    wall_ms: int = 2_000
    sql_bytes: int = 64 * 1024
    value_bytes: int = 100_000
    memory_bytes: int = 256 * 1024 * 1024
    result_rows: int = 200
    result_bytes: int = 256 * 1024
    counted_rows: int = 10_000


class Unfinished(Exception):
    """A query used up the small budget it was given to try it inline; run it again with the whole one."""


class _FrozenClock(apsw.VFS):
    """SQLite's own file access with a clock that stands still, so that 'now' can't make two runs differ."""

    NAME = "sqlenv-frozen-clock"
    JULIAN_DAY = 2460676.5  # 2025-01-01T00:00:00Z

    def __init__(self) -> None:
        super().__init__(self.NAME, "")

    def xCurrentTime(self) -> float:
        return self.JULIAN_DAY

    def xCurrentTimeInt64(self) -> int:
        return int(self.JULIAN_DAY * 86_400_000)


FROZEN_CLOCK_VFS = _FrozenClock.NAME
"""Name of the VFS whose clock stands still, for builders that must see the time that a sandbox sees."""

_CLOCK = _FrozenClock()


def _open(source: Path | bytes) -> apsw.Connection:
    if isinstance(source, bytes):
        # The clock counts in memory too: a connection asks its VFS for the time, whatever its pages are kept in.
        db = apsw.Connection(":memory:", vfs=_CLOCK.NAME, statementcachesize=0)
        db.deserialize("main", source)
        return db
    # immutable: no locks, no journal, no -wal file is looked for or made.
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    uri = f"file:{url_quote(str(source.resolve()))}?mode=ro&immutable=1"
    return apsw.Connection(uri, flags=flags, vfs=_CLOCK.NAME, statementcachesize=0)


class _Connection:
    """One connection with its watch on the query that runs on it. Used by one thread at a time."""

    def __init__(self, source: Path | bytes, limits: Limits) -> None:
        self.limits = limits
        self.db = _open(source)
        self.db.execute("PRAGMA temp_store = MEMORY; PRAGMA query_only = ON; PRAGMA cell_size_check = ON")
        self.schema = read_schema(self.db)
        modules = [str(name) for (name,) in self.db.execute("PRAGMA module_list")]
        self.authorizer = Authorizer(self.schema.names, modules)
        self._harden()
        self._sql = ""
        self._columns: tuple[str, ...] = ()
        self._vm_steps = 0
        self._ticks = self._max_ticks = 0
        self._deadline = 0.0
        self._memory_before = 0
        self._stop: Stop | None = None

    def _harden(self) -> None:
        db, limits = self.db, self.limits
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        for limit, value in (
            (apsw.SQLITE_LIMIT_LENGTH, limits.value_bytes),
            (apsw.SQLITE_LIMIT_SQL_LENGTH, limits.sql_bytes),
            (apsw.SQLITE_LIMIT_EXPR_DEPTH, 200),
            (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 50),
            (apsw.SQLITE_LIMIT_COLUMN, 1_000),
            (apsw.SQLITE_LIMIT_VDBE_OP, 100_000),
            (apsw.SQLITE_LIMIT_FUNCTION_ARG, 64),
            (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100),
            (apsw.SQLITE_LIMIT_ATTACHED, 0),
            (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
            (apsw.SQLITE_LIMIT_WORKER_THREADS, 0),
        ):
            db.limit(limit, value)
        db.authorizer = self.authorizer
        db.exec_trace = self._begin
        db.set_progress_handler(self._tick, TICK_VM_STEPS)
        db.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._profile)

    def run(self, sql: str, max_vm_steps: int, inline: bool) -> Outcome:
        """Runs one statement; see `Sandbox.run`."""
        self._sql, self._columns, self._vm_steps, self._stop = sql, (), 0, None
        self.authorizer.denied = None
        self._ticks, self._max_ticks = 0, max(1, max_vm_steps // TICK_VM_STEPS)
        self._deadline = time.monotonic() + (INLINE_WALL_S if inline else self.limits.wall_ms / 1000)
        self._memory_before = apsw.memory_used()
        value: Result | ActionFailure
        cursor = self.db.cursor()
        try:
            cursor.execute(sql, can_cache=False)
            value = self._collect(cursor)
        except (apsw.Error, MemoryError, UnicodeDecodeError, OverflowError, RecursionError, StopError) as error:
            if inline and self._stop in (Stop.VM_STEPS, Stop.WALL_CLOCK, Stop.MEMORY):
                raise Unfinished from None
            value = explain(error, self._stop, self.authorizer.denied, self.schema.names)
        finally:
            cursor.close(True)  # finalises the statement, which is when the profile callback tells its VM steps
        return Outcome(value, self._vm_steps)

    def _begin(self, cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        if not cursor.has_vdbe:  # blank or a comment
            return True
        if not _BLANK.match(self._sql, len(statement)):
            self._stop = Stop.MULTIPLE_STATEMENTS
            raise StopError
        if cursor.is_explain or not cursor.is_readonly:
            self._stop = Stop.NOT_SELECT
            raise StopError
        self._columns = tuple(column[0] for column in cursor.get_description())
        if not self._columns:
            self._stop = Stop.NOT_SELECT
            raise StopError
        return True

    def _tick(self) -> bool:
        self._ticks += 1
        if self._ticks >= self._max_ticks:
            self._stop = Stop.VM_STEPS
        elif apsw.memory_used() - self._memory_before > self.limits.memory_bytes:
            self._stop = Stop.MEMORY
        elif time.monotonic() > self._deadline:
            self._stop = Stop.WALL_CLOCK
        return self._stop is not None

    def _profile(self, event: dict[str, dict[str, int]]) -> None:
        self._vm_steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    def _collect(self, cursor: apsw.Cursor) -> Result:
        limits = self.limits
        rows: list[Row] = []
        size = count = 0
        full = False
        for row in cursor:
            count += 1
            if not full:
                size += _row_bytes(row)
                full = count > limits.result_rows or size > limits.result_bytes
                if not full:
                    rows.append(row)
            elif count >= limits.counted_rows:
                break
        if not self._columns:
            self._stop = Stop.EMPTY
            raise StopError
        lower_bound = count >= limits.counted_rows and full
        return Result(self._columns, tuple(rows), count, count > len(rows), lower_bound)


def _row_bytes(row: tuple[SqlValue, ...]) -> int:
    size = 8 * len(row)
    for value in row:
        if type(value) is str:
            size += len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
        elif type(value) is bytes:
            size += len(value)
    return size


class Sandbox:
    """One database behind limits. Safe to use from many threads: each query has a connection for itself.

    Raises DataSetError on construction where the file is missing or not a database.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        if not path.is_file():
            raise DataSetError(f"{path}: no such file")
        self._start(path, limits or Limits())

    @classmethod
    def from_bytes(cls, data: bytes, limits: Limits | None = None) -> Self:
        """A database that is not a file but the bytes of one, in memory; raises DataSetError where they are none."""
        sandbox = cls.__new__(cls)
        sandbox._start(data, limits or Limits())
        return sandbox

    def _start(self, source: Path | bytes, limits: Limits) -> None:
        self.limits = limits
        self._source = source
        self._idle: deque[_Connection] = deque()
        self._row_counts: dict[str, int] = {}
        self._lock = threading.Lock()
        try:
            with self._connection() as connection:
                self.schema: Schema = connection.schema
        except apsw.Error as error:
            name = source if isinstance(source, Path) else "an instance in memory"
            raise DataSetError(f"{name}: not a database that SQLite can read: {error}") from None

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _Connection(self._source, self.limits)
        try:
            yield connection
        except Unfinished:
            self._idle.append(connection)
            raise
        # Not in a finally: a connection on which something unforeseen was raised is dropped, not used again.
        self._idle.append(connection)

    def run(self, sql: str, *, inline_vm_steps: int | None = None) -> Outcome:
        """Runs one SELECT and gives its result, or says in words why there is none.

        With `inline_vm_steps` the query may use no more than that before `Unfinished` is raised: what an event loop
        uses to run short queries itself and to move the others to a thread, where they start again.
        """
        try:
            size = len(sql.encode())
        except UnicodeEncodeError:
            return Outcome(ActionFailure(ErrorKind.SYNTAX, "The SQL contains a lone surrogate: no valid text."), 0)
        if size > self.limits.sql_bytes:
            words = f"The SQL is {size:,} bytes long; at most {self.limits.sql_bytes:,} are allowed."
            return Outcome(ActionFailure(ErrorKind.TOO_LARGE, words), 0)
        if "\0" in sql:
            return Outcome(ActionFailure(ErrorKind.SYNTAX, "The SQL contains a NUL character."), 0)
        inline = inline_vm_steps is not None and inline_vm_steps < self.limits.vm_steps
        budget = inline_vm_steps if inline and inline_vm_steps is not None else self.limits.vm_steps
        with self._connection() as connection:
            return connection.run(sql, budget, inline)

    def row_count(self, table: str) -> int:
        """Rows of a table of the schema; counted once."""
        with self._lock:
            if table not in self._row_counts:
                value = self.run(f"SELECT count(*) FROM {quote(table)}").value
                if not isinstance(value, Result):
                    return -1  # a view that is too slow to count: its size is not told
                self._row_counts[table] = int(str(value.rows[0][0]))
            return self._row_counts[table]

    def close(self) -> None:
        """Closes idle connections; those in use close when their query ends and they are collected."""
        while self._idle:
            self._idle.pop().db.close()
