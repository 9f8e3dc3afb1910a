"""Turns: how many pieces of work of each peer run at once, so that one that sends a lot can't starve the others.

A piece is one call, one message of a Play stream, or one item of a batch. A peer that is alone may have `alone` of them
under way. As soon as there is another, `contended` of them are shared out in equal parts, and what a peer sends beyond
its part waits in its own queue, in order. Nobody waits for a slot that another peer holds, so long queries of one can't
keep out another. Before a call gets here it passes gRPC's own queue, where calls of all peers stand in one line; what
one connection can have there is bounded by the setting `max_connection_in_flight`.

A peer is who showed a token, or else an address; on loopback a connection, since all have one address there. What is
kept of a peer goes away MEMORY_S after its last piece.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlenv.errors import Exhausted

MEMORY_S = 5.0
# A part is never smaller: a peer with a few calls at once is no burden.
LEAST_PART = 4
RETRY_S = 0.25


@dataclass(slots=True)
class _Peer:
    calls: int = 0
    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    seen: float = 0.0


class Turns:
    """The peers of one server. `max_calls` bounds the calls of all, `max_peer_calls` those of one, waiting or not."""

    def __init__(self, alone: int, contended: int, max_calls: int, max_peer_calls: int) -> None:
        self._alone = alone
        self._contended = contended
        self._max_calls = max_calls
        self._max_peer_calls = max_peer_calls
        self.on_wait: Callable[[float], None] = lambda seconds: None  # told of each wait for a turn
        self._peers: dict[str, _Peer] = {}
        self._calls = 0
        self._next_sweep = 0.0

    def __len__(self) -> int:
        """Peers that something is kept of."""
        return len(self._peers)

    @property
    def waiting(self) -> int:
        """Pieces that wait for their turn."""
        return sum(len(peer.waiting) for peer in self._peers.values())

    def begin_call(self, name: str) -> None:
        """Counts a call of a peer. Raises Exhausted where it or the server has too many. `end_call` must follow."""
        peer = self._peer(name)
        if peer.calls >= self._max_peer_calls:
            words = f"you have {peer.calls:,} calls under way here already; wait for one to end"
            raise Exhausted(words, "TOO_MANY_CALLS", retry_after_s=RETRY_S)
        if self._calls >= self._max_calls:
            words = f"the server has {self._calls:,} calls under way; try again soon"
            raise Exhausted(words, "TOO_MANY_CALLS", retry_after_s=RETRY_S)
        peer.calls += 1
        self._calls += 1

    def end_call(self, name: str) -> None:
        """Takes back `begin_call`."""
        self._peers[name].calls -= 1
        self._calls -= 1

    async def begin(self, name: str) -> None:
        """Waits for the turn of a piece of a peer's work. `end` must follow, unless this was cancelled."""
        peer = self._peer(name)
        if not peer.waiting and peer.running < self._part():
            peer.running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        peer.waiting.append(turn)
        start = time.monotonic()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came just before
                self.end(name)
            raise
        finally:
            self.on_wait(time.monotonic() - start)

    def end(self, name: str) -> None:
        """Ends a turn: the peer's next piece gets it."""
        peer = self._peers[name]
        peer.running -= 1
        while peer.waiting and (peer.waiting[0].done() or peer.running < self._part()):
            turn = peer.waiting.popleft()
            if not turn.done():  # else its caller went away
                peer.running += 1
                turn.set_result(None)

    def _part(self) -> int:
        peers = len(self._peers)
        return self._alone if peers == 1 else max(LEAST_PART, self._contended // peers)

    def _peer(self, name: str) -> _Peer:
        now = time.monotonic()
        if now >= self._next_sweep:
            self._sweep(now)
        peer = self._peers.get(name)
        if peer is None:
            peer = self._peers[name] = _Peer()
        peer.seen = now
        return peer

    def _sweep(self, now: float) -> None:
        self._next_sweep = now + MEMORY_S / 2
        for name, peer in list(self._peers.items()):
            if not peer.calls and not peer.running and not peer.waiting and peer.seen < now - MEMORY_S:
                del self._peers[name]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the work in this context is for."""

    peer: str
    turns: Turns


CALLER: ContextVar[Caller | None] = ContextVar("sqlenv_caller", default=None)


def peer_name() -> str:
    """The peer that the work in this context is for; "" outside of a call."""
    caller = CALLER.get()
    return caller.peer if caller else ""


class Turn:
    """`async with Turn():` around one piece of work of the current caller. Outside of a call it does nothing."""

    __slots__ = ("_caller",)

    def __init__(self) -> None:
        self._caller: Caller | None = None

    async def __aenter__(self) -> None:
        caller = CALLER.get()
        if caller:
            await caller.turns.begin(caller.peer)
            self._caller = caller
            _TURN.set(self)

    async def __aexit__(self, *exc: object) -> None:
        self.end()

    def end(self) -> None:
        """Ends it early. May be called again."""
        caller, self._caller = self._caller, None
        if caller:
            caller.turns.end(caller.peer)


_TURN: ContextVar[Turn | None] = ContextVar("sqlenv_turn", default=None)


def step_aside() -> None:
    """Ends the turn of the work in this context: it goes on to wait for something that has a fair queue of its own."""
    turn = _TURN.get()
    if turn:
        turn.end()


T = TypeVar("T")


class FairQueue(Generic[T]):
    """What waits, by peer: each peer that waits gives the next item in its turn; a peer's own come in order."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[T]] = {}  # in the order of their turns; none is empty

    def __bool__(self) -> bool:
        return bool(self._queues)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, item: T) -> None:
        """Adds an item for the peer that the work in this context is for."""
        name = peer_name()
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = deque()
        queue.append(item)

    def peek(self) -> T:
        """The item that `pop` would take."""
        return next(iter(self._queues.values()))[0]

    def pop(self) -> T:
        """Takes the next item."""
        name = next(iter(self._queues))
        queue = self._queues.pop(name)
        item = queue.popleft()
        if queue:
            self._queues[name] = queue  # behind the others
        return item

    def clear(self) -> list[T]:
        """Takes all items."""
        return [self.pop() for _ in range(len(self))]


class FairSlots:
    """Slots that peers take turns for: each free slot goes to the next peer that waits, not to the longest queue."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()

    async def acquire(self) -> None:
        """Waits for a slot. `release` must follow, unless this was cancelled."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        slot = asyncio.get_running_loop().create_future()
        self._waiting.put(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if not slot.cancelled():  # it came just before
                self.release()
            raise

    def release(self) -> None:
        """Frees a slot."""
        self._free += 1
        while self._free and self._waiting:
            slot = self._waiting.pop()
            if not slot.done():  # else its caller went away
                self._free -= 1
                slot.set_result(None)
