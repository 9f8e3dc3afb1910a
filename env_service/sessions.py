"""Open episodes: who may be stepped, until when, and how many at once."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from env_service.episode import Episode, State
from sqlenv.errors import Exhausted, NotFound
from sqlenv.v1 import environment_pb2, reward_pb2


@dataclass(slots=True, eq=False)
class Session:
    """An episode with what the service keeps around it: the scorer's state, the last response, the step under way."""

    episode_id: str
    request_id: str
    episode: Episode
    reward_state: reward_pb2.RewardState | None = None
    last_response: environment_pb2.StepResponse | None = None
    under_way: tuple[int, bytes, asyncio.Future[environment_pb2.StepResponse]] | None = None
    expires: float = 0.0
    owner: str = ""


class SessionStore:
    """At most `capacity` sessions, and of one owner `owner_capacity`. What nothing touches for its time is dropped.

    Not thread-safe: it lives on the event loop. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        capacity: int,
        ttl_ms: int,
        finished_ttl_ms: int,
        clock: Callable[[], float] = time.monotonic,
        on_event: Callable[[str], None] = lambda event: None,
        owner_capacity: int | None = None,
    ) -> None:
        self._owner_capacity = owner_capacity
        self._owned: Counter[str] = Counter()  # open or reserved; owners of none are not in it
        self._capacity = capacity
        self._ttl_s = {False: ttl_ms / 1000, True: finished_ttl_ms / 1000}
        self._clock = clock
        self._on_event = on_event  # told what becomes of sessions, in the words of the metric
        # Two queues, each in the order of its sessions' ends: all of one queue live equally long after a touch.
        self._running: OrderedDict[str, Session] = OrderedDict()
        self._finished: OrderedDict[str, Session] = OrderedDict()
        self._by_request: dict[str, str] = {}
        self._reserved = 0

    def __len__(self) -> int:
        return len(self._running) + len(self._finished)

    @property
    def running(self) -> int:
        """Episodes that have not ended."""
        return len(self._running)

    @property
    def finished(self) -> int:
        """Episodes that have ended and are still kept."""
        return len(self._finished)

    def reserve(self, owner: str = "") -> None:
        """Takes a place for a session that is being made. Raises Exhausted where there is none.

        Each call is followed by one of `add` or `release`.
        """
        self.reap()
        if self._owner_capacity is not None and self._owned[owner] >= self._owner_capacity:
            self._on_event("refused")
            words = f"you have {self._owned[owner]:,} episodes open; close those that are done, or let them expire"
            raise Exhausted(words, retry_after_s=1.0)
        if len(self) + self._reserved >= self._capacity and self._finished:
            # Its caller has the last response, or can replay.
            self._drop(next(iter(self._finished.values())), "evicted")
        if len(self) + self._reserved >= self._capacity:
            self._on_event("refused")
            oldest = next(iter(self._running.values()), None)
            wait = oldest.expires - self._clock() if oldest else 1.0
            words = f"all {self._capacity:,} sessions are taken; close episodes that are done, or try again later"
            raise Exhausted(words, retry_after_s=min(30.0, max(1.0, wait)))
        self._reserved += 1
        self._owned[owner] += 1

    def release(self, owner: str = "") -> None:
        """Gives back a place that `reserve` took."""
        self._reserved -= 1
        self._disown(owner)

    def add(self, session: Session) -> None:
        """Opens a session in a reserved place."""
        self._reserved -= 1
        self._running[session.episode_id] = session
        if session.request_id:
            self._by_request[session.request_id] = session.episode_id
        self.touch(session)

    def get(self, episode_id: str) -> Session:
        """The session. Raises NotFound where it never was, is closed or has expired."""
        self.reap()
        session = self._running.get(episode_id) or self._finished.get(episode_id)
        if session is None:
            words = f"no episode {episode_id[:64]!r}: it was never started here, was closed, or expired"
            raise NotFound(words, reason="EPISODE_NOT_FOUND", field="episode_id")
        return session

    def by_request(self, request_id: str) -> Session | None:
        """The session that a Reset with this request_id opened, if it is still open."""
        self.reap()
        episode_id = self._by_request.get(request_id, "")
        return self._running.get(episode_id) or self._finished.get(episode_id)

    def touch(self, session: Session) -> None:
        """Starts the session's time to live anew, and files it by whether its episode has ended."""
        if session.episode_id not in self._running and session.episode_id not in self._finished:
            return  # closed while its last step ran
        finished = session.episode.state is not State.RUNNING
        self._running.pop(session.episode_id, None)
        self._finished.pop(session.episode_id, None)
        (self._finished if finished else self._running)[session.episode_id] = session
        session.expires = self._clock() + self._ttl_s[finished]

    def close(self, episode_id: str) -> None:
        """Drops a session; nothing happens where there is none."""
        session = self._running.get(episode_id) or self._finished.get(episode_id)
        if session is not None:
            self._drop(session, "closed")

    def reap(self) -> None:
        """Drops what has expired. Called by every access; cheap where nothing has."""
        now = self._clock()
        for queue in (self._running, self._finished):
            while queue:
                session = next(iter(queue.values()))
                if session.expires > now:
                    break
                if session.under_way is not None:
                    self.touch(session)
                    continue
                self._drop(session, "expired")

    def expires_in_s(self, session: Session) -> float:
        """Seconds until the session expires if nothing touches it."""
        return max(0.0, session.expires - self._clock())

    def _drop(self, session: Session, event: str) -> None:
        self._on_event(event)
        self._running.pop(session.episode_id, None)
        self._finished.pop(session.episode_id, None)
        self._disown(session.owner)
        if self._by_request.get(session.request_id) == session.episode_id:
            del self._by_request[session.request_id]

    def _disown(self, owner: str) -> None:
        self._owned[owner] -= 1
        if not self._owned[owner]:
            del self._owned[owner]


def new_episode_id() -> str:
    """128 random bits: who knows an episode's id can step it, so nobody must guess it."""
    return secrets.token_urlsafe(16)
