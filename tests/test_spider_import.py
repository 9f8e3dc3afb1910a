"""`data.spider.import_dataset` on tiny sets in every layout, on broken ones, and on real Spider where it is at hand."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from data import spider as spider_module
from data.check import check
from data.spider import ImportReport, import_dataset
from sqlenv.errors import DataSetError
from sqlenv.gold import load_gold
from sqlenv.tasks import database_path, load
from tests.spiders import database, entries, spider, write_json


def import_(source: Path, **options: bool) -> ImportReport:
    """Imports into a folder beside `source`."""
    return import_dataset(source, source.parent / "out", **options)


def ids(directory: Path) -> list[str]:
    """The task ids of a data set."""
    return [task.task_id for task in load(directory).tasks]


def test_spider_layout(tmp_path: Path) -> None:
    ticks: list[tuple[int, int]] = []
    report = import_dataset(
        spider(tmp_path / "source"), tmp_path / "out", "mine", lambda done, of: ticks.append((done, of))
    )
    assert (report.questions, report.tasks, report.databases, report.dropped) == (6, 6, 2, ())
    assert report.splits == {"eval": 3, "train": 3}
    assert ticks == [(number, 6) for number in range(1, 7)]
    data = load(tmp_path / "out")
    assert data.name == "mine"
    assert ids(tmp_path / "out") == [
        f"{s}-{d}-{n:04}" for s, d in (("eval", "south"), ("train", "north")) for n in (1, 2, 3)
    ]
    assert data.databases["north"].read_bytes() == (tmp_path / "source/database/north/north.sqlite").read_bytes()
    gold = load_gold(tmp_path / "out")["train-north-0003"]
    assert gold.rows == (("Corner",), ("Mill",))
    assert gold.tables == ("shop", "sale")
    assert check(tmp_path / "out") == []
    assert json.loads((tmp_path / "out/import.json").read_text(encoding="utf-8"))["tasks"] == 6


def test_import_is_the_same_every_time(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    for out in ("a", "b"):
        import_dataset(source, tmp_path / out)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def tree(directory: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_phrasings_that_share_gold_share_its_tables(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    again = [{**entry, "question": f"Tell me: {entry['question']}"} for entry in entries("south")]
    write_json(source / "dev.json", entries("south") + again)
    import_(source)
    gold = load_gold(tmp_path / "out")
    assert [gold[f"eval-south-{n:04}"].tables for n in (1, 2, 3)] == [
        gold[f"eval-south-{n:04}"].tables for n in (4, 5, 6)
    ]
    assert gold["eval-south-0006"].tables == ("shop", "sale")


def test_split_over_several_files_and_a_test_set(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    more = [{"db_id": "north", "question": "Where?", "query": "SELECT city FROM shop"}]
    write_json(source / "train_others.json", more)
    write_json(source / "train_tables.json", [{"db_id": "north"}])
    # Spider's test databases lie apart, and may have other rows under a name that database/ has too.
    database(source / "database/west/west.sqlite")
    database(source / "test_database/west/west.sqlite", "CREATE TABLE shop(name); INSERT INTO shop VALUES ('x')")
    write_json(source / "test.json", [{"db_id": "west", "question": "How many?", "query": "SELECT count(*) FROM shop"}])
    report = import_(source)
    assert report.splits == {"eval": 3, "train": 4, "test": 1}
    assert "train-north-0004" in ids(tmp_path / "out")
    assert load_gold(tmp_path / "out")["test-west-0001"].rows == ((1,),)


@pytest.mark.parametrize("nested", [False, True])
def test_bird_layout(tmp_path: Path, nested: bool) -> None:
    source = tmp_path / "source"
    dev, train = (source / "dev_20240627", source / "train") if nested else (source, source)
    database(dev / "dev_databases/south/south.sqlite")
    database(train / "train_databases/north/north.sqlite")
    questions = entries("south", "SQL")
    questions[0] |= {"evidence": "count rows of shop", "difficulty": "challenging", "question_id": 0}
    write_json(dev / "dev.json", questions)
    write_json(train / "train.json", [{**entry, "evidence": ""} for entry in entries("north", "SQL")])
    write_json(dev / "dev_tied_append.json", questions)
    report = import_(source)
    assert (report.tasks, report.dropped) == (6, ())
    first = load(tmp_path / "out").by_id["eval-south-0001"]
    assert first.question == "How many shops are there? Hint: count rows of shop"
    assert first.difficulty == "easy"
    assert load(tmp_path / "out").by_id["train-north-0001"].question == "How many shops are there?"


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("place", ["{}.db", "{}.sqlite", "database/{}/{}.sqlite"])
def test_plain_folder(tmp_path: Path, kind: str, place: str) -> None:
    source = tmp_path / "my shops"
    database(source / place.format("north", "north"))
    database(source / place.format("south", "south"))
    records = [*entries("north", "sql"), *({**entry, "split": "Dev"} for entry in entries("south", "sql"))]
    if kind == "json":
        write_json(source / "questions.json", records)
    elif kind == "jsonl":
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (source / "questions.jsonl").write_text(lines, encoding="utf-8")
    else:
        rows = [f'{r["db_id"]},"{r["question"]}","{r["sql"]}",{r.get("split", "")}' for r in records]
        text = "\n".join(["db_id,question,SQL,split", *rows])
        (source / "questions.csv").write_text("\ufeff" + text, encoding="utf-8")  # as spreadsheets save it
    report = import_(source)
    assert (report.name, report.tasks, report.dropped) == ("my shops", 6, ())
    assert report.splits == {"train": 3, "eval": 3}
    assert check(tmp_path / "out") == []


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    good = entries("south")
    bad: list[object] = [
        {"db_id": "nowhere", "question": "Who?", "query": "SELECT 1"},
        {"db_id": "../south", "question": "Who?", "query": "SELECT 1"},
        {"db_id": "south", "question": " ", "query": "SELECT 1"},
        {"db_id": "south", "question": "Who?", "query": "SELECT nowhere FROM shop"},
        {"db_id": "south", "question": "Who else?", "sql": {"select": []}},
        {"db_id": "south", "question": "Half a \ud83d?", "query": "SELECT 1"},
        "text",
        {**good[0], "query": "SELECT  count(*)\nFROM shop"},
        {"db_id": "south", "question": "Drop it?", "query": "DROP TABLE shop"},
    ]
    write_json(source / "dev.json", [good[0], *bad, *good[1:]])
    report = import_(source)
    assert (report.questions, report.tasks, len(report.dropped)) == (15, 6, 9)
    told = {dropped.index: str(dropped) for dropped in report.dropped}
    for index, words in {
        1: "dev.json[1]: unknown db_id 'nowhere'",
        2: "dev.json[2]: unknown db_id '../south'",
        3: "dev.json[3]: no question",
        4: "gold does not run: No such column",
        5: "no query or SQL or sql",
        6: "half of a surrogate pair",
        7: "expected a JSON object, not str",
        8: "the same question with the same gold as dev.json[0]",
        9: "gold does not run",
    }.items():
        assert words in told[index]
    # Those that stay keep their numbers whatever was left out before them.
    assert [each for each in ids(tmp_path / "out") if "south" in each] == [
        f"eval-south-{number:04}" for number in (1, 8, 9)
    ]
    assert len(json.loads((tmp_path / "out/import.json").read_text(encoding="utf-8"))["dropped"]) == 9


def test_same_question_with_another_gold_is_kept_and_told(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    write_json(source / "dev.json", [*entries("south"), {**entries("south")[0], "query": "SELECT count(*) FROM sale"}])
    report = import_(source)
    assert report.tasks == 7
    assert report.notes == ("dev.json[3]: the same question as dev.json[0] with another gold; both kept",)
    assert [problem.what for problem in check(tmp_path / "out")] == [
        f"the same question as at {tmp_path / 'out/tasks.jsonl'}:1"
    ]


def test_answers_that_say_nothing_are_marked(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    odd = ["SELECT name FROM shop WHERE 0", "SELECT 42", "SELECT count(*) FROM shop WHERE city = 'Rome'"]
    asked = [{"db_id": "south", "question": f"{n}?", "query": sql} for n, sql in enumerate(odd)]
    write_json(source / "dev.json", entries("south") + asked)
    import_(source)
    lines = (tmp_path / "out/gold.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line).get("marks") for line in lines[3:6]] == [["empty"], ["constant"], ["constant"]]
    assert check(tmp_path / "out") == []


def test_splits_that_share_a_database_are_refused(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    write_json(source / "dev.json", entries("south") + entries("north"))
    with pytest.raises(DataSetError, match=r"'north' is in the splits 'eval' \(first at dev.json\[3\]\) and 'train'"):
        import_(source)
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda root: [file.unlink() for file in root.glob("*.json")], "no questions found; expected one of"),
        (lambda root: (root / "dev.json").write_text('[\n{"db_id": 1},\n}'), r"dev.json:3: not valid JSON"),
        (lambda root: (root / "dev.json").write_text('{"a": 1}'), "dev.json:1: expected a JSON list"),
        (lambda root: (root / "dev.json").write_text("version https://git-lfs"), "run `git lfs pull`"),
        (lambda root: (root / "dev.json").write_bytes(b'["a",\n"\xff"]'), "dev.json:2: not UTF-8"),
        (lambda root: (root / "dev.json").write_text("[" * 100_000), "nested too deeply"),
        (lambda root: (root / "tasks.jsonl").write_text(""), "data set of ours already"),
        (lambda root: (root / "questions.csv").write_text("db_id,question\n"), "questions.csv:1: no column sql"),
        (
            lambda root: (root / "questions.csv").write_text('db_id,question,sql\na,"b\n'),
            r"questions.csv:\d: not valid CSV",
        ),
        (lambda root: (root / "questions.jsonl").write_text('{}\n{"\n'), "questions.jsonl:2: not valid JSON"),
        (
            lambda root: [(root / f"questions.{kind}").write_text("") for kind in ("csv", "json")],
            "questions.json and questions.csv: which one",
        ),
        (lambda root: (root / "questions.json").write_text("[]"), "none of its 0 questions can be used"),
    ],
)
def test_folders_that_can_not_be_imported(tmp_path: Path, damage: object, words: str) -> None:
    source = spider(tmp_path / "source")
    assert callable(damage)
    damage(source)
    with pytest.raises(DataSetError, match=words):
        import_(source)
    assert os.listdir(tmp_path) == ["source"]


def test_unknown_split_and_two_files_for_one_database(tmp_path: Path) -> None:
    source = tmp_path / "source"
    database(source / "north.db")
    write_json(source / "questions.json", [*entries("north", "sql"), {**entries("north", "sql")[0], "split": "tarin"}])
    assert "split 'tarin' is not one of train, dev" in str(import_(source).dropped[0])
    database(source / "north.sqlite")
    with pytest.raises(DataSetError, match=r"north\.sqlite and north\.db both claim to be database 'north'"):
        import_(source, force=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"not a database, but text", "is not an SQLite database"),
        (b"version https://git-lfs.example/spec/v1\noid", "is a Git LFS pointer"),
        (b"SQLite format 3\0" + b"\1" * 4096, "not a database|can't be taken"),
    ],
)
def test_databases_that_are_none(tmp_path: Path, content: bytes, words: str) -> None:
    source = spider(tmp_path / "source")
    (source / "database/south/south.sqlite").write_bytes(content)
    report = import_(source)
    assert report.tasks == 3
    assert len(report.dropped) == 3
    assert re.search(words, report.dropped[0].why)
    assert os.listdir(tmp_path / "out/database") == ["north"]
    assert check(tmp_path / "out") == []


def test_wal_database_with_what_is_not_written_back_yet(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    path = source / "database/south/south.sqlite"
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA journal_mode = WAL").fetchall()
    writer.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    writer.execute("INSERT INTO shop VALUES (4, 'New', 'Wels')")
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.suffix != ".sqlite-shm"}
    report = import_(source)
    assert load_gold(tmp_path / "out")["eval-south-0001"].rows == ((4,),)
    assert report.notes == ("south.sqlite: south.sqlite-wal worked into the copy",)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir() if file.name in before} == before
    writer.close()
    assert import_(source, force=True).notes == ("south.sqlite: WAL mode ended in the copy",)
    assert os.listdir(database_path(tmp_path / "out", "south").parent) == ["south.sqlite"]
    assert check(tmp_path / "out") == []


def test_journal_of_a_writer_that_died(tmp_path: Path) -> None:
    """A transaction that was cut off in the middle of writing is rolled back in the copy."""
    source = spider(tmp_path / "source")
    path = source / "database/south/south.sqlite"
    script = (
        "import apsw, os, sys\n"
        "db = apsw.Connection(sys.argv[1])\n"
        "db.execute('PRAGMA cache_size = 2').fetchall()\n"
        "db.execute('BEGIN')\n"
        "db.execute('DELETE FROM sale; DELETE FROM shop')\n"
        "db.execute('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) '\n"
        "           \"INSERT INTO shop SELECT i, 'name ' || i, NULL FROM n\")\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=30)
    assert (path.parent / "south.sqlite-journal").stat().st_size
    report = import_(source)
    assert report.notes == ("south.sqlite: south.sqlite-journal worked into the copy",)
    assert load_gold(tmp_path / "out")["eval-south-0001"].rows == ((3,),)
    assert check(tmp_path / "out") == []


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    script = "CREATE TABLE shop(name TEXT); INSERT INTO shop VALUES ('ok'), (CAST(x'ff61' AS TEXT))"
    (source / "database/south/south.sqlite").unlink()
    database(source / "database/south/south.sqlite", script)
    asked = ["SELECT name FROM shop", "SELECT count(*) FROM shop"]
    write_json(source / "dev.json", [{"db_id": "south", "question": f"{sql}?", "query": sql} for sql in asked])
    report = import_(source)
    assert [dropped.index for dropped in report.dropped] == [0]
    assert "not valid text" in report.dropped[0].why
    assert report.tasks == 4


def test_out_is_not_overwritten_but_by_force(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    import_(source)
    before = tree(tmp_path / "out")
    with pytest.raises(DataSetError, match="exists already and is not empty"):
        import_(source)
    write_json(source / "dev.json", entries("south")[:1])
    assert import_(source, force=True).tasks == 4
    assert len(ids(tmp_path / "out")) == 4
    assert tree(tmp_path / "out") != before
    other = tmp_path / "photos"
    other.mkdir()
    (other / "cat.jpg").write_text("miaow", encoding="utf-8")
    with pytest.raises(DataSetError, match="not replaced even by force"):
        import_dataset(source, other, force=True)
    assert (other / "cat.jpg").is_file()
    with pytest.raises(DataSetError, match="holds the source"):
        import_dataset(source, tmp_path, force=True)
    assert sorted(os.listdir(tmp_path)) == ["out", "photos", "source"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert import_dataset(source, empty).tasks == 4


def test_failure_in_the_middle_leaves_the_old_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = spider(tmp_path / "source")
    import_(source)
    before = tree(tmp_path / "out")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spider_module, "write_dataset", full)
    with pytest.raises(DataSetError, match="No space left on device"):
        import_(source, force=True)
    assert tree(tmp_path / "out") == before
    assert sorted(os.listdir(tmp_path)) == ["out", "source"]


def test_interrupted_import_leaves_nothing(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    # So many that the interrupt comes amid them: each ends at its budget.
    many = [{"db_id": "south", "question": f"Slow {n}?", "query": f"{slow} -- {n}"} for n in range(400)]
    write_json(source / "dev.json", [*entries("south"), *many])
    script = (
        "import sys; from pathlib import Path; from data.spider import import_dataset as i; i(*map(Path, sys.argv[1:]))"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", script, str(source), str(tmp_path / "out")], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob(".out-*/database/south/south.sqlite")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not (tmp_path / "out").exists()
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=90)
    assert b"KeyboardInterrupt" in errors
    assert os.listdir(tmp_path) == ["source"]


def test_source_is_left_as_it_was(tmp_path: Path) -> None:
    source = spider(tmp_path / "source")
    before = tree(source)
    import_(source)
    assert tree(source) == before


def test_all_of_the_real_ten(spider10: Path, tmp_path: Path) -> None:
    report = import_dataset(spider10, tmp_path / "out")
    asked = sum(len(json.loads((spider10 / name).read_text(encoding="utf-8"))) for name in ("dev.json", "train.json"))
    assert (report.questions, report.tasks, report.databases, report.dropped) == (asked, 676, 10, ())
    assert report.splits == {"eval": 623, "train": 53}
    data = load(tmp_path / "out")
    for db_id, path in data.databases.items():
        assert path.read_bytes() == (spider10 / "database" / db_id / f"{db_id}.sqlite").read_bytes()
    gold = load_gold(tmp_path / "out")
    assert sum(not each.rows for each in gold.values()) == 40
    assert all(each.tables for each in gold.values())
    assert {problem.severity for problem in check(tmp_path / "out")} == {"warning"}
