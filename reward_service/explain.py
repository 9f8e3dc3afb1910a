"""Where an answer in SQL and gold part, row by row. It shows gold: for the operator's eyes, never for the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reward_service.compare import agree
from reward_service.gold import PreparedGold
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.sqlite.schema import quote
from sqlenv.types import ActionFailure, Result, Row

SHOWN_ROWS = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """The first instance on which a candidate is wrong. `instance` 0 is the shipped database.

    `why` says in words what differs; `only_gold` and `only_candidate` are rows (the first ten) that the other has not,
    as bags; `content` holds the small tables of a generated instance.
    """

    instance: int
    why: str
    gold_rows: int
    candidate_rows: int
    only_gold: tuple[Row, ...] = ()
    only_candidate: tuple[Row, ...] = ()
    content: tuple[tuple[str, Result], ...] = ()


async def first_difference(sql: str, gold: PreparedGold, executor: QueryExecutor) -> Difference | None:
    """The first instance that tells `sql` and gold apart; None where none does."""
    pairs = []
    width = 0
    for number, instance in enumerate(gold.instances):
        value = (await executor.run(instance.sandbox, sql)).value
        wanted = instance.gold
        if isinstance(value, ActionFailure):
            return Difference(number, f"the SQL fails: {value.message}", wanted.row_count, 0)
        width = len(value.columns)
        pairs.append((value.rows, wanted))
        if value.truncated or not agree(pairs[-1:], width=width, gold_width=gold.width):
            content = () if number == 0 else await _content(gold, number, executor)
            return _difference(number, value, gold, content)
    if agree(pairs, width=width, gold_width=gold.width):
        return None
    return Difference(0, "each instance fits, but no one order of the columns fits them all", 0, 0)


def _difference(number: int, value: Result, gold: PreparedGold, content: tuple[tuple[str, Result], ...]) -> Difference:
    wanted = gold.instances[number].gold
    answer = wanted.rows[wanted.offset :][: wanted.row_count]
    if len(value.columns) != gold.width:
        why = f"{len(value.columns)} columns, gold has {gold.width}"
    elif value.row_count != wanted.row_count:
        why = f"{value.row_count:,} rows, gold has {wanted.row_count:,}"
    elif Counter(value.rows) == Counter(answer):
        why = "the same rows in another order, which gold's ORDER BY does not allow"
    else:
        why = "rows differ"
    return Difference(
        number,
        why,
        wanted.row_count,
        value.row_count,
        _missing(answer, value.rows),
        _missing(value.rows, answer),
        content,
    )


def _missing(rows: Sequence[Row], others: Sequence[Row]) -> tuple[Row, ...]:
    return tuple((Counter(rows) - Counter(others)).elements())[:SHOWN_ROWS]


async def _content(gold: PreparedGold, number: int, executor: QueryExecutor) -> tuple[tuple[str, Result], ...]:
    sandbox = gold.instances[number].sandbox
    shown = []
    for name in gold.tables:
        value = (await executor.run(sandbox, f"SELECT * FROM {quote(name)}")).value
        if isinstance(value, Result):
            shown.append((name, value))
    return tuple(shown)
