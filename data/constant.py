"""Finds answers that say nothing about the data: gold that gives the same on a database without a row."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import apsw

from data.examine import LIMITS
from sqlenv.sandbox import Sandbox
from sqlenv.types import Result, Row


class Emptied:
    """A database's schema without its rows. Use as a context manager, or call `close`."""

    def __init__(self, path: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sqlenv-emptied-")
        try:
            target = Path(self._folder.name) / "emptied.sqlite"
            _copy_schema(path, target)
            self._sandbox = Sandbox(target, LIMITS)
        except BaseException:
            self._folder.cleanup()
            raise

    def gives(self, sql: str, rows: tuple[Row, ...]) -> bool:
        """True where `sql` gives these rows here too."""
        value = self._sandbox.run(sql).value
        return isinstance(value, Result) and value.rows == rows

    def close(self) -> None:
        """Removes the copy."""
        self._sandbox.close()
        self._folder.cleanup()

    def __enter__(self) -> Emptied:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _copy_schema(path: Path, target: Path) -> None:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    source = apsw.Connection(f"{path.resolve().as_uri()}?immutable=1", flags=flags)
    copy = apsw.Connection(str(target))
    try:
        statements = source.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "ORDER BY type = 'view', rowid"
        ).fetchall()
        copy.execute("PRAGMA synchronous = OFF; BEGIN")
        for (statement,) in statements:
            with suppress(apsw.Error):  # what can't be made again (say, a missing module's table) is left out
                copy.execute(str(statement))
        copy.execute("COMMIT")
    finally:
        source.close()
        copy.close()
