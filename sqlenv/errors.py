"""The error model: one tree of exceptions on both sides of the wire.

    SqlEnvError
    ├── DataSetError            a data set on disk is broken (never crosses the wire)
    ├── ConfigError             settings that contradict each other (never crosses the wire)
    └── ServiceError            has a gRPC code and a reason; what servicers raise and clients catch
        ├── InvalidArgument     INVALID_ARGUMENT      FIELD_INVALID, UNKNOWN_RUBRIC, REPLAY_TOO_LONG, BAD_MESSAGE
        ├── NotFound            NOT_FOUND             TASK_NOT_FOUND, EPISODE_NOT_FOUND
        ├── StepConflict        ABORTED               STEP_CONFLICT
        ├── StepOutOfRange      OUT_OF_RANGE          STEP_OUT_OF_RANGE
        ├── EpisodeFinished     FAILED_PRECONDITION   EPISODE_FINISHED
        ├── VersionMismatch     FAILED_PRECONDITION   DATASET_MISMATCH
        ├── Exhausted           RESOURCE_EXHAUSTED    SESSIONS_EXHAUSTED, MESSAGE_TOO_LARGE, TOO_MANY_CALLS (retry hint)
        ├── Unavailable         UNAVAILABLE           DRAINING, REWARD_UNAVAILABLE, STEP_CANCELLED, UNREACHABLE,
        │                                             DATASET_CHANGED
        ├── DeadlineExceeded    DEADLINE_EXCEEDED     DEADLINE_EXCEEDED
        ├── Unauthenticated     UNAUTHENTICATED       TOKEN_MISSING, TOKEN_UNKNOWN
        ├── HandshakeFailed     UNAVAILABLE           HANDSHAKE_FAILED                 (never crosses the wire)
        └── Internal            INTERNAL              INTERNAL                     (a fault of ours; never a detail)

On the wire an error is a google.rpc.Status with ErrorInfo{reason, domain "sqlenv"}, BadRequest for fields and RetryInfo
where trying again makes sense (https://google.aip.dev/193). SQL that fails is no error: it is an observation.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "sqlenv"


class SqlEnvError(Exception):
    """Root of all errors that SQLEnv raises on purpose."""


class DataSetError(SqlEnvError):
    """A data set on disk is broken; the message names file and line."""


class ConfigError(SqlEnvError):
    """The settings can't be used as they are; the message says which and why."""


@dataclasses.dataclass(eq=False)
class ServiceError(SqlEnvError):
    """An error that crosses the wire.

    `field` names the request's field at fault; `retry_after_s` is set where the same call may succeed later.
    """

    message: str
    reason: str = ""
    field: str = ""
    retry_after_s: float | None = None

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN
    default_reason: ClassVar[str] = "UNKNOWN"

    def __post_init__(self) -> None:
        super().__init__(self.message)
        self.reason = self.reason or self.default_reason

    def __str__(self) -> str:
        return f"{self.message} [{self.code.name}: {self.reason}]"


class InvalidArgument(ServiceError):
    """A field of the request can't be used."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    default_reason = "FIELD_INVALID"


class NotFound(ServiceError):
    """No such task, or no such episode: never was, closed, or expired."""

    code = grpc.StatusCode.NOT_FOUND
    default_reason = "EPISODE_NOT_FOUND"


class StepConflict(ServiceError):
    """This step index was taken by another action."""

    code = grpc.StatusCode.ABORTED
    default_reason = "STEP_CONFLICT"


class StepOutOfRange(ServiceError):
    """This step index is neither the last nor the next."""

    code = grpc.StatusCode.OUT_OF_RANGE
    default_reason = "STEP_OUT_OF_RANGE"


class EpisodeFinished(ServiceError):
    """The episode has ended; it takes no more steps."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    default_reason = "EPISODE_FINISHED"


class VersionMismatch(ServiceError):
    """The other side works with another version of the data set."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    default_reason = "DATASET_MISMATCH"


class Exhausted(ServiceError):
    """A limit of the server is reached."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    default_reason = "SESSIONS_EXHAUSTED"


class Unavailable(ServiceError):
    """The server, or a service it needs, is away; nothing was consumed."""

    code = grpc.StatusCode.UNAVAILABLE
    default_reason = "UNREACHABLE"


class DeadlineExceeded(ServiceError):
    """No response within the caller's deadline."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    default_reason = "DEADLINE_EXCEEDED"


class Unauthenticated(ServiceError):
    """The server wants a token, and none was shown or one that it doesn't know."""

    code = grpc.StatusCode.UNAUTHENTICATED
    default_reason = "TOKEN_MISSING"


class HandshakeFailed(ServiceError):
    """The two ends don't agree on TLS; the message says what to change. Trying again won't help."""

    code = grpc.StatusCode.UNAVAILABLE
    default_reason = "HANDSHAKE_FAILED"


class Internal(ServiceError):
    """A fault of the server's; its log knows more."""

    code = grpc.StatusCode.INTERNAL
    default_reason = "INTERNAL"


_BY_REASON: dict[str, type[ServiceError]] = {kind.default_reason: kind for kind in (VersionMismatch, HandshakeFailed)}
_BY_CODE: dict[int, type[ServiceError]] = {
    kind.code.value[0]: kind
    for kind in (
        InvalidArgument,
        NotFound,
        StepConflict,
        StepOutOfRange,
        EpisodeFinished,
        Exhausted,
        Unavailable,
        DeadlineExceeded,
        Unauthenticated,
        Internal,
    )
}


def to_status(error: ServiceError) -> status_pb2.Status:
    """The google.rpc.Status that carries `error`."""
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    details: list[any_pb2.Any] = []

    def add(message: Message) -> None:
        packed = any_pb2.Any()
        packed.Pack(message)
        details.append(packed)

    add(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.message)
        add(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        add(error_details_pb2.RetryInfo(retry_delay=delay))
    status.details.extend(details)
    return status


def from_status(status: status_pb2.Status) -> ServiceError:
    """The exception that `status` carries."""
    info, bad_request, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    reason, field, retry_after_s = "", "", None
    for detail in status.details:
        try:
            if detail.Unpack(info):
                reason = info.reason
            elif detail.Unpack(bad_request) and bad_request.field_violations:
                field = bad_request.field_violations[0].field
            elif detail.Unpack(retry):
                retry_after_s = retry.retry_delay.ToMilliseconds() / 1000
        except DecodeError:
            continue  # a detail that can't be read is one that was not sent
    kind = _BY_REASON.get(reason) or _BY_CODE.get(status.code, ServiceError)
    return kind(status.message, reason, field, retry_after_s)


def from_rpc_error(error: grpc.RpcError) -> ServiceError:
    """The exception that a failed call carries, whether our server, gRPC itself or a proxy made it fail."""
    try:
        # Both libraries' errors are calls too, though only the blocking one's says so by its type.
        status = rpc_status.from_call(error) if hasattr(error, "trailing_metadata") else None
    except (ValueError, DecodeError):  # a status that contradicts the call, or is none: not from a server of ours
        status = None
    if status is not None:
        return from_status(status)
    code = error.code() if hasattr(error, "code") else grpc.StatusCode.UNKNOWN
    details = (error.details() if hasattr(error, "details") else None) or str(error)
    if code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
        return Unavailable(details)  # ours carry details: this is the transport's word for a connection that broke
    kind = _BY_CODE.get(code.value[0], ServiceError)
    if kind is Exhausted and "pending requests" in details:  # the server has more calls waiting than gRPC lets in
        return Exhausted(details, "TOO_MANY_CALLS", retry_after_s=0.25)
    reason = "MESSAGE_TOO_LARGE" if kind is Exhausted and "message" in details.lower() else ""
    if kind is ServiceError:  # not one of ours: a proxy's, or a method that the server does not have
        return ServiceError(f"{code.name}: {details}", code.name)
    return kind(details, reason)
