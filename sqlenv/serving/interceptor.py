"""The interceptor that every handler of every server runs under, so that nothing internal leaves a service.

A `ServiceError` becomes its status with details; any other exception becomes INTERNAL without a word of its own and is
logged with an id that the caller is told. Left alone, grpc.aio would send the exception's text to the client.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from sqlenv.errors import Internal, InvalidArgument, ServiceError, to_status
from sqlenv.telemetry import logs

log = logging.getLogger(__name__)
failures = logs.FailureLog()

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]]


class _Undecodable:
    """Stands for a request that is not the message it should be."""


_UNDECODABLE = _Undecodable()


def service_error(error: BaseException, method: str) -> ServiceError:
    """What the caller is told of `error`; what it may not be told goes to the log."""
    if isinstance(error, ServiceError):
        failures.write(error, method)
        return error
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s in %s", incident, method, exc_info=error, extra={"incident": incident})
    return Internal(f"internal error; the server's log has it as incident {incident}")


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Wraps unary and stream handlers alike."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith("/sqlenv."):
            return handler  # unknown methods, and the library's own health and reflection
        if handler.unary_unary:
            wrap, behavior = grpc.unary_unary_rpc_method_handler, _unary(handler.unary_unary, method)
        elif handler.stream_stream:
            wrap, behavior = grpc.stream_stream_rpc_method_handler, _stream(handler.stream_stream, method)
        else:
            raise TypeError(f"{method}: only unary and bidirectional methods are served")
        return wrap(
            behavior,
            request_deserializer=_decode_or_mark(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )


def _decode_or_mark(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def safe(data: bytes) -> Any:
        try:
            return decode(data)
        except (DecodeError, UnicodeDecodeError, ValueError):
            return _UNDECODABLE

    return safe


def check_decoded(request: object) -> None:
    """Raises InvalidArgument for a request that could not be decoded."""
    if request is _UNDECODABLE:
        words = "the request can't be decoded: it is not the expected message, or a string in it is not UTF-8"
        raise InvalidArgument(words, reason="BAD_MESSAGE")


@asynccontextmanager
async def _translated(context: Any, method: str) -> AsyncIterator[None]:
    try:
        yield
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception as error:
        status = to_status(service_error(error, method))
        await context.abort_with_status(rpc_status.to_status(status))


def _unary(behavior: Callable[..., Any], method: str) -> Callable[..., Any]:
    async def handle(request: Any, context: Any) -> Any:
        async with _translated(context, method):
            check_decoded(request)
            return await behavior(request, context)

    return handle


def _stream(behavior: Callable[..., Any], method: str) -> Callable[..., Any]:
    # The handlers read with `context.read()`, so the request iterator is not used.
    async def handle(requests: Any, context: Any) -> None:
        async with _translated(context, method):
            await behavior(requests, context)

    return handle
