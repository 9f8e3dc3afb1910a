"""Draws the values of one instance: a small pool for each column, shared by columns that a query brings together."""

from __future__ import annotations

import random
from dataclasses import dataclass

from data.suite.column import Column
from data.suite.hints import Hints, Place
from data.suite.neighbours import extremes, specials, wild
from data.suite.profile import Profile, Table
from sqlenv.types import SqlValue

MAX_GROUP = 110
"""The largest group that a query may ask for and get."""

POOL_SIZES = (1, 2, 2, 3, 4, 6)


@dataclass(frozen=True, slots=True)
class Style:
    """How one instance is drawn. Shares are probabilities."""

    rows: int  # of tables that the query reads
    parents: int  # of tables that others refer to
    pool: int  # values a column, besides those that constants suggest
    focus: float  # that a column compared with constants takes one of their values
    nulls: float
    template: float  # that a row starts as a shipped one
    twins: float  # that a row starts as one that is in the instance already
    fans: tuple[str, ...]  # of which each foreign key has one: over how many parents its children are spread
    wild: float  # that a column takes values that the shipped rows lack
    linked: float  # that columns of the same name share their values
    big: int = 0  # rows of tables whose groups must reach a size that the query names


def draw_style(rng: random.Random, sizes: set[int]) -> Style:
    """A random style. Constants that counts are compared with call, now and then, for more rows."""
    largest = max((size for size in sizes if size <= MAX_GROUP), default=0)
    big = 0
    if largest > 2 and rng.random() < 0.8:
        big = min(MAX_GROUP + 20, rng.choice((largest + 1, 2 * largest, 2 * largest + 1, 3 * largest)))
    return Style(
        rows=rng.choice((0, 3, 3, 5, 5, 7, 7, 9, 9, 12, 12, 16)),
        parents=rng.choice((1, 2, 3, 4, 6, 8)),
        pool=rng.choice(POOL_SIZES),
        focus=rng.choice((0.4, 0.7, 0.9, 0.95)),
        nulls=rng.choice((0.0, 0.1, 0.3)),
        template=rng.choice((0.0, 0.0, 0.5, 0.9)),
        twins=rng.choice((0.0, 0.0, 0.2, 0.5)),
        fans=rng.choice((("spread",), ("spread", "few"), ("spread", "few", "one"), ("few", "one"))),
        wild=rng.choice((0.0, 0.3, 0.7)),
        linked=rng.choice((0.0, 0.5, 1.0)),
        big=big,
    )


def probe_style(rng: random.Random) -> Style:
    """An instance with as much in it as there can be: for mistakes that nobody thought of."""
    return Style(
        rows=rng.choice((12, 18)),
        parents=rng.choice((6, 9)),
        pool=rng.choice((3, 5)),
        focus=0.4,
        nulls=0.2,
        template=0.2,
        twins=0.2,
        fans=("spread", "spread", "few"),
        wild=1.0,
        linked=0.5,
    )


class Pools:
    """The pools of one instance."""

    def __init__(self, profile: Profile, hints: Hints, style: Style, rng: random.Random) -> None:
        self.tables = profile.tables
        self._style = style
        self._rng = rng
        self._nulls = hints.nulls
        self._focus: dict[Place, list[SqlValue]] = {}
        self._base: dict[Place, list[SqlValue]] = {}
        self._shared: set[Place] = set()  # columns that share their pool with another
        for group in _groups(profile, hints, style, rng):
            self._fill(profile, group, hints)

    def value(self, table: Table, column: Column) -> SqlValue:
        """A value for a column that is no foreign key."""
        rng, place = self._rng, (table.name.lower(), column.name)
        if not column.not_null and rng.random() < self.nulls(place):
            return None
        focus, base = self._focus.get(place), self._base.get(place)
        if focus and (not base or rng.random() < self._style.focus):
            return rng.choice(focus)
        if base:
            return rng.choice(base)
        return None if not column.not_null else 0 if column.kind in ("integer", "real") else "a"

    def key(self, table: Table, column: Column, taken: int) -> SqlValue:
        """A value for a column that a key needs unique: shipped, a constant, or new. `taken` rows exist."""
        rng, place = self._rng, (table.name.lower(), column.name)
        if not column.not_null and rng.random() < self.nulls(place):
            return None
        if place in self._nulls and column.kind in ("text", "integer") and rng.random() < 0.1:
            return "" if column.kind == "text" else 0  # what NULL may be mixed up with
        focus = self._focus.get(place)
        if focus and rng.random() < 0.4:
            return rng.choice(focus)
        base = self._base.get(place)
        if base and place in self._shared and rng.random() < 0.6:
            return rng.choice(base)
        if column.kind == "integer" and (not column.values or rng.random() < 0.8):
            return rng.randint(1, max(12, 2 * taken + 4))
        if column.values and taken < len(column.values):
            return rng.choice(column.values)
        if column.kind == "date" or column.shape:
            return wild(column, rng.choice(column.values), rng)
        return rng.randint(1, 2 * taken + 9) if column.kind in ("integer", "real") else f"k{rng.randint(1, 999)}"

    def nulls(self, place: Place) -> float:
        """How often a column that may be NULL is: often where the query asks for it."""
        return max(self._style.nulls, 0.35) if place in self._nulls else self._style.nulls

    def focused(self, table: Table, column: Column) -> bool:
        """Whether constants say something about the column."""
        return bool(self._focus.get((table.name.lower(), column.name)))

    def _fill(self, profile: Profile, group: list[Place], hints: Hints) -> None:
        rng, style = self._rng, self._style
        columns = {place: found for place in group if (found := profile.column(*place)) is not None}
        shared: list[SqlValue] = []
        constants = [constant for place in group for constant in hints.constants.get(place, [])]
        case_matters = any(place in hints.case_matters for place in group)
        for column in columns.values():
            if column.values:
                shared += rng.sample(column.values, min(style.pool, len(column.values)))
        rng.shuffle(shared)
        shared = shared[: max(style.pool, len(columns))]
        for place, column in columns.items():
            known = set(column.values)
            base = [value for value in shared if not column.closed or value in known]
            if len(group) > 1 and not column.closed:
                base = [value for value in base if column.could_hold(value)]
            if not base and column.values:
                base = rng.sample(column.values, min(style.pool, len(column.values)))
            if column.closed and rng.random() < 0.5:  # so that no value of the domain is always missing
                base = list(dict.fromkeys([*base, *rng.sample(column.values, min(2, len(column.values)))]))
            if not column.values:  # nothing is known but that it is empty so far
                number = any(word in column.declared for word in ("INT", "REAL", "NUM", "DEC", "FLO", "DOUB"))
                base = [1, 2, 3] if number else ["a", "b", "c"]
            self._base[place] = base
            if len(group) > 1:
                self._shared.add(place)
            if place in hints.nulls and not column.closed and rng.random() < 0.5:
                blank: SqlValue = 0 if column.kind in ("integer", "real") else ""
                base += [blank] if column.kind != "date" and column.could_hold(blank) else []
            if column.values and not column.closed and rng.random() < style.wild:
                near = rng.choice(base)
                base += extremes(column, near, rng) if style.wild == 1 else [wild(column, near, rng) for _ in range(2)]
            if constants:
                own = hints.constants.get(place, [])
                others = [constant for constant in constants if constant not in own]
                self._focus[place] = specials(column, own, case_matters, rng)
                # What a linked column is compared with counts here too, where it has the form of this one's values.
                linked = specials(column, others, case_matters, rng)
                self._focus[place] += [value for value in linked if column.could_hold(value)]


def _groups(profile: Profile, hints: Hints, style: Style, rng: random.Random) -> list[list[Place]]:
    """Columns whose pools are one: those that the query compares, and, now and then, those of one name."""
    places = [(name, column.name) for name, table in profile.tables.items() for column in table.columns]
    leader = {place: place for place in places}

    def find(place: Place) -> Place:
        while leader[place] != place:
            place = leader[place]
        return place

    links = [link for link in hints.links if link[0] in leader and link[1] in leader]
    for name, table in profile.tables.items():
        for reference in table.references:
            if not reference.holds:
                pairs = zip(reference.columns, reference.parent_columns, strict=True)
                links += [((name, one), (reference.parent, other)) for one, other in pairs]
    if style.linked:
        by_name: dict[str, Place] = {}
        for place in places:
            first = by_name.setdefault(place[1], place)
            if first != place and rng.random() < style.linked:
                links.append((first, place))
    for one, other in links:
        if one in leader and other in leader:
            leader[find(other)] = find(one)
    groups: dict[Place, list[Place]] = {}
    for place in places:
        groups.setdefault(find(place), []).append(place)
    return list(groups.values())
