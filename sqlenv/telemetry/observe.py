"""The outermost interceptor: counts and times every RPC, opens its span, and tells the log which call it is in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

import grpc

from sqlenv.telemetry import logs
from sqlenv.telemetry.service import Telemetry

access = logging.getLogger("sqlenv.access")

_CODES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}


class ObservingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Sees each RPC before any other interceptor, so that what those refuse is counted too."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._metrics = telemetry.metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        path = handler_call_details.method
        if handler is None:
            self._metrics.rpcs["unknown", "UNIMPLEMENTED"].inc()  # its name is the caller's choice, and so no label
            return None
        if not path.startswith("/sqlenv."):
            return handler  # the library's own health and reflection: asked every second, and of no interest
        if handler.unary_unary:
            wrap, behavior = grpc.unary_unary_rpc_method_handler, self._unary(handler.unary_unary, path)
        else:
            wrap, behavior = grpc.stream_stream_rpc_method_handler, self._stream(handler.stream_stream, path)
        return wrap(behavior, handler.request_deserializer, handler.response_serializer)

    def _unary(self, behavior: Callable[..., Any], path: str) -> Callable[..., Any]:
        async def handle(request: Any, context: Any) -> Any:
            with _Rpc(self._telemetry, path, context) as rpc:
                try:
                    return await behavior(request, context)
                finally:
                    rpc.time()

        return handle

    def _stream(self, behavior: Callable[..., Any], path: str) -> Callable[..., Any]:
        async def handle(requests: Any, context: Any) -> None:
            with _Rpc(self._telemetry, path, context):
                await behavior(requests, context)

        return handle


class _Rpc:
    """An RPC that is being served. A class, and no generator: it is entered with every call."""

    __slots__ = ("_context", "_method", "_metrics", "_span", "_start", "_traced")

    def __init__(self, telemetry: Telemetry, path: str, context: Any) -> None:
        self._metrics = telemetry.metrics
        self._method = path.rpartition("/")[2]
        self._context = context
        tracing = telemetry.tracing
        self._span: AbstractContextManager[Any] | None = None
        self._traced: Any = None
        if tracing.on:
            about = {"rpc.system.name": "grpc", "rpc.method": path[1:]}
            self._span = tracing.span(path[1:], "server", tracing.extract(context.invocation_metadata()), (), about)

    def __enter__(self) -> _Rpc:
        logs.call.set(logs.Call(self._method, self._context))
        self._metrics.in_flight += 1
        self._start = perf_counter()
        if self._span is not None:
            self._traced = self._span.__enter__()
        return self

    def time(self) -> None:
        """Adds the time so far to the metric; not asked for where a stream lasts as long as its client likes."""
        self._metrics.rpc_seconds[self._method].observe(perf_counter() - self._start)

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        code = "OK" if error is None else _code(error, self._context)
        if self._span is not None:
            self._traced.set_attribute("rpc.response.status_code", code)
            self._span.__exit__(kind, error, traceback)
        self._metrics.in_flight -= 1
        self._metrics.rpcs[self._method, code].inc()
        if access.isEnabledFor(logging.DEBUG):
            access.debug("call", extra={"code": code, "seconds": round(perf_counter() - self._start, 6)})


def _code(error: BaseException, context: Any) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED"  # by the client, or by its deadline
    code = context.code()
    # It is a number where the call was aborted. 0 means that nothing set it: gRPC then makes it UNKNOWN.
    return str(code.name) if isinstance(code, grpc.StatusCode) else _CODES.get(code or 2, "UNKNOWN")
