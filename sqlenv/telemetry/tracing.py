"""Traces by OpenTelemetry, where an endpoint is set and the extra `otel` is installed; else spans cost next to nothing.

A trace joins the client's call (where it sends W3C `traceparent`), the environment's spans (the RPC, each step, its
query, its scoring) and the reward service's. Spans carry ids, kinds and counts; a query's text only where the log level
is debug. An error's span has its code alone: exceptions' messages can hold SQL.

opentelemetry-instrumentation-grpc isn't used: it records messages of exceptions, doesn't see the status of an aborted
call of grpc.aio, and knows nothing of scoring calls that carry the steps of several traces.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import grpc

from sqlenv.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

Kind = Literal["internal", "server", "client"]

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
LAST_EXPORT_S = 3.0

NO_SPAN: AbstractContextManager[None] = nullcontext()


class Tracing:
    """No traces; `OpenTelemetry` below is the one that makes some. `sql`: whether spans may carry a query's text."""

    on = False
    sql = False

    def span(
        self,
        name: str,
        kind: Kind = "internal",
        parent: Any = None,
        links: Sequence[Any] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[Any]:
        """A span for the block, child of the one around it or of `parent` (what `here` or `extract` gave).

        Yields the span, or None where there are no traces.
        """
        return NO_SPAN

    def here(self) -> Any:
        """Where the trace stands now, to be a `parent` or link later; None where there are no traces."""
        return None

    def extract(self, metadata: Any) -> Any:
        """The caller's place in its trace, from an RPC's metadata."""
        return None

    def inject(self) -> tuple[tuple[str, str], ...] | None:
        """Metadata for a call that tells the server the trace."""
        return None

    def close(self) -> None:
        """Sends what is left; waits a bounded time."""


class OpenTelemetry(Tracing):
    """Traces to an exporter. Each server has a provider of its own, so that two in one process don't mix."""

    on = True

    def __init__(self, service: str, exporter: SpanExporter, *, sql: bool = False, at_once: bool = False) -> None:
        """`at_once` exports each span as it ends, for tests; else in batches, by a thread of the SDK's."""
        from opentelemetry import trace
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"sqlenv-{service}"}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor((SimpleSpanProcessor if at_once else BatchSpanProcessor)(exporter))
        self._tracer = self._provider.get_tracer("sqlenv")
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        self._kinds = {kind: trace.SpanKind[kind.upper()] for kind in ("internal", "server", "client")}
        self.sql = sql

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind = "internal",
        parent: Any = None,
        links: Sequence[Any] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Iterator[Any]:
        trace = self._trace
        linked = [trace.Link(trace.get_current_span(place).get_span_context()) for place in links]
        with self._tracer.start_as_current_span(
            name,
            parent,
            self._kinds[kind],
            attributes,
            linked,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(trace.StatusCode.ERROR, _code_word(error))
                raise

    def here(self) -> Any:
        return self._trace.set_span_in_context(self._trace.get_current_span())

    def extract(self, metadata: Any) -> Any:
        texts = {key: value for key, value in metadata or () if isinstance(value, str)}
        return self._propagator.extract(texts)

    def inject(self) -> tuple[tuple[str, str], ...] | None:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return tuple(carrier.items())

    def close(self) -> None:
        # The exporter tries again and again where its collector is away; that may not hold up the server's end.
        closing = threading.Thread(target=self._provider.shutdown, name="sqlenv-traces", daemon=True)
        closing.start()
        closing.join(LAST_EXPORT_S)


def make_tracing(service: str, endpoint: str, *, sql: bool, environment: Mapping[str, str] = os.environ) -> Tracing:
    """Traces to the OTLP endpoint that is set here or by the standard variables; none where none is.

    Raises ConfigError where an endpoint is set, but the packages that it needs are not installed.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Tracing()
    named = endpoint or next(filter(None, map(environment.get, ENDPOINTS)), "")
    if not named or (not endpoint and environment.get("OTEL_TRACES_EXPORTER", "otlp").lower() == "none"):
        return Tracing()
    protocol = next(filter(None, map(environment.get, PROTOCOLS)), "grpc")
    if protocol != "grpc":
        raise ConfigError(f"traces are sent by OTLP over gRPC; {protocol!r} in {PROTOCOLS[1]} is not supported")
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    except ImportError:
        words = f"traces are to go to {named}, but OpenTelemetry is not installed"
        raise ConfigError(f"{words}: pip install 'sqlenv[otel]', or set OTEL_SDK_DISABLED=true") from None
    return OpenTelemetry(service, OTLPSpanExporter(endpoint=endpoint or None), sql=sql)


def _code_word(error: BaseException) -> str:
    if isinstance(error, ServiceError):
        return f"{error.code.name} {error.reason}"
    if isinstance(error, grpc.RpcError) and hasattr(error, "code"):
        return str(error.code().name)
    return type(error).__name__
