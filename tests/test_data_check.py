"""`data.check`: every kind of damage gives a problem that names file and line; and `data.stats`."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from rich.console import Console

from data.check import check
from data.records import Problem
from data.spider import import_dataset
from data.stats import render, stats
from data.suite.build import build_instances
from sqlenv.errors import DataSetError
from sqlenv.tasks import BUNDLED, database_path
from tests.spiders import database, spider


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in which nothing is wrong: tasks 1 to 3 ask south (eval), 4 to 6 ask north (train)."""
    folder = tmp_path_factory.mktemp("sound")
    import_dataset(spider(folder / "source"), folder / "set")
    return folder / "set"


@pytest.fixture
def broken(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, to be broken."""
    return Path(shutil.copytree(sound, tmp_path / "set"))


def found(directory: Path) -> list[str]:
    """Problems in words, with "set" for the folder."""
    return [str(problem).replace(str(directory), "set") for problem in check(directory)]


def edit(path: Path, line: int, **fields: Any) -> None:
    """Changes fields of one record."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **fields})
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def replace(path: Path, line: int, content: bytes | None) -> None:
    """Puts other bytes in the place of a line, or takes the line away."""
    lines = path.read_bytes().splitlines()
    lines[line - 1 : line] = [] if content is None else [content]
    path.write_bytes(b"\n".join(lines) + b"\n")


def test_nothing_is_wrong_with_a_sound_set(sound: Path) -> None:
    assert check(sound) == []


RECORDS: list[tuple[str, int, dict[str, Any], str]] = [
    ("tasks.jsonl", 2, {"question": ""}, "set/tasks.jsonl:2: 'question' must be a non-empty string"),
    ("tasks.jsonl", 2, {"db_id": 7}, "set/tasks.jsonl:2: 'db_id' must be a non-empty string"),
    ("tasks.jsonl", 2, {"db_id": "../x"}, "set/tasks.jsonl:2: db_id '../x' is not a plain name"),
    ("tasks.jsonl", 2, {"db_id": "west"}, "set/tasks.jsonl:2: unknown database: there is no file set/database/west/"),
    ("tasks.jsonl", 2, {"difficulty": "mild"}, "set/tasks.jsonl:2: difficulty 'mild' is not one of easy"),
    ("tasks.jsonl", 2, {"answer_type": "number"}, "set/tasks.jsonl:2: answer_type 'number' is not one of integer"),
    ("tasks.jsonl", 2, {"answer_type": "integer"}, "set/tasks.jsonl:2: answer_type is integer, but gold gives float"),
    ("tasks.jsonl", 2, {"answer_type": "table"}, "set/tasks.jsonl:2: answer_type is table, but gold gives float"),
    ("tasks.jsonl", 2, {"task_id": "new"}, "set/tasks.jsonl:2: task 'new' has no gold in set/gold.jsonl"),
    ("tasks.jsonl", 2, {"task_id": "new"}, "set/gold.jsonl:2: gold for 'eval-south-0002', which is no task"),
    ("tasks.jsonl", 2, {"task_id": "eval-south-0001"}, "set/tasks.jsonl:2: task_id 'eval-south-0001' is at set/tasks"),
    (
        "tasks.jsonl",
        2,
        {"split": "train"},
        "set/tasks.jsonl:2: database 'south' is in split 'train' here and in 'eval'",
    ),
    (
        "tasks.jsonl",
        2,
        {"question": "HOW many shops are there"},
        "set/tasks.jsonl:2: the same question as at set/tasks",
    ),
    ("gold.jsonl", 3, {"sql": "SELECT nowhere FROM shop"}, "set/gold.jsonl:3: gold does not run: "),
    ("gold.jsonl", 3, {"sql": "DELETE FROM shop"}, "set/gold.jsonl:3: gold does not run: "),
    ("gold.jsonl", 3, {"sql": None}, "set/gold.jsonl:3: 'sql' must be a non-empty string"),
    ("gold.jsonl", 3, {"tables": "shop"}, "set/gold.jsonl:3: expected a list 'tables'"),
    (
        "gold.jsonl",
        3,
        {"tables": ["shop"]},
        "set/gold.jsonl:3: stored tables ['shop'], but gold reads ['shop', 'sale']",
    ),
    ("gold.jsonl", 3, {"answer": [1]}, "set/gold.jsonl:3: expected a list 'tables' and an object 'answer'"),
    ("gold.jsonl", 3, {"answer": {"columns": ["name"], "rows": [1]}}, "set/gold.jsonl:3: "),
    (
        "gold.jsonl",
        3,
        {"answer": {"columns": ["name"], "rows": [[{"blob": "xy"}]]}},
        "set/gold.jsonl:3: ",
    ),
    ("gold.jsonl", 3, {"marks": "empty"}, "set/gold.jsonl:3: 'marks' must be a list"),
    ("gold.jsonl", 3, {"task_id": "eval-south-0001"}, "set/gold.jsonl:3: task_id 'eval-south-0001' is at set/gold"),
    (
        "gold.jsonl",
        3,
        {"answer": {"columns": ["name"], "rows": [["Corner"]]}},
        "set/gold.jsonl:3: the stored rows are not what gold gives now",
    ),
    (
        "gold.jsonl",
        3,
        {"answer": {"columns": ["name"], "rows": [["Mill"], ["Corner"]]}},
        "set/gold.jsonl:3: the stored rows are in another order than what gold gives now",
    ),
    (
        "gold.jsonl",
        1,
        {"answer": {"columns": ["count(*)"], "rows": [[3.0]]}},
        "set/gold.jsonl:1: the stored rows are not what gold gives now",
    ),
    (
        "gold.jsonl",
        1,
        {"answer": {"columns": ["n"], "rows": [[3]]}},
        "set/gold.jsonl:1: stored columns ['n'], but gold gives ['count(*)']",
    ),
    ("gold.jsonl", 1, {"sql": "SELECT 3"}, 'set/gold.jsonl:1: gold reads no table; mark it "constant"'),
    (
        "gold.jsonl",
        1,
        {"sql": "SELECT count(*) FROM shop WHERE name = 'x'"},
        "set/gold.jsonl:1: an empty database gives the same answer",
    ),
    ("gold.jsonl", 1, {"sql": "SELECT 1 FROM shop WHERE 0"}, "set/gold.jsonl:1: the answer is empty"),
]


@pytest.mark.parametrize(("file", "line", "fields", "expected"), RECORDS)
def test_records(broken: Path, file: str, line: int, fields: dict[str, Any], expected: str) -> None:
    edit(broken / file, line, **fields)
    problems = found(broken)
    assert any(problem.startswith(expected) for problem in problems), problems


@pytest.mark.parametrize("file", ["tasks.jsonl", "gold.jsonl"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"task_id": "x",', ":2: not valid JSON"),
        (b"[1, 2]", ":2: expected a JSON object, not list"),
        (b'{"task_id": "\xff"}', ":2: not UTF-8"),
        (b"[" * 100_000, ":2: not valid JSON"),
        (b"{}", ":2: "),
        (b'{"tables": [], "answer": {"columns": [], "rows": []}}', ":2: 'task_id' must be a non-empty string"),
    ],
)
def test_lines(broken: Path, file: str, content: bytes, expected: str) -> None:
    replace(broken / file, 2, content)
    problems = found(broken)
    assert any(problem.startswith(f"set/{file}{expected}") for problem in problems), problems


def test_all_problems_are_told_not_the_first(broken: Path) -> None:
    replace(broken / "tasks.jsonl", 1, b"{")
    edit(broken / "tasks.jsonl", 5, question="")
    edit(broken / "gold.jsonl", 3, sql="SELECT nowhere FROM shop")
    problems = found(broken)
    for start in ("set/tasks.jsonl:1: ", "set/tasks.jsonl:5: ", "set/gold.jsonl:3: "):
        assert any(problem.startswith(start) for problem in problems)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda root: (root / "tasks.jsonl").unlink(), "set/tasks.jsonl: can't be read: No such file"),
        (lambda root: (root / "gold.jsonl").unlink(), "set/gold.jsonl: can't be read: No such file"),
        (lambda root: (root / "tasks.jsonl").write_text("\n"), "set/tasks.jsonl:1: there is nothing in it"),
        (lambda root: (root / "tables.json").unlink(), "set/tables.json: no such file"),
        (lambda root: (root / "tables.json").write_text("[\n{]"), "set/tables.json:2: not valid JSON"),
        (lambda root: (root / "tables.json").write_text("{}"), "set/tables.json:1: expected a JSON list"),
        (lambda root: (root / "dataset.json").write_text("{\n\n"), "set/dataset.json:3: not valid JSON"),
        (
            lambda root: (root / "dataset.json").write_text("{}"),
            "set/dataset.json:1: expected a JSON object with a name",
        ),
        (lambda root: replace(root / "gold.jsonl", 2, None), "set/tasks.jsonl:2: task 'eval-south-0002' has no gold"),
        (lambda root: south(root).unlink(), "set/tasks.jsonl:1: unknown database: there is no file set/database/south"),
        (lambda root: south(root).write_bytes(b""), "set/database/south/south.sqlite: is empty (needed by set/tasks"),
        (lambda root: south(root).write_bytes(b"hello"), "set/database/south/south.sqlite: is not an SQLite database"),
        (lambda root: damage_pages(south(root)), "set/database/south/south.sqlite: is damaged: "),
        (
            lambda root: south(root).with_name("south.sqlite-wal").write_bytes(b"x"),
            "south.sqlite-wal beside it may hold",
        ),
        (
            lambda root: south(root).with_name("south.sqlite-journal").write_bytes(b"x"),
            "south.sqlite-journal beside it",
        ),
        (lambda root: into_wal_mode(south(root)), "set/database/south/south.sqlite: is in WAL mode"),
        (lambda root: change(south(root), "INSERT INTO sale VALUES (9, 99, 1)"), "sale row 9 has no parent in shop"),
        (lambda root: change(south(root), "CREATE TABLE extra(a)"), "table 'extra' is reached by no question"),
        (
            lambda root: change(south(root), "INSERT INTO shop VALUES (9, 'x', 'y')"),
            "set/gold.jsonl:1: the stored rows",
        ),
        (lambda root: change(south(root), "DROP TABLE sale"), "set/gold.jsonl:2: gold does not run: No such table"),
        (lambda root: change(south(root), "UPDATE shop SET name = CAST(x'ff61' AS TEXT)"), "not valid text"),
    ],
)
def test_files(broken: Path, damage: Callable[[Path], object], expected: str) -> None:
    damage(broken)
    problems = found(broken)
    assert any(expected in problem for problem in problems), problems
    assert len(problems) < 8  # what follows from one thing is not told for every task


def south(directory: Path) -> Path:
    """A database of the set."""
    return database_path(directory, "south")


def damage_pages(path: Path) -> None:
    """Overwrites what follows the first page."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xab" * (len(content) - 4096))


def into_wal_mode(path: Path) -> None:
    """Leaves a database in WAL mode, all written back."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.close()


def change(path: Path, sql: str) -> None:
    """Changes a database."""
    connection = apsw.Connection(str(path))
    connection.execute(sql).fetchall()
    connection.close()


WRITER = """
import apsw, sys
db = apsw.Connection(sys.argv[1])
db.execute("BEGIN EXCLUSIVE")
print("writing", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
db.close()
"""


def test_locked_database(broken: Path) -> None:
    """A writer in another process: locks do not hold within one."""
    command = [sys.executable, "-c", WRITER, str(south(broken))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        assert found(broken) == ["set/database/south/south.sqlite: is locked: another process is writing it"]
        writer.communicate("done\n", timeout=30)
    assert found(broken) == []


def test_check_writes_nothing(broken: Path) -> None:
    into_wal_mode(database_path(broken, "north"))
    before = sorted(path for path in broken.rglob("*"))
    check(broken)
    assert sorted(path for path in broken.rglob("*")) == before


def test_marks_accept_unusual_answers(broken: Path) -> None:
    edit(
        broken / "gold.jsonl",
        1,
        sql="SELECT 3",
        tables=[],
        answer={"columns": ["3"], "rows": [[3]]},
        marks=["constant"],
    )
    assert found(broken) == []


def test_severities(broken: Path) -> None:
    change(south(broken), "CREATE TABLE extra(a); INSERT INTO sale VALUES (9, 99, 1)")
    assert [problem.severity for problem in check(broken)] == ["warning", "error", "warning"]
    assert check(broken / "nowhere") == [Problem(str(broken / "nowhere"), "no such folder")]


def test_many_orphans_are_counted(broken: Path) -> None:
    change(south(broken), "UPDATE sale SET shop_id = shop_id + 10; INSERT INTO sale VALUES (9, 99, 1), (10, 99, 1)")
    assert "set/database/south/south.sqlite: 2 more rows without a parent" in found(broken)


def test_stats(sound: Path, tmp_path: Path) -> None:
    figures = stats(sound)
    assert (figures.tasks, figures.splits, figures.rows) == (6, {"eval": 3, "train": 3}, 12)
    assert figures.answer_types == {"integer": 2, "float": 2, "string": 0, "list": 2, "table": 0}
    assert figures.by_split["eval"]["answer_type"]["list"] == 1
    assert sum(figures.difficulties.values()) == 6
    north = figures.databases[0]
    assert (north.db_id, north.split, north.tasks, north.tables, north.rows) == ("north", "train", 3, 2, 6)
    assert north.bytes == figures.bytes // 2 == database_path(sound, "north").stat().st_size
    assert json.loads(json.dumps(figures.to_dict()))["rows"] == 12
    with pytest.raises(DataSetError, match="no such file"):
        stats(tmp_path)


def test_stats_as_tables_fit_80_columns() -> None:
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(render(stats(BUNDLED)))
    text = console.export_text()
    assert "sqlenv-bundled, version " in text
    assert "school_assessment" in text
    assert max(map(len, text.splitlines())) <= 80


def test_stats_of_a_damaged_database(broken: Path) -> None:
    south(broken).write_bytes(b"hello" * 1000)
    with pytest.raises(DataSetError, match=r"south\.sqlite: "):
        stats(broken)
    south(broken).unlink()
    database(south(broken), "CREATE TABLE shop(a)")
    assert stats(broken).databases[1].tables == 1


# The instance suite


@pytest.fixture(scope="module")
def with_suite(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sound set with instances."""
    path = Path(shutil.copytree(sound, tmp_path_factory.mktemp("suite") / "set"))
    build_instances(path, jobs=1)
    assert check(path) == []
    return path


@pytest.fixture
def suite(with_suite: Path, tmp_path: Path) -> Path:
    """A copy of it, to be broken."""
    return Path(shutil.copytree(with_suite, tmp_path / "set"))


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}', '{"format": 1}', '{"format": 1, "tasks": {"x": 3}}'])
def test_an_index_of_instances_that_is_none(suite: Path, text: str) -> None:
    (suite / "instances" / "index.json").write_text(text)
    (problem,) = found(suite)
    assert problem.startswith("set/instances/index.json: can't be read")


def test_an_archive_of_instances_that_is_gone(suite: Path) -> None:
    (suite / "instances" / "south.zip").unlink()
    (problem,) = found(suite)
    assert problem.startswith("set/instances/south.zip: not an archive of instances")


def test_an_archive_of_instances_of_another_database(suite: Path) -> None:
    shutil.copyfile(suite / "instances" / "north.zip", suite / "instances" / "south.zip")
    assert found(suite) == [
        "set/instances/south.zip: is not the archive that index.json was written for: run sqlenv data build-instances"
    ]


def test_gold_that_was_edited_since_its_instances_were_built(suite: Path) -> None:
    line = json.loads((suite / "gold.jsonl").read_text().splitlines()[0])
    edit(suite / "gold.jsonl", 1, sql=line["sql"] + " ")
    (problem,) = found(suite)
    assert problem.startswith("set/instances/index.json: 1 tasks are not in the suite with the gold they have")
