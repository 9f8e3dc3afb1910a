"""Takes databases into a data set: whole, quiet, and without what other processes left beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw

from sqlenv.errors import DataSetError

MAGIC = b"SQLite format 3\0"
LEFTOVERS = ("-wal", "-journal")
"""Files beside a database that can hold a part of its content: a write-ahead log, a rollback journal."""


def header_fault(path: Path) -> str | None:
    """What is wrong with the first bytes of a database file, in words; None if nothing is."""
    with path.open("rb") as stream:
        head = stream.read(len(MAGIC))
    if not head:
        return "is empty"
    if head.startswith(b"version http"):
        return "is a Git LFS pointer, not the file: run `git lfs pull`"
    return None if head == MAGIC else "is not an SQLite database"


def in_wal_mode(path: Path) -> bool:
    """True where the file's header says write-ahead log (https://www.sqlite.org/fileformat.html, offsets 18 and 19)."""
    with path.open("rb") as stream:
        return 2 in stream.read(20)[18:]


def leftovers(path: Path) -> list[Path]:
    """Non-empty files beside the database that may hold a part of its content."""
    beside = (path.with_name(path.name + suffix) for suffix in LEFTOVERS)
    return [file for file in beside if file.is_file() and file.stat().st_size]


def copy_database(source: Path, target: Path) -> str | None:
    """Copies a database byte for byte, and says so where that was not enough.

    A write-ahead log or a journal that another process left belongs to the content: it comes along and is worked into
    the copy. A database in WAL mode is taken out of it in the copy, since even readers write files beside such a one.
    The source is never written. Raises DataSetError where the file is no database or the result is damaged.
    """
    fault = header_fault(source)
    if fault:
        raise DataSetError(f"{source.name} {fault}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    left = leftovers(source)
    if not left and not in_wal_mode(target):
        return None
    for file in left:
        shutil.copyfile(file, target.with_name(target.name + file.name.removeprefix(source.name)))
    try:
        _settle(target)
    except apsw.Error as error:
        raise DataSetError(f"{source.name} can't be taken with what lies beside it: {error}") from None
    what = f"{', '.join(file.name for file in left)} worked into the copy" if left else "WAL mode ended in the copy"
    return f"{source.name}: {what}"


def _settle(path: Path) -> None:
    """Works a log or a journal into the file and leaves it in the ordinary journal mode."""
    connection = apsw.Connection(str(path))
    try:
        # Reading the answers is what runs each statement to its end.
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        verdict = connection.execute("PRAGMA quick_check(1)").fetchall()
    finally:
        connection.close()
    if verdict != [("ok",)]:
        raise DataSetError(f"{path.name} is damaged once its log or journal is worked in: {verdict[0][0]}")
    for suffix in (*LEFTOVERS, "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
