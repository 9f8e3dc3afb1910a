"""Calls over one Play stream: many at once, each response found by its tag. One class for threads, one for asyncio."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import grpc

from sqlenv.calling.protocol import may_retry
from sqlenv.calling.transport import PLAY_FIELDS, broken_stream, play_outcome
from sqlenv.errors import DeadlineExceeded, ServiceError, from_rpc_error
from sqlenv.v1 import environment_pb2, environment_pb2_grpc

Metadata = tuple[tuple[str, str], ...]


class StreamRefused(ServiceError):
    """The whole stream was refused, perhaps for one request of many: each must be sent by itself to learn its lot."""


class PlayStream:
    """Calls over one Play stream, from many threads at once; opened when first used, and again after it broke."""

    def __init__(self, channel: grpc.Channel, timeout_s: float, metadata: Metadata = ()) -> None:
        self._metadata = metadata
        self._stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        self._timeout_s = timeout_s
        self._tags = itertools.count(1)
        self._lock = threading.Lock()
        self._outbox: queue.SimpleQueue[environment_pb2.PlayRequest | None] | None = None
        self._waiting: dict[int, Future[Any]] = {}

    def send(self, method: str, request: Any) -> Any:
        """Sends one request and waits for its response. Raises ServiceError; StreamRefused: send it another way."""
        tag = next(self._tags)
        future: Future[Any] = Future()
        with self._lock:
            if self._outbox is None:
                self._open()
            assert self._outbox is not None
            self._waiting[tag] = future
            self._outbox.put(environment_pb2.PlayRequest(tag=tag, **{PLAY_FIELDS[method]: request}))
        try:
            return future.result(self._timeout_s)
        except FutureTimeout:
            raise DeadlineExceeded(f"no response to {method} within {self._timeout_s:g} s") from None
        finally:
            self._waiting.pop(tag, None)

    def close(self) -> None:
        """Ends the stream."""
        with self._lock:
            if self._outbox is not None:
                self._outbox.put(None)
                self._outbox = None

    def _open(self) -> None:
        outbox: queue.SimpleQueue[environment_pb2.PlayRequest | None] = queue.SimpleQueue()
        responses = self._stub.Play(iter(outbox.get, None), metadata=self._metadata)
        self._outbox = outbox
        threading.Thread(target=self._read, args=(responses, outbox), name="sqlenv-play", daemon=True).start()

    def _read(self, responses: Any, outbox: queue.SimpleQueue[environment_pb2.PlayRequest | None]) -> None:
        failure: ServiceError = broken_stream()
        try:
            for response in responses:
                future = self._waiting.get(response.tag)
                if future is not None:
                    _settle(future, response)
        except grpc.RpcError as error:
            failure = _of_stream(error)
        except ValueError:
            pass  # the channel was closed
        with self._lock:
            if self._outbox is outbox:
                self._outbox = None
            outbox.put(None)
            lost, self._waiting = list(self._waiting.values()), {}
        for future in lost:
            if not future.done():
                future.set_exception(failure)


def _of_stream(error: grpc.RpcError) -> ServiceError:
    """What the requests of a stream that ended with `error` get."""
    failure = from_rpc_error(error)
    return failure if may_retry(failure) else StreamRefused(failure.message, failure.reason)


def _settle(future: Future[Any], response: environment_pb2.PlayResponse) -> None:
    try:
        future.set_result(play_outcome(response))
    except ServiceError as error:
        future.set_exception(error)


class AsyncPlayStream:
    """Calls over one Play stream; opened when first used, and again after it broke.

    One task writes and one reads: a caller that is cancelled gives up its own response and nothing else. (Cancelled
    within a write, grpc.aio would cancel the whole stream.)
    """

    def __init__(self, channel: grpc.aio.Channel, timeout_s: float, metadata: Metadata = ()) -> None:
        self._metadata = metadata
        self._stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        self._timeout_s = timeout_s
        self._tags = itertools.count(1)
        self._outbox: asyncio.Queue[environment_pb2.PlayRequest] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def send(self, method: str, request: Any) -> Any:
        """Sends one request and waits for its response. Raises ServiceError; StreamRefused: send it another way."""
        if self._outbox is None:
            self._outbox = asyncio.Queue()
            task = asyncio.get_running_loop().create_task(self._carry(self._outbox))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        tag = next(self._tags)
        future = self._waiting[tag] = asyncio.get_running_loop().create_future()
        self._outbox.put_nowait(environment_pb2.PlayRequest(tag=tag, **{PLAY_FIELDS[method]: request}))
        try:
            return play_outcome(await asyncio.wait_for(future, self._timeout_s))
        except TimeoutError:
            raise DeadlineExceeded(f"no response to {method} within {self._timeout_s:g} s") from None
        finally:
            self._waiting.pop(tag, None)

    async def close(self) -> None:
        """Ends the stream, whatever the server does."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, outbox: asyncio.Queue[environment_pb2.PlayRequest]) -> None:
        """Carries one stream from its opening to its end, and tells all who still wait that it ended."""
        failure: ServiceError = broken_stream()
        stream = self._stub.Play(metadata=self._metadata)
        writer = asyncio.get_running_loop().create_task(_write(stream, outbox))
        try:
            while (response := await stream.read()) is not grpc.aio.EOF:
                future = self._waiting.get(response.tag)
                if future is not None and not future.done():
                    future.set_result(response)
        except grpc.RpcError as error:
            failure = _of_stream(error)
        finally:
            if self._outbox is outbox:
                self._outbox = None
            writer.cancel()
            stream.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(failure)


async def _write(stream: Any, outbox: asyncio.Queue[environment_pb2.PlayRequest]) -> None:
    while True:
        await stream.write(await outbox.get())
