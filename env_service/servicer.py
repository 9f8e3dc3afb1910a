"""EnvironmentService: each RPC, batch item and Play message handed to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from typing import Any

import grpc

from env_service.config import EnvSettings
from env_service.engine import Engine
from sqlenv.convert import filter_from_proto, task_to_proto
from sqlenv.errors import Exhausted, InvalidArgument, ServiceError, Unavailable, to_status
from sqlenv.server import DRAIN_RETRY_S, Drain
from sqlenv.serving.batch import each
from sqlenv.serving.fairness import Turn
from sqlenv.serving.interceptor import check_decoded, service_error
from sqlenv.telemetry.service import Telemetry
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc

NAME = "sqlenv.v1.EnvironmentService"
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000

# A reader that takes no response for so long does not get to read why its stream ends, either.
LAST_WRITE_S = 1.0


class EnvironmentServicer(environment_pb2_grpc.EnvironmentServiceServicer):
    """Translates between the wire and the engine; keeps nothing itself but its open streams."""

    def __init__(self, engine: Engine, drain: Drain, settings: EnvSettings, telemetry: Telemetry | None = None) -> None:
        self._engine = engine
        self._telemetry = telemetry or Telemetry("environment")
        self._drain = drain
        self._max_batch = settings.max_batch
        self._max_message_bytes = settings.max_message_bytes
        self._max_stream_in_flight = settings.max_stream_in_flight
        self._reading: set[asyncio.Task[Any]] = set()
        drain.busy = lambda: engine.sessions.running > 0
        drain.wake.append(self._end_streams)

    async def ListTasks(self, request: pb.ListTasksRequest, context: Any) -> pb.ListTasksResponse:
        if request.page_size < 0 or request.page_size > MAX_PAGE_SIZE:
            raise InvalidArgument(f"must be 0 to {MAX_PAGE_SIZE}", field="page_size")
        if request.page_token and not (request.page_token.isascii() and request.page_token.isdigit()):
            raise InvalidArgument("not a token that ListTasks gave", field="page_token")
        start = int(request.page_token[:18] or 0)
        end = start + (request.page_size or DEFAULT_PAGE_SIZE)
        tasks = self._engine.data.filtered(filter_from_proto(request.filter))
        return pb.ListTasksResponse(
            tasks=map(task_to_proto, tasks[start:end]),
            next_page_token=str(end) if end < len(tasks) else "",
            total_size=len(tasks),
        )

    async def GetTask(self, request: pb.GetTaskRequest, context: Any) -> pb.GetTaskResponse:
        return pb.GetTaskResponse(task=task_to_proto(self._engine.task(request.task_id)))

    async def ListDatabases(self, request: pb.ListDatabasesRequest, context: Any) -> pb.ListDatabasesResponse:
        engine = self._engine
        databases = []
        for db_id in engine.data.databases:
            tasks = [task for task in engine.data.tasks if task.db_id == db_id]
            tables = [
                pb.TableInfo(name=name, row_count=await engine.explorer.row_count(db_id, name))
                for name in engine.explorer.tables(db_id)
            ]
            databases.append(pb.Database(db_id=db_id, tables=tables, task_count=len(tasks), split=tasks[0].split))
        return pb.ListDatabasesResponse(
            databases=databases, dataset=engine.data.name, dataset_version=engine.data.version
        )

    async def Reset(self, request: pb.ResetRequest, context: Any) -> pb.ResetResponse:
        self._drain.refuse()
        return await self._engine.reset(request)

    async def Step(self, request: pb.StepRequest, context: Any) -> pb.StepResponse:
        return await self._engine.step(request)

    async def BatchReset(self, request: pb.BatchResetRequest, context: Any) -> pb.BatchResetResponse:
        self._drain.refuse()
        self._check_batch(len(request.requests))
        results = await each(request.requests, self._engine.reset, pb.BatchResetResult, "BatchReset")
        return pb.BatchResetResponse(results=results)

    async def BatchStep(self, request: pb.BatchStepRequest, context: Any) -> pb.BatchStepResponse:
        self._check_batch(len(request.requests))
        results = await each(request.requests, self._engine.step, pb.BatchStepResult, "BatchStep")
        return pb.BatchStepResponse(results=self._fitting(results))

    async def GetEpisode(self, request: pb.GetEpisodeRequest, context: Any) -> pb.GetEpisodeResponse:
        return self._engine.get_episode(request)

    async def CloseEpisode(self, request: pb.CloseEpisodeRequest, context: Any) -> pb.CloseEpisodeResponse:
        return self._engine.close_episode(request)

    async def Play(self, requests: Any, context: Any) -> None:
        """Reads on while requests run, and writes each response when it is there."""
        writing = asyncio.Lock()
        room = asyncio.Semaphore(self._max_stream_in_flight)
        under_way: set[asyncio.Task[None]] = set()

        async def answer(message: pb.PlayRequest) -> None:
            try:
                response = await self._dispatch(message, context)
                async with writing:
                    await context.write(response)
            finally:
                room.release()

        try:
            while (message := await self._read(context)) is not grpc.aio.EOF:
                check_decoded(message)
                await room.acquire()
                task = asyncio.get_running_loop().create_task(answer(message))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.gather(*under_way)
        except ServiceError:
            # The stream ends with a status, which gRPC refuses to send, for ever, while a response is being written.
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITE_S):
                    await writing.acquire()
            raise
        finally:
            for task in under_way:
                task.cancel()

    async def _read(self, context: Any) -> Any:
        # An idle stream would hold the server's stop for all of its grace: draining cancels its read.
        task = asyncio.current_task()
        assert task is not None
        if self._drain.started:
            raise _draining()
        self._reading.add(task)
        try:
            return await context.read()
        except asyncio.CancelledError:
            if not self._drain.started:
                raise
            task.uncancel()
            raise _draining() from None
        finally:
            self._reading.discard(task)

    def _end_streams(self) -> None:
        for task in list(self._reading):
            task.cancel()

    async def _dispatch(self, message: pb.PlayRequest, context: Any) -> pb.PlayResponse:
        handlers: dict[str, Callable[[Any, Any], Awaitable[Any]]] = {
            "reset": self.Reset,
            "step": self.Step,
            "batch_reset": self.BatchReset,
            "batch_step": self.BatchStep,
            "get_episode": self.GetEpisode,
            "close_episode": self.CloseEpisode,
        }
        response = pb.PlayResponse(tag=message.tag)
        kind = message.WhichOneof("request")
        with self._telemetry.message(f"Play.{kind}") as observed:
            try:
                if kind is None:
                    raise InvalidArgument("the request is missing: set one of " + ", ".join(handlers), field="request")
                # A batch's items take their turns themselves.
                async with Turn() if not kind.startswith("batch_") else nullcontext():
                    getattr(response, kind).CopyFrom(await handlers[kind](getattr(message, kind), context))
            except Exception as error:
                told = service_error(error, f"Play/{kind}")
                observed.code = told.code.name
                response.status.CopyFrom(to_status(told))
        return response

    def _fitting(self, results: list[pb.BatchStepResult]) -> list[pb.BatchStepResult]:
        """The results, as many as a message can carry; the others' steps were taken too, and can be asked for again."""
        size = 0
        for number, result in enumerate(results):
            size += result.ByteSize() + 8
            if size > self._max_message_bytes and number:
                words = "the batch's responses are too large for one message; send this step again"
                status = to_status(Exhausted(words, "MESSAGE_TOO_LARGE", retry_after_s=0.0))
                return [*results[:number], *(pb.BatchStepResult(status=status) for _ in results[number:])]
        return results

    def _check_batch(self, size: int) -> None:
        if size > self._max_batch:
            raise InvalidArgument(f"{size:,} requests in a batch; at most {self._max_batch:,}", field="requests")


def _draining() -> ServiceError:
    words = "the server is shutting down; open the stream again, here or on another replica"
    return Unavailable(words, reason="DRAINING", retry_after_s=DRAIN_RETRY_S)
