"""Small databases in the bundled schemas: the ones that the pairs state, and random ones.

Every instance is valid: types as declared, NOT NULL, UNIQUE, CHECK and foreign keys hold. Nothing else is assumed: a
column that is nullable gets NULLs, one that isn't unique gets duplicates, whatever the shipped rows look like.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import apsw

from sqlenv.tasks import BUNDLED, database_path

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
_TEXTS = re.compile(r"'((?:[^']|'')*)'")
_NUMBERS = re.compile(r"(?<![\w.'-])\d+(?:\.\d+)?(?![\w.'-])")
_LATE = ("end", "until", "out", "arrival", "left", "closed", "died")


@dataclass(frozen=True, slots=True)
class Column:
    """A column, what its values look like, and some of them from the shipped rows."""

    name: str
    kind: str  # integer, real, date, stamp or text
    not_null: bool
    key: bool
    target: tuple[str, str] | None
    allowed: tuple[str, ...]
    length: int | None
    shipped: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a bundled database, parents before children, and the statements that make them."""

    statements: tuple[str, ...]
    tables: dict[str, tuple[Column, ...]]


@cache
def schema(db: str) -> Schema:
    """Reads the schema of a bundled database."""
    connection = apsw.Connection(str(database_path(BUNDLED, db)), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        catalog = "FROM sqlite_master WHERE sql NOT NULL AND type"
        made = connection.execute(f"SELECT name, sql {catalog} = 'table'").fetchall()
        others = connection.execute(f"SELECT sql {catalog} <> 'table'").fetchall()
        tables = {str(name): tuple(_columns(connection, str(name), str(sql))) for name, sql in made}
        return Schema(tuple(str(row[-1]) for row in [*made, *others]), tables)
    finally:
        connection.close()


def _columns(connection: apsw.Connection, table: str, made: str) -> Iterable[Column]:
    targets = {
        str(key[3]): (str(key[2]), str(key[4])) for key in connection.execute(f"PRAGMA foreign_key_list({table})")
    }
    for _, name, declared, not_null, _, key in connection.execute(f"PRAGMA table_info({table})").fetchall():
        values = [v for (v,) in connection.execute(f"SELECT DISTINCT {name} FROM {table} WHERE {name} NOT NULL")]
        found = re.search(rf"CHECK \({name} IN \(([^)]*)\)", made)
        length = re.search(rf"length\({name}\) = (\d+)", made)
        yield Column(
            name=str(name),
            kind=_kind(str(declared), values),
            not_null=bool(not_null),
            key=bool(key),
            target=targets.get(str(name)),
            allowed=tuple(_TEXTS.findall(found[1])) if found else (),
            length=int(length[1]) if length else None,
            shipped=tuple(random.Random(0).sample(values, min(12, len(values)))),
        )


def _kind(declared: str, values: Sequence[Any]) -> str:
    if declared in ("INTEGER", "REAL"):
        return declared.lower()
    texts = [str(value) for value in values]
    for kind, form in (("date", _DATE), ("stamp", _STAMP)):
        if texts and all(form.fullmatch(text) for text in texts):
            return kind
    return "text"


def _insert(connection: apsw.Connection, table: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
    names, marks = ", ".join(column.name for column in columns), ", ".join("?" * len(columns))
    connection.executemany(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", rows)


def blank(db: str) -> apsw.Connection:
    """A database in memory with the schema and no rows."""
    connection = apsw.Connection(":memory:")
    connection.execute(";\n".join(schema(db).statements))
    return connection


def build(db: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> apsw.Connection:
    """The instance that a pair states. Raises ValueError where it can't be made valid."""
    tables = schema(db).tables
    full: dict[str, list[dict[str, Any]]] = {table: [] for table in tables}
    for table, stated in rows.items():
        full[table] = [dict(row) for row in stated]
        for row in full[table]:
            unknown = row.keys() - {column.name for column in tables[table]}
            if unknown:
                raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    for table, columns in tables.items():
        _number(full[table], columns)
    for table in reversed(tables):  # children first: they tell which parents must be there
        for column in tables[table]:
            if column.target is not None:
                _add_parents(full, table, column)
    connection = blank(db)
    for table, columns in tables.items():
        filled = [[_filled(column, row, at, full) for column in columns] for at, row in enumerate(full[table], 1)]
        _insert(connection, table, columns, filled)
        kept = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchall()[0][0]
        if kept != len(filled):
            raise ValueError(f"{table}: {len(filled) - int(str(kept))} of {len(filled)} rows break a constraint")
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise ValueError(f"foreign keys don't hold: {broken[0]}")
    return connection


def _number(rows: list[dict[str, Any]], columns: Sequence[Column]) -> None:
    """Gives rows without one a primary key, where it is a single column that refers to nothing."""
    keys = [column for column in columns if column.key]
    if len(keys) == 1 and keys[0].target is None:
        key = keys[0]
        taken = {row[key.name] for row in rows if key.name in row}
        free = (n if key.kind == "integer" else f"K{n}" for n in range(1, 10_000))
        for row in rows:
            if key.name not in row:
                row[key.name] = next(value for value in free if value not in taken)


def _add_parents(full: dict[str, list[dict[str, Any]]], table: str, column: Column) -> None:
    assert column.target is not None
    parent, key = column.target
    have = {row.get(key) for row in full[parent]}
    for row in full[table]:
        if column.name not in row and (column.not_null or column.key):
            row[column.name] = min((key for key in have if key is not None), default=1)
        wanted = row.get(column.name)
        if wanted is not None and wanted not in have:
            have.add(wanted)
            full[parent].append({key: wanted})


def _filled(column: Column, row: Mapping[str, Any], at: int, full: Mapping[str, Any]) -> Any:
    if column.name in row:
        return row[column.name]
    if not (column.not_null or column.key):
        return None
    if column.allowed:
        return column.allowed[0]
    if column.kind in ("integer", "real"):
        return 1 if column.name.startswith(("is_", "needs_", "refunded", "rebuys")) is False else 0
    if column.kind in ("date", "stamp"):
        day = "2020-03-01" if column.name.startswith(_LATE) else "2020-02-01"
        return day if column.kind == "date" else f"{day} 12:00"
    return f"{at:0{column.length}d}" if column.length else f"{column.name}{at}"


def constants(*queries: str) -> tuple[list[str], list[float]]:
    """The texts and numbers that queries name."""
    texts = [text.replace("''", "'") for sql in queries for text in _TEXTS.findall(sql)]
    numbers = [float(n) if "." in n else int(n) for sql in queries for n in _NUMBERS.findall(_TEXTS.sub("", sql))]
    return sorted(set(texts)), sorted(set(numbers))


def concerned(db: str, *queries: str) -> set[str]:
    """The tables that queries name, and their ancestors by foreign key."""
    words = {word.lower() for sql in queries for word in re.findall(r"\w+", sql)}
    tables = schema(db).tables
    todo, found = [table for table in tables if table in words], set()
    while todo:
        table = todo.pop()
        if table not in found:
            found.add(table)
            todo += [column.target[0] for column in tables[table] if column.target is not None]
    return found


def random_instance(db: str, rng: random.Random, *queries: str) -> apsw.Connection:
    """A random valid instance with few distinct values: those that the queries name, their neighbours, shipped ones."""
    texts, numbers = constants(*queries)
    wanted = concerned(db, *queries) if queries else set(schema(db).tables)
    connection = blank(db)
    connection.execute("BEGIN")
    for name, columns in schema(db).tables.items():
        if name not in wanted:
            continue
        parents = {
            column.name: [v for (v,) in connection.execute(f"SELECT {column.target[1]} FROM {column.target[0]}")]
            for column in columns
            if column.target is not None and column.target[0] != name
        }
        pools = {column.name: _pool(column, rng, texts, numbers) for column in columns}
        keys = {column.name for column in columns if column.key and column.target is None and column.kind == "integer"}
        alone = len([column for column in columns if column.key]) == 1
        rows = []
        for at in range(1, rng.choice((0, 1, 2, 3, 4, 6, 9, 14, 20)) + 1 if rng.random() < 0.98 else 1):
            row: list[Any] = []
            for column in columns:
                pool = parents.get(column.name, pools[column.name])
                if column.target is not None and column.target[0] == name:
                    pool = list(range(1, at)) if column.kind == "integer" else []
                if column.name in keys and alone:
                    row.append(at)
                elif not pool or (not column.not_null and not column.key and rng.random() < 0.2):
                    row.append(None)
                else:
                    row.append(rng.choice(pool))
            rows.append(row)
        _insert(connection, name, columns, rows)
    # A row that broke a CHECK was left out, and a later one may refer to it, and another to that one.
    while broken := connection.execute("PRAGMA foreign_key_check").fetchall():
        for table, rowid, _, _ in broken:  # a table WITHOUT ROWID doesn't tell which row
            condition = "1" if rowid is None else f"rowid = {rowid}"
            connection.execute(f"DELETE FROM {table} WHERE {condition}")
    connection.execute("COMMIT")
    return connection


def _pool(column: Column, rng: random.Random, texts: Sequence[str], numbers: Sequence[float]) -> list[Any]:
    pool: list[Any] = rng.sample(column.shipped, min(rng.choice((1, 2, 4)), len(column.shipped)))
    if column.kind in ("integer", "real"):
        near = [n + step for n in numbers for step in (-1, 0, 1)]
        near += [0, 0.5, rng.choice((-1, -0.25, -3, 7, 12.345, 10**15 + 1))]
        pool += [int(n) for n in near if n == int(n)] if column.kind == "integer" else [float(n) for n in near]
    else:
        form = {"date": _DATE, "stamp": _STAMP}.get(column.kind)
        fitting = [text for text in texts if form is None or form.fullmatch(text)]
        if form is None:
            fitting += [change for text in texts for change in (text.swapcase(), text + "x", text.strip("%*"), "")]
        pool += fitting + fitting[:2]
    return pool + list(column.allowed)
