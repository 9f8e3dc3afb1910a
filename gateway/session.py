"""One session: what it plays, and its operations, one after the other and each of them once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.errors import EXECUTION_ERROR, SESSION_ERROR, VALIDATION_ERROR, GatewayError
from gateway.render import state_payload
from sqlenv.aio import AsyncEpisode

Kind = Literal["ws", "http", "mcp"]
Payload = dict[str, Any]

REMEMBERED = 4
MAX_PENDING = 8


class Background:
    """Tasks that nobody may be waiting for. Kept until they end: asyncio itself holds them weakly."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, coroutine: Any) -> asyncio.Task[Any]:
        """Runs a coroutine to its end, whoever waits."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def wait(self, seconds: float) -> None:
        """Waits for all, but not longer than `seconds`."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, though its caller may have gone


@dataclass(eq=False)
class Session:
    """One client's place. `socket` is what it is attached to now; None where it has none or has lost it."""

    session_id: str
    kind: Kind
    client: str
    background: Background
    episode: AsyncEpisode | None = None
    episode_id: str | None = None
    socket: object | None = None
    last_used: float = field(default_factory=time.monotonic)
    pending: int = 0
    ended: bool = False
    order: asyncio.Lock = field(default_factory=asyncio.Lock)
    answers: OrderedDict[str, tuple[bytes, asyncio.Task[Payload]]] = field(default_factory=OrderedDict)

    def about(self) -> dict[str, Any]:
        """What every response of it says in its metadata."""
        return {"episode_id": self.episode_id, "session_id": self.session_id}

    def state(self) -> Payload:
        """Where it stands."""
        return state_payload(self.episode.log if self.episode else None, self.about())

    def touch(self) -> None:
        """It was used just now."""
        self.last_used = time.monotonic()

    def silence_s(self) -> float:
        """Seconds since it was last used."""
        return time.monotonic() - self.last_used

    async def do(
        self,
        run: Callable[[], Awaitable[Payload]],
        request_id: str | None,
        timeout_s: float | None,
        content: bytes,
    ) -> Payload:
        """Runs one operation after those before it; it runs to its end though the caller stops waiting.

        To stop it half-way would leave open whether the step was taken. So a late outcome is kept, for the caller to
        ask for again with its request_id, and never reaches anybody else.
        """
        if self.ended:
            raise no_session()
        self.touch()
        known = self.answers.get(request_id) if request_id else None
        if known is not None and _failed(known[1]):
            known = None  # it gave nothing that could be given again
        if known is not None and known[0] != content:
            words = "this request_id was used for another request of the session"
            raise GatewayError(VALIDATION_ERROR, words, 409, "request_id", "REQUEST_ID_REUSED")
        if known is not None:
            task = known[1]
        elif self.kind == "ws" and request_id is None and timeout_s is None:
            # Nobody stops waiting, and nobody can ask again: no need of a task of its own.
            self.pending += 1
            return await self._in_order(run)
        elif self.pending >= MAX_PENDING:
            words = f"{MAX_PENDING} requests of this session are under way; wait for them"
            raise GatewayError(EXECUTION_ERROR, words, 429, reason="SESSION_BUSY", retry_after_s=1.0)
        else:
            self.pending += 1
            task = self.background.start(self._in_order(run))
            if request_id:
                self.answers[request_id] = (content, task)
                while len(self.answers) > REMEMBERED:
                    self.answers.popitem(last=False)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(task)
        except TimeoutError:
            words = f"nothing came within timeout_s = {timeout_s:g} s; it goes on: ask again with the same request_id, "
            words += "or ask for the state"
            raise GatewayError(EXECUTION_ERROR, words, 504, reason="TIMEOUT", retry_after_s=0.0) from None

    async def _in_order(self, run: Callable[[], Awaitable[Payload]]) -> Payload:
        try:
            async with self.order:
                return await run()
        finally:
            self.pending -= 1
            self.touch()


def no_session() -> GatewayError:
    """The error for a session that is not there."""
    words = "there is no such session: it never was, was closed, or ended after its time; reset to start anew"
    return GatewayError(SESSION_ERROR, words, 404, "session_id", "SESSION_NOT_FOUND")


def _failed(task: asyncio.Task[Payload]) -> bool:
    """True for an operation that ended without an outcome: the same request may try it again."""
    return task.done() and (task.cancelled() or task.exception() is not None)
