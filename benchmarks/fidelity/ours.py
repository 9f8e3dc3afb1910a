"""Our scorer on the pairs: a data set made of their golds, scored in process and over the wire.

In process means the servicer that the reward service puts together, called without a socket, so that its time is the
judge's. The verdicts that it keeps are no help: each pair is asked once.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc

from benchmarks.fidelity.corpus import Pair, ValueAnswer
from data.examine import Examiner, answer_type
from data.suite.build import build_instances
from data.write import GoldRecord, write_dataset
from reward_service import app
from reward_service.config import RewardSettings
from reward_service.servicer import NAME
from sqlenv.server import Drain
from sqlenv.tasks import BUNDLED, Task, database_path
from sqlenv.types import ActionFailure, AnswerType
from sqlenv.v1 import reward_pb2, types_pb2


@dataclass(frozen=True, slots=True)
class Scored:
    """A verdict, the reason given, and how long it took."""

    right: bool
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Golds:
    """The data set of the pairs' golds: a task for each (database, gold, answer type)."""

    directory: Path
    tasks: dict[tuple[str, str, str], str]
    suite: str  # how the instance suite came to be, or why there is none
    build_s: float

    def task(self, item: Pair | ValueAnswer) -> str:
        """The task of a pair or value answer."""
        return self.tasks[item.db, item.gold, item.type if isinstance(item, ValueAnswer) else ""]


def make_golds(directory: Path, items: Sequence[Pair | ValueAnswer], suite: bool) -> Golds:
    """Writes the data set under `directory`, with its instance suite where the builder is there."""
    tasks: dict[tuple[str, str, str], str] = {}
    records: list[GoldRecord] = []
    examiners: dict[str, Examiner] = {}
    for item in items:
        kind = item.type if isinstance(item, ValueAnswer) else ""
        if (item.db, item.gold, kind) in tasks:
            continue
        if item.db not in examiners:
            target = database_path(directory, item.db)
            target.parent.mkdir(parents=True)
            shutil.copyfile(database_path(BUNDLED, item.db), target)
            examiners[item.db] = Examiner(target)
        found = examiners[item.db].examine(item.gold)
        if isinstance(found, ActionFailure):
            raise ValueError(f"{item.id}: gold fails: {found.message}")
        name = tasks[item.db, item.gold, kind] = f"{item.db}-{len(tasks) + 1:04d}"
        form = AnswerType(kind) if kind else answer_type(found.columns, found.rows)
        records.append(GoldRecord(Task(name, item.db, item.gold, "eval", "easy", form), item.gold, found))
    for examiner in examiners.values():
        examiner.close()
    write_dataset(directory, {"name": "fidelity", "license": "Apache-2.0"}, records)
    before = time.perf_counter()
    return Golds(directory, tasks, _suite(directory, suite), time.perf_counter() - before)


def _suite(directory: Path, wanted: bool) -> str:
    if not wanted:
        return "shipped database only, as asked"
    build_instances(directory, seed=0)
    return "instance suite by data.suite"


class _Methods:
    """Takes the place of a gRPC server to be handed the servicer's methods."""

    def __init__(self) -> None:
        self._handlers: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """What the generated code calls."""
        self._handlers += handlers

    def find(self, name: str) -> Any:
        """The servicer's method of this name."""
        call = SimpleNamespace(method=f"/{NAME}/{name}", invocation_metadata=())
        return next(found for handler in self._handlers if (found := handler.service(call))).unary_unary


async def score_in_process(golds: Golds, items: Sequence[Pair | ValueAnswer]) -> dict[str, Scored]:
    """Our verdicts by id. Gold is prepared before the clock starts, as in a service that runs."""
    settings = RewardSettings(dataset_dir=golds.directory, _env_file=None)
    server = _Methods()
    for service in await app.make(settings, Drain()):
        service.add(server)
    score_sql = server.find("ScoreSql")
    score_step = server.find("ScoreStep")
    for (_, gold, _), task in golds.tasks.items():
        await score_sql(reward_pb2.ScoreSqlRequest(task_id=task, sql=f"{gold} -- gold"), None)
    found: dict[str, Scored] = {}
    for item in items:
        before = time.perf_counter()
        if isinstance(item, Pair):
            response = await score_sql(reward_pb2.ScoreSqlRequest(task_id=golds.task(item), sql=item.sql), None)
        else:
            response = await score_step(_answer(golds.task(item), item.answer), None)
        score = response.score
        right = score.verdict == types_pb2.VERDICT_CORRECT
        found[item.id] = Scored(right, score.reason, time.perf_counter() - before)
        await asyncio.sleep(0)
    return found


def _answer(task: str, value: str) -> reward_pb2.ScoreStepRequest:
    action = types_pb2.Action(answer=types_pb2.Answer(value=value))
    return reward_pb2.ScoreStepRequest(task_id=task, transition=reward_pb2.Transition(action=action, step_count=1))
