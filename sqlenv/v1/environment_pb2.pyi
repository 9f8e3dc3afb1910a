from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from sqlenv.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskFilter(_message.Message):
    __slots__ = ("split", "db_id", "difficulty")
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    DB_ID_FIELD_NUMBER: _ClassVar[int]
    DIFFICULTY_FIELD_NUMBER: _ClassVar[int]
    split: str
    db_id: str
    difficulty: str
    def __init__(self, split: _Optional[str] = ..., db_id: _Optional[str] = ..., difficulty: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("task_id", "db_id", "question", "split", "difficulty", "answer_type")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    DB_ID_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    DIFFICULTY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TYPE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    db_id: str
    question: str
    split: str
    difficulty: str
    answer_type: _types_pb2.AnswerType
    def __init__(self, task_id: _Optional[str] = ..., db_id: _Optional[str] = ..., question: _Optional[str] = ..., split: _Optional[str] = ..., difficulty: _Optional[str] = ..., answer_type: _Optional[_Union[_types_pb2.AnswerType, str]] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: TaskFilter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[TaskFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token", "total_size")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    next_page_token: str
    total_size: int
    def __init__(self, tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class GetTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: Task
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ...) -> None: ...

class TableInfo(_message.Message):
    __slots__ = ("name", "row_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    row_count: int
    def __init__(self, name: _Optional[str] = ..., row_count: _Optional[int] = ...) -> None: ...

class Database(_message.Message):
    __slots__ = ("db_id", "tables", "task_count", "split")
    DB_ID_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    TASK_COUNT_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    db_id: str
    tables: _containers.RepeatedCompositeFieldContainer[TableInfo]
    task_count: int
    split: str
    def __init__(self, db_id: _Optional[str] = ..., tables: _Optional[_Iterable[_Union[TableInfo, _Mapping]]] = ..., task_count: _Optional[int] = ..., split: _Optional[str] = ...) -> None: ...

class ListDatabasesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDatabasesResponse(_message.Message):
    __slots__ = ("databases", "dataset", "dataset_version")
    DATABASES_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    databases: _containers.RepeatedCompositeFieldContainer[Database]
    dataset: str
    dataset_version: str
    def __init__(self, databases: _Optional[_Iterable[_Union[Database, _Mapping]]] = ..., dataset: _Optional[str] = ..., dataset_version: _Optional[str] = ...) -> None: ...

class TaskSelector(_message.Message):
    __slots__ = ("task_id", "filter")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    filter: TaskFilter
    def __init__(self, task_id: _Optional[str] = ..., filter: _Optional[_Union[TaskFilter, _Mapping]] = ...) -> None: ...

class ResetRequest(_message.Message):
    __slots__ = ("task", "seed", "rubric", "request_id", "replay", "dataset_version")
    TASK_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    RUBRIC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    task: TaskSelector
    seed: int
    rubric: str
    request_id: str
    replay: _containers.RepeatedCompositeFieldContainer[_types_pb2.Action]
    dataset_version: str
    def __init__(self, task: _Optional[_Union[TaskSelector, _Mapping]] = ..., seed: _Optional[int] = ..., rubric: _Optional[str] = ..., request_id: _Optional[str] = ..., replay: _Optional[_Iterable[_Union[_types_pb2.Action, _Mapping]]] = ..., dataset_version: _Optional[str] = ...) -> None: ...

class ResetResponse(_message.Message):
    __slots__ = ("episode_id", "observation", "expire_time", "task", "seed", "rubric", "state", "next_step_index", "episode_return", "dataset_version")
    EPISODE_ID_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    RUBRIC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    EPISODE_RETURN_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    episode_id: str
    observation: _types_pb2.Observation
    expire_time: _timestamp_pb2.Timestamp
    task: Task
    seed: int
    rubric: str
    state: _types_pb2.EpisodeState
    next_step_index: int
    episode_return: float
    dataset_version: str
    def __init__(self, episode_id: _Optional[str] = ..., observation: _Optional[_Union[_types_pb2.Observation, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., task: _Optional[_Union[Task, _Mapping]] = ..., seed: _Optional[int] = ..., rubric: _Optional[str] = ..., state: _Optional[_Union[_types_pb2.EpisodeState, str]] = ..., next_step_index: _Optional[int] = ..., episode_return: _Optional[float] = ..., dataset_version: _Optional[str] = ...) -> None: ...

class StepRequest(_message.Message):
    __slots__ = ("episode_id", "step_index", "action")
    EPISODE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    episode_id: str
    step_index: int
    action: _types_pb2.Action
    def __init__(self, episode_id: _Optional[str] = ..., step_index: _Optional[int] = ..., action: _Optional[_Union[_types_pb2.Action, _Mapping]] = ...) -> None: ...

class StepResponse(_message.Message):
    __slots__ = ("observation", "reward", "score", "state", "step_index")
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    observation: _types_pb2.Observation
    reward: float
    score: _types_pb2.Score
    state: _types_pb2.EpisodeState
    step_index: int
    def __init__(self, observation: _Optional[_Union[_types_pb2.Observation, _Mapping]] = ..., reward: _Optional[float] = ..., score: _Optional[_Union[_types_pb2.Score, _Mapping]] = ..., state: _Optional[_Union[_types_pb2.EpisodeState, str]] = ..., step_index: _Optional[int] = ...) -> None: ...

class BatchResetRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[ResetRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[ResetRequest, _Mapping]]] = ...) -> None: ...

class BatchResetResult(_message.Message):
    __slots__ = ("response", "status")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    response: ResetResponse
    status: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[ResetResponse, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchResetResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResetResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResetResult, _Mapping]]] = ...) -> None: ...

class BatchStepRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[StepRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[StepRequest, _Mapping]]] = ...) -> None: ...

class BatchStepResult(_message.Message):
    __slots__ = ("response", "status")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    response: StepResponse
    status: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[StepResponse, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchStepResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchStepResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchStepResult, _Mapping]]] = ...) -> None: ...

class PlayRequest(_message.Message):
    __slots__ = ("tag", "reset", "step", "batch_reset", "batch_step", "get_episode", "close_episode")
    TAG_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    BATCH_RESET_FIELD_NUMBER: _ClassVar[int]
    BATCH_STEP_FIELD_NUMBER: _ClassVar[int]
    GET_EPISODE_FIELD_NUMBER: _ClassVar[int]
    CLOSE_EPISODE_FIELD_NUMBER: _ClassVar[int]
    tag: int
    reset: ResetRequest
    step: StepRequest
    batch_reset: BatchResetRequest
    batch_step: BatchStepRequest
    get_episode: GetEpisodeRequest
    close_episode: CloseEpisodeRequest
    def __init__(self, tag: _Optional[int] = ..., reset: _Optional[_Union[ResetRequest, _Mapping]] = ..., step: _Optional[_Union[StepRequest, _Mapping]] = ..., batch_reset: _Optional[_Union[BatchResetRequest, _Mapping]] = ..., batch_step: _Optional[_Union[BatchStepRequest, _Mapping]] = ..., get_episode: _Optional[_Union[GetEpisodeRequest, _Mapping]] = ..., close_episode: _Optional[_Union[CloseEpisodeRequest, _Mapping]] = ...) -> None: ...

class PlayResponse(_message.Message):
    __slots__ = ("tag", "reset", "step", "batch_reset", "batch_step", "get_episode", "close_episode", "status")
    TAG_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    BATCH_RESET_FIELD_NUMBER: _ClassVar[int]
    BATCH_STEP_FIELD_NUMBER: _ClassVar[int]
    GET_EPISODE_FIELD_NUMBER: _ClassVar[int]
    CLOSE_EPISODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    tag: int
    reset: ResetResponse
    step: StepResponse
    batch_reset: BatchResetResponse
    batch_step: BatchStepResponse
    get_episode: GetEpisodeResponse
    close_episode: CloseEpisodeResponse
    status: _status_pb2.Status
    def __init__(self, tag: _Optional[int] = ..., reset: _Optional[_Union[ResetResponse, _Mapping]] = ..., step: _Optional[_Union[StepResponse, _Mapping]] = ..., batch_reset: _Optional[_Union[BatchResetResponse, _Mapping]] = ..., batch_step: _Optional[_Union[BatchStepResponse, _Mapping]] = ..., get_episode: _Optional[_Union[GetEpisodeResponse, _Mapping]] = ..., close_episode: _Optional[_Union[CloseEpisodeResponse, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class GetEpisodeRequest(_message.Message):
    __slots__ = ("episode_id",)
    EPISODE_ID_FIELD_NUMBER: _ClassVar[int]
    episode_id: str
    def __init__(self, episode_id: _Optional[str] = ...) -> None: ...

class GetEpisodeResponse(_message.Message):
    __slots__ = ("task", "seed", "rubric", "state", "next_step_index", "episode_return", "observation", "expire_time")
    TASK_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    RUBRIC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    EPISODE_RETURN_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    task: Task
    seed: int
    rubric: str
    state: _types_pb2.EpisodeState
    next_step_index: int
    episode_return: float
    observation: _types_pb2.Observation
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., seed: _Optional[int] = ..., rubric: _Optional[str] = ..., state: _Optional[_Union[_types_pb2.EpisodeState, str]] = ..., next_step_index: _Optional[int] = ..., episode_return: _Optional[float] = ..., observation: _Optional[_Union[_types_pb2.Observation, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CloseEpisodeRequest(_message.Message):
    __slots__ = ("episode_id",)
    EPISODE_ID_FIELD_NUMBER: _ClassVar[int]
    episode_id: str
    def __init__(self, episode_id: _Optional[str] = ...) -> None: ...

class CloseEpisodeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
