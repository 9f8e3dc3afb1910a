"""The innermost interceptor: finds out who calls, and has each call wait for its turn among those of all callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from sqlenv.errors import DeadlineExceeded
from sqlenv.serving.auth import TOKEN, address
from sqlenv.serving.fairness import CALLER, Caller, Turn, Turns
from sqlenv.telemetry import logs

_LOOPBACK = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D")


class CallerInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Calls take turns by caller. Batches and streams don't: their items and messages do, each by itself.

    `certificates`: clients show one, and are told apart by it.
    """

    def __init__(self, turns: Turns, certificates: bool) -> None:
        self._turns = turns
        self._certificates = certificates
        self._wrapped: dict[str, tuple[grpc.RpcMethodHandler, grpc.RpcMethodHandler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith("/sqlenv."):
            return handler
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            known = self._wrapped[method] = (handler, self._wrap(handler, method))
        return known[1]

    def _wrap(self, handler: grpc.RpcMethodHandler, method: str) -> grpc.RpcMethodHandler:
        whole = handler.unary_unary is not None and not method.rpartition("/")[2].startswith("Batch")
        behavior = handler.unary_unary or handler.stream_stream

        async def handle(request: Any, context: Any) -> Any:
            name = self._name(context)
            turns = self._turns
            turns.begin_call(name)
            CALLER.set(Caller(name, turns))
            try:
                if not whole:
                    return await behavior(request, context)
                async with Turn():
                    check_deadline(context)
                    return await behavior(request, context)
            finally:
                turns.end_call(name)

        wrap = grpc.unary_unary_rpc_method_handler if handler.unary_unary else grpc.stream_stream_rpc_method_handler
        return wrap(handle, handler.request_deserializer, handler.response_serializer)

    def _name(self, context: Any) -> str:
        """What the caller is known by: its token's name, its certificate's, or its address."""
        token = TOKEN.get()
        if token is not None:
            call = logs.call.get()
            if call is not None:
                call.token = token.name
            return f"token:{token.name}"
        peer: str = context.peer()
        if self._certificates:
            names = context.auth_context().get("x509_subject")
            if names:
                return f"certificate:{names[0].decode('utf-8', 'replace')}"
        # On loopback all have one address: there a caller is a connection.
        return peer if peer.startswith(_LOOPBACK) else address(peer)


def check_deadline(context: Any) -> None:
    """Raises DeadlineExceeded where the caller has given up already: what it asked for is not begun."""
    left = context.time_remaining()
    if left is not None and left <= 0:
        raise DeadlineExceeded("the deadline passed while the call waited for its turn; it was not begun")
