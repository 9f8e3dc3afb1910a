"""Looks at one database file for `data.check`: can it be read, is it sound, is it left alone?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw

from data.copying import header_fault, in_wal_mode, leftovers
from data.records import Problem
from sqlenv.sqlite.schema import Schema, read_schema

_READ = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
MANY = 3
"""Foreign-key violations told one by one, for each database."""


def database_problems(path: Path, used_at: str) -> list[Problem]:
    """What is wrong with the database at `path`; any "error" means that nothing may be run on it.

    `used_at` is the file and line of the first task that needs it. Nothing is written beside the database.
    """
    where = str(path)
    if not path.is_file():
        return [Problem(used_at, f"unknown database: there is no file {path}")]
    try:
        fault = header_fault(path)
        wal = not fault and in_wal_mode(path)
    except OSError as error:
        return [Problem(where, f"can't be read: {error.strerror} (needed by {used_at})")]
    if fault:
        return [Problem(where, f"{fault} (needed by {used_at})")]
    found = [
        Problem(where, f"{file.name} beside it may hold a part of its content; open and close it once in sqlite3")
        for file in leftovers(path)
    ]
    if wal and not found:
        mend = "run PRAGMA journal_mode = DELETE on it"
        found.append(Problem(where, f"is in WAL mode, where even readers write files beside it; {mend}"))
    if found:
        return found
    locked = _locked(path)
    return [Problem(where, locked)] if locked else list(_inside(path))


def schema_of(path: Path) -> Schema:
    """The schema of a sound database."""
    connection = apsw.Connection(f"{path.resolve().as_uri()}?immutable=1", flags=_READ)
    try:
        return read_schema(connection)
    finally:
        connection.close()


def _locked(path: Path) -> str | None:
    """Whether another process is writing it: asks for a reader's lock for a moment, as SQLite's own readers do."""
    connection = apsw.Connection(f"{path.resolve().as_uri()}?mode=ro", flags=_READ)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except (apsw.BusyError, apsw.LockedError):
        return "is locked: another process is writing it"
    except apsw.Error:
        return None  # damage, of which _inside tells more
    finally:
        connection.close()
    return None


def _inside(path: Path) -> Iterator[Problem]:
    where = str(path)
    connection = apsw.Connection(f"{path.resolve().as_uri()}?immutable=1", flags=_READ)
    try:
        for (verdict,) in connection.execute("PRAGMA quick_check(3)"):
            if verdict != "ok":
                yield Problem(where, f"is damaged: {' '.join(str(verdict).split())}")
                return
        yield from _orphans(connection, where)
    except apsw.Error as error:
        yield Problem(where, f"is damaged: {error}")
    finally:
        connection.close()


def _orphans(connection: apsw.Connection, where: str) -> Iterator[Problem]:
    """Rows without a parent: real data has them, ours must not."""
    try:
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    except apsw.SQLError as error:  # a key that names no table or no unique column
        yield Problem(where, f"foreign keys can't be checked: {error}", "warning")
        return
    for table, row, parent, _ in broken[:MANY]:
        yield Problem(where, f"{table} row {row} has no parent in {parent}", "warning")
    if len(broken) > MANY:
        yield Problem(where, f"{len(broken) - MANY} more rows without a parent", "warning")
