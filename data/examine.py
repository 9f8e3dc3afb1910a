"""Runs gold SQL and tells what it gives and which tables it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as url_quote

import apsw

from sqlenv.sandbox import Limits, Sandbox
from sqlenv.types import ActionFailure, AnswerType, Row

# Gold is trusted not to be hostile, but may be heavy: data sets in the wild have slow queries.
LIMITS = Limits(
    vm_steps=1_000_000_000, wall_ms=60_000, result_rows=1_000_000, result_bytes=2**30, counted_rows=1_000_001
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a gold query gave."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    tables: tuple[str, ...]


class Examiner:
    """Examines gold SQL on one database."""

    def __init__(self, path: Path) -> None:
        self._sandbox = Sandbox(path, LIMITS)
        # Without a statement cache: SQL that is compiled once would not ask the authorizer again.
        uri = f"file:{url_quote(str(path.resolve()))}?mode=ro&immutable=1"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        self._probe = apsw.Connection(uri, flags=flags, statementcachesize=0)
        roots = self._probe.execute("SELECT rootpage, tbl_name FROM sqlite_master WHERE rootpage > 0")
        self._roots = {int(str(page)): str(name) for page, name in roots}
        self._probe.authorizer = self._note
        self._read: dict[str, None] = {}

    def examine(self, sql: str) -> Examined | ActionFailure:
        """The result of `sql`, or why there is none."""
        value = self._sandbox.run(sql).value
        if isinstance(value, ActionFailure):
            return value
        return Examined(value.columns, value.rows, self.tables_read(sql))

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the database's tables."""
        return self._sandbox.schema.names

    def tables_read(self, sql: str) -> tuple[str, ...]:
        """The tables that compiling `sql` asks to read, in the order of the schema."""
        self._read.clear()
        # The authorizer is not asked about columns that only NATURAL JOIN or USING compares; the program opens them.
        for _, opcode, _, root, *_ in self._probe.execute("EXPLAIN " + sql):
            if opcode == "OpenRead" and root in self._roots:
                self._read[self._roots[root]] = None
        read = {name.lower() for name in self._read}
        return tuple(name for name in self._sandbox.schema.names if name.lower() in read)

    def close(self) -> None:
        """Closes the database."""
        self._sandbox.close()
        self._probe.close()

    def _note(self, operation: int, first: str | None, *rest: str | None) -> int:
        if operation == apsw.SQLITE_READ and first:
            self._read[first] = None
        return apsw.SQLITE_OK


def answer_type(columns: tuple[str, ...], rows: tuple[Row, ...]) -> AnswerType:
    """The form of an answer that looks like this result."""
    if len(columns) > 1:
        return AnswerType.TABLE
    if len(rows) != 1:
        return AnswerType.LIST
    value = rows[0][0]
    if isinstance(value, int):
        return AnswerType.INTEGER
    return AnswerType.FLOAT if isinstance(value, float) else AnswerType.STRING
