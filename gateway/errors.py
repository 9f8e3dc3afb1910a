"""What goes wrong, in OpenEnv's codes: one exception, told over HTTP, WebSocket and JSON-RPC alike."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from sqlenv import errors as service

log = logging.getLogger(__name__)

INVALID_JSON = "INVALID_JSON"
UNKNOWN_TYPE = "UNKNOWN_TYPE"
VALIDATION_ERROR = "VALIDATION_ERROR"
EXECUTION_ERROR = "EXECUTION_ERROR"
CAPACITY_REACHED = "CAPACITY_REACHED"
SESSION_ERROR = "SESSION_ERROR"

MAX_FAULTS = 20


@dataclasses.dataclass(eq=False)
class GatewayError(Exception):
    """An error that a client is told.

    `code` is OpenEnv's, `reason` ours and finer; `status` is HTTP's; `retry_after_s` is set where the same request may
    succeed later; `errors` lists the fields at fault; `extra` is told as it is.
    """

    code: str
    message: str
    status: int = 400
    field: str | None = None
    reason: str | None = None
    retry_after_s: float | None = None
    errors: list[dict[str, Any]] | None = None
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def data(self) -> dict[str, Any]:
        """What a WebSocket's error message carries."""
        told = {"message": self.message, "code": self.code, "field": self.field, "reason": self.reason}
        told |= {"retry_after_s": self.retry_after_s, "errors": self.errors} | self.extra
        return {name: value for name, value in told.items() if value is not None}

    def body(self) -> dict[str, Any]:
        """What an HTTP response carries; FastAPI's form, a list under `detail`, where fields are at fault."""
        told = self.data()
        told["detail"] = told.pop("errors", None) or told["message"]
        del told["message"]
        return told


def invalid(faults: Sequence[Any], prefix: tuple[str, ...] = ()) -> GatewayError:
    """The error for fields that pydantic refused; `faults` as `ValidationError.errors()` gives them."""
    listed = []
    for fault in faults[:MAX_FAULTS]:
        loc = [*prefix, *(_short(part) for part in fault["loc"])]
        field = (fault.get("ctx") or {}).get("field")
        listed.append({"loc": [*loc, field] if field else loc, "msg": fault["msg"], "type": fault["type"]})
    first = listed[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    words = f"{field}: {first['msg']}" if field else str(first["msg"])
    return GatewayError(VALIDATION_ERROR, words, 422, field, "FIELD_INVALID", errors=listed)


def _short(part: str | int) -> str | int:
    return part if isinstance(part, int) else part[:80].encode("utf-8", "backslashreplace").decode()


def translated(error: BaseException, where: str) -> GatewayError:
    """What a client is told of `error`; what it may not be told goes to the log."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, ValidationError):
        return invalid(error.errors(include_url=False, include_input=False))
    if isinstance(error, service.ServiceError):
        return _of_service(error)
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s in %s", incident, where, exc_info=error)
    return GatewayError(EXECUTION_ERROR, f"internal error; the server's log has it as incident {incident}", 500)


def _of_service(error: service.ServiceError) -> GatewayError:
    code, status, words, wait = EXECUTION_ERROR, 500, error.message, error.retry_after_s
    match error:
        case service.InvalidArgument():
            code, status = VALIDATION_ERROR, 422
        case service.NotFound():
            # A task that is not there is a field of the request; a lost episode would have been brought back.
            code, status = (VALIDATION_ERROR, 422) if error.reason == "TASK_NOT_FOUND" else (SESSION_ERROR, 404)
        case service.EpisodeFinished():
            status = 409
        case service.Exhausted() if error.reason == "SESSIONS_EXHAUSTED":
            code, status, wait = CAPACITY_REACHED, 503, wait or 1.0
        case service.Exhausted():
            status = 413
        case service.Unavailable():
            # The transport's own words name addresses.
            status, wait = 503, wait or 1.0
            if error.reason == "UNREACHABLE":
                words = "the environment service does not answer; the session stays as it is, try again later"
        case service.DeadlineExceeded():
            status, wait = 504, 1.0
        case service.StepConflict() | service.StepOutOfRange():
            status = 409
        case _ if error.reason not in {"INTERNAL"}:
            words = "the environment service gave an answer that the gateway does not understand"
    field = error.field.removeprefix("task.").removeprefix("filter.") or None
    return GatewayError(code, words, status, field, error.reason, wait)
