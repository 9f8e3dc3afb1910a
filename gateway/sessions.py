"""Sessions of all kinds in one place: who holds one, until when, and who waits for one at capacity.

A session holds at most one episode and does one thing at a time, in the order asked. It outlives the socket that it
belongs to, so that a client can come back with `?session_id=`; but a session without a socket never keeps a new client
out: it gives up its place as soon as somebody needs it.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque

from gateway.config import GatewaySettings
from gateway.environment import Environment
from gateway.errors import CAPACITY_REACHED, SESSION_ERROR, GatewayError
from gateway.models import ResetRequest
from gateway.render import reset_payload, step_payload
from gateway.session import Background, Kind, Payload, Session, no_session
from sqlenv.v1 import types_pb2

REAP_EVERY_S = 1.0


class Sessions:
    """At most `max_sessions` sessions. Lives on one event loop."""

    def __init__(self, settings: GatewaySettings, environment: Environment) -> None:
        self._settings = settings
        self._environment = environment
        self._by_id: dict[str, Session] = {}
        self._by_episode: dict[str, Session] = {}
        self._of_client: dict[str, int] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._promised = 0
        self._background = Background()

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def attached(self) -> int:
        """Sessions that have a socket."""
        return sum(session.socket is not None for session in self._by_id.values())

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return len(self._waiting)

    async def open(
        self, kind: Kind, client: str, socket: object | None = None, timeout_s: float | None = None
    ) -> Session:
        """A new session. At capacity waits for a place. Raises GatewayError where none comes free in time."""
        if self._of_client.get(client, 0) >= self._settings.client_sessions:
            words = f"this client has {self._settings.client_sessions:,} sessions; close some of them first"
            raise self._full(words, 429)
        if self._waiting or not self._room():
            await self._wait(min(self._settings.queue_wait_ms / 1000, timeout_s or math.inf))
        session = Session(secrets.token_urlsafe(18), kind, client, self._background, socket=socket)
        self._by_id[session.session_id] = session
        self._of_client[client] = self._of_client.get(client, 0) + 1
        return session

    def get(self, session_id: str) -> Session:
        """The session. Raises GatewayError where there is none."""
        session = self._by_id.get(session_id)
        if session is None:
            raise no_session()
        session.touch()
        return session

    def by_episode(self, episode_id: str) -> Session:
        """The HTTP session that plays this episode. Raises GatewayError where there is none."""
        session = self._by_episode.get(episode_id)
        if session is None:
            words = "there is no such episode: it was never reset here, or ended after its time; POST /reset starts one"
            raise GatewayError(SESSION_ERROR, words, 404, "episode_id", "EPISODE_NOT_FOUND")
        session.touch()
        return session

    def known_episode(self, episode_id: str | None) -> Session | None:
        """The HTTP session that plays this episode, if there is one."""
        return self._by_episode.get(episode_id or "")

    def detach(self, session: Session, socket: object) -> None:
        """Its socket is gone. The session can be resumed for a while."""
        if session.socket is socket:
            session.socket = None
            session.touch()
            self._let_in()

    def end(self, session: Session) -> None:
        """Ends a session and frees its place. May be called again."""
        if self._by_id.pop(session.session_id, None) is None:
            return
        session.ended = True
        if session.episode_id and self._by_episode.get(session.episode_id) is session:
            del self._by_episode[session.episode_id]
        self._of_client[session.client] -= 1
        if not self._of_client[session.client]:
            del self._of_client[session.client]
        if session.episode is not None:
            self._background.start(self._environment.close(session.episode))
        self._let_in()

    async def reset(self, session: Session, request: ResetRequest) -> Payload:
        """Starts an episode in the session; the one before it ends. Raises GatewayError or ServiceError."""
        which = request.model_dump(include={"seed", "task_id", "split", "db_id", "difficulty"}, exclude_none=True)

        async def run() -> Payload:
            started = await self._environment.reset(**which, rubric=request.rubric or "")
            before, session.episode = session.episode, started
            if session.ended:
                self._background.start(self._environment.close(started))
            if before is not None:
                self._background.start(self._environment.close(before))
            if session.episode_id and self._by_episode.get(session.episode_id) is session:
                del self._by_episode[session.episode_id]
            session.episode_id = request.episode_id or secrets.token_urlsafe(18)
            if session.kind == "http" and not session.ended:
                self._by_episode[session.episode_id] = session
            return reset_payload(started.log, session.about())

        return await session.do(run, request.request_id, request.timeout_s, request.model_dump_json().encode())

    async def step(
        self, session: Session, action: types_pb2.Action, request_id: str | None = None, timeout_s: float | None = None
    ) -> Payload:
        """Takes a step, exactly once for a request_id. Raises GatewayError or ServiceError."""

        async def run() -> Payload:
            if session.episode is None:
                raise GatewayError(SESSION_ERROR, "there is no episode yet: reset first", 409, reason="NO_EPISODE")
            result = await self._environment.step(session.episode, action)
            return step_payload(session.episode.log, result, session.about())

        return await session.do(run, request_id, timeout_s, action.SerializeToString(deterministic=True))

    # Capacity

    def _evict(self) -> bool:
        """Ends the session that is missed least: one whose socket is gone, else one whose episode is over."""
        idle = [session for session in self._by_id.values() if session.socket is None and not session.pending]
        lost = [session for session in idle if session.kind == "ws"]
        over = [session for session in idle if session.episode is not None and session.episode.done]
        silent = self._settings.session_idle_ms / 1000
        long_idle = [one for one in self._by_id.values() if not one.pending and one.silence_s() > silent]
        for candidates in (lost, over, long_idle):
            if candidates:
                self.end(min(candidates, key=lambda session: session.last_used))
                return True
        return False

    def _room(self) -> bool:
        """True where a place is free, or could be made so."""
        return len(self) + self._promised < self._settings.max_sessions or self._evict()

    async def _wait(self, seconds: float) -> None:
        if len(self._waiting) >= self._settings.queue_sessions:
            raise self._full("every session is taken and the queue is full")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            raise self._full(f"every session is taken, and none came free in {seconds:g} s") from None
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)
            if turn.done() and not turn.cancelled():
                self._promised -= 1  # what follows takes the place, or leaves it to the next
                asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        """Gives free places to those that wait, first come first served."""
        while self._waiting and self._room():
            turn = self._waiting.popleft()
            if not turn.done():
                self._promised += 1
                turn.set_result(None)

    def _full(self, words: str, status: int = 503) -> GatewayError:
        extra = {"active_sessions": len(self), "max_sessions": self._settings.max_sessions}
        return GatewayError(CAPACITY_REACHED, words, status, None, "SESSIONS_EXHAUSTED", 5.0, extra=extra)

    async def reap(self) -> None:
        """Ends sessions whose time is over, for ever."""
        while True:
            await asyncio.sleep(REAP_EVERY_S)
            for session in list(self._by_id.values()):
                if session.socket is not None or session.pending:
                    continue
                limit = self._settings.resume_ms if session.kind == "ws" else self._settings.session_idle_ms
                if session.silence_s() > limit / 1000:
                    self.end(session)
            self._let_in()

    async def close(self) -> None:
        """Ends every session, and waits for what is under way."""
        for session in list(self._by_id.values()):
            self.end(session)
        await self._background.wait(5)
