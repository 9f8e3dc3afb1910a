"""The load of `benchmarks.soak`: scripted episodes, played by all three kinds of call, and the books on them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import grpc

from sqlenv.aio import AsyncEpisode, AsyncSqlEnvClient
from sqlenv.convert import action_from_proto
from sqlenv.errors import ServiceError
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import types_pb2

TASKS = ("campus_pets-001", "campus_pets-002", "campus_pets-003", "campus_pets-004")
STEPS = 5
BATCH = 16

# One query in so many is too long for the event loop, and goes to a process of its own.
LONG_EVERY = 200
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT count(*) FROM n"


@dataclass
class Sample:
    """What was seen at one moment. Memory in bytes, latencies in milliseconds, `steps` since the sample before."""

    at_s: float
    steps: int
    steps_per_s: float
    p50_ms: float
    p99_ms: float
    env_bytes: int
    reward_bytes: int
    env_descriptors: int
    reward_descriptors: int


@dataclass
class Soak:
    """The run's books."""

    seconds: list[float] = field(default_factory=list)
    steps: int = 0
    episodes: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    first: dict[tuple[str, int], bytes] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def check(self, task: str, number: int, observation: types_pb2.Observation, reward: float) -> None:
        """Compares a step with its like before."""
        seen = observation.SerializeToString(deterministic=True) + repr(reward).encode()
        if self.first.setdefault((task, number), seen) != seen:
            self.wrong[f"{task} step {number}"] += 1

    def stepped(self, since: float, count: int = 1) -> None:
        """Counts steps of one call."""
        self.seconds.append(time.perf_counter() - since)
        self.steps += count


_salts = itertools.count(1)


def script(task: str, number: int) -> types_pb2.Action:
    """Step `number` of every episode of `task`: its SQL differs each time, what it gives does not."""
    salt = 0 if number == 1 else next(_salts)
    if number == 0:
        return types_pb2.Action(describe=types_pb2.Describe(table="pet"))
    if number == 4:
        return types_pb2.Action(answer=types_pb2.Answer(sql=f"SELECT count(*) FROM pet WHERE pet_id <> {-salt}"))
    parity, kind = number % 2, int(task[-1])
    sql = f"SELECT name, species, weight_kg FROM pet WHERE pet_id % {kind + 1} = {parity} AND pet_id <> {-salt}"
    if salt % LONG_EVERY == 1:
        sql += f" AND ({LONG}) > 0"
    if number == 3:
        sql = f"SELECT nme FROM pet WHERE pet_id <> {-salt}"  # and one that fails
    return types_pb2.Action(query=types_pb2.Query(sql=sql))


async def play(soak: Soak, client: AsyncSqlEnvClient, stop: asyncio.Event, number: int) -> None:
    """Plays episodes one after the other through the library's own client."""
    while not stop.is_set():
        task = TASKS[number % len(TASKS)]
        number += 1
        try:
            episode: AsyncEpisode = await client.reset(task_id=task, seed=0)
            for index in range(STEPS):
                since = time.perf_counter()
                result = await episode.step(action_from_proto(script(task, index)))
                soak.stepped(since)
                soak.check(task, index, result.observation, result.reward)
            if number % 2:  # the others leave it to the server to make room
                await episode.close()
            soak.episodes += 1
        except ServiceError as error:
            soak.errors[str(error)[:120]] += 1
            await asyncio.sleep(0.1)


async def play_batches(soak: Soak, stub: Any, stop: asyncio.Event, number: int) -> None:
    """Plays BATCH episodes at a time by BatchReset and BatchStep."""
    while not stop.is_set():
        task = TASKS[number % len(TASKS)]
        number += 1
        reset = pb.ResetRequest(task=pb.TaskSelector(task_id=task), seed=0)
        try:
            resets = (await stub.BatchReset(pb.BatchResetRequest(requests=[reset] * BATCH), timeout=30)).results
            ids = [result.response.episode_id for result in resets]
            for index in range(STEPS):
                requests = [pb.StepRequest(episode_id=i, step_index=index, action=script(task, index)) for i in ids]
                since = time.perf_counter()
                results = (await stub.BatchStep(pb.BatchStepRequest(requests=requests), timeout=30)).results
                soak.stepped(since, BATCH)
                for result in results:
                    if result.WhichOneof("outcome") == "status":
                        soak.errors[f"batch item: {result.status.message}"[:120]] += 1
                        continue
                    soak.check(task, index, result.response.observation, result.response.reward)
            soak.episodes += BATCH
        except grpc.RpcError as error:
            soak.errors[f"{error.code().name}: {error.details()}"[:120]] += 1
            await asyncio.sleep(0.1)
