"""OpenEnv's Task API: which tasks there are, by split and index. Only their public parts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.about import NAME
from gateway.errors import GatewayError, translated
from gateway.models import Name
from gateway.routes import ERRORS
from gateway.state import of

TRAIN_SPLITS = {"train"}
TEST_SPLITS = {"test"}

router = APIRouter(tags=["Task API"], responses=ERRORS)

EnvName = Annotated[str, Path(max_length=255, description=f"The environment: {NAME}.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    split: Name = Field(description="Name of a split.")


class _Index(_Body):
    index: int = Field(ge=0, le=10**9, description="Index within the split, from 0.")


class _Range(_Body):
    start: int | None = Field(None, ge=0, le=10**9, description="First index; 0 where absent.")
    stop: int | None = Field(None, ge=0, le=10**9, description="Index after the last; the end where absent.")


@router.get("/list_environments")
async def list_environments() -> list[str]:
    """Names of the environments: this one."""
    return [NAME]


@router.get("/{env_name}/splits")
async def splits(http: Request, env_name: EnvName) -> list[dict[str, str]]:
    """The splits; they share no database."""
    _check(env_name)
    return [{"name": split, "type": _type(split)} for split in await _splits(http)]


@router.post("/{env_name}/tasks")
async def tasks(http: Request, env_name: EnvName, body: _Body) -> dict[str, Any]:
    """All tasks of a split."""
    return {"tasks": await _tasks(http, env_name, body.split), "env_name": NAME}


@router.post("/{env_name}/num_tasks")
async def num_tasks(http: Request, env_name: EnvName, body: _Body) -> dict[str, int]:
    """How many tasks a split has."""
    return {"num_tasks": len(await _tasks(http, env_name, body.split))}


@router.post("/{env_name}/task")
async def task(http: Request, env_name: EnvName, body: _Index) -> dict[str, Any]:
    """One task. Reset with its `task_id` plays it."""
    found = await _tasks(http, env_name, body.split)
    if body.index >= len(found):
        words = f"the split {body.split!r} has {len(found)} tasks; the last index is {len(found) - 1}"
        raise GatewayError("VALIDATION_ERROR", words, 400, "index", "FIELD_INVALID")
    return {"task": found[body.index]}


@router.post("/{env_name}/task_range")
async def task_range(http: Request, env_name: EnvName, body: _Range) -> dict[str, Any]:
    """The tasks from `start` up to `stop`, as a Python slice has them."""
    return {"tasks": (await _tasks(http, env_name, body.split))[body.start : body.stop]}


async def _splits(http: Request) -> list[str]:
    try:
        return await of(http).environment.splits()
    except Exception as error:
        raise translated(error, "Task API") from None


async def _tasks(http: Request, env_name: str, split: str) -> list[dict[str, Any]]:
    _check(env_name)
    known = await _splits(http)
    if split not in known:
        words = f"there is no split {split[:60]!r}; the splits are {', '.join(known)}"
        raise GatewayError("VALIDATION_ERROR", words, 422, "split", "FIELD_INVALID")
    return await of(http).environment.tasks(split)


def _check(env_name: str) -> None:
    if env_name.lower() != NAME:
        words = f"there is no environment {env_name[:60]!r}; here is {NAME!r}"
        raise GatewayError("VALIDATION_ERROR", words, 404, "env_name", "UNKNOWN_ENVIRONMENT")


def _type(split: str) -> str:
    return "train" if split in TRAIN_SPLITS else "test" if split in TEST_SPLITS else "validation"
