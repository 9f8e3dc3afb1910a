"""Small random instances of a database's schema, valid by the rules of `data.suite.profile`, drawn for a query's hints.

Rows are drawn one at a time and put into a scratch database, whose own constraints have the last word: a row that
SQLite refuses is drawn again. What SQLite doesn't check (foreign keys, keys that are none by the schema) is
checked here.
"""

from __future__ import annotations

import random

import apsw

from data.suite.column import Column
from data.suite.draw import Pools, Style
from data.suite.hints import Hints
from data.suite.profile import Profile, Reference, Table
from sqlenv.sqlite.schema import quote
from sqlenv.types import Row, SqlValue

ATTEMPTS = 25
"""Draws for one row before the table is left with fewer."""

PAGE_BYTES = 512
"""The smallest that SQLite allows: instances have a page for each table and little in it."""

Content = dict[str, list[Row]]
"""Rows by table in lower case."""


class Scratch:
    """A database in memory with the schema, filled with one instance after another."""

    def __init__(self, profile: Profile, vfs: str | None = None) -> None:
        self.profile = profile
        self.db = _empty(profile, vfs)
        self._places = {
            name: f"INSERT INTO {quote(table.name)} VALUES ({', '.join('?' * len(table.columns))})"
            for name, table in profile.tables.items()
        }

    def clear(self) -> None:
        """Removes all rows."""
        for table in self.profile.tables.values():
            self.db.execute(f"DELETE FROM {quote(table.name)}")

    def insert(self, name: str, row: Row) -> bool:
        """Adds a row; false where a constraint refuses it."""
        try:
            self.db.execute(self._places[name], row)
        except (apsw.ConstraintError, apsw.MismatchError):
            return False
        return True

    def load(self, content: Content) -> None:
        """Makes the rows of an instance the only ones."""
        with self.db:
            self.clear()
            for name in self.profile.order:
                for row in content.get(name, ()):
                    if not self.insert(name, row):
                        raise ValueError(f"a row of {name} breaks a constraint")

    def draw(self, hints: Hints, style: Style, rng: random.Random) -> Content:
        """Draws an instance, which is then what the scratch database holds."""
        pools = Pools(self.profile, hints, style, rng)
        content: Content = {}
        with self.db:
            self.clear()
            for name in self.profile.order:
                content[name] = []
                drawer = _Drawer(self.profile.tables[name], content, pools, style, rng)
                for _ in range(_count(self.profile, name, hints, style, rng)):
                    for _ in range(ATTEMPTS):
                        row = drawer.row()
                        if row is not None and self.insert(name, row):
                            content[name].append(row)
                            drawer.keep(row)
                            break
        return content

    def close(self) -> None:
        """Frees the database."""
        self.db.close()


def _count(profile: Profile, name: str, hints: Hints, style: Style, rng: random.Random) -> int:
    table = profile.tables[name]
    if name in hints.tables:
        referred = any(r.parent == name for other in hints.tables for r in _references(profile, other))
        if style.big and (table.references or not referred or rng.random() < 0.3):
            return style.big
        return style.parents if referred and rng.random() < 0.6 else style.rows
    parent = any(r.parent == name for other in hints.tables for r in _references(profile, other))
    if parent and style.big and rng.random() < 0.3:
        return style.big
    return style.parents if parent else 2


def _references(profile: Profile, name: str) -> tuple[Reference, ...]:
    table = profile.tables.get(name)
    return table.references if table is not None else ()


class _Drawer:
    """Draws rows of one table."""

    def __init__(self, table: Table, content: Content, pools: Pools, style: Style, rng: random.Random) -> None:
        self._table, self._content, self._pools, self._style, self._rng = table, content, pools, style, rng
        self._keys: list[tuple[tuple[int, ...], set[tuple[SqlValue, ...]]]] = [
            (tuple(sorted(table.place(column) for column in key)), set()) for key in table.keys
        ]
        self._single = {places[0] for places, _ in self._keys if len(places) == 1}
        self._references = [reference for reference in table.references if reference.holds]
        self._parents: dict[int, list[Row]] = {}
        self._foreign = {column for reference in self._references for column in reference.columns}

    def row(self) -> Row | None:
        """A row, or None where it would break a rule."""
        table, rng = self._table, self._rng
        before = self._content[table.name.lower()]
        twin = rng.choice(before) if before and rng.random() < self._style.twins else None
        template = rng.choice(table.rows) if table.rows and rng.random() < self._style.template else None
        cells: list[SqlValue] = []
        for place, column in enumerate(table.columns):
            if twin is not None and place not in self._single and rng.random() < 0.9:
                cells.append(twin[place])
            else:
                cells.append(None if column.name in self._foreign else self._cell(place, column, template))
        for number, reference in enumerate(self._references):
            kept = twin is not None and all(cells[table.place(c)] == twin[table.place(c)] for c in reference.columns)
            if not (kept and rng.random() < 0.7) and not self._refer(number, reference, cells):
                return None
        row = tuple(cells)
        for places, seen in self._keys:
            key = tuple([row[place] for place in places])
            if key in seen and None not in key:
                return None
        return row

    def keep(self, row: Row) -> None:
        """Notes that the row is in."""
        for places, seen in self._keys:
            seen.add(tuple([row[place] for place in places]))

    def _cell(self, place: int, column: Column, template: Row | None) -> SqlValue:
        table, pools = self._table, self._pools
        if place in self._single:
            return pools.key(table, column, len(self._content[table.name.lower()]))
        if template is None or (pools.focused(table, column) and self._rng.random() < self._style.focus):
            return pools.value(table, column)
        if not column.not_null and self._rng.random() < pools.nulls((table.name.lower(), column.name)):
            return pools.value(table, column)
        return template[place]

    def _refer(self, number: int, reference: Reference, cells: list[SqlValue]) -> bool:
        """Sets the columns of one foreign key."""
        table, rng = self._table, self._rng
        columns = [table.column(name) for name in reference.columns]
        nullable = [column for column in columns if not column.not_null]
        candidates = self._candidates(number, reference)
        if not candidates or (nullable and rng.random() < self._nulls(nullable)):
            for column in columns if candidates else nullable:
                if not column.not_null:
                    cells[table.place(column.name)] = None
            if not nullable and reference.parent == table.name.lower():
                # The first row of a table that refers to itself and must: to itself.
                for name, target in zip(reference.columns, reference.parent_columns, strict=True):
                    cells[table.place(name)] = cells[table.place(target)]
                return True
            return bool(nullable)
        parent_row = rng.choice(candidates)
        parent = self._parent(reference)
        for name, target in zip(reference.columns, reference.parent_columns, strict=True):
            cells[table.place(name)] = parent_row[parent.place(target)]
        return True

    def _nulls(self, columns: list[Column]) -> float:
        """How often a foreign key that may be NULL is."""
        return max(0.1, *(self._pools.nulls((self._table.name.lower(), column.name)) for column in columns))

    def _parent(self, reference: Reference) -> Table:
        return self._pools.tables[reference.parent]

    def _candidates(self, number: int, reference: Reference) -> list[Row]:
        if reference.parent == self._table.name.lower():
            return self._content[reference.parent]  # those drawn so far
        known = self._parents.get(number)
        if known is None:
            rows = [
                row
                for row in self._content.get(reference.parent, [])
                if all(row[self._parent(reference).place(c)] is not None for c in reference.parent_columns)
            ]
            fan = self._rng.choice(self._style.fans)
            if fan != "spread" and rows:
                keep = 1 if fan == "one" else (len(rows) + 2) // 3
                rows = self._rng.sample(rows, min(len(rows), keep + self._rng.randint(0, 1)))
            known = self._parents[number] = rows
        return known


def _empty(profile: Profile, vfs: str | None = None) -> apsw.Connection:
    db = apsw.Connection(":memory:", vfs=vfs, statementcachesize=512) if vfs else apsw.Connection(":memory:")
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA foreign_keys = OFF; BEGIN")
    for statement in profile.statements:
        try:
            db.execute(statement)
        except apsw.SQLError:  # a view on what can't be made here, say a virtual table
            if not statement.upper().startswith(("CREATE VIEW", "CREATE VIRTUAL")):
                raise
    db.execute("COMMIT")
    return db


def serialized(profile: Profile, content: Content) -> bytes:
    """An instance as the bytes of an SQLite file: the same for the same rows."""
    scratch = Scratch(profile)
    try:
        scratch.load(content)
        scratch.db.execute("VACUUM")
        return scratch.db.serialize("main")
    finally:
        scratch.close()
