"""Fuzzing within a time box: random SQL through the executor, random messages to every method of both services."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sqlenv.sandbox import Sandbox
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.sqlite.limits import Limits
from sqlenv.tasks import BUNDLED, database_path
from sqlenv.types import ActionFailure, ErrorKind, Outcome
from sqlenv.v1 import environment_pb2, environment_pb2_grpc, reward_pb2, types_pb2
from tests.hostile import DATABASE
from tests.hostile.case import leak
from tests.hostile.grammar import frames, statements
from tests.live import process

QUICK_S, SLOW_S = 4.0, 60.0
boxed = pytest.mark.parametrize("seconds", [QUICK_S, pytest.param(SLOW_S, marks=pytest.mark.slow)])

# What a caller may be told of a message that makes no sense. INTERNAL and UNKNOWN would be faults of ours.
REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


def fuzz(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], seconds: float) -> int:
    """Checks random examples until the time is over, other ones in each round; gives their number."""
    end, rounds = time.monotonic() + seconds, 0

    while time.monotonic() < end:

        @seed(rounds)
        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def once(example: Any) -> None:
            check(example)

        once()
        rounds += 1
    return rounds * 25


@boxed
def test_random_sql(seconds: float) -> None:
    path = database_path(BUNDLED, DATABASE)
    digest = hashlib.sha256(path.read_bytes()).digest()
    box = Sandbox(path, Limits(vm_steps=200_000, wall_ms=2_000))
    executor = QueryExecutor(1, 10_000)

    def check(sql: str) -> None:
        start = time.monotonic()
        first, second = (asyncio.run(executor.run(box, sql)) for _ in range(2))
        assert time.monotonic() - start < 10
        if not any(_by_the_clock(outcome) for outcome in (first, second)):
            assert repr(first) == repr(second)
        if isinstance(first.value, ActionFailure):
            first.value.message.encode()
            assert first.value.message
            assert leak(first.value.message) is None
            assert "gold" not in first.value.message or "gold" in sql
        else:
            assert all(len(row) == len(first.value.columns) for row in first.value.rows)

    try:
        assert fuzz(statements, check, seconds) >= 25
        assert executor.stats.crashed == 0
    finally:
        executor.close()
    assert hashlib.sha256(path.read_bytes()).digest() == digest
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def _by_the_clock(outcome: Outcome) -> bool:
    value = outcome.value
    return isinstance(value, ActionFailure) and value.kind is ErrorKind.TIMEOUT and "too long" in value.message


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, grpc.Channel]]:
    """Channels to both services, which are processes and must be alive at the end."""
    with process("reward_service", port=0) as (rewarding, reward):
        with process("env_service", port=0, reward_target=reward) as (playing, environment):
            with grpc.insecure_channel(reward) as scores, grpc.insecure_channel(environment) as episodes:
                yield {"sqlenv.v1.EnvironmentService": episodes, "sqlenv.v1.RewardService": scores}
                assert rewarding.poll() is None
                assert playing.poll() is None


METHODS = [
    (service.full_name, method.name, method.input_type._concrete_class, method.client_streaming)
    for file in (environment_pb2, reward_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


@boxed
def test_random_messages(services: dict[str, grpc.Channel], seconds: float) -> None:
    calls = {
        (service, name): (services[service].stream_stream if streaming else services[service].unary_unary)(
            f"/{service}/{name}"
        )
        for service, name, _, streaming in METHODS
    }
    kinds = st.sampled_from(METHODS).flatmap(
        lambda method: st.tuples(st.just(method), st.lists(frames(method[2]), min_size=1, max_size=3))
    )

    def check(example: tuple[Any, list[bytes]]) -> None:
        (service, name, _, streaming), messages = example
        _refused_at_most(partial(_send, calls[service, name], messages, streaming), f"{service}/{name}")

    assert fuzz(kinds, check, seconds) >= 25
    _still_plays(services)


@boxed
def test_any_bytes(services: dict[str, grpc.Channel], seconds: float) -> None:
    def check(data: bytes) -> None:
        for service, name, _, streaming in METHODS:
            path = f"/{service}/{name}"
            channel = services[service]
            call = channel.stream_stream(path) if streaming else channel.unary_unary(path)
            _refused_at_most(partial(_send, call, [data], streaming), path)

    assert fuzz(st.binary(max_size=200), check, seconds / 4) >= 25
    _still_plays(services)


def _send(call: Any, messages: list[bytes], streaming: bool) -> None:
    if streaming:
        for _ in call(iter(messages), timeout=20):
            pass
    else:
        call(messages[0], timeout=20)


def _refused_at_most(send: Callable[[], None], path: str) -> None:
    try:
        send()
    except grpc.RpcError as caught:
        error = caught
    else:
        return
    assert error.code() in REFUSALS, (path, error.code(), error.details())
    assert leak(error.details()) is None


def _still_plays(services: dict[str, grpc.Channel]) -> None:
    stub = environment_pb2_grpc.EnvironmentServiceStub(services["sqlenv.v1.EnvironmentService"])
    task = environment_pb2.TaskSelector(task_id="campus_pets-001")
    episode = stub.Reset(environment_pb2.ResetRequest(task=task, seed=1), timeout=20).episode_id
    action = types_pb2.Action(query=types_pb2.Query(sql="SELECT count(*) FROM pet"))
    step = environment_pb2.StepRequest(episode_id=episode, step_index=0, action=action)
    assert stub.Step(step, timeout=20).observation.result.row_count == 1
