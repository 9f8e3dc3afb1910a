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
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sqlenv.errors import ConfigError, Unavailable
from sqlenv.interceptor import ErrorInterceptor
from sqlenv.settings import ServerSettings

log = logging.getLogger(__name__)

DRAIN_RETRY_S = 1.0


@dataclass
class Drain:
    """Tells the handlers of a server that it is going away, and waits for what still runs.

    `busy` says whether anything is worth waiting for; `wake` ends idle streams.
    """

    busy: Callable[[], bool] = lambda: False
    wake: list[Callable[[], None]] = field(default_factory=list)
    started: bool = False

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


@dataclass
class Running:
    """A server that listens. `address` is what a client connects to."""

    address: str
    server: grpc.aio.Server
    health: health.aio.HealthServicer
    drain: Drain
    drain_ms: int

    async def stop(self) -> None:
        """Turns health to NOT_SERVING, lets running work end within the drain time, then stops."""
        if self.drain.started:
            return
        self.drain.started = True
        await self.health.enter_graceful_shutdown()
        deadline = time.monotonic() + self.drain_ms / 1000
        while self.drain.busy() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for wake in self.drain.wake:
            wake()
        await self.server.stop(grace=max(0.2, deadline - time.monotonic()))


@asynccontextmanager
async def running(settings: ServerSettings, services: list[Service], drain: Drain) -> AsyncIterator[Running]:
    """A server that serves `services` until the block ends. Raises ConfigError where it can't listen."""
    server = grpc.aio.server(
        interceptors=[ErrorInterceptor()],
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.so_reuseport", 0),  # a second server on the same port is a mistake, not a replica
            # A rollout may think for minutes between two steps: let its pings through.
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.keepalive_time_ms", 60_000),
        ],
    )
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    for service in services:
        service.add(server)
        await health_servicer.set(service.name, health_pb2.HealthCheckResponse.SERVING)
    names = [service.name for service in services] + [health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    address = _listen(server, settings)
    await server.start()
    running_server = Running(address, server, health_servicer, drain, settings.drain_ms)
    try:
        yield running_server
    finally:
        await running_server.stop()
        for service in services:
            if service.close is not None:
                await service.close()
        if settings.unix_socket:
            settings.unix_socket.unlink(missing_ok=True)


def _listen(server: grpc.aio.Server, settings: ServerSettings) -> str:
    if settings.unix_socket:
        _clear(settings.unix_socket)
        address = f"unix:{settings.unix_socket.absolute()}"
        target = address
    else:
        host = f"[{settings.host}]" if ":" in settings.host.strip("[]") else settings.host
        address = f"{host}:{settings.port}"
        target = host
    try:
        if settings.tls_cert_file and settings.tls_key_file:
            port = server.add_secure_port(address, _credentials(settings))
        else:
            port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise ConfigError(f"can't listen on {address}: the port is taken, or not ours to take") from error
    return address if settings.unix_socket else f"{target}:{port}"


def _clear(path: Path) -> None:
    """Removes the socket that a killed server left; one that somebody answers on is not ours to take."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"can't listen on {path}: {error.strerror or error}") from None
        else:
            raise ConfigError(f"can't listen on {path}: another server answers there")


def _credentials(settings: ServerSettings) -> grpc.ServerCredentials:
    def read(path: Path | None) -> bytes | None:
        try:
            return path.read_bytes() if path else None
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None

    pair = (read(settings.tls_key_file), read(settings.tls_cert_file))
    authorities = read(settings.tls_client_ca_file)
    return grpc.ssl_server_credentials(
        [pair], root_certificates=authorities, require_client_auth=authorities is not None
    )


def serve(
    name: str,
    settings: ServerSettings,
    make: Callable[[ServerSettings, Drain], Awaitable[list[Service]]],
) -> None:
    """Runs a service until SIGTERM or SIGINT. Prints one line of JSON with its address once it listens."""
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format=f"%(asctime)s {name} %(levelname)s %(message)s"
    )
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
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    drain = Drain()
    async with running(settings, await make(settings, drain), drain) as server:
        print(json.dumps({"service": name, "address": server.address, "pid": os.getpid()}), flush=True)
        log.info("listening on %s", server.address)
        await stop.wait()
        log.info("draining")
