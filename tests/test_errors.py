"""The error model: what a servicer raises is what a client catches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st

from sqlenv import errors
from sqlenv.errors import (
    ConfigError,
    DataSetError,
    DeadlineExceeded,
    EpisodeFinished,
    Exhausted,
    HandshakeFailed,
    Internal,
    InvalidArgument,
    NotFound,
    ServiceError,
    SqlEnvError,
    StepConflict,
    StepOutOfRange,
    Unauthenticated,
    Unavailable,
    VersionMismatch,
    from_rpc_error,
    from_status,
    to_status,
)

KINDS: list[type[ServiceError]] = [
    InvalidArgument,
    NotFound,
    StepConflict,
    StepOutOfRange,
    EpisodeFinished,
    VersionMismatch,
    Exhausted,
    Unavailable,
    DeadlineExceeded,
    Unauthenticated,
    HandshakeFailed,
    Internal,
]
words = st.text(st.characters(exclude_categories=["Cs"]))


def same(one: ServiceError, other: ServiceError) -> bool:
    return type(one) is type(other) and (one.message, one.reason, one.field, one.retry_after_s) == (
        other.message,
        other.reason,
        other.field,
        other.retry_after_s,
    )


def test_every_kind_is_listed_here_and_documented() -> None:
    defined = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ServiceError)}
    assert defined - {ServiceError} == set(KINDS)
    assert errors.__doc__ is not None
    for kind in KINDS:
        assert f"{kind.__name__} " in errors.__doc__
        assert kind.code.name in errors.__doc__
        assert kind.default_reason in errors.__doc__


@pytest.mark.parametrize("kind", KINDS)
@given(words, words, words, st.none() | st.integers(0, 10**7).map(lambda ms: ms / 1000))
def test_round_trip(
    kind: type[ServiceError], message: str, reason: str, field: str, retry_after_s: float | None
) -> None:
    if {VersionMismatch.default_reason, HandshakeFailed.default_reason} & {kind.default_reason, reason}:
        reason = ""  # these reasons tell apart the two kinds of FAILED_PRECONDITION, and of UNAVAILABLE
    error = kind(message, reason, field, retry_after_s)
    status = status_pb2.Status.FromString(to_status(error).SerializeToString())
    assert status.code == kind.code.value[0]
    back = from_status(status)
    assert back.reason
    if retry_after_s is not None:
        assert back.retry_after_s == pytest.approx(retry_after_s, abs=0.001)
        back.retry_after_s = retry_after_s
    assert same(back, error)


@pytest.mark.parametrize("kind", KINDS)
def test_default_reason_and_words(kind: type[ServiceError]) -> None:
    error = kind("Why.")
    assert error.reason == kind.default_reason
    assert str(error) == f"Why. [{kind.code.name}: {kind.default_reason}]"
    assert isinstance(error, SqlEnvError)


def test_details_on_the_wire() -> None:
    info, fields, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    status = to_status(Exhausted("Full.", "SESSIONS_EXHAUSTED", "task", 1.5))
    assert len(status.details) == 3
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(fields)
    assert status.details[2].Unpack(retry)
    assert (info.reason, info.domain) == ("SESSIONS_EXHAUSTED", "sqlenv")
    assert [(one.field, one.description) for one in fields.field_violations] == [("task", "Full.")]
    assert retry.retry_delay.ToMilliseconds() == 1_500
    assert len(to_status(Internal("Why.")).details) == 1


def test_statuses_of_others() -> None:
    assert type(from_status(status_pb2.Status(code=code_pb2.PERMISSION_DENIED, message="No."))) is ServiceError
    bare = from_status(status_pb2.Status(code=code_pb2.NOT_FOUND, message="No."))
    assert isinstance(bare, NotFound)
    strange = status_pb2.Status(code=code_pb2.ABORTED, message="No.")
    strange.details.append(any_pb2.Any(type_url="type.googleapis.com/who.Knows", value=b"\xff"))
    strange.details.append(any_pb2.Any())
    assert isinstance(from_status(strange), StepConflict)
    empty = error_details_pb2.BadRequest()
    packed = any_pb2.Any()
    packed.Pack(empty)
    assert from_status(status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, details=[packed])).field == ""


def test_errors_of_the_disk_are_no_service_errors() -> None:
    assert not issubclass(DataSetError, ServiceError)
    assert not issubclass(ConfigError, ServiceError)


# Through a real server

ERRORS: list[ServiceError] = [
    *(kind(f"Why, by {kind.__name__}.") for kind in KINDS),
    InvalidArgument("Not a table: ü\n.", "UNKNOWN_RUBRIC", "rubric"),
    Exhausted("Full.", retry_after_s=2.5),
    Unavailable("Draining.", "DRAINING", retry_after_s=1.0),
]


class Failing(grpc.GenericRpcHandler):  # type: ignore[misc]
    """`/t/<n>` fails with ERRORS[n], `/bare/<code>` with a code alone, `/raise` as an unforeseen exception does."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        kind, _, which = details.method.strip("/").partition("/")

        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            if kind == "t":
                context.abort_with_status(rpc_status.to_status(to_status(ERRORS[int(which)])))
            if kind == "bare":
                context.abort(grpc.StatusCode[which], "just so")
            if kind == "raise":
                raise ValueError("inside")
            if kind == "slow":
                time.sleep(0.3)
            return b"x" * 100_000

        known = {"t", "bare", "raise", "large", "slow"}
        return grpc.unary_unary_rpc_method_handler(handle) if kind in known else None


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Failing()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait()


def fail(target: str, method: str, request: bytes = b"", options: tuple[tuple[str, int], ...] = ()) -> ServiceError:
    with grpc.insecure_channel(target, options=options) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(method)(request, timeout=5)
    return from_rpc_error(raised.value)


async def fail_async(target: str, method: str) -> ServiceError:
    async with grpc.aio.insecure_channel(target) as channel:
        with pytest.raises(grpc.RpcError) as raised:
            await channel.unary_unary(method)(b"", timeout=5)
    return from_rpc_error(raised.value)


@pytest.mark.parametrize("which", range(len(ERRORS)))
async def test_errors_cross_the_wire_whole(target: str, which: int) -> None:
    assert same(fail(target, f"/t/{which}"), ERRORS[which])
    assert same(await fail_async(target, f"/t/{which}"), ERRORS[which])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAVAILABLE", Unavailable),
        ("DEADLINE_EXCEEDED", DeadlineExceeded),
        ("NOT_FOUND", NotFound),
        ("RESOURCE_EXHAUSTED", Exhausted),
        ("INTERNAL", Unavailable),  # a proxy's or the transport's: ours have details
        ("UNKNOWN", Unavailable),
        ("PERMISSION_DENIED", ServiceError),
        ("UNIMPLEMENTED", ServiceError),
    ],
)
async def test_codes_without_details(target: str, code: str, kind: type[ServiceError]) -> None:
    assert type(fail(target, f"/bare/{code}")) is kind
    assert type(await fail_async(target, f"/bare/{code}")) is kind


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNIMPLEMENTED", "UNAUTHENTICATED"])
def test_the_code_of_an_error_that_is_not_ours_is_told(target: str, code: str) -> None:
    assert code in str(fail(target, f"/bare/{code}"))


def test_an_unknown_method(target: str) -> None:
    assert "not found" in fail(target, "/nowhere/X").message


def test_a_message_over_size(target: str) -> None:
    error = fail(target, "/large/X", options=(("grpc.max_receive_message_length", 1_000),))
    assert isinstance(error, Exhausted)
    assert error.reason == "MESSAGE_TOO_LARGE"
    assert error.retry_after_s is None


async def test_nobody_there() -> None:
    for error in (fail("127.0.0.1:1", "/t/0"), await fail_async("127.0.0.1:1", "/t/0")):
        assert isinstance(error, Unavailable)
        assert error.reason == "UNREACHABLE"


def test_a_deadline(target: str) -> None:
    with grpc.insecure_channel(target) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/slow/X")(b"", timeout=0.05)
    assert isinstance(from_rpc_error(raised.value), DeadlineExceeded)


def test_an_error_without_anything() -> None:
    assert isinstance(from_rpc_error(grpc.RpcError("gone")), Unavailable)
