"""Instances: valid by the schema and by what the shipped rows suggest, and the same bytes for the same seed."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from data.suite.draw import draw_style
from data.suite.hints import Hints, read_hints
from data.suite.instances import Content, Scratch, serialized
from data.suite.profile import Profile, read_profile
from sqlenv.gold import load_gold
from sqlenv.sqlite.schema import quote
from sqlenv.tasks import BUNDLED, DataSet

DB_IDS = sorted(path.name for path in (BUNDLED / "database").iterdir())


def drawn(profile: Profile, hints: Hints, count: int, seed: str) -> list[Content]:
    scratch = Scratch(profile)
    found = []
    for attempt in range(count):
        rng = random.Random(f"{seed}:{attempt}")
        found.append(scratch.draw(hints, draw_style(rng, hints.sizes), rng))
    scratch.close()
    return found


def opened(profile: Profile, content: Content) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    db.deserialize("main", serialized(profile, content))
    return db


@pytest.mark.parametrize("db_id", DB_IDS)
def test_instances_keep_the_rules(db_id: str, bundled: DataSet) -> None:
    profile = read_profile(bundled.databases[db_id])
    golds = [gold.sql for gold in load_gold(BUNDLED).values() if gold.task_id.startswith(db_id)]
    for sql in golds[::9]:
        hints = read_hints(sql, profile.schema)
        for content in drawn(profile, hints, 4, sql):
            db = opened(profile, content)
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            for name, table in profile.tables.items():
                rows = db.execute(f"SELECT * FROM {quote(table.name)}").fetchall()
                assert len(rows) == len(content[name])
                for key in table.keys:
                    places = [table.place(column) for column in key]
                    keys = [tuple(row[place] for place in places) for row in rows]
                    keys = [key for key in keys if None not in key]
                    assert len(set(keys)) == len(keys)
                for place, column in enumerate(table.columns):
                    cells = [row[place] for row in rows]
                    assert not (column.not_null and None in cells)
                    types = {type(value) for value in column.values} | {type(None)}
                    if column.shape or column.kind == "date":
                        named = {constant.text for constant in hints.constants.get((name, column.name), [])}
                        assert all(cell is None or cell in named or column.could_hold(cell) for cell in cells)
                    assert {type(cell) for cell in cells} <= types | ({int, float} if float in types else set())


def test_the_same_seed_gives_the_same_bytes(bundled: DataSet) -> None:
    profile = read_profile(bundled.databases["hiring"])
    hints = read_hints("SELECT COUNT(*) FROM employee WHERE contract = 'FT'", profile.schema)
    one, other = (drawn(profile, hints, 3, "x") for _ in range(2))
    assert [serialized(profile, c) for c in one] == [serialized(profile, c) for c in other]
    assert drawn(profile, hints, 3, "y") != one


def test_instances_hold_what_the_query_asks_for(bundled: DataSet) -> None:
    profile = read_profile(bundled.databases["world_atlas"])
    sql = "SELECT COUNT(*) FROM yearly_indicator WHERE year > 2019 AND population IS NOT NULL"
    years = {
        row[1]
        for content in drawn(profile, read_hints(sql, profile.schema), 60, "")
        for row in content["yearly_indicator"]
    }
    assert {2018, 2019, 2020} <= years


def test_duplicates_null_and_parents_without_children_occur(bundled: DataSet) -> None:
    profile = read_profile(bundled.databases["campus_pets"])
    sql = "SELECT p.name, p.breed FROM pet AS p JOIN pet_owner AS o ON o.pet_id = p.pet_id"
    contents = drawn(profile, read_hints(sql, profile.schema), 40, "")
    assert any(len({row[1] for row in c["pet"]}) < len(c["pet"]) for c in contents)
    assert any(row[3] is None for c in contents for row in c["pet"])
    assert any({row[0] for row in c["pet"]} - {row[1] for row in c["pet_owner"]} for c in contents)


def make(path: Path, script: str) -> Profile:
    db = apsw.Connection(str(path))
    db.execute(script)
    db.close()
    return read_profile(path)


def test_what_the_shipped_rows_suggest(tmp_path: Path) -> None:
    profile = make(
        tmp_path / "a.sqlite",
        """CREATE TABLE a (a_id INT PRIMARY KEY, name TEXT, email TEXT, flag TEXT, zip TEXT, code TEXT);
           CREATE TABLE b (a_id INT REFERENCES a (a_id), other INT REFERENCES a (a_id), n INT);
           WITH RECURSIVE i (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i LIMIT 30)
           INSERT INTO a SELECT i, 'n' || i, 'e' || i, iif(i % 2, 'Y', 'N'), printf('%05d', i), 'c' || i FROM i;
           INSERT INTO b VALUES (1, 99, 5), (2, NULL, 6), (3, 1, 5);""",
    )
    a, b = profile.tables["a"], profile.tables["b"]
    assert {frozenset({"a_id"}), frozenset({"email"}), frozenset({"code"})} == set(a.keys)  # but not the name
    assert a.column("email").not_null
    assert not a.column("name").not_null
    assert a.column("flag").closed
    assert not a.column("name").closed
    assert (a.column("zip").kind, a.column("zip").width) == ("digits", 5)
    assert [reference.holds for reference in sorted(b.references, key=lambda r: r.columns)] == [True, False]
    assert b.column("a_id").not_null  # a foreign key without NULL
    assert not b.column("n").not_null
    assert frozenset({"a_id", "other", "n"}) in b.keys  # no key at all: no two equal rows


def test_odd_schemas_are_drawn_too(tmp_path: Path) -> None:
    profile = make(
        tmp_path / "odd.sqlite",
        """CREATE TABLE "select" ("a b" TEXT, "ü" BLOB, x, g INT GENERATED ALWAYS AS (1) VIRTUAL);
           CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INT NOT NULL REFERENCES tree (id));
           CREATE TABLE one (id INT UNIQUE REFERENCES two (id) NOT NULL);
           CREATE TABLE two (id INT UNIQUE REFERENCES one (id));
           CREATE TABLE never (x INT CHECK (x > 5 AND x < 5) NOT NULL);
           CREATE VIEW v AS SELECT * FROM tree; CREATE TRIGGER t AFTER INSERT ON tree BEGIN DELETE FROM tree; END;
           INSERT INTO "select" VALUES ('x', x'00', 1), (NULL, NULL, 'y');""",
    )
    hints = Hints(tables={"select", "tree", "one", "two", "never"})
    contents = drawn(profile, hints, 20, "")
    assert all(not content["never"] for content in contents)
    for content in contents:
        db = opened(profile, content)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert any(content["tree"] for content in contents)
