"""The gateway as a process: uvicorn on a socket of our own, with limits that uvicorn does not have."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.app import create_app
from gateway.config import GatewaySettings, words
from gateway.connections import Connections, protocols
from sqlenv.errors import ConfigError
from sqlenv.settings import read_settings

log = logging.getLogger(__name__)

BACKLOG = 4_096
SPARE_FILES = 256


def listen(settings: GatewaySettings) -> socket.socket:
    """A socket that listens, whose connections end when the peer is dead. Raises ConfigError where it can't.

    A client that thinks for minutes, its event loop blocked, answers no pings of ours; but its kernel answers TCP's. So
    it is TCP that decides who is dead: after `dead_peer_ms` of a silent kernel, whether we wait for it or write to it.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        seconds = max(1, settings.dead_peer_ms // 1000)
        # Accepted sockets inherit these. Not every system has all of them.
        for name, value in (
            ("TCP_KEEPIDLE", max(1, seconds // 2)),
            ("TCP_KEEPINTVL", max(1, seconds // 6)),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", settings.dead_peer_ms),
        ):
            if hasattr(socket, name):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        made.bind((settings.host.strip("[]"), settings.port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        words = f"can't listen on {settings.host}:{settings.port}: {error.strerror or error}"
        raise ConfigError(words) from None
    return made


def make_server(settings: GatewaySettings) -> Server:
    """A server that is not yet running."""
    connections = Connections(
        min(settings.max_connections, _files() - SPARE_FILES), settings.client_connections, settings.header_timeout_ms
    )
    http, websocket = protocols(connections)
    app: Any = create_app(settings)
    if settings.trusted_proxies:
        app = ProxyHeadersMiddleware(app, trusted_hosts=words(settings.trusted_proxies))
    config = uvicorn.Config(
        app,
        http=http,
        ws=websocket,
        # A larger message than we take is answered with an error; a much larger one ends the connection.
        ws_max_size=settings.max_message_bytes * 8,
        ws_ping_interval=settings.ws_ping_ms / 1000,
        ws_ping_timeout=settings.ws_pong_ms / 1000,
        ws_per_message_deflate=False,
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=max(1, settings.header_timeout_ms // 1000),
        timeout_graceful_shutdown=max(1, settings.drain_ms // 1000),
        access_log=False,
        log_config=None,
    )
    return Server(config)


class Server(uvicorn.Server):
    """Ends with status 0 on SIGTERM and SIGINT; the second one hurries it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes the signals while it runs, where this is the main thread."""
        try:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop)
        except (RuntimeError, ValueError, NotImplementedError):
            pass  # another thread: whoever started it sets should_exit
        yield

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def _files() -> int:
    """How many files the process may open, raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = 65_536
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(hard, SPARE_FILES + 64)


def serve(
    settings: GatewaySettings, announce: Callable[[str], None] = lambda address: None, as_json: bool = True
) -> None:
    """Runs the gateway until SIGTERM or SIGINT.

    Once it listens it tells `announce` its address, and prints it in a line of JSON. Raises ConfigError.
    """
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s gateway %(levelname)s %(message)s"
    )
    logging.getLogger("mcp").setLevel(logging.WARNING)
    sock = listen(settings)
    server = make_server(settings)
    host, port = sock.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(server, sock, address, announce, as_json))


async def _serve(
    server: Server, sock: socket.socket, address: str, announce: Callable[[str], None], as_json: bool
) -> None:
    running = asyncio.ensure_future(server.serve([sock]))
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    if not running.done():
        if as_json:
            print(json.dumps({"service": "gateway", "address": address, "pid": os.getpid()}), flush=True)
        announce(address)
        log.info("listening on %s", address)
    await running


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:  # not on every platform; the standard loop is only slower
        return None
    return uvloop.new_event_loop


def main() -> None:
    """The process's main: settings from the environment."""
    try:
        serve(read_settings(GatewaySettings))
    except ConfigError as error:
        sys.exit(f"gateway: {error}")
