"""What SQLite says when it refuses, turned into words that help an agent and tell nothing about the machine."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from enum import Enum

import apsw

from sqlenv.types import ActionFailure, ErrorKind


class StopError(Exception):
    """Raised inside a query by the sandbox itself; the `Stop` says why."""


class Stop(Enum):
    """Why the sandbox stopped a query: the kind of error, and what the agent is told."""

    VM_STEPS = (ErrorKind.TIMEOUT, "The query did too much work and was stopped. Filter earlier, or join on keys.")
    WALL_CLOCK = (ErrorKind.TIMEOUT, "The query took too long and was stopped. Filter earlier, or join on keys.")
    MEMORY = (ErrorKind.OUT_OF_MEMORY, "The query needed too much memory and was stopped.")
    TOO_COMPLEX = (ErrorKind.TOO_LARGE, "The query is too complex: it names too many columns, tables or functions.")
    MULTIPLE_STATEMENTS = (ErrorKind.MULTIPLE_STATEMENTS, "Only one statement is allowed in a query.")
    NOT_SELECT = (ErrorKind.NOT_ALLOWED, "Only a single SELECT is allowed.")
    EMPTY = (ErrorKind.EMPTY_SQL, "There is no SQL in the query.")

    def failure(self) -> ActionFailure:
        """What the agent is told."""
        kind, words = self.value
        return ActionFailure(kind, words)


# The first that matches decides. What stands in a group is named to the agent: it wrote it itself.
_PATTERNS: tuple[tuple[re.Pattern[str], ErrorKind], ...] = (
    (re.compile(r"no such table: (?P<name>.*)"), ErrorKind.NO_SUCH_TABLE),
    (re.compile(r"no such column: (?P<name>.*)"), ErrorKind.NO_SUCH_COLUMN),
    (re.compile(r"no such function: (?P<name>.*)"), ErrorKind.NO_SUCH_FUNCTION),
    (
        re.compile(
            r"too big|too large|too many|too long|too deep|too complex|at most|exceeds|parser stack overflow|"
            r"[Rr]ecursion limit"
        ),
        ErrorKind.TOO_LARGE,
    ),
    (re.compile(r"syntax error|incomplete input|unrecognized token"), ErrorKind.SYNTAX),
    (re.compile(r"not authorized|prohibited"), ErrorKind.NOT_ALLOWED),
)
_MAX_WORDS = 300


def explain(error: BaseException, stop: Stop | None, denied: str | None, tables: Sequence[str]) -> ActionFailure:
    """The words for `error`, raised while a query ran.

    `stop` and `denied` say whether it was the sandbox or the authorizer that ended it; `tables` are suggested from.
    """
    if stop is not None:
        return stop.failure()
    if denied is not None:
        return ActionFailure(ErrorKind.NOT_ALLOWED, denied)
    if isinstance(error, (MemoryError, apsw.NoMemError)) or str(error).endswith("out of memory"):
        return Stop.MEMORY.failure()
    if isinstance(error, UnicodeDecodeError):
        return ActionFailure(ErrorKind.SQL, "A value is not valid text; wrap the column in hex() to look at it.")
    if isinstance(error, apsw.BindingsError):
        return ActionFailure(ErrorKind.SYNTAX, "Parameters (?, :name) are not supported; write the value itself.")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.CantOpenError)):
        return ActionFailure(ErrorKind.SQL, "The database file could not be read.")
    words = str(error).removeprefix("SQLError: ").strip() or "The query failed."
    for pattern, kind in _PATTERNS:
        match = pattern.search(words)
        if match:
            return ActionFailure(kind, _finish(words, kind, match.groupdict().get("name", ""), tables))
    return ActionFailure(ErrorKind.SQL, _finish(words, ErrorKind.SQL, "", tables))


def no_such_table(name: str, tables: Sequence[str]) -> ActionFailure:
    """What is said where an action or a query names a table that is not there."""
    kind = ErrorKind.NO_SUCH_TABLE
    return ActionFailure(kind, _finish(f"no such table: {name}", kind, name, tables))


def _finish(words: str, kind: ErrorKind, name: str, tables: Sequence[str]) -> str:
    if len(words) > _MAX_WORDS:
        words = words[:_MAX_WORDS] + "…"
    words = words[0].upper() + words[1:]
    if not words.endswith((".", "…")):
        words += "."
    if kind is ErrorKind.NO_SUCH_TABLE:
        lowered = {table.lower(): table for table in tables}
        close = difflib.get_close_matches(name[:100].lower(), lowered, n=1)
        hint = f" Did you mean {lowered[close[0]]}?" if close else ""
        return f"{words}{hint} Tables: {', '.join(tables)}."
    if kind is ErrorKind.NO_SUCH_COLUMN:
        return f"{words} DESCRIBE shows a table's columns."
    return words
