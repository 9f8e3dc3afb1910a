"""What a server counts, in Prometheus' terms. Each server object has a registry of its own; there is no global one.

A metric is declared once, by `counter`, `histogram` or `gauge`, and used by the values of its labels:

    rpcs = metrics.counter("sqlenv_rpcs", "RPCs that ended.", "method", "code")
    rpcs["Step", "OK"].inc()

Label values come from lists that we know (methods, codes, kinds): never from what a caller sent, which could be
anything and would grow without bound. Every metric has the label `service`. docs/operations.md lists all of them.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector

from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.telemetry.tallies import Counters, Histograms, Shown
from sqlenv.types import ActionFailure, ErrorKind, Outcome

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)

LAG_EVERY_S = 0.5

OUTCOMES: dict[int, str] = {0: "result", **{kind: kind.name.lower() for kind in ErrorKind}}


class Metrics:
    """The metrics of one server of `service` ("environment" or "reward"), and those that both services have."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry(auto_describe=True)  # that one name is not declared twice
        self.in_flight = 0
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.rpcs = self.counter(
            "sqlenv_rpcs",
            "RPCs that ended, by method and gRPC status code. Messages of a Play stream count as Play.Step and so on.",
            "method",
            "code",
        )
        self.rpc_seconds = self.histogram(
            "sqlenv_rpc_seconds", "Time from an RPC's arrival to its response, streams as a whole excepted.", "method"
        )
        self.query_seconds = self.histogram(
            "sqlenv_query_seconds",
            "Time that a query ran, without its wait. `outcome` is result or the kind of error, `place` is loop "
            "for short queries and process for long ones.",
            "outcome",
            "place",
        )
        self.queue_seconds = self.histogram(
            "sqlenv_queue_seconds",
            "Wait for a turn. `queue` is query (a process for a long query), reward (the next scoring call) or "
            "fairness (other clients' calls).",
            "queue",
        )
        self.loop_lag = self.histogram(
            "sqlenv_event_loop_lag_seconds", "How late the event loop is, asked twice a second: its saturation."
        )
        self.gauge("sqlenv_rpcs_in_flight", "RPCs and streams that are being served.", lambda: self.in_flight)

    def counter(self, name: str, words: str, *labels: str) -> Counters:
        """Declares a counter; Prometheus appends `_total` to its name."""
        kept = Counters()
        self.registry.register(Shown(name, words, self.service, labels, kept))
        return kept

    def histogram(self, name: str, words: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Histograms:
        """Declares a histogram, of seconds by default."""
        kept = Histograms(buckets)
        self.registry.register(Shown(name, words, self.service, labels, kept))
        return kept

    def gauge(self, name: str, words: str, read: Callable[[], float], **labels: str) -> None:
        """Declares a gauge that is read when it is asked for, from another thread than the server's."""
        made = Gauge(name, words, ("service", *labels), registry=self.registry)
        made.labels(self.service, *labels.values()).set_function(read)

    def count(self, name: str, words: str, read: Callable[[], float]) -> None:
        """Declares a counter that somebody else keeps."""
        self.registry.register(Shown(name, words, self.service, (), read))

    def build(self, **about: str) -> None:
        """Says what runs here: a gauge that is always 1, with the versions as its labels."""
        facts = {"version": _version("sqlenv"), "apsw": _version("apsw"), "python": platform.python_version(), **about}
        made = Gauge("sqlenv_build_info", "What runs here; always 1.", ("service", *facts), registry=self.registry)
        made.labels(self.service, *facts.values()).set(1)

    def watch_queries(self, executor: QueryExecutor) -> None:
        """Counts and times the queries of an executor."""
        stats = executor.stats
        short = {name: self.query_seconds[name, "loop"] for name in OUTCOMES.values()}
        long = {name: self.query_seconds[name, "process"] for name in OUTCOMES.values()}
        failed = OUTCOMES.__getitem__

        def observe(outcome: Outcome, seconds: float, in_process: bool) -> None:
            value = outcome.value
            name = failed(value.kind) if isinstance(value, ActionFailure) else "result"
            (long if in_process else short)[name].observe(seconds)

        executor.on_outcome = observe
        executor.on_wait = self.queue_seconds["query"].observe
        self.gauge("sqlenv_queries_waiting", "Long queries that wait for a process.", lambda: stats.waiting)
        self.gauge("sqlenv_queries_running", "Long queries that run.", lambda: stats.running)
        self.gauge(
            "sqlenv_query_memory_peak_bytes", "Most that SQLite held for one long query.", lambda: stats.peak_bytes
        )
        self.count("sqlenv_queries_cancelled", "Long queries whose caller went away.", lambda: stats.cancelled)
        self.count(
            "sqlenv_query_processes_killed", "Processes ended with a query that didn't stop.", lambda: stats.killed
        )
        self.count("sqlenv_query_processes_crashed", "Processes that ended by themselves.", lambda: stats.crashed)

    async def watch_loop(self) -> None:
        """Measures the event loop's lag until cancelled."""
        lag = self.loop_lag[()]
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_EVERY_S)
            lag.observe(max(0.0, time.perf_counter() - before - LAG_EVERY_S))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"
