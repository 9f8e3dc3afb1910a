"""Makes questions with ids out of raw entries, and tells which entries can't be used and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from data.layouts import PLAIN_SPLIT, SPLITS, RawQuestion
from sqlenv.errors import DataSetError


@dataclass(frozen=True, slots=True)
class Question:
    """A question that has all it needs. `order` is its place among all entries of the source."""

    raw: RawQuestion
    order: int
    task_id: str
    db_id: str
    split: str
    text: str
    sql: str


def read_questions(raws: Iterable[RawQuestion], drop: Callable[[RawQuestion, str], None]) -> list[Question]:
    """The questions with their ids; `drop` is told of each entry that is none, and why.

    An entry that is dropped keeps its number, so that its neighbours' ids do not depend on it.
    """
    counts: Counter[tuple[str, str]] = Counter()
    found = []
    for order, raw in enumerate(raws):
        try:
            db_id, split, text, sql = _fields(raw)
        except ValueError as error:
            drop(raw, str(error))
            record = raw.value if isinstance(raw.value, dict) else {}
            counts[_split(raw, record) or "", str(record.get("db_id")).strip()] += 1
            continue
        counts[split, db_id] += 1
        task_id = f"{split}-{db_id}-{counts[split, db_id]:04}"
        found.append(Question(raw, order, task_id, db_id, split, text, sql))
    return found


def by_database(questions: Iterable[Question]) -> dict[str, list[Question]]:
    """Questions by db_id, in the order in which databases come up."""
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        groups[question.db_id].append(question)
    return groups


def refuse_shared(questions: Iterable[Question]) -> None:
    """Raises DataSetError where two splits use one database."""
    for db_id, group in by_database(questions).items():
        files = {question.split: question.raw.where for question in reversed(group)}
        if len(files) > 1:
            where = " and ".join(f"{split!r} (first at {place})" for split, place in sorted(files.items()))
            raise DataSetError(
                f"database {db_id!r} is in the splits {where}; splits must share no database: move its questions to "
                "one of them, or import the files one by one into data sets of their own"
            )


def _fields(raw: RawQuestion) -> tuple[str, str, str, str]:
    """db_id, split, question and gold of an entry. Raises ValueError saying what is missing."""
    value = raw.value
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, not {type(value).__name__}")

    def text(*names: str) -> str:
        found = next((value[name] for name in names if isinstance(value.get(name), str)), "").strip()
        if not found:
            raise ValueError(f"no {' or '.join(names)}: it is missing, empty or not text")
        try:
            found.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{names[0]} is not valid Unicode: it has half of a surrogate pair") from None
        return found

    db_id, question = text("db_id"), text("question")
    evidence = value.get("evidence")
    if isinstance(evidence, str) and evidence.strip():
        question = f"{question} Hint: {evidence}"
    sql = text("query", "SQL", "sql")  # Spider, BIRD, a plain folder; Spider's own "sql" is a parse tree, no text
    split = _split(raw, value)
    if split is None:
        raise ValueError(f"split {value.get('split')!r} is not one of {', '.join(SPLITS)}")
    return db_id, split, " ".join(question.split()), sql


def _split(raw: RawQuestion, record: dict[str, object]) -> str | None:
    return raw.split or SPLITS.get(str(record.get("split") or PLAIN_SPLIT).strip().lower())
