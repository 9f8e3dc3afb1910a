"""How a database is opened at run time: read-only, whatever lies beside it, and with a clock that stands still."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote as url_quote

import apsw

Identity = tuple[int, int, int, int]
"""Device, inode, size in bytes and time of change in nanoseconds of a file."""


class SourceChanged(Exception):
    """The database file is no longer the one that was opened first."""


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

_CLOCK = _FrozenClock()  # the VFS is there as long as this is


def identify(path: Path) -> Identity:
    """What tells a file from one that was put in its place. Raises OSError where there is none."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_unwritten(source: Path, identity: Identity) -> None:
    """Raises SourceChanged where the file was written to; a file put in its place leaves what is open as it was."""
    try:
        found = identify(source)
    except OSError:
        return  # gone, or another in its place: the one that is open can still be read
    if found != identity and found[:2] == identity[:2]:
        raise SourceChanged


def open_database(source: Path | bytes) -> apsw.Connection:
    """Opens a file or the bytes of one, read-only. Raises apsw.Error, perhaps only when it is first read."""
    if isinstance(source, bytes):
        # The clock counts in memory too: a connection asks its VFS for the time, whatever its pages are kept in.
        db = apsw.Connection(":memory:", vfs=FROZEN_CLOCK_VFS, statementcachesize=0)
        db.deserialize("main", source)
        return db
    # immutable: no locks, no journal, no -wal file is looked for or made.
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    uri = f"file:{url_quote(os.path.realpath(source))}?mode=ro&immutable=1"
    return apsw.Connection(uri, flags=flags, vfs=FROZEN_CLOCK_VFS, statementcachesize=0)
