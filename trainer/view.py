"""What a policy is shown of an observation: the service's own text, or a compact form for small models.

The compact form is made from the typed observation, in a fifth of the tokens. It leaves out how to act, types, advice,
and the steps left until there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sqlenv.agents.base import seen_result
from sqlenv.types import SqlValue
from sqlenv.v1 import types_pb2

ViewName = Literal["text", "compact"]
View = Callable[[types_pb2.Observation], str]

SHOWN_ROWS = 8
_DESCRIPTION = ("column", "type", "null", "key", "references")


def full(observation: types_pb2.Observation) -> str:
    """The service's text, unchanged."""
    return observation.text


def compact(observation: types_pb2.Observation) -> str:
    """Question and tables; columns and keys; rows as cells between bars; an error's first sentence."""
    if observation.step_count == 0:
        text = f"{observation.question}\n{'|'.join(observation.tables)}"
    elif observation.HasField("error"):
        text = observation.error.message.split(". ")[0]
    else:
        text = _result(observation)
    return f"{text}\nlast" if observation.steps_left == 1 else text


def _result(observation: types_pb2.Observation) -> str:
    result = seen_result(observation)
    if result is None:
        return "over"
    if result.columns == _DESCRIPTION:
        return "|".join(f"{_cell(row[0])} {_cell(row[4] or row[3])}".rstrip() for row in result.rows)
    rows = ["|".join(map(_cell, row)) for row in result.rows[:SHOWN_ROWS]]
    more = [f"{result.row_count} rows"] if result.row_count > len(rows) or not rows else []
    return "\n".join(["|".join(result.columns), *rows, *more])


def _cell(value: SqlValue) -> str:
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return "NULL" if value is None else str(value)


VIEWS: dict[ViewName, View] = {"text": full, "compact": compact}
