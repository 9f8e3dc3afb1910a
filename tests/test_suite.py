"""The instance suite: wrong answers that the shipped database takes are refused, right rewritings never."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.suite.build import build_instances
from data.suite.mutants import literal_answer
from data.write import GoldRecord, write_dataset
from reward_service.app import make
from reward_service.config import RewardSettings
from reward_service.gold import GoldBook
from reward_service.instances import INDEX, Suite
from reward_service.judge import NO_EVIDENCE, Judge, Judgement
from sqlenv.errors import DataSetError, Unavailable
from sqlenv.gold import load_gold
from sqlenv.sandbox import Sandbox
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.tasks import BUNDLED, load

EQUAL = [
    ("campus_pets-001", "SELECT COUNT(pet_id) FROM pet WHERE species IN ('Dog')"),
    ("campus_pets-001", "SELECT COUNT(CASE WHEN species = 'Dog' THEN 1 END) FROM pet"),
    ("campus_pets-002", "SELECT SUM(beds) AS n FROM dormitory WHERE NOT pets_allowed = 'N'"),
    ("campus_pets-003", "SELECT COUNT(*) FROM (SELECT DISTINCT student_id FROM pet_owner WHERE until IS NULL)"),
    ("campus_pets-004", "SELECT COUNT(*) FROM student WHERE student_id NOT IN (SELECT student_id FROM pet_owner)"),
    (
        "campus_pets-004",
        "SELECT COUNT(s.student_id) FROM student s LEFT JOIN pet_owner o USING (student_id) WHERE o.pet_id IS NULL",
    ),
    (
        "campus_pets-006",
        "SELECT COUNT(*) FROM student WHERE dorm_id IN (SELECT dorm_id FROM dormitory WHERE pets_allowed = 'N') "
        "AND student_id IN (SELECT student_id FROM pet_owner WHERE until IS NULL)",
    ),
    ("campus_pets-008", "SELECT COUNT(*) FROM vet_visit WHERE strftime('%Y', visited_on) = '2023'"),
    (
        "campus_pets-008",
        "SELECT COUNT(*) FROM vet_visit WHERE visited_on >= '2023-01-01' AND visited_on < '2024-01-01'",
    ),
    ("campus_pets-012", "SELECT SUM(1) FILTER (WHERE home_city = 'Springfield') + 0 FROM student"),
    ("campus_pets-013", "SELECT SUM(gpa) / COUNT(gpa) FROM student WHERE major_code = 'BIO'"),
    (
        "campus_pets-016",
        "SELECT ROUND(100.0 * SUM(microchip IS NOT NULL) / COUNT(*), 1) FROM pet WHERE species = 'Cat'",
    ),
    (
        "campus_pets-017",
        "SELECT SUM(fee_cents) / 100.0 FROM vet_visit "
        "WHERE vet_id IN (SELECT vet_id FROM vet WHERE clinic = 'Riverside Pet Hospital')",
    ),
    (
        "campus_pets-022",
        "SELECT d.name FROM dormitory d WHERE NOT EXISTS (SELECT 1 FROM dormitory e WHERE e.beds > d.beds)",
    ),
    (
        "campus_pets-028",
        "SELECT v.reason FROM vet_visit v JOIN (SELECT MAX(fee_cents) AS top FROM vet_visit) m ON v.fee_cents = m.top",
    ),
    ("campus_pets-031", "SELECT breed FROM pet WHERE species = 'Cat' AND breed IS NOT NULL GROUP BY breed ORDER BY 1"),
    (
        "campus_pets-032",
        "SELECT DISTINCT species FROM pet WHERE species NOT IN "
        "(SELECT p.species FROM vaccination JOIN vet_visit USING (visit_id) JOIN pet p USING (pet_id))",
    ),
    ("campus_pets-033", "SELECT pet_id FROM pet EXCEPT SELECT pet_id FROM pet_owner ORDER BY pet_id"),
    (
        "campus_pets-036",
        "SELECT clinic FROM vet WHERE vet_id IN (SELECT vet_id FROM vet_visit WHERE pet_id IN "
        "(SELECT pet_id FROM pet WHERE species = 'Ferret')) GROUP BY clinic",
    ),
    (
        "campus_pets-037",
        "SELECT name FROM pet WHERE (SELECT COUNT(*) FROM pet_owner o WHERE o.pet_id = pet.pet_id) >= 5",
    ),
    (
        "campus_pets-042",
        "WITH t AS (SELECT species s, COUNT(pet_id) n FROM pet GROUP BY species) SELECT n, s FROM t ORDER BY n DESC, s",
    ),
    (
        "campus_pets-043",
        "SELECT beds, name, (SELECT COUNT(*) FROM student s WHERE s.dorm_id = d.dorm_id) FROM dormitory d",
    ),
    ("campus_pets-044", "SELECT full_name, clinic FROM vet WHERE vet_id NOT IN (SELECT vet_id FROM vet_visit)"),
    (
        "campus_pets-045",
        "SELECT name, species, n FROM (SELECT p.name, p.species, COUNT(*) n, RANK() OVER (ORDER BY COUNT(*) DESC) r "
        "FROM vet_visit v JOIN pet p ON p.pet_id = v.pet_id GROUP BY p.pet_id) WHERE r = 1",
    ),
    ("campus_pets-048", "SELECT role, COUNT(*), COUNT(*) - COUNT(until) FROM pet_owner GROUP BY role"),
    (
        "campus_pets-058",
        "SELECT d.name, s.first_name, s.last_name, s.gpa FROM student s JOIN dormitory d ON d.dorm_id = s.dorm_id "
        "WHERE s.gpa = (SELECT MAX(gpa) FROM student t WHERE t.dorm_id = s.dorm_id)",
    ),
    ("car_market-004", "SELECT postcode, name FROM dealer WHERE substr(postcode, 1, 1) = '0'"),
    (
        "car_market-012",
        "SELECT name FROM maker k WHERE NOT EXISTS (SELECT 1 FROM model m WHERE m.maker_id = k.maker_id)",
    ),
    (
        "car_market-024",
        "SELECT d.name FROM dealer d LEFT JOIN listing l ON l.dealer_id = d.dealer_id WHERE l.listing_id IS NULL",
    ),
    ("car_market-026", "SELECT name FROM dealer WHERE dealer_id NOT IN (SELECT dealer_id FROM franchise)"),
    ("car_market-027", "SELECT COUNT(*) - COUNT(until_year) FROM franchise"),
    ("car_market-032", "SELECT COUNT(DISTINCT buyer_id) FROM sale WHERE buyer_id IN (SELECT seller_id FROM sale)"),
    (
        "car_market-031",
        "SELECT COUNT(*) FROM person WHERE person_id NOT IN (SELECT buyer_id FROM sale) "
        "AND person_id NOT IN (SELECT seller_id FROM sale WHERE seller_id IS NOT NULL)",
    ),
    ("world_atlas-001", "SELECT COUNT(*) - COUNT(coastline_km) FROM country"),
    (
        "world_atlas-007",
        "SELECT name FROM language WHERE language_id NOT IN (SELECT language_id FROM country_language)",
    ),
    ("world_atlas-015", "SELECT name, COUNT(1) c FROM city GROUP BY 1 HAVING c > 2"),
]

WRONG = [
    ("campus_pets-001", "SELECT COUNT(DISTINCT name) FROM pet WHERE species = 'Dog'"),
    (
        "campus_pets-004",
        "SELECT COUNT(*) FROM student WHERE student_id NOT IN (SELECT student_id FROM pet_owner WHERE until IS NULL)",
    ),
    ("campus_pets-022", "SELECT name FROM dormitory ORDER BY beds DESC LIMIT 1"),
    (
        "campus_pets-037",
        "SELECT p.name FROM pet p JOIN pet_owner o USING (pet_id) GROUP BY p.name HAVING COUNT(*) >= 5",
    ),
    (
        "campus_pets-043",
        "SELECT d.name, COUNT(*), d.beds FROM dormitory d JOIN student s USING (dorm_id) GROUP BY d.dorm_id",
    ),
    ("car_market-025", "SELECT name, city FROM dealer WHERE rating >= 4.8"),
    ("world_atlas-001", "SELECT COUNT(*) FROM country WHERE coastline_km IS NULL OR coastline_km = 0"),
    ("car_market-003", "SELECT name FROM dealer WHERE opened_on = (SELECT MAX(opened_on) FROM dealer)"),
]


class Scoring:
    """Judges SQL against a data set, with its suite where it has one."""

    def __init__(self, directory: Path, *, with_suite: bool = True) -> None:
        limits = RewardSettings(_env_file=None).limits()
        self._executor = QueryExecutor(2, 10_000)
        self.suite = Suite.find(directory, limits, 256) if with_suite else None
        self.book = GoldBook(load(directory), load_gold(directory), limits, self._executor, self.suite)
        self._judge = Judge(self._executor)

    def judge(self, task_id: str, sql: str) -> Judgement:
        async def run() -> Judgement:
            return await self._judge.sql(sql, await self.book.get(task_id))

        return asyncio.run(run())

    def close(self) -> None:
        self.book.close()
        self._executor.close()


@pytest.fixture(scope="module")
def scoring() -> Iterator[Scoring]:
    found = Scoring(BUNDLED)
    assert found.suite is not None
    yield found
    found.close()


@pytest.mark.parametrize(("task_id", "sql"), EQUAL)
def test_a_right_rewriting_is_right(task_id: str, sql: str, scoring: Scoring) -> None:
    assert scoring.judge(task_id, sql).correct


@pytest.mark.parametrize(("task_id", "sql"), WRONG)
def test_a_wrong_one_is_wrong(task_id: str, sql: str, scoring: Scoring) -> None:
    assert not scoring.judge(task_id, sql).correct


def test_gold_is_right_on_its_own_suite_and_its_copied_answer_is_not(scoring: Scoring) -> None:
    seen: dict[str, str] = {}
    wrong, taken = [], []
    for task_id, gold in load_gold(BUNDLED).items():
        if seen.setdefault(gold.sql, task_id) != task_id:
            continue
        assert scoring.suite is not None
        assert scoring.suite.numbers(task_id, gold.sql)
        if not scoring.judge(task_id, gold.sql).correct:
            wrong.append(task_id)
        literal = literal_answer(gold.columns, gold.rows)
        if literal is not None and scoring.judge(task_id, literal.sql).correct:
            taken.append(task_id)
    assert (wrong, taken) == ([], [])


def test_the_shipped_database_alone_takes_the_copied_answer() -> None:
    alone = Scoring(BUNDLED, with_suite=False)
    assert alone.judge("campus_pets-001", "SELECT 57").correct
    alone.close()


SCRIPT = """
CREATE TABLE team (team_id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE player (player_id INTEGER PRIMARY KEY, name TEXT NOT NULL, goals INT, team_id INT NOT NULL,
                     FOREIGN KEY (team_id) REFERENCES team (team_id));
INSERT INTO team VALUES (1, 'Reds', 'Ulm'), (2, 'Blues', 'Bonn'), (3, 'Greens', 'Kiel');
INSERT INTO player VALUES (1, 'Ada', 3, 1), (2, 'Bo', 0, 2), (3, 'Cy', 7, 3), (4, 'Di', 5, 3);
"""
GOLDS = {
    "t-1": "SELECT name FROM player WHERE goals > 3",
    "t-2": "SELECT t.name, COUNT(*) FROM team AS t JOIN player AS p ON p.team_id = t.team_id GROUP BY t.team_id",
    "t-3": "SELECT COUNT(*) FROM player",
    "t-4": "SELECT name FROM player WHERE 1 = 0",
    "t-5": "SELECT name FROM team ORDER BY city LIMIT 1",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with a suite."""
    import apsw

    from data.examine import Examiner, answer_type
    from sqlenv.tasks import Task

    folder = tmp_path_factory.mktemp("suite") / "set"
    path = folder / "database" / "league" / "league.sqlite"
    path.parent.mkdir(parents=True)
    db = apsw.Connection(str(path))
    db.execute(SCRIPT)
    db.close()
    examiner = Examiner(path)
    records = []
    for task_id, sql in GOLDS.items():
        found = examiner.examine(sql)
        assert not hasattr(found, "kind")
        kind = answer_type(found.columns, found.rows)  # type: ignore[union-attr]
        records.append(GoldRecord(Task(task_id, "league", f"{task_id}?", "train", "easy", kind), sql, found))  # type: ignore[arg-type]
    examiner.close()
    write_dataset(folder, {"name": "league", "license": "none", "description": ""}, records)
    build_instances(folder, jobs=1, tries=120)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "instances").iterdir())}


def test_a_small_set(small: Path) -> None:
    report = json.loads((small / "instances" / "report.json").read_text())["figures"]
    assert report["left"] <= 5
    assert report["killed"] > 40
    assert report["no_evidence"] == ["t-4"]
    found = Scoring(small)
    for task_id, sql in GOLDS.items():
        assert found.judge(task_id, sql).correct
    # All of these are right on the shipped rows.
    for task_id, sql in [
        ("t-1", "SELECT name FROM player WHERE goals <> 3 AND goals <> 0"),
        ("t-2", "SELECT t.name, COUNT(p.goals) FROM team t JOIN player p USING (team_id) GROUP BY 1"),
        ("t-2", "SELECT t.name, COUNT(*) FROM team t LEFT JOIN player p USING (team_id) GROUP BY t.team_id"),
        ("t-3", "SELECT COUNT(goals) FROM player"),
        ("t-3", "SELECT 4"),
        ("t-5", "SELECT name FROM team ORDER BY name LIMIT 1"),
        ("t-5", "SELECT 'Blues'"),
    ]:
        alone = Scoring(small, with_suite=False)
        assert alone.judge(task_id, sql).correct, sql
        assert not found.judge(task_id, sql).correct, sql
        alone.close()
    judged = found.judge("t-4", "SELECT name FROM team WHERE 1 = 0")
    assert judged.correct
    assert judged.reason == NO_EVIDENCE
    found.close()


def test_the_same_bytes_again_whatever_jobs(small: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(small, again)
    shutil.rmtree(again / "instances")
    (again / "database" / "other").mkdir()
    build_instances(again, jobs=2, tries=120)
    assert files(again) == files(small)
    build_instances(again, jobs=1, tries=120, seed=1)
    assert files(again) != files(small)


def test_an_interrupted_build_changes_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(small)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_instances(small, jobs=1, tries=30, seed=5, progress=stop)
    assert files(small) == before
    assert [path.name for path in small.iterdir() if path.name.startswith(".")] == []


def test_only_some_databases(small: Path) -> None:
    with pytest.raises(DataSetError, match="no database nope"):
        build_instances(small, only=["nope"])


def test_changed_gold_takes_no_instances(small: Path) -> None:
    suite = Suite(small, RewardSettings(_env_file=None).limits(), 4)
    assert suite.numbers("t-3", GOLDS["t-3"])
    assert not suite.numbers("t-3", "SELECT COUNT(name) FROM player")
    assert not suite.numbers("t-99", GOLDS["t-3"])


@pytest.mark.parametrize("broken", ["", "{}", '{"format": 99, "tasks": {}}', '{"format": 1, "tasks": {"a": []}}', "[]"])
def test_a_broken_index_is_said(broken: str, tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / INDEX).write_text(broken)
    with pytest.raises(DataSetError, match=r"index\.json"):
        Suite(tmp_path, RewardSettings(_env_file=None).limits(), 4)


def test_a_broken_archive_is_said(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small / "instances", tmp_path / "instances")
    (tmp_path / "instances" / "league.zip").write_bytes(b"no zip")
    suite = Suite(tmp_path, RewardSettings(_env_file=None).limits(), 4)
    with pytest.raises(Unavailable, match="changed since the start, or damaged"):
        suite.sandbox("league", 0)
    with pytest.raises(DataSetError, match="instance 99"):
        Suite(small, RewardSettings(_env_file=None).limits(), 4).data("league", 99)


def test_few_instances_are_kept_open(small: Path) -> None:
    suite = Suite(small, RewardSettings(_env_file=None).limits(), 1)
    first = suite.sandbox("league", 0)
    assert suite.sandbox("league", 0) is first
    assert suite.sandbox("league", 1) is not first
    assert suite.sandbox("league", 0) is not first
    suite.close()


def test_the_version_names_the_suite(small: Path, tmp_path: Path) -> None:
    from sqlenv.server import Drain

    async def version(folder: Path) -> str:
        from reward_service.scorer import Scorer

        versions: list[str] = []
        original = Scorer.__init__

        def note(self: Scorer, *args: object) -> None:
            original(self, *args)  # type: ignore[arg-type]
            versions.append(self.version)

        Scorer.__init__ = note  # type: ignore[method-assign]
        try:
            await make(RewardSettings(_env_file=None, dataset_dir=folder), Drain())
        finally:
            Scorer.__init__ = original  # type: ignore[method-assign]
        return versions[0]

    bare = tmp_path / "bare"
    shutil.copytree(small, bare)
    shutil.rmtree(bare / "instances")
    assert asyncio.run(version(bare)).endswith("+shipped-only")
    suite = Suite(small, RewardSettings(_env_file=None).limits(), 4)
    assert asyncio.run(version(small)).endswith(f"+suite.{suite.hash}")


def test_an_instance_is_as_closed_as_the_shipped_database(small: Path) -> None:
    suite = Suite(small, RewardSettings(_env_file=None).limits(), 4)
    sandbox: Sandbox = suite.sandbox("league", 0)
    before = sandbox.run("SELECT COUNT(*), datetime('now') FROM player").value
    for sql in ("DELETE FROM player", "DROP TABLE player", "PRAGMA query_only = OFF", "ATTACH 'x' AS y", "VACUUM"):
        assert hasattr(sandbox.run(sql).value, "kind")
    assert sandbox.run("SELECT COUNT(*), datetime('now') FROM player").value == before


@pytest.mark.slow
def test_spider10(spider10: Path, tmp_path: Path) -> None:
    from data.spider import import_dataset

    folder = tmp_path / "spider10"
    import_dataset(spider10, folder)
    report = build_instances(folder, jobs=2)
    assert report.decided >= 0.98
    assert report.median_instances <= 6
    assert report.literal_left == ()
    found = Scoring(folder)
    gold = load_gold(folder)
    assert [i for i, g in gold.items() if not found.judge(i, g.sql).correct] == []
    found.close()
