"""What stands before every route: host names, origins, sizes, slow bodies, rates, and the headers of all responses.

Plain ASGI, so that it costs little and sees WebSockets too.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config import GatewaySettings
from gateway.errors import GatewayError
from gateway.limits import Rates, client_of
from gateway.metrics import Metrics
from gateway.render import to_json

UNLIMITED = ("/health", "/ready", "/metrics")

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
# Swagger UI writes its own styles.
DOCS_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings, rates: Rates, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._rates = rates
        self._metrics = metrics
        self._hosts = {host.lower() for host in settings.hosts()}
        self._origins = set(settings.origins())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        respond = self._with_headers(scope, send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(refusal, respond)
            return
        body = _Body(receive, self._settings.max_message_bytes, self._settings.body_timeout_ms / 1000)
        try:
            await self._app(scope, body.receive, respond.send)
        except BadBody as bad:
            if respond.started:
                raise
            await _refuse(bad.told, respond)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        error = self._wrong_host(headers) or self._wrong_origin(scope, headers)
        if error is not None:
            # Before it is accepted: the handshake is answered with a plain HTTP response.
            await receive()
            await send(
                {"type": "websocket.http.response.start", "status": error.status, "headers": [_JSON, *_plain_headers()]}
            )
            await send({"type": "websocket.http.response.body", "body": to_json(error.body())})
            self._metrics.refused(error.reason or error.code)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> GatewayError | None:
        error = self._wrong_host(headers)
        length = headers.get("content-length", "")
        if error is None and length.isdigit() and int(length[:18]) > self._settings.max_message_bytes:
            error = _too_large(self._settings.max_message_bytes)
        if error is None and scope["path"] not in UNLIMITED:
            wait = self._rates.wait_s(client_of(scope), refuse_over_s=0.0)
            if wait:
                words = "this client sends too many requests"
                error = GatewayError("RATE_LIMITED", words, 429, None, "RATE_LIMITED", round(wait, 3))
        if error is not None:
            self._metrics.refused(error.reason or error.code)
        return error

    def _wrong_host(self, headers: Headers) -> GatewayError | None:
        if "*" in self._hosts:
            return None
        given = headers.get("host", "")
        host = given.rsplit(":", 1)[0] if not given.endswith("]") else given
        if host.lower() in self._hosts:
            return None
        words = "this host name is not served here; SQLENV_GATEWAY_ALLOWED_HOSTS lists those that are"
        return GatewayError("HOST_REFUSED", words, 421, "host", "HOST_REFUSED")

    def _wrong_origin(self, scope: Scope, headers: Headers) -> GatewayError | None:
        """A browser tells where the page is from that opens a WebSocket; other sites' pages are refused."""
        origin = headers.get("origin")
        if origin is None or "*" in self._origins or origin.rstrip("/") in self._origins:
            return None
        try:
            same = urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
        except ValueError:
            same = False
        if same:
            return None
        words = "pages of other sites may not connect; SQLENV_GATEWAY_ALLOWED_ORIGINS lists those that may"
        return GatewayError("ORIGIN_REFUSED", words, 403, "origin", "ORIGIN_REFUSED")

    def _with_headers(self, scope: Scope, send: Send) -> _Respond:
        path = scope["path"]
        policy = DOCS_POLICY if path.startswith("/docs") else PAGE_POLICY
        policy += f"; frame-ancestors {self._settings.frame_ancestors}"
        return _Respond(send, policy, self._metrics, scope)


class _Respond:
    """Adds headers to a response and counts it."""

    def __init__(self, send: Send, policy: str, metrics: Metrics, scope: Scope) -> None:
        self._send = send
        self._policy = policy
        self._metrics = metrics
        self._scope = scope
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers.setdefault("content-security-policy", self._policy)
            headers.setdefault("x-content-type-options", "nosniff")
            headers.setdefault("referrer-policy", "no-referrer")
            headers.setdefault("cross-origin-opener-policy", "same-origin")
            headers.setdefault("cache-control", "no-store")
            route = self._scope.get("route")
            self._metrics.request(getattr(route, "path", "other"), self._scope["method"], message["status"])
        await self._send(message)


_JSON = (b"content-type", b"application/json")


def _plain_headers() -> list[tuple[bytes, bytes]]:
    return [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


async def _refuse(error: GatewayError, respond: _Respond) -> None:
    headers = [_JSON, (b"connection", b"close")]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
    await respond.send({"type": "http.response.start", "status": error.status, "headers": headers})
    await respond.send({"type": "http.response.body", "body": to_json(error.body())})


def _too_large(limit: int) -> GatewayError:
    words = f"the request is larger than {limit:,} bytes"
    return GatewayError("VALIDATION_ERROR", words, 413, "body", "MESSAGE_TOO_LARGE")


class BadBody(HTTPException):
    """A body that is too large or too slow. An HTTPException, for FastAPI takes any other for bad JSON."""

    def __init__(self, told: GatewayError) -> None:
        super().__init__(told.status, told.message, {"connection": "close"})  # the rest of the body is not read
        self.told = told


class _Body:
    """Reads a request's body within limits of size and time. After the body it waits for the disconnect, for ever."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._deadline: float | None = None
        self._size = 0
        self._whole = False

    async def receive(self) -> Any:
        if self._whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            words = f"the body did not arrive within {self._seconds:g} s"
            raise BadBody(GatewayError("VALIDATION_ERROR", words, 408, "body", "BODY_TOO_SLOW")) from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._size > self._limit:
                raise BadBody(_too_large(self._limit))
        return message
