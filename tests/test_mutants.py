"""Mutants of gold: every kind of the list is there, all compile, none is gold, and the proofs are true."""

from __future__ import annotations

import random

import apsw
import pytest

from data.suite.draw import draw_style
from data.suite.hints import read_hints
from data.suite.instances import Scratch
from data.suite.mutants import LITERAL, Mutant, literal_answer, mutants, rewritten
from data.suite.profile import Profile, read_profile
from data.suite.proof.rules import prover
from data.suite.trial import Runner, Trial
from sqlenv.gold import load_gold
from sqlenv.sqlite.schema import Schema, read_schema
from sqlenv.tasks import BUNDLED, database_path

PETS = database_path(BUNDLED, "campus_pets")


@pytest.fixture(scope="module")
def profile() -> Profile:
    return read_profile(PETS)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return read_schema(apsw.Connection(str(PETS), flags=apsw.SQLITE_OPEN_READONLY))


def texts(sql: str, schema: Schema, kind: str = "") -> list[str]:
    return [mutant.sql for mutant in mutants(sql, schema) if not kind or mutant.kind == kind]


@pytest.mark.parametrize(
    ("sql", "mutant"),
    [
        ("SELECT DISTINCT name FROM pet", "SELECT name FROM pet"),
        ("SELECT name FROM pet", "SELECT DISTINCT name FROM pet"),
        ("SELECT AVG(beds) FROM dormitory", "SELECT AVG(DISTINCT beds) FROM dormitory"),
        ("SELECT name FROM pet WHERE pet_id < 5", "SELECT name FROM pet WHERE pet_id <= 5"),
        ("SELECT name FROM pet WHERE pet_id < 5", "SELECT name FROM pet WHERE pet_id < 6"),
        ("SELECT name FROM pet WHERE sex = 'F'", "SELECT name FROM pet WHERE sex <> 'F'"),
        ("SELECT name FROM pet WHERE sex = 'F'", "SELECT name FROM pet"),
        ("SELECT name FROM pet WHERE sex = 'F' AND pet_id > 3", "SELECT name FROM pet WHERE sex = 'F'"),
        ("SELECT name FROM pet WHERE sex = 'F' AND pet_id > 3", "SELECT name FROM pet WHERE pet_id > 3"),
        (
            "SELECT name FROM pet WHERE sex = 'F' AND pet_id > 3",
            "SELECT name FROM pet WHERE ((sex = 'F') OR (pet_id > 3))",
        ),
        ("SELECT COUNT(*) FROM pet", 'SELECT COUNT("pet"."breed") FROM pet'),
        ("SELECT COUNT(breed) FROM pet", "SELECT COUNT(*) FROM pet"),
        ("SELECT COUNT(breed) FROM pet", "SELECT COUNT(DISTINCT breed) FROM pet"),
        ("SELECT MAX(beds) FROM dormitory", "SELECT MIN(beds) FROM dormitory"),
        ("SELECT SUM(beds) FROM dormitory", "SELECT AVG(beds) FROM dormitory"),
        ("SELECT sex, COUNT(*) FROM pet GROUP BY sex", "SELECT sex, COUNT(*) FROM pet"),
        ("SELECT sex FROM pet GROUP BY sex HAVING COUNT(*) > 2", "SELECT sex FROM pet GROUP BY sex"),
        ("SELECT name FROM pet ORDER BY name LIMIT 3", "SELECT name FROM pet ORDER BY name LIMIT 4"),
        ("SELECT name FROM pet ORDER BY name LIMIT 3", "SELECT name FROM pet ORDER BY name"),
        ("SELECT name FROM pet ORDER BY name LIMIT 3", "SELECT name FROM pet LIMIT 3"),
        ("SELECT name FROM pet ORDER BY name LIMIT 3", "SELECT name FROM pet ORDER BY name DESC LIMIT 3"),
        ("SELECT name FROM pet LIMIT 3 OFFSET 2", "SELECT name FROM pet LIMIT 3 OFFSET 1"),
        ("SELECT name FROM pet ORDER BY sex, name", "SELECT name FROM pet ORDER BY name, sex"),
        ("SELECT name FROM pet UNION SELECT name FROM vet_", ""),
        (
            "SELECT pet_id FROM pet EXCEPT SELECT pet_id FROM pet_owner",
            "SELECT pet_id FROM pet_owner EXCEPT SELECT pet_id FROM pet",
        ),
        (
            "SELECT pet_id FROM pet UNION SELECT vet_id FROM vet",
            "SELECT pet_id FROM pet UNION ALL SELECT vet_id FROM vet",
        ),
        ("SELECT pet_id FROM pet UNION SELECT vet_id FROM vet", "SELECT vet_id FROM vet"),
        ("SELECT name FROM pet WHERE pet_id IN (1, 2)", "SELECT name FROM pet WHERE NOT (pet_id IN (1, 2))"),
        ("SELECT name FROM pet WHERE pet_id NOT IN (1, 2)", "SELECT name FROM pet WHERE pet_id IN (1, 2)"),
        ("SELECT name FROM pet WHERE breed IS NULL", "SELECT name FROM pet WHERE NOT (breed IS NULL)"),
        ("SELECT COALESCE(breed, 'x') FROM pet", "SELECT (breed) FROM pet"),
        ("SELECT name FROM pet WHERE name LIKE 'A%'", "SELECT name FROM pet WHERE name LIKE '%A%'"),
        ("SELECT name FROM pet WHERE name LIKE 'A%'", "SELECT name FROM pet WHERE name GLOB 'A*'"),
        (
            "SELECT name FROM pet WHERE pet_id BETWEEN 2 AND 4",
            "SELECT name FROM pet WHERE (pet_id > 2 AND pet_id <= 4)",
        ),
        ("SELECT name FROM pet", 'SELECT "pet"."species" FROM pet'),
        ("SELECT pet_id + 1 FROM pet", "SELECT pet_id - 1 FROM pet"),
        ("SELECT 100.0 * pet_id / 7 FROM pet", "SELECT 100 * pet_id / 7 FROM pet"),
        ("SELECT CAST(weight_kg AS REAL) FROM pet", "SELECT (weight_kg) FROM pet"),
        ("SELECT ROUND(gpa, 1) FROM student", "SELECT (gpa) FROM student"),
        (
            "SELECT CASE WHEN sex = 'F' THEN 1 ELSE 2 END FROM pet",
            "SELECT CASE WHEN sex = 'F' THEN 2 ELSE 1 END FROM pet",
        ),
        (
            "SELECT v.full_name FROM vet AS v JOIN vet_visit AS i ON i.vet_id = v.vet_id",
            "SELECT v.full_name FROM vet AS v LEFT JOIN vet_visit AS i ON i.vet_id = v.vet_id",
        ),
        (
            "SELECT v.full_name FROM vet AS v JOIN vet_visit AS i ON i.vet_id = v.vet_id",
            'SELECT v.full_name FROM vet AS v JOIN vet_visit AS i ON "i"."pet_id" = v.vet_id',
        ),
        (
            "SELECT name FROM pet AS p WHERE EXISTS(SELECT 1 FROM pet_owner AS o WHERE o.pet_id = p.pet_id)",
            "SELECT name FROM pet AS p WHERE EXISTS(SELECT 1 FROM pet_owner AS o)",
        ),
    ],
)
def test_the_mistake_is_made(sql: str, mutant: str, schema: Schema) -> None:
    found = texts(sql, schema)
    assert not mutant or mutant in found
    assert sql not in found


def test_mutants_are_unique_compile_and_come_in_the_same_order(schema: Schema) -> None:
    db = apsw.Connection(str(PETS), flags=apsw.SQLITE_OPEN_READONLY)
    sql = "SELECT p.species, COUNT(*) FROM vet_visit AS v JOIN pet AS p ON p.pet_id = v.pet_id GROUP BY p.species"
    found = mutants(sql, schema)
    assert found == mutants(sql, schema)
    assert len({mutant.sql for mutant in found}) == len(found) > 10
    for mutant in found:
        db.execute("EXPLAIN " + mutant.sql)


@pytest.mark.parametrize("sql", ["", "SELECT", "DELETE FROM pet", "SELECT 1; SELECT 2", "SELECT 'a" * 40])
def test_what_is_no_query_has_no_mutants(sql: str, schema: Schema) -> None:
    assert mutants(sql, schema) == []


def test_the_answer_is_copied() -> None:
    db = apsw.Connection(":memory:")
    rows = ((1, "it's", None, 2.5, b"\x00"), (2, "", None, -1e300, b""))
    copied = literal_answer(("a", "b", "c", "d", "e"), rows)
    assert copied is not None
    assert copied.kind == LITERAL
    assert tuple(db.execute(copied.sql)) == rows
    empty = literal_answer(("a", "b"), ())
    assert empty is not None
    assert db.execute(empty.sql).fetchall() == []
    assert literal_answer(("a",), ((1,),) * 5_000) is None


def test_gold_as_sqlglot_writes_it_gives_the_same() -> None:
    gold = load_gold(BUNDLED)
    db = apsw.Connection(str(PETS), flags=apsw.SQLITE_OPEN_READONLY)
    for task in gold.values():
        if task.task_id.startswith("campus_pets"):
            again = rewritten(task.sql)
            assert again is not None
            assert db.execute(again).fetchall() == db.execute(task.sql).fetchall()


PROVED = [
    ("SELECT pet_id, name FROM pet", "SELECT DISTINCT pet_id, name FROM pet"),
    ("SELECT COUNT(*) FROM pet", 'SELECT COUNT("pet"."name") FROM pet'),
    ("SELECT COUNT(*) FROM pet", 'SELECT COUNT(DISTINCT "pet"."pet_id") FROM pet'),
    (
        "SELECT v.visit_id, p.name FROM vet_visit AS v JOIN pet AS p ON p.pet_id = v.pet_id",
        "SELECT v.visit_id, p.name FROM vet_visit AS v LEFT JOIN pet AS p ON p.pet_id = v.pet_id",
    ),
    (
        "SELECT p.name FROM pet AS p LEFT JOIN vet_visit AS v ON p.pet_id = v.pet_id WHERE v.fee_cents > 5",
        "SELECT p.name FROM pet AS p JOIN vet_visit AS v ON p.pet_id = v.pet_id WHERE v.fee_cents > 5",
    ),
    ("SELECT name FROM pet GROUP BY pet_id", 'SELECT name FROM pet GROUP BY pet_id, "pet"."name"'),
    ("SELECT beds FROM dormitory WHERE pets_allowed = 'Y'", "SELECT beds FROM dormitory WHERE pets_allowed >= 'Y'"),
    (
        "SELECT name FROM pet GROUP BY name HAVING COUNT(*) > 1",
        "SELECT name FROM pet GROUP BY name HAVING COUNT(*) <> 1",
    ),
    ("SELECT AVG(fee_cents) / 100.0 FROM vet_visit", "SELECT AVG(fee_cents) / 100 FROM vet_visit"),
]
NOT_PROVED = [
    ("SELECT name FROM pet", "SELECT DISTINCT name FROM pet"),
    ("SELECT COUNT(*) FROM pet", 'SELECT COUNT("pet"."breed") FROM pet'),
    (
        "SELECT v.visit_id, s.gpa FROM vet_visit AS v JOIN student AS s ON s.student_id = v.brought_by_id",
        "SELECT v.visit_id, s.gpa FROM vet_visit AS v LEFT JOIN student AS s ON s.student_id = v.brought_by_id",
    ),
    (
        "SELECT p.name FROM pet AS p JOIN vet_visit AS v ON p.pet_id = v.pet_id",
        "SELECT p.name FROM pet AS p LEFT JOIN vet_visit AS v ON p.pet_id = v.pet_id",
    ),
    ("SELECT name FROM pet GROUP BY name", 'SELECT name FROM pet GROUP BY name, "pet"."pet_id"'),
    ("SELECT beds FROM dormitory WHERE beds = 40", "SELECT beds FROM dormitory WHERE beds >= 40"),
    ("SELECT MAX(fee_cents) / 100.0 FROM vet_visit", "SELECT MAX(fee_cents) / 100 FROM vet_visit"),
]


def proof(sql: str, mutant: str, profile: Profile) -> str:
    found = mutants(sql, profile.schema, prover(profile, read_hints(sql, profile.schema)))
    return next(each for each in found if each.sql == mutant).proof


@pytest.mark.parametrize(("sql", "mutant"), PROVED)
def test_what_keys_and_domains_decide_is_proved(sql: str, mutant: str, profile: Profile) -> None:
    assert proof(sql, mutant, profile)


@pytest.mark.parametrize(("sql", "mutant"), NOT_PROVED)
def test_what_an_instance_tells_apart_is_not_proved(sql: str, mutant: str, profile: Profile) -> None:
    assert not proof(sql, mutant, profile)


def test_no_instance_contradicts_a_proof(profile: Profile) -> None:
    """Each bundled query's proofs, tried on random instances: a proof that is wrong would be a mutant never killed."""
    scratch = Scratch(profile)
    runner = Runner(scratch.db)
    tried = 0
    golds = {task.sql: task for task in load_gold(BUNDLED).values() if task.task_id.startswith("campus_pets")}
    for sql, task in golds.items():
        hints = read_hints(sql, profile.schema)
        found = [m for m in mutants(sql, profile.schema, prover(profile, hints)) if m.proof]
        trial = Trial(sql, found, profile.schema, len(task.columns))
        for attempt in range(12):
            rng = random.Random(f"{sql}{attempt}")
            scratch.draw(hints, draw_style(rng, hints.sizes), rng)
            gold = trial.gold(runner)
            if gold is not None and trial.in_order(runner, gold):
                wrong: list[Mutant] = [found[i] for i in trial.killed(runner, gold, range(len(found)))]
                assert not wrong
                tried += len(found)
    assert tried > 1_000
