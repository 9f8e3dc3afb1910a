"""OpenEnv's WebSocket protocol: `/ws`, one connection one session, kept when the connection is lost.

Beyond the protocol, and ignored by clients that don't know it: every request may carry `request_id` and `timeout_s`
beside `type`; the id is echoed with the response. `?session_id=`, as reset's metadata has it, resumes a session.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Literal

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.dialect import Dialect
from gateway.errors import INVALID_JSON, UNKNOWN_TYPE, VALIDATION_ERROR, GatewayError, invalid, translated
from gateway.limits import Rates, client_of
from gateway.metrics import Metrics
from gateway.models import Id, ResetRequest, Seconds, SQLAction
from gateway.render import action_message, to_json
from gateway.session import Session
from gateway.sessions import Sessions

GONE = 4404
TAKEN_OVER = 4409


class _Frame(BaseModel):
    """What every message has, whatever its type."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    request_id: Id | None = None
    timeout_s: Seconds | None = None


class _Reset(_Frame):
    type: Literal["reset"]
    data: ResetRequest = Field(default_factory=ResetRequest)


class _Step(_Frame):
    type: Literal["step"]
    data: SQLAction


class _State(_Frame):
    type: Literal["state"]


class _Mcp(_Frame):
    type: Literal["mcp"]
    data: JsonValue = None


class _Close(_Frame):
    type: Literal["close"]


_FRAMES: dict[str, TypeAdapter[Any]] = {
    "reset": TypeAdapter(_Reset),
    "step": TypeAdapter(_Step),
    "state": TypeAdapter(_State),
    "mcp": TypeAdapter(_Mcp),
    "close": TypeAdapter(_Close),
}


class Socket:
    """One connection."""

    def __init__(
        self, websocket: WebSocket, sessions: Sessions, rates: Rates, metrics: Metrics, dialect: Dialect, max_bytes: int
    ) -> None:
        self._websocket = websocket
        self._sessions = sessions
        self._rates = rates
        self._metrics = metrics
        self._dialect = dialect
        self._max_bytes = max_bytes
        self._client = client_of(websocket.scope)
        self._session: Session | None = None

    async def serve(self) -> None:
        """Serves the connection until it ends. Its session outlives it, unless the client said close."""
        await self._websocket.accept()
        self._metrics.sockets.inc()
        try:
            if await self._attach():
                await self._converse()
        except WebSocketDisconnect:
            pass
        finally:
            self._metrics.sockets.dec()
            if self._session is not None:
                self._sessions.detach(self._session, self)

    async def _attach(self) -> bool:
        """Takes over the session that the address names; a connection that still holds it is closed."""
        wanted = self._websocket.query_params.get("session_id")
        if not wanted:
            return True
        try:
            session = self._sessions.get(wanted)
        except GatewayError as error:
            await self._send({"type": "error", "data": error.data()})
            await self._websocket.close(GONE)
            return False
        before, session.socket = session.socket, self
        self._session = session
        if isinstance(before, Socket):
            await before.taken_over()
        return True

    async def taken_over(self) -> None:
        """Ends this connection: its session has moved to another."""
        self._session = None
        with suppress(RuntimeError, TimeoutError, WebSocketDisconnect):  # gone already: why the client came back
            await asyncio.wait_for(self._websocket.close(TAKEN_OVER, "the session moved to another connection"), 1.0)

    async def _converse(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            wait = self._rates.wait_s(self._client)
            if wait:
                await asyncio.sleep(wait)
            frame: _Frame | None = None
            unread: str | None = None
            try:
                frame = self._parse(message)
                if isinstance(frame, _Close):
                    await self._close()
                    return
                reply = await self._handle(frame)
            except Exception as error:
                told = translated(error, "WebSocket")
                unread = told.extra.pop("request_id", None)
                reply = {"type": "error", "data": told.data()}
            request_id = frame.request_id if frame else unread
            if request_id is not None:
                reply["request_id"] = request_id
            await self._send(reply)

    def _parse(self, message: Any) -> _Frame:
        text = message.get("text")
        if text is None:
            raise GatewayError(INVALID_JSON, "send JSON as text: binary messages are not read", reason="BINARY")
        if len(text) > self._max_bytes:
            words = f"the message is larger than {self._max_bytes:,} bytes"
            raise GatewayError(VALIDATION_ERROR, words, 413, "data", "MESSAGE_TOO_LARGE")
        try:
            frame = pydantic_core.from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise GatewayError(INVALID_JSON, f"invalid JSON: {error}", reason="INVALID_JSON") from None
        if not isinstance(frame, dict):
            words = f"a message is a JSON object with a `type`, not {_json_type(frame)}"
            raise GatewayError(VALIDATION_ERROR, words, field="type", reason="FIELD_INVALID")
        kind = frame.get("type")
        form = _FRAMES.get(kind) if isinstance(kind, str) else None
        if form is None:
            words = f"there is no message type {str(kind)[:40]!r}; the types are {', '.join(_FRAMES)}"
            raise GatewayError(UNKNOWN_TYPE, words, field="type", reason="UNKNOWN_TYPE", extra=_named(frame))
        try:
            parsed: _Frame = form.validate_python(frame)
        except ValidationError as error:
            told = invalid(error.errors(include_url=False, include_input=False))
            told.extra |= _named(frame)
            raise told from None
        return parsed

    async def _handle(self, frame: _Frame) -> dict[str, Any]:
        match frame:
            case _Reset(data=request):
                with self._metrics.operation("ws", "reset"):
                    request.request_id = frame.request_id = request.request_id or frame.request_id
                    request.timeout_s = request.timeout_s or frame.timeout_s
                    session = await self._own(request.timeout_s)
                    return {"type": "observation", "data": await self._sessions.reset(session, request)}
            case _Step(data=action):
                with self._metrics.operation("ws", "step"):
                    session = self._session or _nothing_to_step()
                    sent = action_message(action)
                    payload = await self._sessions.step(session, sent, frame.request_id, frame.timeout_s)
                    return {"type": "observation", "data": payload}
            case _Mcp(data=data):
                with self._metrics.operation("ws", "mcp"):
                    answer = await self._dialect.answer(data, self._session, self._own)
                    return {"type": "mcp", "data": answer}
            case _:
                state = self._session.state() if self._session else {"episode_id": None, "step_count": 0}
                return {"type": "state", "data": state}

    async def _own(self, timeout_s: float | None = None) -> Session:
        if self._session is None or self._session.ended:
            self._session = await self._sessions.open("ws", self._client, self, timeout_s)
        return self._session

    async def _close(self) -> None:
        if self._session is not None:
            self._sessions.end(self._session)
        await self._websocket.close(1000)

    async def _send(self, reply: dict[str, Any]) -> None:
        try:
            await self._websocket.send_text(to_json(reply).decode())
        except RuntimeError:  # the connection ended meanwhile
            raise WebSocketDisconnect(1006) from None


def _nothing_to_step() -> Session:
    raise GatewayError("SESSION_ERROR", "there is no episode yet: send a reset first", 409, reason="NO_EPISODE")


def _named(frame: dict[str, Any]) -> dict[str, Any]:
    """A message's request_id, as far as it has one, for the error's reply."""
    given = frame.get("request_id")
    return {"request_id": given} if isinstance(given, str) and len(given) <= 255 else {}


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
