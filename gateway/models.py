"""OpenEnv's messages as this environment types them: action, observation, state, and the requests that carry them.

The fields that OpenEnv's base classes give (`metadata`, `done`, `reward`, `episode_id`, `step_count`) are here too, so
that the server needs no `openenv`: importing it costs seconds and brings pandas, NumPy and Gradio. `gateway.client`
joins these classes with OpenEnv's own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from sqlenv.actions import DEFAULT_SAMPLE_ROWS, MAX_SAMPLE_ROWS
from sqlenv.types import RUBRICS

MAX_SEED = 2**64 - 1
MAX_ID = 255
MAX_NAME = 255

Cell = int | float | str | None
Id = Annotated[str, Field(max_length=MAX_ID)]
Name = Annotated[str, Field(max_length=MAX_NAME)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]

_ALLOWED = {
    "describe": {"table"},
    "sample": {"table", "rows"},
    "query": {"sql"},
    "answer": {"value", "sql"},
    None: {"text"},
}


class _Message(BaseModel):
    """No field that is not known, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class SQLAction(_Message):
    """One of the four actions: by `tool` and its arguments, or as the `text` that a language model wrote."""

    tool: Literal["describe", "sample", "query", "answer"] | None = Field(
        None, description="Which action. Leave it out where `text` is given."
    )
    table: str | None = Field(None, description="For describe and sample: a table.")
    rows: int | None = Field(
        None, ge=1, le=MAX_SAMPLE_ROWS, description=f"For sample: number of rows; {DEFAULT_SAMPLE_ROWS} where absent."
    )
    sql: str | None = Field(
        None, description="For query: one SELECT in SQLite's dialect. For answer: a SELECT whose result is the answer."
    )
    value: JsonValue = Field(None, description="For answer: the answer itself, as text or as JSON.")
    text: str | None = Field(
        None,
        description="Instead of `tool`: QUERY SELECT …, DESCRIBE table, SAMPLE table rows, ANSWER value, ANSWER SQL: "
        "SELECT …, or a JSON tool call. Text that can't be read is a step with an error.",
    )
    metadata: dict[str, JsonValue] = Field(default_factory=dict, description="For the caller's own use; not looked at.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        given = {name for name in ("table", "rows", "sql", "value", "text") if self._given(name)}
        allowed = _ALLOWED[self.tool]
        if self.tool is None and "text" not in given:
            raise _fault("tool", "give `tool` (describe, sample, query or answer) with its arguments, or `text`")
        stray = sorted(given - allowed)
        if stray:
            raise _fault(stray[0], f"{self.tool or 'text'} has no argument {stray[0]!r}")
        missing = {"describe": "table", "sample": "table", "query": "sql"}.get(self.tool or "")
        if missing and missing not in given:
            raise _fault(missing, f"{self.tool} needs {missing!r}")
        if self.tool == "answer" and len(given) != 1:
            raise _fault("value", "answer needs either 'value' or 'sql'")
        return self

    def _given(self, name: str) -> bool:
        # An explicit null is an answer of NULL; for the others it is the same as nothing.
        if name == "value" and self.tool == "answer" and self.sql is None:
            return name in self.model_fields_set
        return getattr(self, name) is not None


def _fault(field: str, words: str) -> PydanticCustomError:
    return PydanticCustomError("action", "{words}", {"field": field, "words": words})


class SQLResult(_Message):
    """A typed table. Blobs are shown as X'…', infinities as text."""

    columns: list[str]
    rows: list[list[Cell]]
    row_count: int = Field(description="Rows the query has, those not sent included.")
    truncated: bool = Field(description="True where `rows` does not hold all of them.")
    row_count_is_lower_bound: bool = Field(description="True where counting stopped.")


class SQLError(_Message):
    """Why an action gave nothing; to be read by the agent."""

    kind: str = Field(description="invalid_action, empty_sql, not_allowed, syntax, no_such_table, timeout, …")
    message: str


class SQLScore(_Message):
    """The reward and its parts."""

    total: float
    execution: float
    correctness: float
    efficiency: float
    terms: dict[str, float] = Field(description="Every term that is not zero, by name.")
    verdict: str | None = Field(description="For answers: correct, incorrect, wrong_type, sql_failed, limit_exceeded.")
    reason: str = Field(description="For answers: the verdict in words.")
    progress: float = Field(description="Best progress toward the right result so far: 0 to 1.")


class SQLObservation(_Message):
    """What the agent sees; `text` is the same rendered for a language model."""

    question: str = ""
    tables: list[str] = Field(default_factory=list, description="Names of the database's tables.")
    answer_type: str = Field("", description="integer, float, string, list or table.")
    step_count: int = Field(0, ge=0, description="Steps taken.")
    steps_left: int = Field(0, ge=0, description="Steps left, the answer included.")
    status: Literal["running", "terminated", "truncated"] = Field(
        "running", description="terminated: the agent answered; truncated: the step budget was spent."
    )
    result: SQLResult | None = Field(None, description="What the last action gave.")
    error: SQLError | None = Field(None, description="Why it gave nothing.")
    score: SQLScore | None = Field(None, description="The step's reward and its parts; absent at reset.")
    text: str = ""
    done: bool = Field(False, description="Whether the episode has ended.")
    reward: bool | int | float | None = Field(None, description="The step's reward; absent at reset.")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="episode_id, session_id, task_id, seed, rubric, episode_return, …"
    )


class SQLState(BaseModel):
    """Where a session stands. Without an episode only the first two fields have a meaning."""

    model_config = ConfigDict(extra="allow")

    episode_id: str | None = Field(None, description="The episode, as reset named it.")
    step_count: int = Field(0, ge=0, description="Steps taken.")
    session_id: str | None = Field(None, description="Who knows it can resume the session; keep it to yourself.")
    status: str | None = Field(None, description="running, terminated or truncated.")
    steps_left: int | None = Field(None, description="Steps left, the answer included.")
    episode_return: float | None = Field(None, description="Sum of the rewards so far.")
    task_id: str | None = None
    db_id: str | None = None
    split: str | None = None
    difficulty: str | None = None
    seed: int | None = None
    rubric: str | None = None
    dataset_version: str | None = None


class ResetRequest(_Message):
    """Starts an episode; every field may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seed": 42, "split": "train"}, {}]})

    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Decides the task drawn and the rows SAMPLE shows.")
    episode_id: Id | None = Field(None, min_length=1, description="How the episode is to be named; drawn where absent.")
    task_id: Name | None = Field(None, description="This task; not together with split, db_id or difficulty.")
    split: Name | None = Field(None, description="A task of this split: train or eval.")
    db_id: Name | None = Field(None, description="A task of this database.")
    difficulty: Name | None = Field(None, description="easy, medium, hard or extra.")
    rubric: Literal["dense", "sparse", "potential"] | None = Field(None, description="How steps are scored.")
    request_id: Id | None = Field(None, description="Echoed with the response.")
    timeout_s: Seconds | None = Field(None, description="How long to wait, in seconds.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        for name in ("split", "db_id", "difficulty"):
            if self.task_id is not None and getattr(self, name) is not None:
                raise _fault(name, f"give either 'task_id' or {name!r}")
        return self


class StepRequest(_Message):
    """Takes one step of an episode that /reset started."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"episode_id": "…", "action": {"tool": "query", "sql": "SELECT 1"}}]}
    )

    action: SQLAction
    episode_id: Id = Field(min_length=1, description="The episode, as /reset's `metadata` has it.")
    timeout_s: Seconds | None = Field(
        None, description="How long to wait, in seconds. The step goes on; ask again with the same request_id."
    )
    request_id: Id | None = Field(
        None, description="Echoed. The same id with the same action again gives the same response, and takes no step."
    )


class SessionResponse(_Message):
    """What /reset and /step give."""

    observation: SQLObservation
    reward: float | None = Field(description="The step's reward; null at reset.")
    done: bool = Field(description="Whether the episode has ended.")
    metadata: dict[str, Any]
    request_id: str | None = Field(None, description="The request's, where it had one.")


class Fault(BaseModel):
    """One field that can't be used."""

    loc: list[str | int]
    msg: str
    type: str


class ErrorResponse(BaseModel):
    """Why there is no response."""

    detail: str | list[Fault]
    code: str
    field: str | None = None
    reason: str | None = None
    request_id: str | None = None
    retry_after_s: float | None = None


assert RUBRICS == ("dense", "sparse", "potential")  # `ResetRequest.rubric` lists them
