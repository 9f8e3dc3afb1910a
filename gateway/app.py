"""The application: `create_app(settings)`. Also `app`, with the settings of the environment, for other ASGI servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from gateway import docs, mcp_server, page, routes, status, tasks
from gateway.about import DESCRIPTION, TITLE, package_version
from gateway.config import GatewaySettings
from gateway.dialect import Dialect
from gateway.environment import Environment
from gateway.errors import INVALID_JSON, GatewayError, invalid, translated
from gateway.limits import Rates
from gateway.mcp_server import McpServer
from gateway.metrics import Metrics
from gateway.render import to_json
from gateway.security import BadBody, Guard
from gateway.sessions import Sessions
from gateway.state import Gateway, of
from gateway.ws import Socket


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """The gateway as an ASGI application. It connects to the services when it starts, and waits for none of them."""
    chosen = settings or GatewaySettings()
    environment = Environment(chosen)
    metrics = Metrics()
    sessions = Sessions(chosen, environment)
    metrics.watch(sessions)
    rates = Rates(chosen.client_requests_per_s)
    app = FastAPI(
        title=TITLE,
        version=package_version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=_lifespan,
    )
    app.state.gateway = Gateway(chosen, environment, sessions, rates, metrics, Dialect(sessions))
    app.state.mcp = McpServer(chosen, sessions, metrics)
    for part in (status, routes, mcp_server, docs, page, tasks):
        app.include_router(part.router)
    app.add_api_websocket_route("/ws", _websocket)
    app.mount("/static", page.files(), "static")
    app.add_exception_handler(GatewayError, _told)
    app.add_exception_handler(RequestValidationError, _told)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(Exception, _told)
    if chosen.origins():
        app.add_middleware(
            CORSMiddleware,
            allow_origins=chosen.origins(),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["mcp-session-id", "retry-after"],
        )
    app.add_middleware(Guard, settings=chosen, rates=rates, metrics=metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    async with gateway.environment, app.state.mcp.manager.run():
        reaper = asyncio.get_running_loop().create_task(gateway.sessions.reap())
        try:
            yield
        finally:
            reaper.cancel()
            with suppress(asyncio.CancelledError):
                await reaper
            await gateway.sessions.close()


async def _websocket(websocket: WebSocket) -> None:
    gateway = of(websocket)
    limit = gateway.settings.max_message_bytes
    await Socket(websocket, gateway.sessions, gateway.rates, gateway.metrics, gateway.dialect, limit).serve()


async def _told(http: Request, error: Exception) -> Response:
    """Every error as JSON with a code; nothing that only our log may know."""
    if isinstance(error, RequestValidationError):
        faults = error.errors()
        if faults and faults[0]["type"] == "json_invalid":
            words = f"invalid JSON: {faults[0]['ctx']['error']}"
            told = GatewayError(INVALID_JSON, words, 400, "body", "INVALID_JSON")
        else:
            told = invalid(faults)
    elif isinstance(error, BadBody):
        told = error.told
    elif isinstance(error, HTTPException):
        told = GatewayError(_NAMES.get(error.status_code, "HTTP_ERROR"), str(error.detail), error.status_code)
    else:
        told = translated(error, f"{http.method} request")
    headers: dict[str, str] = dict(getattr(error, "headers", None) or {})
    if told.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(told.retry_after_s)))
    body: dict[str, Any] = told.body()
    return Response(to_json(body), told.status, headers, "application/json")


_NAMES = {400: INVALID_JSON, 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


def __getattr__(name: str) -> Any:
    if name == "app":  # for `uvicorn gateway.app:app`, as openenv.yaml names it
        return create_app()
    raise AttributeError(name)
