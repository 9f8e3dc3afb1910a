"""Who may call: bearer tokens, checked before a request is even read.

The health service answers without a token, because what asks it (a kubelet, a load balancer) has none. Everything else
needs one as soon as a server has tokens, reflection included.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

import grpc
from cachetools import LRUCache
from grpc_status import rpc_status

from sqlenv.errors import ServiceError, Unauthenticated, to_status
from sqlenv.serving.tokens import Token, TokenBook

log = logging.getLogger(__name__)

HEALTH = "/grpc.health.v1.Health/"
REFRESH_S = 1.0
# A peer that keeps trying is in the log once in so many seconds, and only so many peers are counted.
LOG_EVERY_S = 60.0
LOGGED_PEERS = 1_024

TOKEN: ContextVar[Token | None] = ContextVar("sqlenv_token", default=None)
"""The token that the call in this context showed; None where the server asks for none."""


class AuthInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets in who shows a token of the book. Stands before all others but the one that counts."""

    def __init__(self, book: TokenBook) -> None:
        self._book = book
        self._refusals = _Refusals()
        # By digest: the tasks of streams that stand, which end when their token does.
        self._streams: dict[str, set[asyncio.Task[Any]]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        if handler_call_details.method.startswith(HEALTH):
            return await continuation(handler_call_details)
        handler = await continuation(handler_call_details)
        if handler is None:
            return None  # there is no such method, whoever asks
        shown = bearer(handler_call_details.invocation_metadata)
        token = self._book.find(shown) if shown else None
        if token is None:
            return self._refusing(_no_token() if shown is None else _unknown())
        TOKEN.set(token)
        if not handler.stream_stream or not handler_call_details.method.startswith("/sqlenv."):
            return handler
        coders = (handler.request_deserializer, handler.response_serializer)
        return grpc.stream_stream_rpc_method_handler(self._revocable(handler.stream_stream, token), *coders)

    async def watch(self) -> None:
        """Reads the tokens again when their file has changed, and ends the streams of those that are gone. Runs on."""
        while True:
            await asyncio.sleep(REFRESH_S)
            for digest in self._book.refresh():
                for task in self._streams.pop(digest, ()):
                    task.cancel()

    def _refusing(self, error: ServiceError) -> grpc.RpcMethodHandler:
        status = rpc_status.to_status(to_status(error))

        async def refuse(requests: Any, context: Any) -> None:
            self._refusals.note(context.peer(), error)
            await context.abort_with_status(status)

        # As a stream whatever the method is: so the request is not received first, however large it is.
        return grpc.stream_stream_rpc_method_handler(refuse)

    def _revocable(self, behavior: Callable[..., Any], token: Token) -> Callable[..., Any]:
        async def handle(requests: Any, context: Any) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks = self._streams.setdefault(token.digest, set())
            tasks.add(task)
            try:
                await behavior(requests, context)
            except asyncio.CancelledError:
                if self._streams.get(token.digest) is tasks:
                    raise  # the client went away; had the token gone, `watch` had taken its streams out
                task.uncancel()
                error = _unknown()
                self._refusals.note(context.peer(), error)
                await context.abort_with_status(rpc_status.to_status(to_status(error)))
            finally:
                tasks.discard(task)
                if not tasks and self._streams.get(token.digest) is tasks:
                    del self._streams[token.digest]

        return handle


class _Refusals:
    """Logs refusals: the first of an address at once, and how many more came of it when LOG_EVERY_S is over."""

    def __init__(self) -> None:
        self._seen: LRUCache[tuple[str, str], list[float]] = LRUCache(LOGGED_PEERS)  # when last logged, how many since

    def note(self, peer: str, error: ServiceError) -> None:
        """Counts a refusal, and logs it if it is time."""
        now = time.monotonic()
        key = (address(peer), error.reason)
        seen = self._seen.setdefault(key, [-LOG_EVERY_S, 0])
        if now - seen[0] < LOG_EVERY_S:
            seen[1] += 1
            return
        more = f"; {seen[1]:.0f} more since the last such line" if seen[1] else ""
        log.warning("refused %s: %s%s", key[0], error.message.partition(":")[0], more)
        self._seen[key] = [now, 0]


def bearer(metadata: Sequence[tuple[str, str | bytes]] | None) -> str | None:
    """The token in a call's metadata; None where there is no authorization, "" where it is none of ours."""
    for key, value in metadata or ():
        if key == "authorization":
            text = value if isinstance(value, str) else value.decode("latin-1")
            scheme, _, token = text.partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return None


def address(peer: str) -> str:
    """A peer without its port: "ipv4:10.0.0.7", "ipv6:[fd00::7]", "unix:"."""
    if peer.startswith(("ipv4:", "ipv6:")):
        return peer.replace("%5B", "[").replace("%5D", "]").rpartition(":")[0]
    return peer


def _no_token() -> Unauthenticated:
    words = "no token: this server wants one; pass token=… or set SQLENV_TOKEN"
    return Unauthenticated(words, "TOKEN_MISSING")


def _unknown() -> Unauthenticated:
    return Unauthenticated("the token isn't known: it is wrong, or was revoked", "TOKEN_UNKNOWN")
