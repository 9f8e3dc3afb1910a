"""The bundled data set: what it must hold, and that `data.build` makes the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from data import build as build_module
from data.build import build
from data.check import check
from sqlenv.errors import DataSetError
from sqlenv.gold import load_gold
from sqlenv.tasks import BUNDLED, DIFFICULTIES, DataSet
from sqlenv.types import AnswerType

MADE_ELSEWHERE = {"instances"}
"""What lies in the bundled set beside what the build writes."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set, built once for this session."""
    out = tmp_path_factory.mktemp("built") / "bundled"
    build(out)
    return out


def files(directory: Path) -> dict[str, bytes]:
    """All files of a set by their path."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    named = {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in named.items() if name.split("/")[0] not in MADE_ELSEWHERE}


def test_build_makes_the_bytes_that_are_committed(built: Path) -> None:
    made, committed = files(built), files(BUNDLED)
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []


@pytest.mark.slow
def test_build_does_not_depend_on_the_process(built: Path, tmp_path: Path) -> None:
    """Another hash seed, another locale, time zone and working directory."""
    environment = {**os.environ, "PYTHONHASHSEED": "77", "LC_ALL": "C", "TZ": "Pacific/Chatham"}
    environment["PYTHONPATH"] = str(BUNDLED.parents[1])
    command = [sys.executable, "-m", "data.build", str(tmp_path / "again")]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True, timeout=100, capture_output=True)
    assert files(tmp_path / "again") == files(built)


def test_check_finds_nothing(built: Path) -> None:
    assert check(built) == []


def test_there_is_enough_of_everything(bundled: DataSet) -> None:
    assert len(bundled.databases) == 10
    assert len(bundled.tasks) >= 400
    kinds = Counter(task.answer_type for task in bundled.tasks)
    assert all(kinds[kind] >= 30 for kind in AnswerType), kinds
    levels = Counter(task.difficulty for task in bundled.tasks)
    assert all(levels[name] >= 30 for name in DIFFICULTIES), levels
    for split in ("train", "eval"):
        mine = [task for task in bundled.tasks if task.split == split]
        assert {task.answer_type for task in mine} == set(AnswerType)
        assert {task.difficulty for task in mine} == set(DIFFICULTIES)


def test_splits_share_no_database(bundled: DataSet) -> None:
    splits = {split: {task.db_id for task in bundled.tasks if task.split == split} for split in ("train", "eval")}
    assert {task.split for task in bundled.tasks} == set(splits)
    assert not splits["train"] & splits["eval"]
    assert splits["train"] | splits["eval"] == set(bundled.databases)


def test_databases_are_small_and_gold_reads_tables(bundled: DataSet) -> None:
    assert sum(path.stat().st_size for path in bundled.databases.values()) < 5_000_000
    for task_id, gold in load_gold(BUNDLED).items():
        assert gold.tables, task_id
        assert 1 <= len(gold.rows) <= 50, task_id


def test_tasks_hold_no_gold(bundled: DataSet) -> None:
    public = ["task_id", "db_id", "question", "split", "difficulty", "answer_type"]
    for line in (BUNDLED / "tasks.jsonl").read_text(encoding="utf-8").splitlines():
        assert list(json.loads(line)) == public


def source(tmp_path: Path, question: str) -> Path:
    """The sources of one small database with one question."""
    folder = tmp_path / "sources" / "hiring"  # rows come from the module of that name
    folder.mkdir(parents=True)
    real = build_module.SOURCES / "hiring"
    (folder / "schema.sql").write_bytes((real / "schema.sql").read_bytes())
    (folder / "questions.toml").write_text(f"[[question]]\n{question}", encoding="utf-8")
    return folder.parent


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ('text = "?"\nanswer = "integer"\nsql = "SELECT nowhere FROM nothing"', "question 1: gold does not run"),
        ('text = "?"\nanswer = "float"\nsql = "SELECT 1"', "question 1: declared float, but gold gives integer"),
    ],
)
def test_wrong_sources_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str, words: str) -> None:
    monkeypatch.setattr(build_module, "SOURCES", source(tmp_path, question))
    with pytest.raises(DataSetError, match=words):
        build(tmp_path / "out")
