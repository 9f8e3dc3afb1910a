"""A data set for the moment, from a gold file in Spider's form: a line a question, "SQL<tab>db_id"."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlenv.cli.predictions import PredictionsError
from sqlenv.tasks import Task, database_path
from sqlenv.types import ActionFailure

ABOUT = {"name": "gold file", "license": "as its source", "description": "Made from a gold file to score against."}


@contextmanager
def gold_dataset(gold: Path, databases: Path) -> Iterator[Path]:
    """A folder with the gold file's questions as tasks `line-0001`, …, in their order, on the databases of `databases`.

    It is gone when the block ends. Raises PredictionsError naming file and line where gold can't be used.
    """
    # Lazily: who scores a data set of ours needs none of the builders.
    from data.difficulty import difficulty
    from data.examine import Examiner, answer_type
    from data.write import GoldRecord, write_dataset

    with tempfile.TemporaryDirectory(prefix="sqlenv-gold-") as name:
        out = Path(name)
        examiners: dict[str, Examiner] = {}
        records = []
        try:
            for number, sql, db_id in _lines(gold):
                where = f"{gold}:{number}"
                if db_id not in examiners:
                    examiners[db_id] = Examiner(_link(databases, out, db_id, where))
                found = examiners[db_id].examine(sql)
                if isinstance(found, ActionFailure):
                    raise PredictionsError(f"{where}: gold does not run: {found.message}")
                kind = answer_type(found.columns, found.rows)
                task = Task(f"line-{number:04}", db_id, f"line {number}", "gold", difficulty(sql), kind)
                records.append(GoldRecord(task, sql, found))
        finally:
            for examiner in examiners.values():
                examiner.close()
        if not records:
            raise PredictionsError(f"{gold}: there is no gold in it")
        write_dataset(out, ABOUT, records)
        yield out


def _lines(gold: Path) -> Iterator[tuple[int, str, str]]:
    try:
        text = gold.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PredictionsError(f"{gold}: not UTF-8: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        sql, tab, db_id = line.strip().rpartition("\t")
        if not tab or not sql.strip() or not db_id.strip():
            raise PredictionsError(f"{gold}:{number}: expected SQL, a tab and a db_id")
        yield number, sql.strip(), db_id.strip()


def _link(databases: Path, out: Path, db_id: str, where: str) -> Path:
    found = database_path(databases, db_id)
    if "/" in db_id or not found.is_file():
        raise PredictionsError(f"{where}: there is no database {db_id!r} in {databases / 'database'}")
    link = database_path(out, db_id)
    link.parent.mkdir(parents=True)
    link.symlink_to(found.resolve())
    return link
