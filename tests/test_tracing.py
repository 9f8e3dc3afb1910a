"""Traces: one for a call through both services, its spans in order, sent by OTLP; none, and no cost, unless asked."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent import futures
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from env_service import app as env_app
from env_service.config import EnvSettings
from reward_service import app as reward_app
from reward_service.config import RewardSettings
from sqlenv.errors import ConfigError
from sqlenv.server import Drain, running
from sqlenv.telemetry import service as telemetry
from sqlenv.telemetry.tracing import OpenTelemetry, Tracing, make_tracing
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc, types_pb2

trace_export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
collector = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
collector_grpc = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")

TASK = "campus_pets-001"
MARK = "zebra_marker_7391"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)


class Services:
    """Both services in this loop, their spans kept."""

    def __init__(self, address: str, exporters: dict[str, Any]) -> None:
        self.address = address
        self._exporters = exporters

    def spans(self, service: str) -> list[Any]:
        return list(self._exporters[service].get_finished_spans())

    def named(self, service: str, name: str) -> list[Any]:
        return [span for span in self.spans(service) if span.name == name]


@asynccontextmanager
async def traced(monkeypatch: pytest.MonkeyPatch, sql: bool = False, **settings: Any) -> AsyncIterator[Services]:
    """Services that trace to memory."""
    exporters = {"environment": memory.InMemorySpanExporter(), "reward": memory.InMemorySpanExporter()}

    def make(service: str, endpoint: str, *, sql: bool) -> Tracing:
        return OpenTelemetry(service, exporters[service], sql=sql, at_once=True)

    monkeypatch.setattr(telemetry, "make_tracing", make)
    level = "debug" if sql else "info"
    reward = RewardSettings(port=0, log_level=level, _env_file=None)
    drain = Drain()
    async with running(reward, await reward_app.make(reward, drain), drain) as scoring:
        options = {"port": 0, "reward_target": scoring.address, "drain_ms": 100, "log_level": level, **settings}
        env = EnvSettings(_env_file=None, **options)
        drain = Drain()
        async with running(env, await env_app.make(env, drain), drain) as server:
            yield Services(server.address, exporters)


async def reset(stub: Any) -> str:
    return str((await stub.Reset(pb.ResetRequest(task=pb.TaskSelector(task_id=TASK), seed=0))).episode_id)


def query(episode_id: str, sql: str, index: int = 0) -> pb.StepRequest:
    action = types_pb2.Action(query=types_pb2.Query(sql=sql))
    return pb.StepRequest(episode_id=episode_id, step_index=index, action=action)


async def until(condition: Any) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to be")


async def test_a_step_is_one_trace_through_both_services(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as services, grpc.aio.insecure_channel(services.address) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        episode_id = await reset(stub)
        await stub.Step(query(episode_id, f"SELECT '{MARK}' FROM pet"), metadata=TRACEPARENT)
        await until(lambda: services.named("environment", "sqlenv.v1.EnvironmentService/Step"))
        (rpc,) = services.named("environment", "sqlenv.v1.EnvironmentService/Step")
        (step,) = services.named("environment", "step")
        (look,) = services.named("environment", "query")
        (score,) = services.named("environment", "score")
        (scored,) = services.named("reward", "sqlenv.v1.RewardService/ScoreStep")
    for span in (rpc, step, look, score, scored):
        assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{rpc.parent.span_id:016x}" == PARENT
    parents = [(step, rpc), (look, step), (score, step), (scored, score)]
    for child, parent in parents:
        assert child.parent.span_id == parent.context.span_id
    assert (rpc.kind.name, score.kind.name, scored.kind.name) == ("SERVER", "CLIENT", "SERVER")
    assert step.attributes["sqlenv.episode_id"] == episode_id
    assert step.attributes["sqlenv.action"] == "query"
    assert look.attributes["sqlenv.outcome"] == "result"
    assert look.attributes["db.namespace"] == "campus_pets"
    assert rpc.attributes["rpc.response.status_code"] == "OK"
    assert rpc.resource.attributes["service.name"] == "sqlenv-environment"
    assert scored.resource.attributes["service.name"] == "sqlenv-reward"
    assert MARK not in "".join(
        span.to_json() for service in ("environment", "reward") for span in services.spans(service)
    )


async def test_the_text_of_a_query_is_there_at_debug_level_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch, sql=True) as services, grpc.aio.insecure_channel(services.address) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        await stub.Step(query(await reset(stub), f"SELECT '{MARK}' FROM pet"))
        (look,) = services.named("environment", "query")
    assert MARK in look.attributes["db.query.text"]


async def test_a_call_without_a_trace_starts_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as services, grpc.aio.insecure_channel(services.address) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        await stub.Step(query(await reset(stub), "SELECT 1"), metadata=(("traceparent", "00-nonsense-01"),))
        await until(lambda: services.named("environment", "sqlenv.v1.EnvironmentService/Step"))
        (rpc,) = services.named("environment", "sqlenv.v1.EnvironmentService/Step")
        (scored,) = services.named("reward", "sqlenv.v1.RewardService/ScoreStep")
    assert rpc.parent is None
    assert rpc.context.trace_id == scored.context.trace_id


async def test_steps_scored_together_are_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call for steps of several episodes: a child of the first step, linked to the others."""
    async with traced(monkeypatch) as services, grpc.aio.insecure_channel(services.address) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        ids = [await reset(stub) for _ in range(3)]
        requests = [query(episode_id, "SELECT 1") for episode_id in ids]
        await stub.BatchStep(pb.BatchStepRequest(requests=requests), metadata=TRACEPARENT)
        steps = services.named("environment", "step")
        (score,) = services.named("environment", "score")
        (scored,) = services.named("reward", "sqlenv.v1.RewardService/BatchScoreStep")
    assert {step.attributes["sqlenv.episode_id"] for step in steps} == set(ids)
    assert {f"{span.context.trace_id:032x}" for span in (*steps, score, scored)} == {TRACE}
    around = {score.parent.span_id, *(link.context.span_id for link in score.links)}
    assert around == {step.context.span_id for step in steps}
    assert score.attributes["sqlenv.steps"] == 3


async def test_messages_of_a_stream_are_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as services, grpc.aio.insecure_channel(services.address) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        episode_id = await reset(stub)
        stream = stub.Play(metadata=TRACEPARENT)
        await stream.write(pb.PlayRequest(tag=1, step=query(episode_id, "SELECT 1")))
        assert (await stream.read()).WhichOneof("response") == "step"
        await stream.done_writing()
        await stream.read()
        await until(lambda: services.named("environment", "sqlenv.v1.EnvironmentService/Play"))
        (rpc,) = services.named("environment", "sqlenv.v1.EnvironmentService/Play")
        (message,) = services.named("environment", "Play.step")
        (step,) = services.named("environment", "step")
    assert message.parent.span_id == rpc.context.span_id
    assert step.parent.span_id == message.context.span_id


async def test_a_failure_has_its_code_and_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async with traced(monkeypatch) as services, grpc.aio.insecure_channel(services.address) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            await stub.Reset(pb.ResetRequest(task=pb.TaskSelector(task_id=MARK)))
        await until(lambda: services.named("environment", "sqlenv.v1.EnvironmentService/Reset"))
        (rpc,) = services.named("environment", "sqlenv.v1.EnvironmentService/Reset")
    assert rpc.attributes["rpc.response.status_code"] == "NOT_FOUND"
    assert rpc.status.status_code.name == "ERROR"
    assert not rpc.events
    assert MARK not in rpc.to_json()


async def test_a_reward_service_that_is_away_shows_in_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    target = "127.0.0.1:1"
    async with (
        traced(monkeypatch, reward_target=target) as services,
        grpc.aio.insecure_channel(services.address) as channel,
    ):
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        episode_id = await reset(stub)
        with pytest.raises(grpc.RpcError):
            await stub.Step(query(episode_id, f"SELECT '{MARK}'"))
        (score,) = services.named("environment", "score")
        (step,) = services.named("environment", "step")
    assert score.status.description == "UNAVAILABLE"
    assert step.status.description == "UNAVAILABLE REWARD_UNAVAILABLE"
    assert MARK not in score.to_json() + step.to_json()


# What turns them on


NAMED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}


def make(endpoint: str = "", **environment: str) -> Tracing:
    made = make_tracing("environment", endpoint, sql=False, environment=environment)
    made.close()
    return made


def test_none_are_made_unless_asked_for() -> None:
    assert not make().on
    assert not make(OTEL_SERVICE_NAME="x").on


def test_ours_and_the_standard_variables_turn_them_on() -> None:
    assert make("http://127.0.0.1:4317").on
    assert make(**NAMED).on
    assert make(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:4317").on


def test_the_standard_variables_turn_them_off() -> None:
    assert not make("http://127.0.0.1:4317", OTEL_SDK_DISABLED="true").on
    assert not make(**NAMED, OTEL_TRACES_EXPORTER="none").on


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ConfigError, match="http/protobuf"):
        make(**NAMED, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf")


def test_without_the_packages_an_endpoint_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"pip install 'sqlenv\[otel\]'"):
        make("http://127.0.0.1:4317")
    assert not make().on


async def test_the_service_does_not_start_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    settings = EnvSettings(port=0, otel_endpoint="http://127.0.0.1:4317", _env_file=None)
    with pytest.raises(ConfigError, match="not installed"):
        await env_app.make(settings, Drain())


def test_spans_that_are_off_do_nothing() -> None:
    tracing = Tracing()
    with tracing.span("x", "client", None, [None], {"a": 1}) as span:
        assert span is None
    assert tracing.here() is tracing.extract(()) is tracing.inject() is None


class Collector:
    """A local stand-in for an OTLP collector."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def Export(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return collector.ExportTraceServiceResponse()

    def names(self) -> Sequence[str]:
        return [
            span.name
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


async def test_spans_arrive_by_otlp() -> None:
    received = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    collector_grpc.add_TraceServiceServicer_to_server(received, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        settings = EnvSettings(port=0, drain_ms=0, otel_endpoint=f"http://127.0.0.1:{port}", _env_file=None)
        drain = Drain()
        async with running(settings, await env_app.make(settings, drain), drain) as live:
            async with grpc.aio.insecure_channel(live.address) as channel:
                await reset(environment_pb2_grpc.EnvironmentServiceStub(channel))
        # The server has ended: what it held was sent.
        assert received.names() == ["sqlenv.v1.EnvironmentService/Reset"]
    finally:
        server.stop(None).wait(5)


async def test_a_collector_that_is_away_does_not_hold_up_the_end() -> None:
    settings = EnvSettings(port=0, drain_ms=0, otel_endpoint="http://127.0.0.1:1", _env_file=None)
    drain = Drain()
    loop = asyncio.get_running_loop()
    async with running(settings, await env_app.make(settings, drain), drain) as live:
        async with grpc.aio.insecure_channel(live.address) as channel:
            await reset(environment_pb2_grpc.EnvironmentServiceStub(channel))
        start = loop.time()
    assert loop.time() - start < 6
