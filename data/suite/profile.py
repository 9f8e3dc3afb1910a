"""What must hold in every instance of a database's schema, and what its values look like: read from the shipped file.

An instance has to be a database that could be shipped: a query that is right on every such database must never be
refused. What is declared holds; beyond that, what the shipped rows suggest strongly enough:

Keys       PRIMARY KEY, UNIQUE and unique indexes hold, and no column of a PRIMARY KEY is NULL (SQLite would allow it).
           A column that is unique and never NULL in at least 5 shipped rows, is no foreign key and is named like an
           identifier (…id, …code, email, login, isbn, …) is a key too. A name or a title is none, however unique it
           is in the shipped rows: two persons may have the same name. A table without any key gets no two equal rows.
NULL       A column that may be NULL by the schema may be NULL, whether or not the shipped rows have one, but for keys
           and for foreign keys without a NULL in the shipped rows.
Parents    A declared foreign key holds where it holds in the shipped rows; where some shipped row breaks it, it binds
           nothing (then values with and without a parent are drawn).
CHECK      Constraints hold; so do NOT NULL and the storage classes (an INTEGER column that holds text is drawn so).
Flags      A column with two short values (Y and N, 0 and 1) takes no third one.
Forms      New values have the form of the shipped ones: numbers don't become negative where none is, texts of digits
           keep their length where all have one, dates and other texts of one pattern (20:15, B-07) keep it.

Everything else is free: values beyond the greatest and the least shipped one and between them, categories that the
shipped rows lack, texts that differ by case, outer spaces or a few letters, duplicates outside keys, ties, parents
without children, one child or many, no row at all, functional dependencies between columns that are no keys.
Whoever holds two queries equal that only an undeclared rule keeps equal (there are no other categories, nobody is paid
0) is refused: such a rule belongs into the schema, as CHECK, NOT NULL or UNIQUE, and then it is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from data.suite.column import Column, read_column
from sqlenv.sqlite.schema import Schema, quote, read_schema
from sqlenv.types import Row

SAMPLED_ROWS = 2_000
"""Shipped rows of a table whose values are drawn from, evenly spaced."""

MIN_KEY_ROWS = 5
_KEY_NAME = re.compile(
    r"(?:^|_|(?<=[a-z]))(?:id|uid|uuid|(?<!zip_)(?<!zip)(?<!post)(?<!post_)code2?|email|email_address|login|login_name"
    r"|username|isbn|vin|ssn|abbreviation)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key. `holds`: in all shipped rows; then instances keep it."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    holds: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table with all that instances must keep. Names of columns are in lower case."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[frozenset[str], ...]
    references: tuple[Reference, ...]
    rows: tuple[Row, ...]  # sampled
    integer_key: str = ""  # the INTEGER PRIMARY KEY, if it has one

    def place(self, name: str) -> int:
        """The index of a column."""
        return next(index for index, column in enumerate(self.columns) if column.name == name.lower())

    def column(self, name: str) -> Column:
        """The column of a name in any case."""
        return self.columns[self.place(name)]


@dataclass(frozen=True)
class Profile:
    """A database's profile. `order` has parents before their children, as far as there are no cycles."""

    schema: Schema
    statements: tuple[str, ...]  # that make the schema
    tables: dict[str, Table]  # by name in lower case
    order: tuple[str, ...] = field(default=())

    def column(self, table: str, column: str) -> Column | None:
        """The column of these names in any case, or None."""
        found = self.tables.get(table.lower())
        if found is None:
            return None
        return next((c for c in found.columns if c.name == column.lower()), None)


def read_profile(path: Path) -> Profile:
    """Reads the profile of a shipped database. Raises apsw.Error where the file is none."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    db = apsw.Connection(f"{path.resolve().as_uri()}?immutable=1", flags=flags)
    try:
        schema = read_schema(db)
        statements = tuple(
            str(sql)
            for (sql,) in db.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
                "ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, rowid"
            )
            if not str(sql).upper().startswith("CREATE TRIGGER")
        )
        stored = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        names = [name for name in schema.names if name in stored]
        tables = {name.lower(): _table(db, name) for name in names}
    finally:
        db.close()
    return Profile(schema, statements, tables, _parents_first(tables))


def _table(db: apsw.Connection, name: str) -> Table:
    infos = db.execute(f"PRAGMA table_info({quote(name)})").fetchall()
    names = [str(info[1]) for info in infos]
    primary = frozenset(str(info[1]).lower() for info in infos if info[5])
    declared = [primary] if primary else []
    for _, index, unique, _, partial, *_ in db.execute(f"PRAGMA index_list({quote(name)})").fetchall():
        columns = [info[2] for info in db.execute(f"PRAGMA index_info({quote(str(index))})")]
        if unique and not partial and all(column is not None for column in columns):
            declared.append(frozenset(str(column).lower() for column in columns))
    count = int(str(db.execute(f"SELECT count(*) FROM {quote(name)}").fetchall()[0][0]))
    references = _references(db, name)
    foreign = {column for reference in references for column in reference.columns}
    step = max(1, count // SAMPLED_ROWS)
    ddl = str(db.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchall()[0][0])
    selected = ", ".join(map(quote, names))
    rows = [row for i, row in enumerate(db.execute(f"SELECT {selected} FROM {quote(name)}")) if i % step == 0]
    found, keys, guessed = [], list(dict.fromkeys(declared)), set()
    for place, info in enumerate(infos):
        column = names[place].lower()
        sql = f"SELECT count({quote(names[place])}), count(DISTINCT {quote(names[place])}) FROM {quote(name)}"
        filled, distinct = (int(str(value)) for value in db.execute(sql).fetchall()[0])
        full = filled == count > 0
        unique = full and distinct == count >= MIN_KEY_ROWS
        if unique and column not in foreign and frozenset({column}) not in keys and _KEY_NAME.search(names[place]):
            keys.append(frozenset({column}))
            guessed.add(column)
        required = (column in foreign and full) or column in guessed
        not_null = bool(info[3]) or column in primary or required
        cells = [row[place] for row in rows]
        found.append(read_column(column, str(info[2]).upper(), cells, not_null, ddl))
    if not keys and len(set(rows)) == len(rows):
        keys.append(frozenset(name.lower() for name in names))
    integer = len(primary) == 1 and next(
        (str(info[1]).lower() for info in infos if info[5] and str(info[2]).upper() == "INTEGER"), ""
    )
    return Table(name, tuple(found), tuple(keys), tuple(references), tuple(rows), integer or "")


def _references(db: apsw.Connection, name: str) -> list[Reference]:
    by_id: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, _, parent, source, target, *_ in db.execute(f"PRAGMA foreign_key_list({quote(name)})"):
        by_id.setdefault(int(str(number)), []).append((str(parent), str(source), str(target) if target else None))
    try:
        broken = (
            {int(str(row[3])) for row in db.execute(f"PRAGMA foreign_key_check({quote(name)})")} if by_id else set()
        )
    except apsw.SQLError:  # "foreign key mismatch": what it refers to is no key, and SQLite would refuse all rows
        broken = set(by_id)
    found = []
    for number, parts in sorted(by_id.items()):
        parent = parts[0][0]
        infos = db.execute(f"PRAGMA table_info({quote(parent)})").fetchall()
        primary = [str(info[1]) for info in sorted(infos, key=lambda info: int(str(info[5]))) if info[5]]
        targets = [target or (primary[i] if i < len(primary) else "") for i, (_, _, target) in enumerate(parts)]
        known = {str(info[1]).lower() for info in infos}
        if all(target.lower() in known for target in targets):
            sources = tuple(source.lower() for _, source, _ in parts)
            columns = tuple(target.lower() for target in targets)
            found.append(Reference(sources, parent.lower(), columns, number not in broken))
    return found


def _parents_first(tables: dict[str, Table]) -> tuple[str, ...]:
    order: list[str] = []
    left = list(tables)
    while left:
        free = [
            name
            for name in left
            if all(r.parent in order or r.parent == name or r.parent not in tables for r in tables[name].references)
        ]
        name = (free or left)[0]
        order.append(name)
        left.remove(name)
    return tuple(order)
