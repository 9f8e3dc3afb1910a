"""What a database looks like: tables, columns, keys. Read once, by trusted SQL, before any agent's."""

from __future__ import annotations

from dataclasses import dataclass, field

import apsw

from sqlenv.types import Result, Row


@dataclass(frozen=True, slots=True)
class Column:
    """A column as declared. `key` is "PK", "FK" or ""; `references` is "table.column" for a foreign key."""

    name: str
    type: str
    not_null: bool
    key: str
    references: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view."""

    name: str
    columns: tuple[Column, ...]

    def description(self) -> Result:
        """The table that DESCRIBE shows: column, type, null, key, references."""
        rows: list[Row] = [
            (c.name, c.type, "NOT NULL" if c.not_null else "", c.key, c.references) for c in self.columns
        ]
        return Result(("column", "type", "null", "key", "references"), tuple(rows), len(rows))


@dataclass(frozen=True, slots=True)
class Schema:
    """All tables of a database, in the order they were created."""

    tables: tuple[Table, ...]
    _by_name: dict[str, Table] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_name.update((t.name.lower(), t) for t in self.tables)

    @property
    def names(self) -> tuple[str, ...]:
        """Table names."""
        return tuple(t.name for t in self.tables)

    def find(self, name: str) -> Table | None:
        """The table of this name in any case, quoted or not; None if there is none."""
        exact = self._by_name.get(name.lower())  # first: a name may begin with a quote
        return exact or self._by_name.get(name.strip().strip("\"'`[]").lower())


def quote(identifier: str) -> str:
    """An SQL identifier that means exactly this name."""
    return '"' + identifier.replace('"', '""') + '"'


def read_schema(connection: apsw.Connection) -> Schema:
    """Reads the schema of `main`. Raises apsw.Error where the file is not a database."""
    names = [
        str(name)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )
    ]
    return Schema(tuple(table for name in names if (table := _read_table(connection, name)) is not None))


def _read_table(connection: apsw.Connection, name: str) -> Table | None:
    references: dict[str, str] = {}
    for key in connection.execute(f"PRAGMA foreign_key_list({quote(name)})"):
        # The target column is NULL where the schema says only REFERENCES t: then it is t's primary key.
        target, source, column = str(key[2]), str(key[3]), key[4]
        references[source.lower()] = f"{target}.{column}" if column else target
    columns = []
    try:
        info = connection.execute(f"PRAGMA table_info({quote(name)})").fetchall()
    except apsw.SQLError:
        return None  # a view over what is no longer there: nothing could be read from it
    for _, column, type_, not_null, _, primary in info:
        target = references.get(str(column).lower(), "")
        key = "PK" if primary else ("FK" if target else "")
        columns.append(Column(str(column), str(type_), bool(not_null), key, target))
    return Table(name, tuple(columns))
