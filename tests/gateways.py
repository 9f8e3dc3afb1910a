"""A real gateway for tests: uvicorn on port 0, in a thread of this process, in front of real services."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import uvloop
from websockets.sync.client import ClientConnection, connect

from gateway.config import GatewaySettings
from gateway.server import Server, listen, make_server
from gateway.sessions import Sessions
from sqlenv.gold import load_gold
from sqlenv.tasks import BUNDLED
from tests.live import LiveServices


class LiveGateway:
    """Serves until the block ends. `url` is where; `port` stays the same when it is started again."""

    def __init__(self, env: str, reward: str = "none", **settings: Any) -> None:
        chosen = {"port": 0, "drain_ms": 200, "env_patience_ms": 500, **settings}
        self.settings = GatewaySettings(_env_file=None, env_target=env, reward_target=reward, **chosen)
        self._socket = listen(self.settings)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.server: Server = make_server(self.settings)
        self._done: concurrent.futures.Future[None]

    @property
    def sessions(self) -> Sessions:
        """The sessions it holds."""
        app: Any = self.server.config.app
        while not hasattr(app, "state"):
            app = app.app
        sessions: Sessions = app.state.gateway.sessions
        return sessions

    def __enter__(self) -> LiveGateway:
        self._done = asyncio.run_coroutine_threadsafe(self.server.serve([self._socket]), _loop())
        asyncio.run_coroutine_threadsafe(self._until_it_serves(), _loop()).result(20)
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.should_exit = True
        self._done.result(20)

    async def _until_it_serves(self) -> None:
        while not self.server.started:
            await asyncio.sleep(0.01)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for all gateways, never closed: gRPC's poller does not forget a loop, and stumbles over one that is."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="live-gateways", daemon=True).start()
    return loop


@contextmanager
def gateway(services: LiveServices, **settings: Any) -> Iterator[LiveGateway]:
    """A gateway in front of `services`."""
    with LiveGateway(services.env, services.reward, **settings) as live:
        yield live


class Talk:
    """A plain WebSocket that sends a message and waits for the reply."""

    def __init__(self, live: LiveGateway, query: str = "", path: str = "/ws", **options: Any) -> None:
        self._stack = ExitStack()
        url = f"ws://127.0.0.1:{live.port}{path}{query}"
        self.socket: ClientConnection = self._stack.enter_context(connect(url, proxy=None, **options))

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def send(self, message: Any) -> Any:
        """Sends a message, as it is where it is text or bytes, and gives the reply."""
        self.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
        return self.receive()

    def receive(self, timeout: float = 20) -> Any:
        """The next message."""
        return json.loads(self.socket.recv(timeout=timeout))

    def reset(self, **data: Any) -> Any:
        """Starts an episode; gives the reply's data."""
        reply = self.send({"type": "reset", "data": data})
        assert reply["type"] == "observation", reply
        return reply["data"]

    def step(self, text: str, **beside: Any) -> Any:
        """Takes a step; gives the reply's data."""
        reply = self.send({"type": "step", "data": {"text": text}, **beside})
        assert reply["type"] == "observation", reply
        return reply["data"]

    def state(self) -> Any:
        """The state."""
        return self.send({"type": "state"})["data"]

    def drop(self) -> None:
        """Ends the connection without a word."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)


def http(live: LiveGateway, **options: Any) -> httpx.Client:
    """An HTTP client."""
    return httpx.Client(base_url=live.url, timeout=20, trust_env=False, **options)


def gold_sql(task_id: str) -> str:
    """A task's gold SQL."""
    return load_gold(BUNDLED)[task_id].sql
