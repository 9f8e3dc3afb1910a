"""The way to the environment service: a few clients that all sessions share, its tasks, and whether it is well."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.config import GatewaySettings
from gateway.render import task_dict
from gateway.replicas import Replicas
from sqlenv.aio import AsyncEpisode
from sqlenv.calling.access import Access
from sqlenv.calling.protocol import ActionLike, StepResult
from sqlenv.calling.transport import OPTIONS
from sqlenv.errors import Unavailable

TASKS_FRESH_S = 60.0
READY_FRESH_S = 0.25
SERVICES = {"environment": "sqlenv.v1.EnvironmentService", "reward": "sqlenv.v1.RewardService"}


class Environment:
    """The environment services behind the gateway. Lives on one event loop.

    An episode stays with the service that it started on. Where that one is away, and there are others, another takes
    it over: the client replays the episode there.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._replicas = Replicas(settings)
        self._health = Health(settings)
        self._watching: asyncio.Task[None] | None = None
        self._tasks: dict[str, list[dict[str, Any]]] = {}
        self._tasks_until = 0.0
        self._listing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._replicas.refresh()
        self._watching = asyncio.get_running_loop().create_task(self._replicas.watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(self._health.close(), self._replicas.close())

    async def reset(self, **which: Any) -> AsyncEpisode:
        """Starts an episode. Raises ServiceError."""
        client = self._replicas.pick()
        try:
            return await client.reset(**which)
        except Unavailable as error:
            other = self._replicas.instead(client, error)
            if other is None:
                raise
            return await other.reset(**which)

    async def step(self, episode: AsyncEpisode, action: ActionLike) -> StepResult:
        """Takes a step, exactly once. Raises ServiceError."""
        try:
            return await episode.step(action)
        except Unavailable as error:
            other = self._replicas.instead(episode.client, error)
            if other is None:
                raise
            episode.client = other  # the episode's log knows no server: it is replayed there
            return await episode.step(action)

    async def close(self, episode: AsyncEpisode) -> None:
        """Ends an episode. Nothing happens where the service is away: the episode expires by itself."""
        await episode.__aexit__()

    async def tasks(self, split: str | None = None) -> list[dict[str, Any]]:
        """The public parts of the tasks of a split, or of all. Raises ServiceError."""
        async with self._listing:
            if time.monotonic() >= self._tasks_until:
                found: dict[str, list[dict[str, Any]]] = {}
                async for task in self._replicas.pick().list_tasks():
                    found.setdefault(task.split, []).append(task_dict(task))
                self._tasks, self._tasks_until = found, time.monotonic() + TASKS_FRESH_S
        if split is not None:
            return self._tasks.get(split, [])
        return [task for tasks in self._tasks.values() for task in tasks]

    async def splits(self) -> list[str]:
        """Names of the splits, in the order of the data set. Raises ServiceError."""
        await self.tasks()
        return list(self._tasks)

    async def health(self) -> dict[str, str]:
        """`SERVING`, or what is wrong, by service."""
        return await self._health.ask(self._replicas.targets)


class Health:
    """Asks the services by gRPC's health protocol. Answers are fresh for a quarter of a second, whoever asks."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._reward = [] if settings.reward_target == "none" else [settings.reward_target]
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._asking: asyncio.Task[dict[str, str]] | None = None
        self._until = 0.0

    async def close(self) -> None:
        """Closes the channels."""
        for channel in self._channels.values():
            await channel.close()

    async def ask(self, targets: list[str]) -> dict[str, str]:
        """`SERVING`, or what is wrong, by service. One environment service that serves is enough."""
        if self._asking is None or (self._asking.done() and time.monotonic() >= self._until):
            self._asking = asyncio.get_running_loop().create_task(self._ask(targets))
        return await asyncio.shield(self._asking)

    async def _ask(self, targets: list[str]) -> dict[str, str]:
        asked = [*(("environment", target) for target in targets), *(("reward", target) for target in self._reward)]
        answers = await asyncio.gather(*(self._one(service, target) for service, target in asked))
        found: dict[str, str] = {}
        for (service, _), answer in zip(asked, answers, strict=True):
            if found.get(service) != "SERVING":
                found[service] = answer
        self._until = time.monotonic() + READY_FRESH_S
        return found

    def _channel(self, target: str) -> grpc.aio.Channel:
        if target not in self._channels:
            self._channels[target] = Access(target, self._settings.access()).aio_channel(OPTIONS)
        return self._channels[target]

    async def _one(self, service: str, target: str) -> str:
        stub = health_pb2_grpc.HealthStub(self._channel(target))
        request = health_pb2.HealthCheckRequest(service=SERVICES[service])
        try:
            response = await stub.Check(request, timeout=self._settings.ready_timeout_ms / 1000)
        except grpc.RpcError as error:
            # The error's own words name addresses and paths of sockets.
            code = error.code().name if isinstance(error, grpc.aio.AioRpcError) else "UNKNOWN"
            words = {"UNAVAILABLE": "does not answer", "DEADLINE_EXCEEDED": "does not answer in time"}
            return words.get(code, f"refuses to say how it is ({code})")
        status = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
        return "SERVING" if status == "SERVING" else f"is up, but {status}"
