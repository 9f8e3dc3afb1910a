"""Between the domain's own types and the messages of `sqlenv.v1`."""

from __future__ import annotations

from typing import cast

from google.protobuf import struct_pb2

from sqlenv import actions
from sqlenv.errors import InvalidArgument
from sqlenv.tasks import Task, TaskFilter
from sqlenv.types import ActionFailure, AnswerType, ErrorKind, Result, Row, SqlValue
from sqlenv.v1 import environment_pb2, types_pb2

ANSWER_TYPES = {
    AnswerType.INTEGER: types_pb2.ANSWER_TYPE_INTEGER,
    AnswerType.FLOAT: types_pb2.ANSWER_TYPE_FLOAT,
    AnswerType.STRING: types_pb2.ANSWER_TYPE_STRING,
    AnswerType.LIST: types_pb2.ANSWER_TYPE_LIST,
    AnswerType.TABLE: types_pb2.ANSWER_TYPE_TABLE,
}


def value_to_proto(value: SqlValue) -> types_pb2.Value:
    """A value as a message."""
    if type(value) is str:
        return types_pb2.Value(text=value)
    if type(value) is int:
        return types_pb2.Value(integer=value)
    if type(value) is float:
        return types_pb2.Value(real=value)
    if type(value) is bytes:
        return types_pb2.Value(blob=value)
    return types_pb2.Value(null=cast(struct_pb2.NullValue, 0))


def value_from_proto(value: types_pb2.Value) -> SqlValue:
    """The value in a message. An empty message is NULL."""
    kind = value.WhichOneof("kind")
    if kind == "text":
        return value.text
    if kind == "integer":
        return value.integer
    if kind == "real":
        return value.real
    return value.blob if kind == "blob" else None


def result_to_proto(result: Result) -> types_pb2.Result:
    """A result as a message."""
    return types_pb2.Result(
        columns=result.columns,
        rows=[types_pb2.Row(values=map(value_to_proto, row)) for row in result.rows],
        row_count=result.row_count,
        truncated=result.truncated,
        row_count_is_lower_bound=result.row_count_is_lower_bound,
    )


def result_from_proto(result: types_pb2.Result) -> Result:
    """The result in a message."""
    rows: tuple[Row, ...] = tuple([tuple(map(value_from_proto, row.values)) for row in result.rows])
    return Result(tuple(result.columns), rows, result.row_count, result.truncated, result.row_count_is_lower_bound)


def failure_to_proto(failure: ActionFailure) -> types_pb2.ActionError:
    """A failure as a message."""
    return types_pb2.ActionError(kind=cast(types_pb2.ErrorKind, int(failure.kind)), message=failure.message)


def failure_from_proto(failure: types_pb2.ActionError) -> ActionFailure:
    """The failure in a message; a kind that this version does not know counts as SQL."""
    known = {kind.value for kind in ErrorKind}
    return ActionFailure(ErrorKind(failure.kind) if failure.kind in known else ErrorKind.SQL, failure.message)


def action_from_proto(action: types_pb2.Action) -> actions.Action:
    """The action in a message, its text form parsed. Raises InvalidArgument where no kind is set."""
    kind = action.WhichOneof("kind")
    if kind == "describe":
        return actions.Describe(action.describe.table)
    if kind == "sample":
        rows = action.sample.rows if action.sample.HasField("rows") else actions.DEFAULT_SAMPLE_ROWS
        if not 1 <= rows <= actions.MAX_SAMPLE_ROWS:
            words = f"SAMPLE shows 1 to {actions.MAX_SAMPLE_ROWS} rows, not {rows}."
            return actions.InvalidAction(f"SAMPLE {action.sample.table} {rows}", words)
        return actions.Sample(action.sample.table, rows)
    if kind == "query":
        return actions.Query(action.query.sql)
    if kind == "text":
        return actions.parse(action.text)
    if kind == "answer":
        form = action.answer.WhichOneof("kind")
        if form == "value":
            return actions.AnswerValue(action.answer.value)
        if form == "sql":
            return actions.AnswerSql(action.answer.sql)
        raise InvalidArgument("answer needs either value or sql", field="action.answer")
    raise InvalidArgument("the action is missing: set one of describe, sample, query, answer, text", field="action")


def action_to_proto(action: actions.Action) -> types_pb2.Action:
    """An action as a message; an invalid one travels as its text."""
    match action:
        case actions.Describe(table):
            return types_pb2.Action(describe=types_pb2.Describe(table=table))
        case actions.Sample(table, rows):
            return types_pb2.Action(sample=types_pb2.Sample(table=table, rows=rows))
        case actions.Query(sql):
            return types_pb2.Action(query=types_pb2.Query(sql=sql))
        case actions.AnswerValue(value):
            return types_pb2.Action(answer=types_pb2.Answer(value=value))
        case actions.AnswerSql(sql):
            return types_pb2.Action(answer=types_pb2.Answer(sql=sql))
        case actions.InvalidAction(text):
            return types_pb2.Action(text=text)


def task_to_proto(task: Task) -> environment_pb2.Task:
    """A task's public part as a message."""
    return environment_pb2.Task(
        task_id=task.task_id,
        db_id=task.db_id,
        question=task.question,
        split=task.split,
        difficulty=task.difficulty,
        answer_type=ANSWER_TYPES[task.answer_type],
    )


def filter_from_proto(which: environment_pb2.TaskFilter) -> TaskFilter:
    """The filter in a message; an absent message fits every task."""
    return TaskFilter(
        split=which.split if which.HasField("split") else None,
        db_id=which.db_id if which.HasField("db_id") else None,
        difficulty=which.difficulty if which.HasField("difficulty") else None,
    )
