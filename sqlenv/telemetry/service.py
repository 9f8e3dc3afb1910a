"""What one server observes of itself: its metrics, its traces, and where both go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from prometheus_client import start_http_server

from sqlenv.errors import ConfigError
from sqlenv.settings import ServerSettings
from sqlenv.telemetry.metrics import Metrics
from sqlenv.telemetry.tracing import Tracing, make_tracing


class Telemetry:
    """Metrics and traces of one server of `service` ("environment" or "reward"). Nothing is shared between servers."""

    def __init__(self, service: str, tracing: Tracing | None = None) -> None:
        self.service = service
        self.metrics = Metrics(service)
        self.tracing = tracing or Tracing()

    @classmethod
    def of(cls, service: str, settings: ServerSettings) -> Telemetry:
        """As the settings ask for. Raises ConfigError where traces are asked for that can't be sent."""
        return cls(service, make_tracing(service, settings.otel_endpoint, sql=settings.log_level == "debug"))

    def message(self, method: str) -> Observed:
        """Counts, times and traces the block, one message of a stream; it sets `code` where the message failed."""
        return Observed(self, method)

    @asynccontextmanager
    async def serving(self, settings: ServerSettings) -> AsyncIterator[str]:
        """Serves the metrics until the block ends; yields their URL, "" where no port is set. Raises ConfigError."""
        lag = asyncio.get_running_loop().create_task(self.metrics.watch_loop())
        try:
            with _metrics_server(self.metrics, settings) as url:
                yield url
        finally:
            lag.cancel()
            if self.tracing.on:
                await asyncio.to_thread(self.tracing.close)


class Observed:
    """A message that is being answered. `code`: the name of its gRPC status code."""

    __slots__ = ("_method", "_metrics", "_span", "_start", "_traced", "code")

    def __init__(self, telemetry: Telemetry, method: str) -> None:
        self._metrics = telemetry.metrics
        self._span = telemetry.tracing.span(method)
        self._method = method
        self.code = "OK"

    def __enter__(self) -> Observed:
        self._start = perf_counter()
        self._traced = self._span.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        if exc[0] is not None:
            self.code = "CANCELLED"
        if self._traced is not None:
            self._traced.set_attribute("rpc.response.status_code", self.code)
        self._span.__exit__(*exc)
        self._metrics.rpcs[self._method, self.code].inc()
        self._metrics.rpc_seconds[self._method].observe(perf_counter() - self._start)


@contextlib.contextmanager
def _metrics_server(metrics: Metrics, settings: ServerSettings) -> Iterator[str]:
    if settings.metrics_port is None:
        yield ""
        return
    tls = settings.tls_cert_file is not None
    try:
        server, thread = start_http_server(
            settings.metrics_port,
            settings.metrics_host.strip("[]"),
            metrics.registry,
            certfile=str(settings.tls_cert_file) if tls else None,
            keyfile=str(settings.tls_key_file) if tls else None,
            client_cafile=str(settings.tls_client_ca_file) if settings.tls_client_ca_file else None,
            client_auth_required=settings.tls_client_ca_file is not None,
        )
    except (OSError, OverflowError) as error:
        place = f"{settings.metrics_host}:{settings.metrics_port}"
        raise ConfigError(f"can't serve metrics on {place}: {getattr(error, 'strerror', None) or error}") from None
    try:
        host = f"[{settings.metrics_host}]" if ":" in settings.metrics_host.strip("[]") else settings.metrics_host
        yield f"{'https' if tls else 'http'}://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(1)
