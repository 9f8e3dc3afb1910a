"""Procedural data sets: many small databases with questions whose names and values must be looked up.

    python -m trainer.worlds OUT [--seed 0]

Each database has a parent and a child table. Which name a column has, which word its key ends in, and how its values
are spelled differ from database to database and are not told by the question. Databases of the "eval" split are made
from the same words in other combinations: none has both tables, or all of a table's columns, of one to train on. Same
arguments, same bytes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.database import write_database
from data.difficulty import difficulty
from data.examine import Examiner, answer_type
from data.write import GoldRecord, write_dataset
from sqlenv.errors import DataSetError
from sqlenv.tasks import Task, database_path
from sqlenv.types import ActionFailure, SqlValue
from trainer import questions
from trainer.vocabulary import CATEGORIES, ENTITIES, KEY_SUFFIXES, NAME_COLUMNS, NUMBERS, PROPER, SPELLINGS, Concept

ABOUT = {
    "name": "sqlenv-worlds",
    "license": "Apache-2.0",
    "description": "Databases and questions made by trainer.worlds for training small policies. Everything is made up.",
}
PARENT_ROWS = (4, 7)
CHILD_ROWS = (12, 24)
MAX_NUMBER = 99


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the concept that questions speak of, its name here, and how its texts are spelled."""

    concept: Concept
    name: str
    spelling: Callable[[str], str] = str.lower


@dataclass(frozen=True)
class Table:
    """A table: key, name column, category columns, number columns, rows as dicts by column name."""

    name: str
    key: str
    label: str
    categories: tuple[Column, ...]
    numbers: tuple[Column, ...]
    rows: tuple[dict[str, SqlValue], ...]


@dataclass(frozen=True)
class World:
    """One database: every row of `child` belongs to one of `parent`."""

    db_id: str
    parent: Table
    child: Table


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How much to make. Databases; questions a database."""

    train_databases: int = 160
    eval_databases: int = 12
    train_questions: int = 20
    eval_questions: int = 30


def build_worlds(out: Path, size: WorldSize | None = None, seed: int = 0) -> int:
    """Writes the data set to `out`; returns the number of tasks. Raises DataSetError where gold does not run."""
    size = size or WorldSize()
    records: list[GoldRecord] = []
    seen: set[object] = set()
    splits = [("train", size.train_databases, size.train_questions), ("eval", size.eval_databases, size.eval_questions)]
    for split, databases, count in splits:
        for number in range(databases):
            rng = random.Random(f"sqlenv-worlds:{seed}:{split}:{number}")
            world = make_world(f"{split}{number:03}", rng)
            while split == "eval" and seen & _features(world):
                world = make_world(world.db_id, rng)
            if split == "train":
                seen |= _features(world)
            path = database_path(out, world.db_id)
            write_database(path, _schema(world), {t.name: [tuple(r.values()) for r in t.rows] for t in _tables(world)})
            records.extend(_records(world, path, split, count, rng))
    write_dataset(out, ABOUT, records)
    return len(records)


def make_world(db_id: str, rng: random.Random) -> World:
    """A database in memory."""
    parent_name, child_name = rng.sample(ENTITIES, 2)
    label_p, label_c = rng.sample(NAME_COLUMNS, 2)
    key_p, key_c = (f"{parent_name}_{rng.choice(KEY_SUFFIXES)}", f"{child_name}_{rng.choice(KEY_SUFFIXES)}")
    categories = [Column(c, rng.choice(c.columns), rng.choice(SPELLINGS)) for c in rng.sample(CATEGORIES, 2)]
    numbers = [Column(c, rng.choice(c.columns)) for c in rng.sample(NUMBERS, 2)]
    parents = _rows(rng, rng.randint(*PARENT_ROWS), key_p, label_p, categories[:1], numbers[:1])
    children = _rows(rng, rng.randint(*CHILD_ROWS), key_c, label_c, categories[1:], numbers[1:])
    for row in children:
        row[key_p] = rng.choice(parents)[key_p]
    return World(
        db_id,
        Table(parent_name, key_p, label_p, tuple(categories[:1]), tuple(numbers[:1]), tuple(parents)),
        Table(child_name, key_c, label_c, tuple(categories[1:]), tuple(numbers[1:]), tuple(children)),
    )


def _rows(
    rng: random.Random, count: int, key: str, label: str, categories: list[Column], numbers: list[Column]
) -> list[dict[str, SqlValue]]:
    names = rng.sample(PROPER, count)
    used = {column.name: rng.sample(column.concept.values, rng.randint(3, 4)) for column in categories}
    rows = []
    for number, name in enumerate(names, 1):
        row: dict[str, SqlValue] = {key: number, label: name}
        row |= {column.name: column.spelling(rng.choice(used[column.name])) for column in categories}
        row |= {column.name: rng.randint(1, MAX_NUMBER) for column in numbers}
        rows.append(row)
    return rows


def _features(world: World) -> set[object]:
    """What databases of different splits do not share: the pair of tables, and each table with its columns."""
    whole = [(table.name, *table.rows[0]) for table in _tables(world)]
    return {frozenset((world.parent.name, world.child.name)), *whole}


def _tables(world: World) -> tuple[Table, Table]:
    return world.parent, world.child


def _schema(world: World) -> str:
    statements = []
    for table in _tables(world):
        columns = [f"{table.key} INTEGER PRIMARY KEY", f"{table.label} TEXT NOT NULL"]
        columns += [f"{column.name} TEXT" for column in table.categories]
        columns += [f"{column.name} INTEGER" for column in table.numbers]
        if table is world.child:
            columns.append(f"{world.parent.key} INTEGER REFERENCES {world.parent.name} ({world.parent.key})")
        statements.append(f"CREATE TABLE {table.name} ({', '.join(columns)})")
    return "; ".join(statements)


def _records(world: World, path: Path, split: str, count: int, rng: random.Random) -> Iterator[GoldRecord]:
    examiner = Examiner(path)
    number = 0
    try:
        for text, sql in questions.ask(world, 3 * count, rng):
            found = examiner.examine(sql)
            if isinstance(found, ActionFailure):
                raise DataSetError(f"{world.db_id}: gold {sql!r} does not run: {found.message}")
            if number == count:
                return
            if found.rows in (((0,),), ((None,),)):
                continue  # what any wrong filter gives would be right
            number += 1
            kind = answer_type(found.columns, found.rows)
            task = Task(f"{world.db_id}-{number:03}", world.db_id, text, split, difficulty(sql), kind)
            yield GoldRecord(task, sql, found)
    finally:
        examiner.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m trainer.worlds", description="Makes the tiny profile's data set.")
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other databases; runs train on 0")
    given = parser.parse_args()
    print(f"{build_worlds(given.out, seed=given.seed)} tasks in {given.out}")


if __name__ == "__main__":
    main()
