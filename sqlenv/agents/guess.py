"""A question and what was seen of two tables in, one SELECT out. A handful of rules that anyone can read and beat.

Counting, averages, sums, percentages, superlatives, the most common value, groups, columns that the question names,
equality with values that were seen and that the question names, and rows that another table has most or none of.
Nothing else: no dates, no comparisons, no joins but one foreign key.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlenv.agents.words import content, has_any, has_phrase, overlap, position, stems
from sqlenv.sqlite.schema import quote
from sqlenv.types import Row, SqlValue
from sqlenv.v1 import types_pb2

COUNT = "how many|number of|count|how often"
AVERAGE = "average|mean|on average"
SUM = "total|sum|altogether|in all|combined"
MOST = "most|highest|largest|longest|oldest|biggest|greatest|maximum|heaviest|latest|newest|top|best|tallest|record"
LEAST = "least|lowest|smallest|shortest|youngest|earliest|minimum|lightest|cheapest|fewest|first|worst"
COMMON = "most common|most frequent|most often|most popular|commonest"
DISTINCT = "different|distinct|unique|once"
PERCENT = "percent|per cent|percentage|share|proportion"
MISSING = "never|without|no|none|not a single|nobody|not one"
GROUPED = "each|per|every|for all|by"
WHOLE_UNITS = "dollars?|euros?|pounds?|francs?"
DECIMALS = (
    ("one decimal|1 decimal", 1),
    ("two decimals?|2 decimals?|two decimal places|cents", 2),
    ("three decimals", 3),
)
NUMBERS = (types_pb2.ANSWER_TYPE_INTEGER, types_pb2.ANSWER_TYPE_FLOAT)
NUMERIC = ("INT", "REAL", "NUM", "DEC", "FLO", "DOU")


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """A column as DESCRIBE showed it. `references` is "table.column" or ""."""

    name: str
    type: str
    key: str
    references: str

    @property
    def numeric(self) -> bool:
        """True where it holds quantities, keys not counted."""
        return self.type.upper().startswith(NUMERIC) and not self.key

    @property
    def sql(self) -> str:
        """Its name as SQL."""
        return quote(self.name)


@dataclass(slots=True)
class SeenTable:
    """A table as far as it was looked at: `rows` are those that SAMPLE showed."""

    name: str
    columns: list[SeenColumn] = field(default_factory=list)
    rows: tuple[Row, ...] = ()

    def refers_to(self, other: SeenTable) -> bool:
        """True where a foreign key of it leads to `other`."""
        return _link(self, other) is not None

    def relevance(self, question: list[str]) -> float:
        """How much of it a question names: its own name counts double."""
        hits = sum(overlap(column.name, question) for column in self.columns if not column.key)
        return 2 * overlap(self.name, question) + min(hits, 3.0) / 2


def guess(
    question: str, answer_type: int, table: SeenTable, parent: SeenTable | None = None, child: SeenTable | None = None
) -> str:
    """The SELECT that the rules make of a question about `table`.

    `parent`: a table that it refers to, to filter through. `child`: one that refers to it, to count by or to miss.
    """
    asked = stems(question)
    conditions = _conditions(asked, table, parent)
    if answer_type in NUMBERS and has_any(PERCENT, question) and len(conditions) == 1:
        return f"SELECT {_rounded(question, f'100.0 * avg({conditions[0]})')} FROM {quote(table.name)}"
    link = _link(child, table) if child else None
    if child and link and has_any(MISSING, question):
        fk, pk = link
        conditions.append(f"{pk} NOT IN (SELECT {fk} FROM {quote(child.name)} WHERE {fk} IS NOT NULL)")
    source = f"FROM {quote(table.name)}{' WHERE ' if conditions else ''}{' AND '.join(conditions)}"
    if answer_type in NUMBERS:
        return f"SELECT {_number(question, asked, answer_type, table)} {source}"
    if answer_type == types_pb2.ANSWER_TYPE_TABLE:
        return _table(question, asked, table, source)
    wanted = _wanted(asked, table)
    if has_any(COMMON, question):
        return f"SELECT {wanted.sql} {source} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    if answer_type == types_pb2.ANSWER_TYPE_STRING:
        if child and link and has_any(MOST, question) and _measure(asked, table) is None:
            counted = f"(SELECT count(*) FROM {quote(child.name)} WHERE {link[0]} = {quote(table.name)}.{link[1]})"
            return f"SELECT {wanted.sql} {source} ORDER BY {counted} DESC LIMIT 1"
        return f"SELECT {wanted.sql} {source}{_order(question, asked, table)} LIMIT 1"
    return f"SELECT {'DISTINCT ' if has_any(DISTINCT, question) else ''}{wanted.sql} {source}"


def _number(question: str, asked: list[str], answer_type: int, table: SeenTable) -> str:
    whole = answer_type == types_pb2.ANSWER_TYPE_INTEGER
    measure = _measure(asked, table)
    if measure is None or (whole and has_any(COUNT, question) and not has_any(SUM, question)):
        named = _named(asked, table)
        return f"count(DISTINCT {named[0].sql})" if named and has_any(DISTINCT, question) else "count(*)"
    function = "count"
    for cues, name in ((AVERAGE, "avg"), (SUM, "sum"), (MOST, "max"), (LEAST, "min")):
        if has_any(cues, question):
            function = name
            break
    if function == "count":
        return "count(*)" if whole else f"avg({measure.sql})"
    value = f"{function}({measure.sql})"
    if measure.name.lower().endswith("cents") and has_any(WHOLE_UNITS, question):
        value = f"{value} / 100.0"
    return value if whole else _rounded(question, value)


def _rounded(question: str, value: str) -> str:
    digits = next((digits for cues, digits in DECIMALS if has_any(cues, question)), None)
    return value if digits is None else f"round({value}, {digits})"


def _table(question: str, asked: list[str], table: SeenTable, source: str) -> str:
    named = _named(asked, table)
    if has_any(GROUPED, question) and (has_any(COUNT, question) or has_any(AVERAGE, question)):
        group = next((column for column in named if not column.numeric), None) or _wanted(asked, table)
        measure = _measure(asked, table)
        value = f"avg({measure.sql})" if measure and not has_any(COUNT, question) else "count(*)"
        return f"SELECT {group.sql}, {value} {source} GROUP BY 1"
    columns = ", ".join(column.sql for column in named) if len(named) > 1 else "*"
    order = _order(question, asked, table)
    return f"SELECT {columns} {source}{order}{' LIMIT 1' if order else ''}"


def _conditions(asked: list[str], table: SeenTable, parent: SeenTable | None) -> list[str]:
    """What must hold of a row: values of its own that the question names, and those of the row that it refers to."""
    conditions = _equalities(asked, table)
    link = _link(table, parent) if parent else None
    inner = _equalities(asked, parent) if parent else []
    if parent and link and inner:
        conditions.append(f"{link[0]} IN (SELECT {link[1]} FROM {quote(parent.name)} WHERE {' AND '.join(inner)})")
    return conditions


def _link(source: SeenTable, target: SeenTable) -> tuple[str, str] | None:
    """The foreign key of `source` that refers to `target`, and what it refers to; None where there is none."""
    for column in source.columns:
        name, _, referred = column.references.partition(".")
        if name.lower() == target.name.lower() and referred:
            return column.sql, quote(referred)
    return None


def _equalities(asked: list[str], table: SeenTable) -> list[str]:
    """One condition for each text column of which the question names a value that was seen."""
    conditions = []
    for number, column in enumerate(table.columns):
        values = {row[number] for row in table.rows if number < len(row) and _is_name(row[number], table, asked)}
        if values:
            longest = max(values, key=lambda value: (len(str(value)), str(value)))
            literal = str(longest).replace("'", "''")
            conditions.append(f"{column.sql} = '{literal}'")
    return conditions


def _is_name(value: SqlValue, table: SeenTable, asked: list[str]) -> bool:
    # A single letter, or a word that is the table's own name, stands in too many questions to mean the value.
    if not isinstance(value, str) or len(value) < 3 or value.isdigit():
        return False
    phrase = stems(value)
    return phrase != stems(table.name) and bool(content(value)) and has_phrase(phrase, asked)


def _named(asked: list[str], table: SeenTable) -> list[SeenColumn]:
    """The columns that the question names, in its order."""
    columns = (column for column in table.columns if not column.key)
    found = [(position(column.name, asked), column) for column in columns if overlap(column.name, asked) >= 0.5]
    return [column for _, column in sorted(found, key=lambda pair: pair[0])]


def _measure(asked: list[str], table: SeenTable) -> SeenColumn | None:
    """The quantity that the question names best; None where it names none."""
    best = max((c for c in table.columns if c.numeric), key=lambda c: overlap(c.name, asked), default=None)
    return best if best and overlap(best.name, asked) > 0 else None


def _wanted(asked: list[str], table: SeenTable) -> SeenColumn:
    """The column to answer with: a text column that the question names, or one that names things, or the first."""
    text = [column for column in table.columns if not column.numeric and not column.key]
    named = [column for column in _named(asked, table) if column in text]
    titles = [column for column in text if set(stems(column.name)) & {"name", "title", "label"}]
    return (named or titles or text or table.columns)[0]


def _order(question: str, asked: list[str], table: SeenTable) -> str:
    measure = _measure(asked, table)
    if measure is None or not has_any(f"{MOST}|{LEAST}", question):
        return ""
    return f" ORDER BY {measure.sql}{' DESC' if has_any(MOST, question) else ''}"
