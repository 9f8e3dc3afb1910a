"""From the services' messages to OpenEnv's JSON: plain dicts, written once, fit for `SQLObservation` and `SQLState`."""

from __future__ import annotations

import math
from typing import Any

import pydantic_core

from gateway.models import Cell, SQLAction
from sqlenv import actions
from sqlenv.calling.protocol import EpisodeLog, StepResult
from sqlenv.convert import action_to_proto
from sqlenv.v1 import environment_pb2, types_pb2

STATUS = {
    types_pb2.EPISODE_STATE_RUNNING: "running",
    types_pb2.EPISODE_STATE_TERMINATED: "terminated",
    types_pb2.EPISODE_STATE_TRUNCATED: "truncated",
}
ANSWER_TYPES = {number: name.removeprefix("ANSWER_TYPE_").lower() for name, number in types_pb2.AnswerType.items()}
ERROR_KINDS = {number: name.removeprefix("ERROR_KIND_").lower() for name, number in types_pb2.ErrorKind.items()}
VERDICTS = {number: name.removeprefix("VERDICT_").lower() for name, number in types_pb2.Verdict.items()}


def to_json(value: Any) -> bytes:
    """JSON of plain values. NaN and infinities, which JSON does not have, do not occur in ours."""
    return pydantic_core.to_json(value)


def action_message(action: SQLAction) -> types_pb2.Action:
    """The action as a message for the environment service."""
    match action.tool:
        case None:
            return types_pb2.Action(text=actions.well_formed(action.text or ""))
        case "describe":
            made: actions.Action = actions.Describe(action.table or "")
        case "sample":
            made = actions.Sample(action.table or "", action.rows or actions.DEFAULT_SAMPLE_ROWS)
        case "query":
            made = actions.Query(action.sql or "")
        case _ if action.sql is not None:
            made = actions.AnswerSql(action.sql)
        case _:
            made = actions.parse_tool_call({"name": "answer", "arguments": {"value": action.value}})
    return action_to_proto(made)


def reset_payload(log: EpisodeLog, about: dict[str, Any]) -> dict[str, Any]:
    """What reset gives: observation, no reward, and all that is to be known of the episode as metadata."""
    metadata = {
        **about,
        "task_id": log.task.task_id,
        "db_id": log.task.db_id,
        "split": log.task.split,
        "difficulty": log.task.difficulty,
        "seed": log.seed,
        "rubric": log.rubric,
        "dataset_version": log.dataset_version,
        "episode_return": log.episode_return,
    }
    observation = _observation(log.observation, STATUS.get(log.state, "running"), None, metadata)
    return {"observation": observation, "reward": None, "done": log.done, "metadata": metadata}


def step_payload(log: EpisodeLog, step: StepResult, about: dict[str, Any]) -> dict[str, Any]:
    """What a step gives."""
    status = "terminated" if step.terminated else "truncated" if step.truncated else "running"
    metadata = {**about, "episode_return": log.episode_return}
    observation = _observation(step.observation, status, _score(step.score), metadata)
    return {"observation": observation, "reward": step.reward, "done": step.done, "metadata": metadata}


def state_payload(log: EpisodeLog | None, about: dict[str, Any]) -> dict[str, Any]:
    """Where a session stands."""
    if log is None:
        return {"episode_id": None, "step_count": 0, "session_id": about.get("session_id")}
    return {
        "episode_id": about["episode_id"],
        "step_count": log.observation.step_count,
        "session_id": about.get("session_id"),
        "status": STATUS.get(log.state, "running"),
        "steps_left": log.observation.steps_left,
        "episode_return": log.episode_return,
        "task_id": log.task.task_id,
        "db_id": log.task.db_id,
        "split": log.task.split,
        "difficulty": log.task.difficulty,
        "seed": log.seed,
        "rubric": log.rubric,
        "dataset_version": log.dataset_version,
    }


def task_dict(task: environment_pb2.Task) -> dict[str, Any]:
    """The public part of a task."""
    return {
        "task_id": task.task_id,
        "db_id": task.db_id,
        "question": task.question,
        "split": task.split,
        "difficulty": task.difficulty,
        "answer_type": ANSWER_TYPES.get(task.answer_type, ""),
    }


def _observation(
    seen: types_pb2.Observation, status: str, score: dict[str, Any] | None, metadata: dict[str, Any]
) -> dict[str, Any]:
    return {
        "question": seen.question,
        "tables": list(seen.tables),
        "answer_type": ANSWER_TYPES.get(seen.answer_type, ""),
        "step_count": seen.step_count,
        "steps_left": seen.steps_left,
        "status": status,
        "result": _result(seen.result) if seen.HasField("result") else None,
        "error": {"kind": ERROR_KINDS.get(seen.error.kind, "sql"), "message": seen.error.message}
        if seen.HasField("error")
        else None,
        "score": score,
        "text": seen.text,
        "metadata": metadata,
    }


def _result(result: types_pb2.Result) -> dict[str, Any]:
    return {
        "columns": list(result.columns),
        "rows": [[_cell(value) for value in row.values] for row in result.rows],
        "row_count": result.row_count,
        "truncated": result.truncated,
        "row_count_is_lower_bound": result.row_count_is_lower_bound,
    }


def _cell(value: types_pb2.Value) -> Cell:
    kind = value.WhichOneof("kind")
    if kind == "text":
        return value.text
    if kind == "integer":
        return value.integer
    if kind == "real":
        return value.real if math.isfinite(value.real) else ("Inf" if value.real > 0 else "-Inf")
    return f"X'{value.blob.hex().upper()}'" if kind == "blob" else None


def _score(score: types_pb2.Score) -> dict[str, Any]:
    return {
        "total": score.total,
        "execution": score.execution,
        "correctness": score.correctness,
        "efficiency": score.efficiency,
        "terms": {term.name: term.value for term in score.terms},
        "verdict": VERDICTS.get(score.verdict) if score.verdict else None,
        "reason": score.reason,
        "progress": score.progress,
    }
