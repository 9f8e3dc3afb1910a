"""Connections below HTTP: how many, of whom, and that each sends its request in time. uvicorn has no such limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.errors import CAPACITY_REACHED
from gateway.limits import client_of
from gateway.render import to_json


def _raw(status: str, code: str, words: str, *headers: bytes) -> bytes:
    body = to_json({"detail": words, "code": code})
    head = [b"HTTP/1.1 " + status.encode(), b"content-type: application/json", b"connection: close", *headers]
    return b"\r\n".join([*head, b"content-length: %d" % len(body), b"", body])


_BUSY = _raw("503 Service Unavailable", CAPACITY_REACHED, "too many connections; try again later", b"retry-after: 5")
_LATE = _raw("408 Request Timeout", "TIMEOUT", "the request's headers did not arrive in time")


class Connections:
    """Counts open connections, all and by client."""

    def __init__(self, most: int, most_of_client: int, header_timeout_ms: int) -> None:
        self.header_timeout_s = header_timeout_ms / 1000
        self._most = most
        self._most_of_client = most_of_client
        self._all = 0
        self._of_client: Counter[str] = Counter()

    def add(self, client: str) -> bool:
        """Counts a connection. False where it is one too many."""
        if self._all >= self._most or self._of_client[client] >= self._most_of_client:
            return False
        self._all += 1
        self._of_client[client] += 1
        return True

    def remove(self, client: str) -> None:
        """Counts one less."""
        self._all -= 1
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]


def protocols(connections: Connections) -> tuple[type[asyncio.Protocol], type[asyncio.Protocol]]:
    """uvicorn's protocols for HTTP and WebSocket, with the limits that `connections` holds."""

    class Http(HttpToolsProtocol):
        """Refuses what is too much, and ends what sends no whole request in time."""

        _counted: str | None = None
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            client = client_of({"client": self.client})
            if not connections.add(client):
                transport.write(_BUSY)
                transport.close()
                return
            self._counted = client
            self._expect()

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            self._uncount()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._counted is not None:
                super().data_received(data)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._late is None:
                self._expect()

        def on_headers_complete(self) -> None:
            self._arrived()
            super().on_headers_complete()

        def handle_websocket_upgrade(self) -> None:
            # The connection is the WebSocket protocol's from here on; it counts it anew.
            self._arrived()
            client = self._counted
            super().handle_websocket_upgrade()
            protocol: Any = self.transport.get_protocol()
            protocol.counted, self._counted = client, None

        def _expect(self) -> None:
            self._late = self.loop.call_later(connections.header_timeout_s, self._too_late)

        def _arrived(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _too_late(self) -> None:
            self._late = None
            if not self.transport.is_closing():
                self.transport.write(_LATE)
                self.transport.close()

        def _uncount(self) -> None:
            if self._counted is not None:
                connections.remove(self._counted)
                self._counted = None

    class WebSocket(WebSocketsSansIOProtocol):
        """Gives its place back when it ends."""

        counted: str | None = None

        def connection_lost(self, exc: Exception | None) -> None:
            if self.counted is not None:
                connections.remove(self.counted)
                self.counted = None
            super().connection_lost(exc)

    return Http, WebSocket
