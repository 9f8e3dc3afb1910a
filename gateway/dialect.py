"""MCP as OpenEnv's own clients speak it: one JSON-RPC request, one response, sessions named by `params.session_id`.

Served beside the real protocol (`gateway.mcp_server`): POST /mcp without an event stream, WebSocket /mcp, and `mcp`
messages on /ws.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.about import NAME, package_version
from gateway.errors import CAPACITY_REACHED, EXECUTION_ERROR, GatewayError, translated
from gateway.session import Session
from gateway.sessions import Sessions
from gateway.tools import TOOLS, call

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000

PROTOCOL_VERSION = "2025-06-18"

Answer = dict[str, Any]


def failure(code: int, message: str, request_id: Any = None, data: Any = None) -> Answer:
    """A JSON-RPC error."""
    error = {"code": code, "message": message, **({"data": data} if data else {})}
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


class Dialect:
    """Answers JSON-RPC requests."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def answer(
        self, request: Any, session: Session | None, opened: Callable[[], Awaitable[Session]]
    ) -> Answer | None:
        """The response to a request; None for a notification. `session` is that of the connection, where it has one."""
        wrong = _wrong(request)
        if wrong:
            known = request.get("id") if isinstance(request, dict) else None
            return failure(INVALID_REQUEST, f"Invalid request: {wrong}", known if _is_id(known) else None)
        method, request_id = request["method"], request.get("id")
        if "id" not in request and method.startswith("notifications/"):
            return None
        try:
            result = await self._result(method, request.get("params", {}), session, opened)
        except Exception as error:
            told = translated(error, "MCP")
            data = told.data()
            message = data.pop("message")
            return failure(_code(told), message, request_id, data)
        return {"jsonrpc": "2.0", "id": request_id, "result": result}

    async def _result(
        self, method: str, params: dict[str, Any], session: Session | None, opened: Callable[[], Awaitable[Session]]
    ) -> Any:
        match method:
            case "initialize":
                return {
                    "protocolVersion": PROTOCOL_VERSION,
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": NAME, "version": package_version()},
                }
            case "ping":
                return {}
            case "tools/list":
                return {"tools": list(TOOLS)}
            case "tools/call":
                return await self._call(params, session, opened)
            case "openenv/session/create":
                made = session or await opened()
                return {"session_id": made.session_id}
            case "openenv/session/close":
                return self._close(params, session)
        raise GatewayError("METHOD_NOT_FOUND", f"Method not found: {method[:80]}", reason="METHOD_NOT_FOUND")

    async def _call(
        self, params: dict[str, Any], session: Session | None, opened: Callable[[], Awaitable[Session]]
    ) -> Any:
        name, arguments = params.get("name"), params.get("arguments")
        if not isinstance(name, str) or not name:
            raise _bad("name", "'name' must be a tool's name")
        if arguments is not None and not isinstance(arguments, dict):
            raise _bad("arguments", "'arguments' must be an object")
        if params.get("session_id") is not None:
            session = self._sessions.get(_session_id(params))
        return (await call(self._sessions, session, opened, name, arguments or {})).result()

    def _close(self, params: dict[str, Any], session: Session | None) -> Any:
        session_id = _session_id(params)
        if session is not None and session.session_id == session_id:
            raise _bad("session_id", "this is the connection's own session: close the connection instead")
        target = self._sessions.get(session_id)
        self._sessions.end(target)
        return {"session_id": session_id, "closed": True}


def _wrong(request: Any) -> str | None:
    if not isinstance(request, dict):
        return "a request is a JSON object"
    unknown = sorted(set(request) - {"jsonrpc", "method", "params", "id"})
    if unknown:
        return f"there is no field {unknown[0][:60]!r}"
    if request.get("jsonrpc") != "2.0":
        return "'jsonrpc' must be \"2.0\""
    if not isinstance(request.get("method"), str):
        return "'method' must be a string"
    if not isinstance(request.get("params", {}), dict):
        return "'params' must be an object"
    if not _is_id(request.get("id")):
        return "'id' must be a string or a number"
    return None


def _is_id(value: Any) -> bool:
    return value is None or (isinstance(value, (str, int)) and not isinstance(value, bool))


def _session_id(params: dict[str, Any]) -> str:
    given = params.get("session_id")
    if not isinstance(given, str) or not given:
        raise _bad("session_id", "'session_id' must be a string that openenv/session/create gave")
    return given


def _bad(field: str, words: str) -> GatewayError:
    return GatewayError("VALIDATION_ERROR", f"Invalid params: {words}", 422, field, "FIELD_INVALID")


def _code(error: GatewayError) -> int:
    if error.code == "METHOD_NOT_FOUND":
        return METHOD_NOT_FOUND
    if error.code in (CAPACITY_REACHED, "SESSION_ERROR") and error.field is None:
        return SERVER_ERROR
    if error.status in (404, 409, 422):
        return INVALID_PARAMS
    return INTERNAL_ERROR if error.code == EXECUTION_ERROR and error.status == 500 else SERVER_ERROR
