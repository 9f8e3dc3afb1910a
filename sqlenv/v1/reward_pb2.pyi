from google.rpc import status_pb2 as _status_pb2
from sqlenv.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RewardState(_message.Message):
    __slots__ = ("shaped_sum", "novelty_sum", "best_level", "best_level_vm_steps", "seen_actions", "seen_results", "seen_tables", "last_level")
    SHAPED_SUM_FIELD_NUMBER: _ClassVar[int]
    NOVELTY_SUM_FIELD_NUMBER: _ClassVar[int]
    BEST_LEVEL_FIELD_NUMBER: _ClassVar[int]
    BEST_LEVEL_VM_STEPS_FIELD_NUMBER: _ClassVar[int]
    SEEN_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    SEEN_RESULTS_FIELD_NUMBER: _ClassVar[int]
    SEEN_TABLES_FIELD_NUMBER: _ClassVar[int]
    LAST_LEVEL_FIELD_NUMBER: _ClassVar[int]
    shaped_sum: float
    novelty_sum: float
    best_level: int
    best_level_vm_steps: int
    seen_actions: _containers.RepeatedScalarFieldContainer[int]
    seen_results: _containers.RepeatedScalarFieldContainer[int]
    seen_tables: _containers.RepeatedScalarFieldContainer[str]
    last_level: int
    def __init__(self, shaped_sum: _Optional[float] = ..., novelty_sum: _Optional[float] = ..., best_level: _Optional[int] = ..., best_level_vm_steps: _Optional[int] = ..., seen_actions: _Optional[_Iterable[int]] = ..., seen_results: _Optional[_Iterable[int]] = ..., seen_tables: _Optional[_Iterable[str]] = ..., last_level: _Optional[int] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("action", "step_count", "result", "error", "vm_steps", "truncates")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    VM_STEPS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATES_FIELD_NUMBER: _ClassVar[int]
    action: _types_pb2.Action
    step_count: int
    result: _types_pb2.Result
    error: _types_pb2.ActionError
    vm_steps: int
    truncates: bool
    def __init__(self, action: _Optional[_Union[_types_pb2.Action, _Mapping]] = ..., step_count: _Optional[int] = ..., result: _Optional[_Union[_types_pb2.Result, _Mapping]] = ..., error: _Optional[_Union[_types_pb2.ActionError, _Mapping]] = ..., vm_steps: _Optional[int] = ..., truncates: bool = ...) -> None: ...

class ScoreStepRequest(_message.Message):
    __slots__ = ("task_id", "rubric", "state", "transition", "dataset_version")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    RUBRIC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    rubric: str
    state: RewardState
    transition: Transition
    dataset_version: str
    def __init__(self, task_id: _Optional[str] = ..., rubric: _Optional[str] = ..., state: _Optional[_Union[RewardState, _Mapping]] = ..., transition: _Optional[_Union[Transition, _Mapping]] = ..., dataset_version: _Optional[str] = ...) -> None: ...

class ScoreStepResponse(_message.Message):
    __slots__ = ("score", "state")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    score: _types_pb2.Score
    state: RewardState
    def __init__(self, score: _Optional[_Union[_types_pb2.Score, _Mapping]] = ..., state: _Optional[_Union[RewardState, _Mapping]] = ...) -> None: ...

class BatchScoreStepRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[ScoreStepRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[ScoreStepRequest, _Mapping]]] = ...) -> None: ...

class BatchScoreStepResult(_message.Message):
    __slots__ = ("response", "status")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    response: ScoreStepResponse
    status: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[ScoreStepResponse, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchScoreStepResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchScoreStepResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchScoreStepResult, _Mapping]]] = ...) -> None: ...

class ScoreSqlRequest(_message.Message):
    __slots__ = ("task_id", "sql")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    sql: str
    def __init__(self, task_id: _Optional[str] = ..., sql: _Optional[str] = ...) -> None: ...

class ScoreSqlResponse(_message.Message):
    __slots__ = ("score", "vm_steps")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    VM_STEPS_FIELD_NUMBER: _ClassVar[int]
    score: _types_pb2.Score
    vm_steps: int
    def __init__(self, score: _Optional[_Union[_types_pb2.Score, _Mapping]] = ..., vm_steps: _Optional[int] = ...) -> None: ...

class BatchScoreSqlRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[ScoreSqlRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[ScoreSqlRequest, _Mapping]]] = ...) -> None: ...

class BatchScoreSqlResult(_message.Message):
    __slots__ = ("response", "status")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    response: ScoreSqlResponse
    status: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[ScoreSqlResponse, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchScoreSqlResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchScoreSqlResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchScoreSqlResult, _Mapping]]] = ...) -> None: ...

class RubricTerm(_message.Message):
    __slots__ = ("name", "component", "weight", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    component: _types_pb2.Component
    weight: float
    description: str
    def __init__(self, name: _Optional[str] = ..., component: _Optional[_Union[_types_pb2.Component, str]] = ..., weight: _Optional[float] = ..., description: _Optional[str] = ...) -> None: ...

class Rubric(_message.Message):
    __slots__ = ("name", "description", "terms", "min_correct_return", "max_incorrect_return")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    MIN_CORRECT_RETURN_FIELD_NUMBER: _ClassVar[int]
    MAX_INCORRECT_RETURN_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    terms: _containers.RepeatedCompositeFieldContainer[RubricTerm]
    min_correct_return: float
    max_incorrect_return: float
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., terms: _Optional[_Iterable[_Union[RubricTerm, _Mapping]]] = ..., min_correct_return: _Optional[float] = ..., max_incorrect_return: _Optional[float] = ...) -> None: ...

class DescribeRubricsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeRubricsResponse(_message.Message):
    __slots__ = ("rubrics", "scorer_version", "dataset_version")
    RUBRICS_FIELD_NUMBER: _ClassVar[int]
    SCORER_VERSION_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    rubrics: _containers.RepeatedCompositeFieldContainer[Rubric]
    scorer_version: str
    dataset_version: str
    def __init__(self, rubrics: _Optional[_Iterable[_Union[Rubric, _Mapping]]] = ..., scorer_version: _Optional[str] = ..., dataset_version: _Optional[str] = ...) -> None: ...
