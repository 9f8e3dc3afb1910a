"""Questions about a procedural world, with gold SQL: filters, look-ups, ordering, grouping, joins.

A question that has no answer, or more than one, is not asked: the first of a tie would be as right as another.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqlenv.types import SqlValue

if TYPE_CHECKING:
    from trainer.worlds import Table, World

Question = tuple[str, str]
"""Text and gold SQL."""

Kind = Callable[["World", random.Random], Question | None]


def ask(world: World, count: int, rng: random.Random) -> Iterator[Question]:
    """`count` different questions, every kind as often as the others where the rows allow."""
    seen: set[str] = set()
    kinds = list(KINDS)
    rng.shuffle(kinds)
    tries = 0
    while len(seen) < count and tries < 60 * count:
        asked = kinds[tries % len(kinds)](world, rng)
        tries += 1
        if asked is not None and asked[0] not in seen:
            seen.add(asked[0])
            yield asked


def _either(world: World, rng: random.Random) -> Table:
    return world.child if rng.random() < 0.7 else world.parent


def _value(table: Table, rng: random.Random) -> tuple[str, str, str]:
    """The concept's word, a value as a question says it, and the condition that finds it."""
    column = table.categories[0]
    stored = str(rng.choice(table.rows)[column.name])
    return column.concept.word, stored.lower(), f"{column.name} = '{stored}'"


def _only(values: list[SqlValue], best: SqlValue) -> bool:
    return values.count(best) == 1


def count_value(world: World, rng: random.Random) -> Question | None:
    """A filter on text."""
    table = _either(world, rng)
    word, value, condition = _value(table, rng)
    return f"How many {table.name} have {word} {value}?", f"SELECT COUNT(*) FROM {table.name} WHERE {condition}"


def count_above(world: World, rng: random.Random) -> Question | None:
    """A filter on a number."""
    table = _either(world, rng)
    column = table.numbers[0]
    limit = rng.randint(10, 89)
    text, sign = rng.choice((("above", ">"), ("below", "<")))
    words = f"How many {table.name} have {column.concept.word} {text} {limit}?"
    return words, f"SELECT COUNT(*) FROM {table.name} WHERE {column.name} {sign} {limit}"


def extreme(world: World, rng: random.Random) -> Question | None:
    """Order and limit."""
    table = _either(world, rng)
    column = table.numbers[0]
    values = [row[column.name] for row in table.rows]
    word, order, pick = rng.choice((("highest", "DESC", max), ("lowest", "ASC", min)))
    if not _only(values, pick(values)):  # type: ignore[type-var]
        return None
    sql = f"SELECT {table.label} FROM {table.name} ORDER BY {column.name} {order} LIMIT 1"
    return f"Which {table.name} has the {word} {column.concept.word}?", sql


def extreme_of_value(world: World, rng: random.Random) -> Question | None:
    """An aggregate over a filter on text."""
    table = _either(world, rng)
    column = table.numbers[0]
    word, value, condition = _value(table, rng)
    said, function = rng.choice((("highest", "MAX"), ("lowest", "MIN"), ("total", "SUM")))
    text = f"What is the {said} {column.concept.word} of {table.name} with {word} {value}?"
    return text, f"SELECT {function}({column.name}) FROM {table.name} WHERE {condition}"


def most_common(world: World, rng: random.Random) -> Question | None:
    """Group-by."""
    table = world.child
    column = table.categories[0]
    counts = Counter(row[column.name] for row in table.rows).most_common(2)
    if len(counts) < 2 or counts[0][1] == counts[1][1]:
        return None
    name = column.name
    sql = f"SELECT {name} FROM {table.name} GROUP BY {name} ORDER BY COUNT(*) DESC LIMIT 1"
    return f"Which {column.concept.word} is most common among {table.name}?", sql


def look_up(world: World, rng: random.Random) -> Question | None:
    """A column of one named row."""
    table = _either(world, rng)
    column = rng.choice((table.categories[0], table.numbers[0]))
    name = str(rng.choice(table.rows)[table.label])
    sql = f"SELECT {column.name} FROM {table.name} WHERE {table.label} = '{name}'"
    return f"What is the {column.concept.word} of the {table.name} {name}?", sql


def count_of_parent(world: World, rng: random.Random) -> Question | None:
    """A join and a name."""
    parent, child = world.parent, world.child
    name = str(rng.choice(parent.rows)[parent.label])
    sql = f"{_joined(world, 'COUNT(*)')} WHERE {parent.label} = '{name}'"
    return f"How many {child.name} belong to the {parent.name} {name}?", sql


def count_of_parents(world: World, rng: random.Random) -> Question | None:
    """A join and a filter on the parent's text."""
    parent, child = world.parent, world.child
    word, value, condition = _value(parent, rng)
    sql = f"{_joined(world, 'COUNT(*)')} WHERE {condition}"
    return f"How many {child.name} belong to a {parent.name} with {word} {value}?", sql


def most_children(world: World, rng: random.Random) -> Question | None:
    """A join and a group-by."""
    parent, child = world.parent, world.child
    counts = Counter(row[parent.key] for row in child.rows).most_common(2)
    if len(counts) < 2 or counts[0][1] == counts[1][1]:
        return None
    sql = f"{_joined(world, parent.label)} GROUP BY {parent.label} ORDER BY COUNT(*) DESC LIMIT 1"
    return f"Which {parent.name} has the most {child.name}?", sql


def _joined(world: World, what: str) -> str:
    return f"SELECT {what} FROM {world.child.name} JOIN {world.parent.name} USING ( {world.parent.key} )"


KINDS: tuple[Kind, ...] = (
    count_value,
    count_above,
    extreme,
    extreme_of_value,
    most_common,
    look_up,
    count_of_parent,
    count_of_parents,
    most_children,
)
