"""Imports Spider, BIRD or a plain folder of databases and questions (see `data.layouts`) into our layout.

What is decided here:
- Task ids are `<split>-<db_id>-<nnnn>`: the place among the split's questions of that database, dropped ones counted,
  so that an id stays with its question whatever happens to its neighbours.
- A database belongs to one split, else an eval question could be practised on its database; where two splits use one,
  the import is refused and says how to mend it.
- The same question with the same gold (up to white space) is kept once, the first time; with another gold both stay,
  since nobody but their author can say which is meant: `sqlenv data check` lists such pairs.
- BIRD's evidence is a part of the question. Difficulties are by our own rule, not the source's.
- Nothing is lost in silence: what is left out is in the report, and in import.json beside the data.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import apsw

from data.constant import Emptied
from data.copying import copy_database
from data.difficulty import difficulty
from data.examine import Examined, Examiner, answer_type
from data.layouts import Layout, RawQuestion, find_layout
from data.questions import Question, by_database, read_questions, refuse_shared
from data.staging import staged
from data.write import GoldRecord, write_dataset
from sqlenv.errors import DataSetError
from sqlenv.tasks import Task, database_path
from sqlenv.types import ActionFailure

Progress = Callable[[int, int], None]
"""Called with the number of questions done and of all."""

_Examine = Callable[[str], Examined | ActionFailure]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A question that was left out. `index` counts from 0 in `file`; `where` is the same in words."""

    file: str
    index: int
    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `questions` were read, `tasks` written; `notes` tell what a person may want to know."""

    name: str
    out: Path
    questions: int
    tasks: int
    databases: int
    splits: dict[str, int]
    dropped: tuple[Dropped, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Record(GoldRecord):
    """Gold of a set that we did not write: an answer that says nothing about the data is marked, not refused."""

    constant: bool = False

    @property
    def marks(self) -> list[str]:
        marks = ["empty"] if not self.examined.rows else []
        return [*marks, "constant"] if self.constant else marks


@dataclass
class _Import:
    layout: Layout
    folder: Path
    dropped: list[Dropped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    records: list[tuple[int, GoldRecord]] = field(default_factory=list)

    def drop(self, raw: RawQuestion, why: str) -> None:
        self.dropped.append(Dropped(raw.file, raw.index, raw.where, why))

    def database(self, db_id: str, questions: list[Question], tick: Callable[[], None]) -> None:
        """Takes one database with its questions."""
        source = self.layout.database(db_id, questions[0].split)
        target = database_path(self.folder, db_id)
        try:
            if source is None:
                raise DataSetError(f"unknown db_id {db_id!r}: no file {db_id}.sqlite in the source")
            note = copy_database(source, target)
            examiner = Examiner(target)
            emptied = Emptied(target)
        except (DataSetError, apsw.Error) as error:
            why = str(error).replace(str(target), f"{db_id}.sqlite")
            for question in questions:
                self.drop(question.raw, why)
                tick()
            _remove(target)
            return
        if note:
            self.notes.append(note)
        before = len(self.records)
        examine = cache(examiner.examine)  # Spider asks most questions twice, in other words with the same gold
        kept: dict[str, dict[str, RawQuestion]] = defaultdict(dict)
        for question in questions:
            self._question(question, kept[question.text], examine, emptied)
            tick()
        examiner.close()
        emptied.close()
        if len(self.records) == before:
            _remove(target)

    def _question(self, question: Question, kept: dict[str, RawQuestion], examine: _Examine, emptied: Emptied) -> None:
        same = " ".join(question.sql.split())
        if same in kept:
            self.drop(question.raw, f"the same question with the same gold as {kept[same].where}")
            return
        found = examine(question.sql)
        if isinstance(found, ActionFailure):
            self.drop(question.raw, f"gold does not run: {found.message}")
            return
        for other in kept.values():
            self.notes.append(f"{question.raw.where}: the same question as {other.where} with another gold; both kept")
        kept[same] = question.raw
        constant = bool(found.rows) and emptied.gives(question.sql, found.rows)
        kind = answer_type(found.columns, found.rows)
        task = Task(question.task_id, question.db_id, question.text, question.split, difficulty(question.sql), kind)
        self.records.append((question.order, _Record(task, question.sql, found, constant)))


def import_dataset(
    source: Path, out: Path, name: str | None = None, progress: Progress | None = None, *, force: bool = False
) -> ImportReport:
    """Turns the folder `source` into the data set `out`; an interrupted import leaves no `out`.

    `name` is the data set's name, by default the folder's. `force` replaces a data set that is there already.
    Raises DataSetError where `source` has no known layout, splits share a database, no question is left or `out` is
    taken.
    """
    layout = find_layout(source)
    if source.resolve().is_relative_to(out.resolve()):
        raise DataSetError(f"{out}: holds the source {source}; choose another folder")
    name = name or source.resolve().name
    with staged(out, force) as folder:
        work = _Import(layout, folder)
        questions = read_questions(layout.questions(), work.drop)
        read = len(questions) + len(work.dropped)
        refuse_shared(questions)
        done = len(work.dropped)

        def tick() -> None:
            nonlocal done
            done += 1
            if progress:
                progress(done, read)

        for db_id, group in by_database(questions).items():
            work.database(db_id, group, tick)
        dropped = sorted(work.dropped, key=lambda item: (item.file, item.index))
        if not work.records:
            first = f"; the first: {dropped[0]}" if dropped else ""
            raise DataSetError(f"{source}: none of its {read} questions can be used{first}")
        records = [record for _, record in sorted(work.records, key=lambda item: item[0])]
        write_dataset(folder, _about(name, layout), records)
        report = ImportReport(
            name=name,
            out=out,
            questions=read,
            tasks=len(records),
            databases=len({record.task.db_id for record in records}),
            splits=dict(Counter(record.task.split for record in records)),
            dropped=tuple(dropped),
            notes=tuple(work.notes),
        )
        shown = {key: value for key, value in asdict(report).items() if key != "out"}
        text = json.dumps(shown, indent=1, ensure_ascii=False)
        (folder / "import.json").write_text(text + "\n", encoding="utf-8")
    return report


def _about(name: str, layout: Layout) -> dict[str, str]:
    files = ", ".join(path.relative_to(layout.root).as_posix() for path, _ in layout.files)
    return {
        "name": name,
        "license": "that of the source",
        "description": f"Imported by SQLEnv from {files} ({layout.kind} layout).",
    }


def _remove(database: Path) -> None:
    """Takes back a database that no task uses."""
    if database.parent.is_dir():
        for file in database.parent.iterdir():
            file.unlink()
        database.parent.rmdir()
