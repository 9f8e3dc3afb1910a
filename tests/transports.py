"""One face for every way to reach the environment service, so that one contract suite runs over all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Protocol

from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.calling.protocol import Retry
from sqlenv.client import SqlEnvClient
from sqlenv.errors import from_status
from sqlenv.v1 import environment_pb2 as pb

NO_RETRY = Retry(patience_s=0)


class Transport(Protocol):
    """Sends one request and gives its response, or raises the ServiceError; tries nothing again."""

    def send(self, method: str, request: Any) -> Any: ...

    def close(self) -> None: ...


class Unary:
    """The blocking client's unary calls."""

    def __init__(self, target: str) -> None:
        self._client = SqlEnvClient(target, retry=NO_RETRY)

    def send(self, method: str, request: Any) -> Any:
        return self._client._send(method, request)

    def close(self) -> None:
        self._client.close()


class Batch(Unary):
    """BatchReset and BatchStep with the request as one of three; the others fail or succeed beside it."""

    def send(self, method: str, request: Any) -> Any:
        if method == "Reset":
            batch: Any = pb.BatchResetRequest(requests=[pb.ResetRequest(rubric="no such"), request])
        elif method == "Step":
            batch = pb.BatchStepRequest(requests=[pb.StepRequest(episode_id="no such"), request])
        else:
            return super().send(method, request)
        other, result = super().send(f"Batch{method}", batch).results
        assert other.WhichOneof("outcome") == "status"
        if result.WhichOneof("outcome") == "status":
            raise from_status(result.status)
        return result.response


class Play(Unary):
    """The blocking client over one Play stream."""

    def __init__(self, target: str) -> None:
        self._client = SqlEnvClient(target, retry=NO_RETRY, stream=True)


class Asyncio:
    """The asyncio client's unary calls, driven from a thread of its own."""

    stream = False

    def __init__(self, target: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._client: AsyncSqlEnvClient = self._run(self._open(target))

    async def _open(self, target: str) -> AsyncSqlEnvClient:
        return AsyncSqlEnvClient(target, retry=NO_RETRY, stream=self.stream)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def send(self, method: str, request: Any) -> Any:
        return self._run(self._client._send(method, request))

    def close(self) -> None:
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class AsyncioPlay(Asyncio):
    """The asyncio client over one Play stream."""

    stream = True


TRANSPORTS: dict[str, Callable[[str], Transport]] = {
    "unary": Unary,
    "batch": Batch,
    "play": Play,
    "asyncio": Asyncio,
    "asyncio-play": AsyncioPlay,
}
