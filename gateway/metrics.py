"""What the gateway counts, for Prometheus. Each application has a registry of its own."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.errors import GatewayError, translated
from gateway.sessions import Sessions

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
KNOWN_METHODS = {"GET", "POST", "DELETE", "OPTIONS", "HEAD"}
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Label values come from lists that we know, never from what a client sent."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "sqlenv_gateway_requests", "HTTP responses.", ("route", "method", "status"), registry=self.registry
        )
        self._refused = Counter(
            "sqlenv_gateway_refused", "Requests and sockets refused at the door.", ("reason",), registry=self.registry
        )
        self._operations = Counter(
            "sqlenv_gateway_operations",
            "Resets, steps and other operations, by the way they came and how they ended.",
            ("way", "operation", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sqlenv_gateway_operation_seconds",
            "Time that an operation took, its wait for a session included.",
            ("way", "operation"),
            registry=self.registry,
            buckets=BUCKETS,
        )
        # The library's own look-up by labels costs more than counting does.
        self._ended = functools.cache(self._operations.labels)
        self._took = functools.cache(self._seconds.labels)
        self.sockets = Gauge("sqlenv_gateway_sockets", "Open WebSockets.", registry=self.registry)

    def watch(self, sessions: Sessions) -> None:
        """Shows the sessions' numbers, read when they are asked for."""
        held = Gauge("sqlenv_gateway_sessions", "Sessions held.", ("attached",), registry=self.registry)
        held.labels("yes").set_function(lambda: sessions.attached)
        held.labels("no").set_function(lambda: len(sessions) - sessions.attached)
        waiting = Gauge("sqlenv_gateway_waiting", "Requests that wait for a session.", registry=self.registry)
        waiting.set_function(lambda: sessions.waiting)

    def request(self, route: str, method: str, status: int) -> None:
        """Counts an HTTP response."""
        self._requests.labels(route, method if method in KNOWN_METHODS else "other", str(status)).inc()

    def refused(self, reason: str) -> None:
        """Counts a refusal before any route; `reason` is one of ours."""
        self._refused.labels(reason).inc()

    @contextmanager
    def operation(self, way: str, operation: str) -> Iterator[None]:
        """Counts and times what the block does. What it raises leaves as a GatewayError."""
        start = time.perf_counter()
        outcome = "ok"
        try:
            yield
        except Exception as error:
            told = translated(error, f"{way} {operation}")
            outcome = told.reason or told.code
            raise told from (None if isinstance(error, GatewayError) else error)
        finally:
            self._ended(way, operation, outcome).inc()
            self._took(way, operation).observe(time.perf_counter() - start)

    def text(self) -> bytes:
        """All of it, in Prometheus' text form."""
        return generate_latest(self.registry)
