"""One SQLite connection that can only read, with a watch on the query that runs on it.

A query runs under a budget of SQLite VM steps, which are the same number on every run of every machine with the same
SQLite, so that a time-out is as deterministic as a result. Length limits bound what one VM step can do; what they
leave (a statement may call hundreds of slow functions between two looks at the clock) takes a process that can be
killed: see `query_process`. https://www.sqlite.org/security.html
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

import apsw

from sqlenv.sqlite.authorizer import CATALOG, Authorizer
from sqlenv.sqlite.faults import Stop, StopError, explain
from sqlenv.sqlite.limits import TICK_VM_STEPS, Budget, Limits
from sqlenv.sqlite.opening import Identity, SourceChanged, check_unwritten, identify, open_database
from sqlenv.sqlite.schema import read_schema
from sqlenv.types import ActionFailure, ErrorKind, Outcome, Result, Row, SqlValue

# Nothing but blanks and comments. Possessive, so that no text can make it backtrack.
_BLANKS = re.compile(r"(?:[\s;\ufeff]|--[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))*+")

_NO_VERDICT = frozenset({Stop.VM_STEPS, Stop.WALL_CLOCK, Stop.MEMORY, Stop.TOO_COMPLEX})


class Unfinished(Exception):
    """A query used up the small budget it was given to try it; run it again with the whole one."""


class GuardedConnection:
    """Runs one query at a time, of anybody's. Used by one thread at a time.

    Raises apsw.Error where the source is no database, SourceChanged where it is not the one of this `identity`.
    """

    def __init__(self, source: Path | bytes, limits: Limits, identity: Identity | None = None) -> None:
        self._limits = limits
        self._watched = (source, identity) if identity is not None and isinstance(source, Path) else None
        if self._watched is not None and identify(self._watched[0]) != identity:
            raise SourceChanged  # before it is opened: half a file would be taken for a broken data set
        self.db = open_database(source)
        self.db.execute("PRAGMA temp_store = MEMORY; PRAGMA query_only = ON; PRAGMA cell_size_check = ON")
        modules = [str(name) for (name,) in self.db.execute("PRAGMA module_list")]
        self.db.drop_modules(None)  # all that can be taken away; json_each and json_tree can't, and may stay
        self.schema = read_schema(self.db)
        if identity is not None and isinstance(source, Path) and identify(source) != identity:
            self.db.close()
            raise SourceChanged
        hidden = "SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite\\_%' ESCAPE '\\' AND type = 'table'"
        self._hidden_pages = frozenset({1, *(page for (page,) in self.db.execute(hidden))})
        self._authorizer = Authorizer(self.schema.names, modules)
        self._value_bytes = limits.value_bytes
        self._harden()
        self._sql = ""
        self._columns: tuple[str, ...] = ()
        self._vm_steps = 0
        self._ticks = self._max_ticks = 0
        self._deadline = self._cpu_deadline = self._last_deadline = 0.0
        self._memory_limit = 0
        self._looking = False
        self._stop: Stop | None = None

    def _harden(self) -> None:
        db, limits = self.db, self._limits
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        for limit, value in (
            (apsw.SQLITE_LIMIT_LENGTH, limits.value_bytes),
            (apsw.SQLITE_LIMIT_SQL_LENGTH, limits.sql_bytes + 100),
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
        db.authorizer = self._authorizer
        db.exec_trace = self._begin
        db.set_progress_handler(self._tick, TICK_VM_STEPS)
        db.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._profile)

    def run(self, sql: str, budget: Budget) -> Outcome:
        """Runs one statement.

        Raises Unfinished where `budget` is a trial's, and spent; SourceChanged where the file was written to meanwhile.
        """
        self._ready(sql, budget)
        value: Result | ActionFailure
        cursor = self.db.cursor()
        try:
            if "sqlite_" in sql.lower():
                self._look_for_catalog(sql)
                self._ready(sql, budget)
            cursor.execute(sql, can_cache=False)
            value = self._collect(cursor)
        except (apsw.Error, MemoryError, UnicodeDecodeError, OverflowError, RecursionError, StopError) as error:
            if self._authorizer.overrun and self._stop is None:
                self._stop = Stop.TOO_COMPLEX
            # A trial's values are shorter than they may be: too long for it may be short enough.
            if budget.trial and (self._stop in _NO_VERDICT or isinstance(error, (apsw.TooBigError, apsw.NoMemError))):
                raise Unfinished from None
            words = str(error).removeprefix("SQLError: ")
            value = explain(error, self._stop, self._authorizer.explain(words), self.schema.names)
        finally:
            cursor.close(True)  # finalises the statement, which is when the profile callback tells its VM steps
        if self._watched is not None:
            check_unwritten(*self._watched)
        return Outcome(value, self._vm_steps)

    def cancel(self) -> None:
        """Ends the query that runs at its next tick; what it gives then is of no use to anybody."""
        self._stop = Stop.WALL_CLOCK

    def _ready(self, sql: str, budget: Budget) -> None:
        self._sql, self._columns, self._vm_steps, self._stop = sql, (), 0, None
        self._looking = False
        self._authorizer.begin(budget.prepare_calls)
        if self._value_bytes != budget.value_bytes:
            self._value_bytes = budget.value_bytes
            self.db.limit(apsw.SQLITE_LIMIT_LENGTH, budget.value_bytes)
        self._ticks, self._max_ticks = 0, max(1, budget.vm_steps // TICK_VM_STEPS)
        now = time.monotonic()
        self._deadline, self._last_deadline = now + budget.wall_s, now + 10 * budget.wall_s
        self._cpu_deadline = time.thread_time() + budget.wall_s
        self._memory_limit = apsw.memory_used() + budget.memory_bytes

    def _look_for_catalog(self, sql: str) -> None:
        """Refuses a statement that opens the catalog: a join by column names does so without asking the authorizer."""
        self._looking = True
        blanks = _BLANKS.match(sql)
        self._sql = "EXPLAIN " + sql[blanks.end() if blanks else 0 :]
        with closing(self.db.cursor()) as cursor:
            for row in cursor.execute(self._sql, can_cache=False):
                if row[1] == "OpenRead" and row[3] in self._hidden_pages:
                    self._authorizer.denied = CATALOG
                    break
        self._vm_steps = 0
        if self._authorizer.denied:
            raise StopError

    def _begin(self, cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        if not cursor.has_vdbe:  # blank or a comment
            return True
        rest = _BLANKS.match(self._sql, len(statement))
        if rest is not None and rest.end() < len(self._sql):
            self._stop = Stop.MULTIPLE_STATEMENTS
            raise StopError
        if bool(cursor.is_explain) != self._looking or not cursor.is_readonly:
            self._stop = Stop.NOT_SELECT
            raise StopError
        self._columns = tuple(column[0] for column in cursor.get_description())
        if not self._columns:
            self._stop = Stop.NOT_SELECT
            raise StopError
        return True

    def _tick(self) -> bool:
        self._ticks += 1
        if self._stop is not None:
            return True
        if self._ticks >= self._max_ticks:
            self._stop = Stop.VM_STEPS
        elif apsw.memory_used() > self._memory_limit:
            self._stop = Stop.MEMORY
        elif time.monotonic() > self._deadline and self._is_late():
            self._stop = Stop.WALL_CLOCK
        return self._stop is not None

    def _is_late(self) -> bool:
        # A query that had to wait for the processor is not to blame: its VM steps shall decide, on a busy machine too.
        return time.thread_time() > self._cpu_deadline or time.monotonic() > self._last_deadline

    def _profile(self, event: dict[str, dict[str, int]]) -> None:
        self._vm_steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    def _collect(self, cursor: apsw.Cursor) -> Result:
        limits = self._limits
        rows: list[Row] = []
        size = count = 0
        full = False
        max_rows = min(limits.result_rows, limits.result_cells // max(1, len(self._columns)))
        for row in cursor:
            count += 1
            if not full:
                size += _row_bytes(row)
                full = count > max_rows or size > limits.result_bytes
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


def refuse_text(sql: str, limits: Limits) -> ActionFailure | None:
    """What is wrong with a text before SQLite sees it; None where nothing is."""
    try:
        size = len(sql.encode())
    except UnicodeEncodeError:
        return ActionFailure(ErrorKind.SYNTAX, "The SQL contains a lone surrogate: no valid text.")
    if size > limits.sql_bytes:
        words = f"The SQL is {size:,} bytes long; at most {limits.sql_bytes:,} are allowed."
        return ActionFailure(ErrorKind.TOO_LARGE, words)
    if "\0" in sql:
        return ActionFailure(ErrorKind.SYNTAX, "The SQL contains a NUL character.")
    return None
