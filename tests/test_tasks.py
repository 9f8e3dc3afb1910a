"""Data sets on disk: what loads, what each kind of damage is called, how tasks are drawn, and gold beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlenv.errors import DataSetError
from sqlenv.gold import answer_text, gold_hash, load_gold, row_from_json, row_to_json
from sqlenv.tasks import BUNDLED, DIFFICULTIES, DataSet, Task, TaskFilter, load
from sqlenv.types import AnswerType, Row, SqlValue

TASK: dict[str, Any] = {
    "task_id": "music-0",
    "db_id": "music",
    "question": "How many singers are there?",
    "split": "train",
    "difficulty": "easy",
    "answer_type": "integer",
}
GOLD: dict[str, Any] = {
    "task_id": "music-0",
    "sql": "SELECT count(*) FROM singer",
    "tables": ["singer"],
    "answer": {"columns": ["count(*)"], "rows": [[2]]},
}


def write_lines(path: Path, records: list[Any]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small data set: two databases, twelve tasks."""
    directory = tmp_path / "set"
    for db_id in ("music", "zoo"):
        file = directory / "database" / db_id / f"{db_id}.sqlite"
        file.parent.mkdir(parents=True)
        connection = apsw.Connection(str(file))
        connection.execute(
            "CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO singer VALUES (1, 'Ann')"
        )
        connection.close()
    tasks = [
        {
            **TASK,
            "task_id": f"{db_id}-{i}",
            "db_id": db_id,
            "split": "train" if db_id == "music" else "eval",
            "difficulty": DIFFICULTIES[i % 4],
        }
        for db_id in ("music", "zoo")
        for i in range(6)
    ]
    write_lines(directory / "tasks.jsonl", tasks)
    write_lines(directory / "gold.jsonl", [GOLD])
    (directory / "dataset.json").write_text('{"name": "small"}')
    return directory


def broken(folder: Path) -> str:
    with pytest.raises(DataSetError) as raised:
        load(folder)
    return str(raised.value)


def test_load(folder: Path) -> None:
    data = load(folder)
    assert data.name == "small"
    assert len(data.tasks) == 12
    assert data.tasks[0] == Task("music-0", "music", TASK["question"], "train", "easy", AnswerType.INTEGER)
    assert list(data.databases) == ["music", "zoo"]
    assert all(path.is_file() for path in data.databases.values())
    assert data.by_id["zoo-3"].db_id == "zoo"


def test_gold_is_not_needed_and_not_looked_at(folder: Path) -> None:
    version = load(folder).version
    (folder / "gold.jsonl").write_text("nonsense")
    assert load(folder).version == version
    (folder / "gold.jsonl").unlink()
    assert load(folder).version == version


def test_name_is_the_folders_where_there_is_no_other(folder: Path) -> None:
    (folder / "dataset.json").unlink()
    assert load(folder).name == "set"


def test_blank_lines_are_skipped_but_counted(folder: Path) -> None:
    path = folder / "tasks.jsonl"
    path.write_text("\n" + path.read_text() + "\n  \n" + json.dumps({**TASK, "task_id": "x", "split": ""}))
    assert f"{path}:16" in broken(folder)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not valid JSON"),
        ("[1, 2]", "expected a JSON object, not list"),
        ("null", "expected a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        *(
            (json.dumps({**TASK, "task_id": "x", name: value}), repr(name))
            for name in TASK
            for value in (None, "", " ", 7)
        ),
        *((json.dumps({key: value for key, value in TASK.items() if key != name}), repr(name)) for name in TASK),
        (json.dumps({**TASK, "difficulty": "brutal"}), "easy, medium, hard, extra"),
        (json.dumps({**TASK, "answer_type": "number"}), "integer, float, string, list, table"),
        *((json.dumps({**TASK, "db_id": db_id}), "plain name") for db_id in ("../music", "a/b", "..", ".", "/etc")),
        *((json.dumps({**TASK, "task_id": "x", "db_id": db_id}), "x") for db_id in ("a\0b",)),
    ],
)
def test_damage_in_a_line_names_file_and_line(folder: Path, line: str, words: str) -> None:
    path = folder / "tasks.jsonl"
    path.write_text(path.read_text() + line + "\n")
    message = broken(folder)
    assert f"{path}:13" in message
    assert words in message
    assert len(message) < 500 + len(str(path))


def test_a_task_id_that_occurs_twice_names_the_line(folder: Path) -> None:
    path = folder / "tasks.jsonl"
    path.write_text(path.read_text() + json.dumps(TASK) + "\n")
    message = broken(folder)
    assert "'music-0'" in message
    assert f"{path}:13" in message


def test_bytes_that_are_not_utf8(folder: Path) -> None:
    path = folder / "tasks.jsonl"
    path.write_bytes(path.read_bytes() + b"\xff\n")
    message = broken(folder)
    assert str(path) in message
    assert "UTF-8" in message


def test_no_tasks(folder: Path) -> None:
    (folder / "tasks.jsonl").write_text("\n")
    assert "no tasks" in broken(folder)


def test_no_folder(tmp_path: Path) -> None:
    message = broken(tmp_path / "none")
    assert "tasks.jsonl: no such file" in message
    assert "import" not in message


def test_spiders_own_layout_gets_a_hint(folder: Path) -> None:
    (folder / "tasks.jsonl").unlink()
    (folder / "tables.json").write_text("[]")
    assert f"sqlenv data import {folder}" in broken(folder)


def test_a_database_that_is_missing(folder: Path) -> None:
    (folder / "database/zoo/zoo.sqlite").unlink()
    message = broken(folder)
    assert "zoo.sqlite: no such file" in message
    assert str(folder / "tasks.jsonl") in message


@pytest.mark.parametrize("text", ["{", "[]", "{}", "7"])
def test_a_broken_dataset_json(folder: Path, text: str) -> None:
    (folder / "dataset.json").write_text(text)
    assert "dataset.json" in broken(folder)


def test_a_dataset_json_that_is_not_utf8(folder: Path) -> None:
    (folder / "dataset.json").write_bytes(b'{"name": "\xff"}')
    assert "dataset.json" in broken(folder)


# Version


def test_version_changes_with_every_byte_that_matters(folder: Path) -> None:
    versions = [load(folder).version]
    database = folder / "database/zoo/zoo.sqlite"
    data = bytearray(database.read_bytes())
    data[-1] ^= 1
    database.write_bytes(data)
    versions.append(load(folder).version)
    path = folder / "tasks.jsonl"
    path.write_text(path.read_text().replace("How many", "how many", 1))
    versions.append(load(folder).version)
    assert len(set(versions)) == 3


def test_version_is_that_of_the_content_not_of_the_place(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "notes.txt").write_text("not part of it")
    assert load(tmp_path / "elsewhere").version == load(folder).version


def test_two_databases_that_change_places_change_the_version(folder: Path) -> None:
    music, zoo = folder / "database/music/music.sqlite", folder / "database/zoo/zoo.sqlite"
    data = bytearray(zoo.read_bytes())
    data[-1] ^= 1
    zoo.write_bytes(data)
    before = load(folder).version
    first, second = music.read_bytes(), zoo.read_bytes()
    music.write_bytes(second)
    zoo.write_bytes(first)
    assert load(folder).version != before


# Drawing

conditions = st.builds(
    TaskFilter,
    split=st.sampled_from([None, "train", "eval", "none"]),
    db_id=st.sampled_from([None, "a", "b", "zz"]),
    difficulty=st.sampled_from([None, *DIFFICULTIES]),
)
sets = st.lists(
    st.tuples(st.sampled_from(["train", "eval"]), st.sampled_from(["a", "b"]), st.sampled_from(DIFFICULTIES)),
    max_size=25,
).map(
    lambda rows: DataSet(
        "set",
        "1",
        tuple(Task(f"t{i}", db, "?", split, level, AnswerType.LIST) for i, (split, db, level) in enumerate(rows)),
        {},
    )
)


@given(sets, conditions)
def test_seeds_visit_every_task_that_fits_once_and_then_start_over(data: DataSet, which: TaskFilter) -> None:
    fits = [task for task in data.tasks if which.fits(task)]
    assert data.filtered(which) == tuple(fits)
    drawn = [data.draw(which, seed) for seed in range(2 * len(fits))]
    if not fits:
        assert data.draw(which, 0) is None
        return
    assert drawn[: len(fits)] == drawn[len(fits) :]
    assert sorted(str(task.task_id) for task in drawn[: len(fits)] if task) == sorted(task.task_id for task in fits)


@given(sets, conditions, st.integers(0, 2**64))
def test_a_draw_depends_on_the_tasks_and_not_on_their_order(data: DataSet, which: TaskFilter, seed: int) -> None:
    backwards = DataSet(data.name, data.version, data.tasks[::-1], data.databases)
    assert data.draw(which, seed) == backwards.draw(which, seed) == data.draw(which, seed)


def test_draws_are_mixed_and_stay_what_they_are(bundled: DataSet) -> None:
    drawn = [task.task_id for seed in range(40) if (task := bundled.draw(TaskFilter(), seed))]
    assert len({task_id.rsplit("-", 1)[0] for task_id in drawn}) >= 5
    assert drawn != sorted(drawn)
    again = [task.task_id for seed in range(40) if (task := load(BUNDLED).draw(TaskFilter(), seed))]
    assert drawn == again


def test_many_filters_do_not_pile_up(folder: Path) -> None:
    data = load(folder)
    for i in range(5_000):
        assert data.filtered(TaskFilter(db_id=str(i))) == ()
    assert len(data._filtered) <= 1_001


@pytest.mark.parametrize(
    ("which", "count"),
    [
        (TaskFilter(), 12),
        (TaskFilter(split="train"), 6),
        (TaskFilter(db_id="zoo", split="train"), 0),
        (TaskFilter(difficulty="easy"), 4),
        (TaskFilter(split=""), 0),
    ],
)
def test_filters(folder: Path, which: TaskFilter, count: int) -> None:
    assert len(load(folder).filtered(which)) == count


def test_the_bundled_set_shares_no_database_between_splits(bundled: DataSet) -> None:
    splits: dict[str, set[str]] = {}
    for task in bundled.tasks:
        splits.setdefault(task.split, set()).add(task.db_id)
    assert set(splits) == {"train", "eval"}
    assert not splits["train"] & splits["eval"]


# Gold


def broken_gold(folder: Path, records: list[Any]) -> str:
    write_lines(folder / "gold.jsonl", records)
    with pytest.raises(DataSetError) as raised:
        load_gold(folder)
    return str(raised.value)


def test_gold(folder: Path) -> None:
    gold = load_gold(folder)["music-0"]
    assert gold.sql == GOLD["sql"]
    assert (gold.tables, gold.columns, gold.rows) == (("singer",), ("count(*)",), ((2,),))
    assert gold.reference_steps == 3


@pytest.mark.parametrize(
    "change",
    [
        {"task_id": None},
        {"sql": ""},
        {"tables": None},
        {"tables": "singer"},
        {"answer": None},
        {"answer": []},
        {"answer": {"columns": ["a"]}},
        {"answer": {"rows": []}},
        {"answer": {"columns": "a", "rows": []}},
        {"answer": {"columns": ["a"], "rows": {}}},
        {"answer": {"columns": ["a"], "rows": [1]}},
        {"answer": {"columns": ["a"], "rows": [None]}},
        {"answer": {"columns": ["a"], "rows": [[1, 2]]}},
        {"answer": {"columns": ["a"], "rows": [[{"blob": "zz"}]]}},
        {"answer": {"columns": ["a"], "rows": [[{"bolb": "00"}]]}},
        {"answer": {"columns": ["a"], "rows": [[[1]]]}},
    ],
    ids=repr,
)
def test_damage_in_gold_names_file_and_line(folder: Path, change: dict[str, Any]) -> None:
    message = broken_gold(folder, [GOLD, {**GOLD, "task_id": "music-1", **change}])
    assert "gold.jsonl:2" in message


def test_gold_twice_and_gold_missing(folder: Path) -> None:
    message = broken_gold(folder, [GOLD, GOLD])
    assert "gold.jsonl:2" in message
    assert "'music-0'" in message
    (folder / "gold.jsonl").unlink()
    with pytest.raises(DataSetError, match="no such file"):
        load_gold(folder)


def test_gold_hash_changes_with_gold(folder: Path) -> None:
    before = gold_hash(folder)
    write_lines(folder / "gold.jsonl", [{**GOLD, "sql": "SELECT 2"}])
    assert gold_hash(folder) != before


cells: st.SearchStrategy[SqlValue] = (
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
)
rows: st.SearchStrategy[Row] = st.lists(cells, max_size=5).map(tuple)


@given(rows)
def test_a_row_survives_json(row: Row) -> None:
    back = row_from_json(json.loads(json.dumps(row_to_json(row))))
    assert back == row
    assert list(map(type, back)) == list(map(type, row))


@pytest.mark.parametrize(
    ("answer", "answer_type", "text"),
    [
        (((42,),), AnswerType.INTEGER, "42"),
        (((-(2**63),),), AnswerType.INTEGER, "-9223372036854775808"),
        (((0.1,),), AnswerType.FLOAT, "0.1"),
        (((3,),), AnswerType.FLOAT, "3"),
        ((('ü, "quoted"',),), AnswerType.STRING, 'ü, "quoted"'),
        (((None,),), AnswerType.INTEGER, "NULL"),
        ((), AnswerType.STRING, "NULL"),
        ((("a",), ("ü",), (None,), (1,), (2.5,)), AnswerType.LIST, '["a", "ü", null, 1, 2.5]'),
        ((), AnswerType.LIST, "[]"),
        (((1, "a"), (None, 2.5)), AnswerType.TABLE, '[[1, "a"], [null, 2.5]]'),
        ((), AnswerType.TABLE, "[]"),
    ],
)
def test_answer_text(answer: tuple[Row, ...], answer_type: AnswerType, text: str) -> None:
    assert answer_text(answer, answer_type) == text


@given(st.lists(st.tuples(cells, cells), max_size=4).map(tuple), st.sampled_from(list(AnswerType)))
def test_answer_text_never_fails(answer: tuple[Row, ...], answer_type: AnswerType) -> None:
    """Blobs too: gold may hold one."""
    assert isinstance(answer_text(answer, answer_type), str)
