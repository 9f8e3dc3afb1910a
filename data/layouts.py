"""Finds questions and databases in the layouts that people have on disk: Spider's, BIRD's, or a plain folder.

Spider   dev.json, train_spider.json, train_others.json, test.json; database/, test_database/
BIRD     dev.json or train.json, each perhaps in a folder of its own; dev_databases/, train_databases/
plain    questions.jsonl, .json or .csv with db_id, question, sql and perhaps split;
         database/<db_id>/<db_id>.sqlite, or <db_id>.sqlite (.sqlite3, .db) beside the questions
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlenv.errors import DataSetError
from sqlenv.tasks import read_jsonl

SPLITS = {"train": "train", "dev": "eval", "validation": "eval", "eval": "eval", "test": "test"}
"""Splits by the names that people use."""

PLAIN_SPLIT = "train"
"""The split of a plain folder's questions that name none: a set of one's own is there to be practised on."""

_PLAIN_FILES = ("questions.jsonl", "questions.json", "questions.csv")
_FOLDERS = ("database", "databases", "dev_databases", "train_databases", "validation_databases", "test_database")
_SUFFIXES = (".sqlite", ".sqlite3", ".db")

EXPECTED = """expected one of
  Spider's layout   dev.json and/or train*.json, test.json, with database/<db_id>/<db_id>.sqlite
  BIRD's layout     dev.json and/or train.json, with dev_databases/ or train_databases/
  a plain folder    questions.jsonl, .json or .csv with db_id, question, sql[, split],
                    with <db_id>.sqlite or .db files beside it or database/<db_id>/<db_id>.sqlite"""


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """An entry of a question file. `index` counts from 0; `where` is for messages: "dev.json[3]", "questions.csv:5"."""

    file: str
    index: int
    where: str
    split: str | None
    value: object


@dataclass(frozen=True, slots=True)
class Layout:
    """What was found in a folder. `files` are question files with their split, None where each question tells it."""

    kind: str
    root: Path
    files: tuple[tuple[Path, str | None], ...]

    def questions(self) -> Iterator[RawQuestion]:
        """All entries, file by file. Raises DataSetError where a file can't be read at all."""
        for path, split in self.files:
            name = path.relative_to(self.root).as_posix()
            for index, (where, value) in enumerate(_entries(path)):
                yield RawQuestion(name, index, f"{name}{where}", split, value)

    def database(self, db_id: str, split: str) -> Path | None:
        """The file of a database; None if there is none. Raises DataSetError where two files claim the name."""
        if not db_id or "\0" in db_id or Path(db_id).name != db_id:  # from a file: never let it leave the folder
            return None
        # Spider's test questions have databases of their own, with other rows under some of the same names.
        folders = sorted(_FOLDERS, key=lambda name: (name == "test_database") != (split == "test"))
        for base in dict.fromkeys([self.root, *(path.parent for path, _ in self.files)]):
            for folder in folders:
                for suffix in _SUFFIXES:
                    path = base / folder / db_id / f"{db_id}{suffix}"
                    if path.is_file():
                        return path
            flat = [path for suffix in _SUFFIXES if (path := base / f"{db_id}{suffix}").is_file()]
            if len(flat) > 1:
                raise DataSetError(f"{flat[0]} and {flat[1].name} both claim to be database {db_id!r}: remove one")
            if flat:
                return flat[0]
        return None


def find_layout(source: Path) -> Layout:
    """Tells how a folder is laid out. Raises DataSetError that says what is expected where nothing fits."""
    if not source.is_dir():
        raise DataSetError(f"{source}: no such folder")
    if (source / "tasks.jsonl").is_file():
        raise DataSetError(f"{source}: this is a data set of ours already (it has tasks.jsonl); use it as it is")
    plain = [path for name in _PLAIN_FILES if (path := source / name).is_file()]
    if len(plain) > 1:
        raise DataSetError(f"{source}: {' and '.join(path.name for path in plain)}: which one? remove the others")
    if plain:
        return Layout("plain", source, ((plain[0], None),))
    files = _question_files(source)
    if not files:  # BIRD's archives and some copies have a folder for each split, or one around it all
        for folder in sorted(path for path in source.iterdir() if path.is_dir()):
            files += _question_files(folder)
    if not files:
        raise DataSetError(f"{source}: no questions found; {EXPECTED}")
    return Layout("Spider", source, tuple(files))


def _question_files(folder: Path) -> list[tuple[Path, str | None]]:
    """Spider's and BIRD's question files in `folder`, always in the same order."""
    found: list[tuple[Path, str | None]] = []
    for name in ("dev.json", "validation.json", "mini_dev_sqlite.json"):
        if (folder / name).is_file():
            found.append((folder / name, "eval"))
    trains = [path for path in folder.glob("train*.json") if not path.stem.endswith(("_tables", "_gold"))]
    trains.sort(key=lambda path: (path.name != "train_spider.json", path.name))
    found += [(path, "train") for path in trains]
    # Spider's full release calls the test questions test.json, or dev.json in test_data/.
    for test in (folder / "test.json", folder / "test_data" / "dev.json"):
        if test.is_file():
            found.append((test, "test"))
    return found


def _entries(path: Path) -> Iterator[tuple[str, object]]:
    """Each entry of a question file with its place in it: "[index]" or ":line"."""
    if path.suffix == ".jsonl":
        for record, where in read_jsonl(path):
            yield where.removeprefix(str(path)), record
    elif path.suffix == ".csv":
        yield from _csv_entries(path)
    else:
        for index, value in enumerate(_json_list(path)):
            yield f"[{index}]", value


def _json_list(path: Path) -> list[object]:
    text = _text(path)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        hint = "; this is a Git LFS pointer, not the file: run `git lfs pull`" if text.startswith("version ") else ""
        raise DataSetError(f"{path}:{error.lineno}: not valid JSON: {error.msg}{hint}") from None
    except RecursionError:
        raise DataSetError(f"{path}:1: not valid JSON: nested too deeply") from None
    if not isinstance(value, list):
        raise DataSetError(f"{path}:1: expected a JSON list of questions, not {type(value).__name__}")
    return value


def _csv_entries(path: Path) -> Iterator[tuple[str, object]]:
    reader = csv.DictReader(_text(path).splitlines(keepends=True), strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        missing = {"db_id", "question", "sql"} - set(names)
        if missing:
            raise DataSetError(
                f"{path}:1: no column {', '.join(sorted(missing))}; the first line must name the columns"
            )
        reader.fieldnames = names
        for record in reader:
            yield f":{reader.line_num}", {name: value for name, value in record.items() if value and name is not None}
    except csv.Error as error:
        raise DataSetError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataSetError(f"{path}:{line}: not UTF-8: {error.reason}; save the file as UTF-8") from None
    except OSError as error:
        raise DataSetError(f"{path}: {error.strerror}") from None
