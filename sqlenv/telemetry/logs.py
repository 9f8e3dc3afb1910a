"""What a service writes to its log, on standard error: text for people, or one JSON object a line.

Every line says which call and episode it belongs to. What a log may hold: ids, names, kinds, counts. SQL, answers,
gold and tokens aren't logged, and since an exception's message may hold any of them, a traceback above debug level has
the exceptions' types and places without their messages. `tests/test_logs.py` looks for them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import traceback
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlenv.errors import ServiceError

Format = Literal["text", "json"]

# Attributes of a record that stand in a line of their own, in this order; given by `extra` or by the call.
FIELDS = ("method", "episode_id", "peer", "token", "code", "reason", "field", "seconds", "incident", "suppressed")
MAX_FIELD_CHARS = 128

# Of failures of one kind, so many lines a second; a server that loses its neighbour would else fill the disk.
FAILURES_PER_S = 5
CALLERS_FAULTS = frozenset(
    "INVALID_ARGUMENT NOT_FOUND ABORTED OUT_OF_RANGE FAILED_PRECONDITION UNAUTHENTICATED PERMISSION_DENIED".split()
)

failures = logging.getLogger("sqlenv.failures")


@dataclass(slots=True)
class Call:
    """The RPC that a line belongs to. `context` is gRPC's; `token` the name of the token that the caller showed."""

    method: str
    context: Any
    token: str = ""


call: ContextVar[Call | None] = ContextVar("sqlenv_call", default=None)
episode_id: ContextVar[str] = ContextVar("sqlenv_episode_id", default="")


def configure(service: str, level: str, form: Format) -> None:
    """Sends everything that is logged in this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((JsonFormatter if form == "json" else TextFormatter)(service, level == "debug"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def name_unseen(loop: asyncio.AbstractEventLoop) -> None:
    """Has the loop log the exceptions that nobody waited for as we log others: its own way shows their messages."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        log = logging.getLogger("sqlenv.loop")
        log.error("unexpected: %s", context.get("message", ""), exc_info=context.get("exception"))

    loop.set_exception_handler(handle)


class _Formatter(logging.Formatter):
    def __init__(self, service: str, messages: bool) -> None:
        super().__init__()
        self._service = service
        self._messages = messages

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What is known of the call that the record belongs to."""
        found: dict[str, Any] = {}
        current = call.get()
        if current is not None:
            found["method"] = current.method
            if current.token:
                found["token"] = current.token
            if current.context is not None:
                found["peer"] = current.context.peer()
        if episode := episode_id.get():
            found["episode_id"] = episode
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None and value != "":
                found[name] = value
        return {name: _short(found[name]) for name in FIELDS if name in found}

    def formatException(self, ei: Any) -> str:
        if self._messages:
            return super().formatException(ei)
        return "\n".join(_without_messages(ei[1]))


class JsonFormatter(_Formatter):
    """One JSON object a line: ts (UTC), level, logger, service, message, FIELDS where known, and exception."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "service": self._service,
            "message": record.getMessage(),
            **self.fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(_Formatter):
    """For people. Control characters are escaped: what a caller sent can't move the cursor or forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).isoformat(" ", "milliseconds")
        fields = " ".join(f"{name}={value}" for name, value in self.fields(record).items())
        line = f"{moment} {self._service} {record.levelname} {record.getMessage()}{' · ' if fields else ''}{fields}"
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + self.formatException(record.exc_info)
        return line


class FailureLog:
    """Writes failures that callers were told of, at most FAILURES_PER_S of each kind; then says how many it left out.

    The callers' own faults are INFO, ours and the neighbours' WARNING.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], list[float]] = {}  # second, lines in it, suppressed since the last line

    def write(self, error: ServiceError, method: str) -> None:
        """Writes one failure. Its message stays out: it may quote what the caller sent."""
        level = logging.INFO if error.code.name in CALLERS_FAULTS else logging.WARNING
        if not failures.isEnabledFor(level):
            return
        kind = self._kinds.setdefault((method, error.reason), [0.0, 0, 0])
        second = time.monotonic() // 1
        if kind[0] != second:
            kind[0], kind[1] = second, 0
        kind[1] += 1
        if kind[1] > FAILURES_PER_S:
            kind[2] += 1
            return
        method = method.rpartition("/")[2] if method.startswith("/") else method.replace("/", ".")
        about = {"method": method, "code": error.code.name, "reason": error.reason, "field": error.field}
        failures.log(level, "failed", extra={**about, "suppressed": int(kind[2]) or None})
        kind[2] = 0


def _short(value: Any) -> Any:
    return value[:MAX_FIELD_CHARS] if isinstance(value, str) else value


def _without_messages(error: BaseException | None) -> list[str]:
    """A traceback, causes first, in which exceptions have their types alone."""
    lines: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        lines[:0] = [*([frames] if frames else []), f"{kind} (its message is logged at debug level only)"]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines
