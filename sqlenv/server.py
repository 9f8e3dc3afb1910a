"""One way to assemble a gRPC server: interceptor, health, reflection, TLS, limits, drain.

async with running(settings, [Service(name, add)], drain) as server: …    tests and embedding
serve(name, settings, make_service)                                       a process's main
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sqlenv.errors import Unavailable
from sqlenv.serving.auth import AuthInterceptor
from sqlenv.serving.callers import CallerInterceptor
from sqlenv.serving.fairness import Turns
from sqlenv.serving.interceptor import ErrorInterceptor
from sqlenv.serving.listen import listen, options
from sqlenv.serving.tokens import TokenBook
from sqlenv.settings import ServerSettings
from sqlenv.telemetry import logs
from sqlenv.telemetry.observe import ObservingInterceptor
from sqlenv.telemetry.service import Telemetry

log = logging.getLogger(__name__)

DRAIN_RETRY_S = 1.0


@dataclass
class Drain:
    """Tells the handlers of a server that it is going away, and waits for what still runs.

    `busy` says whether anything is worth waiting for; `wake` ends idle streams; `hurry` ends all that still runs.
    """

    busy: Callable[[], bool] = lambda: False
    wake: list[Callable[[], None]] = field(default_factory=list)
    started: bool = False
    hurry: bool = False

    def refuse(self) -> None:
        """Raises Unavailable once draining: what starts something new calls this first."""
        if self.started:
            words = "the server is shutting down; try again, here or on another replica"
            raise Unavailable(words, reason="DRAINING", retry_after_s=DRAIN_RETRY_S)


@dataclass(frozen=True)
class Service:
    """A gRPC service to serve: its full name, what adds its servicer to a server, what ends it when the server has."""

    name: str
    add: Callable[[grpc.aio.Server], None]
    close: Callable[[], Awaitable[None]] | None = None
    telemetry: Telemetry | None = None


@dataclass
class Running:
    """A server that listens. `address` is what a client connects to."""

    address: str
    server: grpc.aio.Server
    health: health.aio.HealthServicer
    drain: Drain
    drain_ms: int
    metrics_url: str = ""

    async def stop(self) -> None:
        """Turns health to NOT_SERVING, lets running work end within the drain time, then stops."""
        if self.drain.started:
            return
        self.drain.started = True
        await self.health.enter_graceful_shutdown()
        deadline = time.monotonic() + self.drain_ms / 1000
        while self.drain.busy() and time.monotonic() < deadline and not self.drain.hurry:
            await asyncio.sleep(0.02)
        for wake in self.drain.wake:
            wake()
        stopping = asyncio.ensure_future(self.server.stop(grace=max(0.2, deadline - time.monotonic())))
        while not (await asyncio.wait({stopping}, timeout=0.05))[0]:
            if self.drain.hurry:
                await self.server.stop(0)


@asynccontextmanager
async def running(settings: ServerSettings, services: list[Service], drain: Drain) -> AsyncIterator[Running]:
    """A server that serves `services` until the block ends. Raises ConfigError where it can't listen."""
    telemetry = next(filter(None, (service.telemetry for service in services)), None) or Telemetry("other")
    book = token_book(settings)
    auth = [AuthInterceptor(book)] if book else []
    shared = turns(settings)
    shared.on_wait = telemetry.metrics.queue_seconds["fairness"].observe
    callers = (shared, settings.tls_client_ca_file is not None)
    server = grpc.aio.server(
        interceptors=[ObservingInterceptor(telemetry), *auth, ErrorInterceptor(), CallerInterceptor(*callers)],
        options=options(settings),
    )
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    for service in services:
        service.add(server)
        await health_servicer.set(service.name, health_pb2.HealthCheckResponse.SERVING)
    names = [service.name for service in services] + [health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    address = listen(server, settings)
    await server.start()
    watch = [asyncio.get_running_loop().create_task(interceptor.watch()) for interceptor in auth]
    running_server = Running(address, server, health_servicer, drain, settings.drain_ms)
    try:
        async with telemetry.serving(settings) as running_server.metrics_url:
            yield running_server
            await running_server.stop()  # metrics are served while it drains
    finally:
        for task in watch:
            task.cancel()
        await running_server.stop()
        for service in services:
            if service.close is not None:
                await service.close()
        if settings.unix_socket:
            settings.unix_socket.unlink(missing_ok=True)


def token_book(settings: ServerSettings) -> TokenBook | None:
    """The tokens that let in; None where everybody may. Raises ConfigError."""
    extra = settings.token.get_secret_value() if settings.token else ""
    return TokenBook(settings.tokens_file, extra) if settings.tokens_file or extra else None


def turns(settings: ServerSettings) -> Turns:
    """Turns as the settings ask for."""
    bounds = (settings.max_in_flight, settings.max_peer_in_flight)
    return Turns(settings.alone_in_flight, settings.shared_in_flight, *bounds)


def serve(
    name: str,
    settings: ServerSettings,
    make: Callable[[ServerSettings, Drain], Awaitable[list[Service]]],
) -> None:
    """Runs a service until SIGTERM or SIGINT, of which a second one ends it without waiting for what still runs.

    Prints one line of JSON with its address once it listens.
    """
    logs.configure(name, settings.log_level, settings.log_format)
    os.environ["TZ"] = "UTC"  # SQLite's 'localtime' asks the process; one zone everywhere keeps results equal
    time.tzset()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(name, settings, make))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):  # not on every platform; the standard loop is only slower
        import uvloop

        return uvloop.new_event_loop
    return None


async def _serve(
    name: str, settings: ServerSettings, make: Callable[[ServerSettings, Drain], Awaitable[list[Service]]]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    logs.name_unseen(loop)
    drain = Drain()

    def end() -> None:
        drain.hurry = stop.is_set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    async with running(settings, await make(settings, drain), drain) as server:
        about = {"service": name, "address": server.address, "metrics": server.metrics_url, "pid": os.getpid()}
        print(json.dumps(about), flush=True)
        log.info("listening on %s", server.address)
        await stop.wait()
        log.info("draining")
