"""Writes one SQLite database, the same bytes for the same schema and rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import apsw

from sqlenv.errors import DataSetError
from sqlenv.sqlite.schema import quote
from sqlenv.types import SqlValue


def write_database(path: Path, schema: str, rows: Mapping[str, Iterable[Sequence[SqlValue]]]) -> None:
    """Makes the database: schema, rows by table, then a VACUUM, so that pages are laid out the same way every time.

    A file that is there is replaced. Raises DataSetError where a row has no parent.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA journal_mode = OFF; PRAGMA foreign_keys = OFF; PRAGMA auto_vacuum = NONE").fetchall()
        with connection:
            connection.execute(schema)
            for table, records in rows.items():
                for record in records:
                    places = ", ".join("?" * len(record))
                    connection.execute(f"INSERT INTO {quote(table)} VALUES ({places})", tuple(record))
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise DataSetError(f"{path.name}: rows without a parent, first {broken[0]}")
        connection.execute("VACUUM")
    finally:
        connection.close()
