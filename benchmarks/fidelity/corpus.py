"""The labelled pairs, as stored.

`pairs.jsonl`, one pair a line: id, rule, db, gold, sql, right, why, and where they apply

- `rows`: {table: [row, …]}, the instance on which a wrong candidate's result differs. A row names the columns that
  matter; `instances.build` fills in the rest so that every constraint of the schema holds.
- `ties`: how gold's full result and its order keys are had: `sql` gives gold's columns followed by `keys` key columns,
  without gold's own LIMIT and OFFSET, which are `limit` and `offset`. Written by hand, so that the labels don't rest on
  the scorer's own reading of ORDER BY. Without `ties` gold's rows are a bag.

`values.jsonl`: answers given as values: id, rule, db, gold, type, answer, right, why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAIRS = HERE / "pairs.jsonl"
VALUES = HERE / "values.jsonl"

RULES = (
    "bags",
    "distinct",
    "order ties",
    "order",
    "limit ties",
    "limit",
    "limit unordered",
    "offset",
    "column order",
    "extra column",
    "missing column",
    "key for name",
    "number types",
    "text types",
    "nulls",
    "not in",
    "count column",
    "outer join",
    "empty",
    "large integers",
    "rounding",
    "aggregates",
    "group by",
    "having",
    "joins",
    "join form",
    "semi join",
    "anti join",
    "cte",
    "window",
    "set operations",
    "between",
    "comparison",
    "case",
    "coalesce",
    "patterns",
    "dates",
    "constants",
    "form",
    "dialect",
    "nondeterminism",
    "literal answer",
    "correlation",
    "self join",
    "integer division",
    "boolean",
    "hostile",
)
"""Every rule that a pair may exercise; the tests hold the corpus to having all of them."""


@dataclass(frozen=True, slots=True)
class Ties:
    """Gold's full result with its order keys; see the module's docstring."""

    sql: str
    keys: int = 0
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """A gold query, a candidate and the verdict that is due."""

    id: str
    rule: str
    db: str
    gold: str
    sql: str
    right: bool
    why: str
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ties: Ties | None = None


@dataclass(frozen=True, slots=True)
class ValueAnswer:
    """An answer in values and the verdict that is due."""

    id: str
    rule: str
    db: str
    gold: str
    type: str
    answer: str
    right: bool
    why: str


def load_pairs(path: Path = PAIRS) -> list[Pair]:
    """All pairs. Raises ValueError for a rule that isn't in `RULES` or an id that occurs twice."""
    pairs = []
    for record in _lines(path):
        ties = record.pop("ties", None)
        pairs.append(Pair(**record, ties=Ties(**ties) if ties else None))
    _check([(pair.id, pair.rule) for pair in pairs], RULES)
    return pairs


def load_values(path: Path = VALUES) -> list[ValueAnswer]:
    """All value answers. Raises ValueError for an id that occurs twice."""
    values = [ValueAnswer(**record) for record in _lines(path)]
    _check([(value.id, value.rule) for value in values], None)
    return values


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _check(named: list[tuple[str, str]], rules: tuple[str, ...] | None) -> None:
    seen: set[str] = set()
    for identifier, rule in named:
        if identifier in seen:
            raise ValueError(f"pair {identifier} occurs twice")
        if rules is not None and rule not in rules:
            raise ValueError(f"pair {identifier}: unknown rule {rule!r}")
        seen.add(identifier)
