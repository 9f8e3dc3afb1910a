from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_KIND_UNSPECIFIED: _ClassVar[ErrorKind]
    ERROR_KIND_INVALID_ACTION: _ClassVar[ErrorKind]
    ERROR_KIND_EMPTY_SQL: _ClassVar[ErrorKind]
    ERROR_KIND_MULTIPLE_STATEMENTS: _ClassVar[ErrorKind]
    ERROR_KIND_NOT_ALLOWED: _ClassVar[ErrorKind]
    ERROR_KIND_SYNTAX: _ClassVar[ErrorKind]
    ERROR_KIND_NO_SUCH_TABLE: _ClassVar[ErrorKind]
    ERROR_KIND_NO_SUCH_COLUMN: _ClassVar[ErrorKind]
    ERROR_KIND_NO_SUCH_FUNCTION: _ClassVar[ErrorKind]
    ERROR_KIND_TOO_LARGE: _ClassVar[ErrorKind]
    ERROR_KIND_TIMEOUT: _ClassVar[ErrorKind]
    ERROR_KIND_OUT_OF_MEMORY: _ClassVar[ErrorKind]
    ERROR_KIND_SQL: _ClassVar[ErrorKind]

class AnswerType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_TYPE_UNSPECIFIED: _ClassVar[AnswerType]
    ANSWER_TYPE_INTEGER: _ClassVar[AnswerType]
    ANSWER_TYPE_FLOAT: _ClassVar[AnswerType]
    ANSWER_TYPE_STRING: _ClassVar[AnswerType]
    ANSWER_TYPE_LIST: _ClassVar[AnswerType]
    ANSWER_TYPE_TABLE: _ClassVar[AnswerType]

class EpisodeState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EPISODE_STATE_UNSPECIFIED: _ClassVar[EpisodeState]
    EPISODE_STATE_RUNNING: _ClassVar[EpisodeState]
    EPISODE_STATE_TERMINATED: _ClassVar[EpisodeState]
    EPISODE_STATE_TRUNCATED: _ClassVar[EpisodeState]

class Component(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPONENT_UNSPECIFIED: _ClassVar[Component]
    COMPONENT_EXECUTION: _ClassVar[Component]
    COMPONENT_CORRECTNESS: _ClassVar[Component]
    COMPONENT_EFFICIENCY: _ClassVar[Component]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_CORRECT: _ClassVar[Verdict]
    VERDICT_INCORRECT: _ClassVar[Verdict]
    VERDICT_WRONG_TYPE: _ClassVar[Verdict]
    VERDICT_SQL_FAILED: _ClassVar[Verdict]
    VERDICT_LIMIT_EXCEEDED: _ClassVar[Verdict]
ERROR_KIND_UNSPECIFIED: ErrorKind
ERROR_KIND_INVALID_ACTION: ErrorKind
ERROR_KIND_EMPTY_SQL: ErrorKind
ERROR_KIND_MULTIPLE_STATEMENTS: ErrorKind
ERROR_KIND_NOT_ALLOWED: ErrorKind
ERROR_KIND_SYNTAX: ErrorKind
ERROR_KIND_NO_SUCH_TABLE: ErrorKind
ERROR_KIND_NO_SUCH_COLUMN: ErrorKind
ERROR_KIND_NO_SUCH_FUNCTION: ErrorKind
ERROR_KIND_TOO_LARGE: ErrorKind
ERROR_KIND_TIMEOUT: ErrorKind
ERROR_KIND_OUT_OF_MEMORY: ErrorKind
ERROR_KIND_SQL: ErrorKind
ANSWER_TYPE_UNSPECIFIED: AnswerType
ANSWER_TYPE_INTEGER: AnswerType
ANSWER_TYPE_FLOAT: AnswerType
ANSWER_TYPE_STRING: AnswerType
ANSWER_TYPE_LIST: AnswerType
ANSWER_TYPE_TABLE: AnswerType
EPISODE_STATE_UNSPECIFIED: EpisodeState
EPISODE_STATE_RUNNING: EpisodeState
EPISODE_STATE_TERMINATED: EpisodeState
EPISODE_STATE_TRUNCATED: EpisodeState
COMPONENT_UNSPECIFIED: Component
COMPONENT_EXECUTION: Component
COMPONENT_CORRECTNESS: Component
COMPONENT_EFFICIENCY: Component
VERDICT_UNSPECIFIED: Verdict
VERDICT_CORRECT: Verdict
VERDICT_INCORRECT: Verdict
VERDICT_WRONG_TYPE: Verdict
VERDICT_SQL_FAILED: Verdict
VERDICT_LIMIT_EXCEEDED: Verdict

class Value(_message.Message):
    __slots__ = ("null", "integer", "real", "text", "blob")
    NULL_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    null: _struct_pb2.NullValue
    integer: int
    real: float
    text: str
    blob: bytes
    def __init__(self, null: _Optional[_Union[_struct_pb2.NullValue, str]] = ..., integer: _Optional[int] = ..., real: _Optional[float] = ..., text: _Optional[str] = ..., blob: _Optional[bytes] = ...) -> None: ...

class Row(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("columns", "rows", "row_count", "truncated", "row_count_is_lower_bound")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_IS_LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedScalarFieldContainer[str]
    rows: _containers.RepeatedCompositeFieldContainer[Row]
    row_count: int
    truncated: bool
    row_count_is_lower_bound: bool
    def __init__(self, columns: _Optional[_Iterable[str]] = ..., rows: _Optional[_Iterable[_Union[Row, _Mapping]]] = ..., row_count: _Optional[int] = ..., truncated: bool = ..., row_count_is_lower_bound: bool = ...) -> None: ...

class ActionError(_message.Message):
    __slots__ = ("kind", "message")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: ErrorKind
    message: str
    def __init__(self, kind: _Optional[_Union[ErrorKind, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Describe(_message.Message):
    __slots__ = ("table",)
    TABLE_FIELD_NUMBER: _ClassVar[int]
    table: str
    def __init__(self, table: _Optional[str] = ...) -> None: ...

class Sample(_message.Message):
    __slots__ = ("table", "rows")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    table: str
    rows: int
    def __init__(self, table: _Optional[str] = ..., rows: _Optional[int] = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ("sql",)
    SQL_FIELD_NUMBER: _ClassVar[int]
    sql: str
    def __init__(self, sql: _Optional[str] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("value", "sql")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    value: str
    sql: str
    def __init__(self, value: _Optional[str] = ..., sql: _Optional[str] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("describe", "sample", "query", "answer", "text")
    DESCRIBE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    describe: Describe
    sample: Sample
    query: Query
    answer: Answer
    text: str
    def __init__(self, describe: _Optional[_Union[Describe, _Mapping]] = ..., sample: _Optional[_Union[Sample, _Mapping]] = ..., query: _Optional[_Union[Query, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("question", "tables", "answer_type", "step_count", "steps_left", "result", "error", "text")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TYPE_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    STEPS_LEFT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    question: str
    tables: _containers.RepeatedScalarFieldContainer[str]
    answer_type: AnswerType
    step_count: int
    steps_left: int
    result: Result
    error: ActionError
    text: str
    def __init__(self, question: _Optional[str] = ..., tables: _Optional[_Iterable[str]] = ..., answer_type: _Optional[_Union[AnswerType, str]] = ..., step_count: _Optional[int] = ..., steps_left: _Optional[int] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., error: _Optional[_Union[ActionError, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("name", "component", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    component: Component
    value: float
    def __init__(self, name: _Optional[str] = ..., component: _Optional[_Union[Component, str]] = ..., value: _Optional[float] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("total", "execution", "correctness", "efficiency", "terms", "verdict", "reason", "progress", "scorer_version")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    CORRECTNESS_FIELD_NUMBER: _ClassVar[int]
    EFFICIENCY_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SCORER_VERSION_FIELD_NUMBER: _ClassVar[int]
    total: float
    execution: float
    correctness: float
    efficiency: float
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    verdict: Verdict
    reason: str
    progress: float
    scorer_version: str
    def __init__(self, total: _Optional[float] = ..., execution: _Optional[float] = ..., correctness: _Optional[float] = ..., efficiency: _Optional[float] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., reason: _Optional[str] = ..., progress: _Optional[float] = ..., scorer_version: _Optional[str] = ...) -> None: ...
