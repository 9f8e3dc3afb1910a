"""The domain's own values, free of protobuf and gRPC, shared by both services.

`convert.py` turns them into messages and back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

SqlValue = int | float | str | bytes | None
"""One SQLite value. Stored text that is not UTF-8 never gets here: it fails the query."""

Row = tuple[SqlValue, ...]


RUBRICS = ("dense", "sparse", "potential")
"""Names of the rubrics; the first is the default. What they mean is the reward service's business."""


class ErrorKind(IntEnum):
    """Why an action gave nothing; numbers and meaning as `sqlenv.v1.ErrorKind`."""

    INVALID_ACTION = 1
    EMPTY_SQL = 2
    MULTIPLE_STATEMENTS = 3
    NOT_ALLOWED = 4
    SYNTAX = 5
    NO_SUCH_TABLE = 6
    NO_SUCH_COLUMN = 7
    NO_SUCH_FUNCTION = 8
    TOO_LARGE = 9
    TIMEOUT = 10
    OUT_OF_MEMORY = 11
    SQL = 12


class Verdict(IntEnum):
    """What was found about an answer; numbers and meaning as `sqlenv.v1.Verdict`."""

    CORRECT = 1
    INCORRECT = 2
    WRONG_TYPE = 3
    SQL_FAILED = 4
    LIMIT_EXCEEDED = 5


class AnswerType(StrEnum):
    """The form in which a question is to be answered."""

    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    LIST = "list"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Result:
    """A typed table. `rows` holds the first rows, `row_count` says how many there are in all."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    row_count: int
    truncated: bool = False
    row_count_is_lower_bound: bool = False


@dataclass(frozen=True, slots=True)
class ActionFailure:
    """Why an action gave no result, in words for the agent."""

    kind: ErrorKind
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action gave, and the SQLite VM steps it took."""

    value: Result | ActionFailure
    vm_steps: int
