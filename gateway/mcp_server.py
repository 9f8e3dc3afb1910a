"""MCP over streamable HTTP with the official SDK, at /mcp; and OpenEnv's dialect of it where that is asked for.

A client of the protocol always says that it takes an event stream; a request that does not is OpenEnv's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pydantic_core
from fastapi import APIRouter, Request
from fastapi.responses import Response
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.about import GUIDE, NAME, package_version
from gateway.config import GatewaySettings
from gateway.dialect import PARSE_ERROR, failure
from gateway.errors import translated
from gateway.limits import client_of
from gateway.metrics import Metrics
from gateway.render import to_json
from gateway.session import Session
from gateway.sessions import Sessions
from gateway.state import Gateway, of
from gateway.tools import NEW_EPISODE, TOOLS, call

JSON = "application/json"

router = APIRouter(tags=["MCP"])


@dataclass
class _Held:
    """The session of one MCP connection, made when its first episode starts."""

    session: Session | None = None


class McpServer:
    """The protocol's server, and the manager of its connections."""

    def __init__(self, settings: GatewaySettings, sessions: Sessions, metrics: Metrics) -> None:
        self._sessions = sessions
        self._metrics = metrics
        instructions = f"{GUIDE}\nCall {NEW_EPISODE} first; it says what is asked."
        server: Server[_Held, Request] = Server(
            NAME, version=package_version(), instructions=instructions, lifespan=self._hold
        )
        self._server = server
        server.list_tools()(self._list)  # type: ignore[no-untyped-call]
        # Arguments that don't fit are for the environment to judge, as everywhere else.
        server.call_tool(validate_input=False)(self._call)
        self.manager = StreamableHTTPSessionManager(
            server,
            json_response=True,
            session_idle_timeout=settings.session_idle_ms / 1000,
            max_request_body_size=settings.max_message_bytes,
            max_sessions=settings.max_sessions,
        )

    @asynccontextmanager
    async def _hold(self, server: Server[_Held, Request]) -> AsyncIterator[_Held]:
        held = _Held()
        try:
            yield held
        finally:
            if held.session is not None:
                self._sessions.end(held.session)

    async def _list(self) -> list[types.Tool]:
        return [types.Tool.model_validate(tool) for tool in TOOLS]

    async def _call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        context = self._server.request_context
        held = context.lifespan_context
        request = context.request

        async def opened() -> Session:
            held.session = await self._sessions.open("mcp", client_of(request.scope if request else None))
            return held.session

        if held.session is not None and held.session.ended:
            held.session = None
        try:
            with self._metrics.operation("mcp", "call"):
                done = await call(self._sessions, held.session, opened, name, arguments)
        except Exception as error:
            told = translated(error, "MCP")
            text = types.TextContent(type="text", text=told.message)
            return types.CallToolResult(content=[text], structuredContent={"error": told.data()}, isError=True)
        return types.CallToolResult.model_validate(done.result())


class _Streamed(Response):
    """Hands the request on to the SDK, which answers by itself."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        super().__init__()
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)


@router.post("/mcp", response_class=Response, summary="Model Context Protocol")
async def post(http: Request) -> Response:
    """Streamable HTTP (initialize, tools/list, tools/call). Requests that accept JSON alone are answered one by one, as
    OpenEnv's clients want it: session by `params.session_id`, from `openenv/session/create`.
    """
    gateway: Gateway = of(http)
    if "text/event-stream" in http.headers.get("accept", ""):
        return _Streamed(http.app.state.mcp.manager)
    try:
        request = pydantic_core.from_json(await http.body(), allow_inf_nan=False)
    except ValueError as error:
        return Response(to_json(failure(PARSE_ERROR, f"Parse error: {error}")), media_type=JSON)

    async def opened() -> Session:
        return await gateway.sessions.open("mcp", client_of(http.scope))

    with gateway.metrics.operation("mcp", "rpc"):
        answer = await gateway.dialect.answer(request, None, opened)
    return Response(status_code=202) if answer is None else Response(to_json(answer), media_type=JSON)


@router.get("/mcp", response_class=Response, include_in_schema=False)
@router.delete("/mcp", response_class=Response, include_in_schema=False)
async def rest(http: Request) -> Response:
    """The protocol's event stream and its goodbye."""
    return _Streamed(http.app.state.mcp.manager)


@router.websocket("/mcp")
async def websocket(socket: WebSocket) -> None:
    """OpenEnv's dialect over a WebSocket: the connection is the session."""
    gateway: Gateway = of(socket)
    client = client_of(socket.scope)
    session: Session | None = None

    async def opened() -> Session:
        nonlocal session
        if session is None or session.ended:
            session = await gateway.sessions.open("mcp", client, socket)
        return session

    await socket.accept()
    gateway.metrics.sockets.inc()
    try:
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            try:
                request = pydantic_core.from_json(message.get("text") or "", allow_inf_nan=False)
            except ValueError as error:
                answer: dict[str, Any] | None = failure(PARSE_ERROR, f"Parse error: {error}")
            else:
                answer = await gateway.dialect.answer(request, session, opened)
            if answer is not None:
                await socket.send_text(to_json(answer).decode())
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        gateway.metrics.sockets.dec()
        if session is not None:
            gateway.sessions.end(session)
