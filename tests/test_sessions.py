"""Open episodes: time to live, capacity, request ids. A clock that the test moves; everything else is real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from env_service.episode import Episode
from env_service.sessions import Session, SessionStore, new_episode_id
from sqlenv.actions import AnswerValue, Describe
from sqlenv.errors import Exhausted, NotFound
from sqlenv.tasks import Task
from sqlenv.types import AnswerType
from sqlenv.v1 import environment_pb2

TASK = Task("t", "db", "How many?", "train", "easy", AnswerType.INTEGER)
TTL_S, FINISHED_TTL_S = 100.0, 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def session(episode_id: str, request_id: str = "") -> Session:
    return Session(episode_id, request_id, Episode(TASK, ("a",), 0, "dense", 15))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> SessionStore:
    return SessionStore(3, int(TTL_S * 1000), int(FINISHED_TTL_S * 1000), clock)


def open_(store: SessionStore, episode_id: str, request_id: str = "") -> Session:
    store.reserve()
    opened = session(episode_id, request_id)
    store.add(opened)
    return opened


def finish(store: SessionStore, opened: Session) -> None:
    opened.episode.commit(AnswerValue("1"), b"h", 1.0)
    store.touch(opened)


def is_open(store: SessionStore, episode_id: str) -> bool:
    try:
        store.get(episode_id)
    except NotFound:
        return False
    return True


def test_get(store: SessionStore) -> None:
    opened = open_(store, "a")
    assert store.get("a") is opened
    assert len(store) == store.running == 1


@pytest.mark.parametrize("episode_id", ["", "b", "x" * 10**6, "\n\x1b[31m"])
def test_get_what_never_was(store: SessionStore, episode_id: str) -> None:
    open_(store, "a")
    with pytest.raises(NotFound) as raised:
        store.get(episode_id)
    assert raised.value.reason == "EPISODE_NOT_FOUND"
    assert raised.value.field == "episode_id"
    assert len(raised.value.message) < 200
    assert "\x1b" not in raised.value.message


def test_a_session_expires_its_time_to_live_after_the_last_touch(store: SessionStore, clock: Clock) -> None:
    opened = open_(store, "a")
    clock.now += TTL_S - 1
    store.touch(opened)
    clock.now += TTL_S - 1
    assert is_open(store, "a")
    assert store.expires_in_s(opened) == pytest.approx(1)
    clock.now += 1
    assert not is_open(store, "a")
    assert len(store) == 0


def test_looking_does_not_prolong(store: SessionStore, clock: Clock) -> None:
    open_(store, "a")
    for _ in range(10):
        clock.now += TTL_S / 10
        is_open(store, "a")
    assert not is_open(store, "a")


def test_a_finished_session_has_its_own_time_to_live(store: SessionStore, clock: Clock) -> None:
    open_(store, "running")
    finish(store, open_(store, "finished"))
    assert (len(store), store.running) == (2, 1)
    clock.now += FINISHED_TTL_S - 1
    assert is_open(store, "finished")
    clock.now += 1
    assert not is_open(store, "finished")
    assert is_open(store, "running")


def test_a_replayed_session_that_has_ended_is_filed_as_finished(store: SessionStore, clock: Clock) -> None:
    store.reserve()
    opened = session("a")
    opened.episode.commit(AnswerValue("1"), b"h", 1.0)
    store.add(opened)
    assert store.running == 0
    clock.now += FINISHED_TTL_S
    assert not is_open(store, "a")


def test_only_what_has_expired_is_dropped(store: SessionStore, clock: Clock) -> None:
    first = open_(store, "a")
    clock.now += 60
    open_(store, "b")
    clock.now += 30
    store.touch(first)  # now b is the next to expire
    clock.now += 70
    assert not is_open(store, "b")
    assert is_open(store, "a")


def test_capacity(store: SessionStore) -> None:
    for episode_id in "abc":
        open_(store, episode_id)
    with pytest.raises(Exhausted) as raised:
        store.reserve()
    assert raised.value.reason == "SESSIONS_EXHAUSTED"
    assert raised.value.retry_after_s is not None
    assert 1 <= raised.value.retry_after_s <= 30
    assert all(is_open(store, episode_id) for episode_id in "abc")
    store.close("b")
    open_(store, "d")
    assert len(store) == 3


def test_the_retry_hint_is_when_the_oldest_expires(store: SessionStore, clock: Clock) -> None:
    for episode_id in "abc":
        open_(store, episode_id)
    clock.now += TTL_S - 12
    with pytest.raises(Exhausted) as raised:
        store.reserve()
    assert raised.value.retry_after_s == pytest.approx(12)


def test_expired_sessions_make_room(store: SessionStore, clock: Clock) -> None:
    for episode_id in "abc":
        open_(store, episode_id)
    clock.now += TTL_S
    open_(store, "d")
    assert len(store) == 1


def test_reserved_places_count(store: SessionStore) -> None:
    for _ in range(3):
        store.reserve()
    with pytest.raises(Exhausted):
        store.reserve()
    assert len(store) == 0
    store.release()
    store.reserve()
    store.add(session("a"))
    assert len(store) == 1
    with pytest.raises(Exhausted):
        store.reserve()


def test_finished_sessions_go_first_and_the_oldest_of_them_before_others(store: SessionStore, clock: Clock) -> None:
    open_(store, "running")
    older = open_(store, "older")
    newer = open_(store, "newer")
    finish(store, older)
    clock.now += 1
    finish(store, newer)
    open_(store, "next")
    assert [episode_id for episode_id in ("running", "older", "newer", "next") if is_open(store, episode_id)] == [
        "running",
        "newer",
        "next",
    ]


def test_closing(store: SessionStore) -> None:
    opened = open_(store, "a", "r")
    store.close("a")
    store.close("a")
    store.close("never")
    assert not is_open(store, "a")
    assert store.by_request("r") is None
    store.touch(opened)  # its last step ended after it was closed
    assert not is_open(store, "a")
    assert len(store) == 0


def test_request_ids(store: SessionStore, clock: Clock) -> None:
    opened = open_(store, "a", "request")
    open_(store, "b")
    assert store.by_request("request") is opened
    assert store.by_request("other") is None
    assert store.by_request("") is None
    finish(store, opened)
    assert store.by_request("request") is opened
    clock.now += FINISHED_TTL_S
    assert store.by_request("request") is None


def test_request_ids_of_dropped_sessions_are_forgotten(clock: Clock) -> None:
    store = SessionStore(2, 1_000, 1_000, clock)
    for i in range(1_000):
        finish(store, open_(store, f"e{i}", f"r{i}"))
    assert len(store._by_request) <= 2


@asynccontextmanager
async def step_under_way(opened: Session) -> AsyncIterator[None]:
    task: asyncio.Task[environment_pb2.StepResponse] = asyncio.ensure_future(asyncio.Event().wait())  # type: ignore[arg-type]
    opened.under_way = (0, b"h", task)
    try:
        yield
    finally:
        opened.under_way = None
        task.cancel()


async def test_a_session_with_a_step_under_way_does_not_expire(store: SessionStore, clock: Clock) -> None:
    opened = open_(store, "a")
    async with step_under_way(opened):
        clock.now += TTL_S * 3
        assert is_open(store, "a")
    assert is_open(store, "a")
    clock.now += TTL_S
    assert not is_open(store, "a")


async def test_a_step_under_way_does_not_keep_others_alive(store: SessionStore, clock: Clock) -> None:
    opened = open_(store, "a")
    open_(store, "b")
    async with step_under_way(opened):
        clock.now += TTL_S
        assert not is_open(store, "b")
        assert is_open(store, "a")


def test_episode_ids_cannot_be_guessed() -> None:
    ids = {new_episode_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(len(episode_id) >= 22 and episode_id.isascii() for episode_id in ids)


class Store(RuleBasedStateMachine):
    """Against a plain dict of when each session expires, in the order in which they were last touched."""

    @initialize(capacity=st.integers(1, 4))
    def start(self, capacity: int) -> None:
        self.clock = Clock()
        self.capacity = capacity
        self.store = SessionStore(capacity, int(TTL_S * 1000), int(FINISHED_TTL_S * 1000), self.clock)
        self.model: dict[str, tuple[float, bool, Session]] = {}
        self.made = 0

    def reap(self) -> None:
        self.model = {key: value for key, value in self.model.items() if value[0] > self.clock.now}

    @rule()
    def open(self) -> None:
        self.reap()
        finished = [key for key, value in self.model.items() if value[1]]  # in the order in which they ended
        episode_id = f"e{self.made}"
        self.made += 1
        if len(self.model) >= self.capacity and not finished:
            with pytest.raises(Exhausted):
                self.store.reserve()
            return
        opened = open_(self.store, episode_id, f"r{episode_id}")
        if len(self.model) >= self.capacity:
            del self.model[finished[0]]
        self.model[episode_id] = (self.clock.now + TTL_S, False, opened)

    @rule(which=st.integers(0, 9), ends=st.booleans())
    def step(self, which: int, ends: bool) -> None:
        self.reap()
        if not self.model:
            return
        episode_id = sorted(self.model)[which % len(self.model)]
        _, finished, opened = self.model[episode_id]
        assert self.store.get(episode_id) is opened
        if not finished:
            opened.episode.commit(AnswerValue("") if ends else Describe("a"), b"", 0)
            finished = ends or opened.episode.step_count >= 15
        self.store.touch(opened)
        del self.model[episode_id]
        self.model[episode_id] = (self.clock.now + (FINISHED_TTL_S if finished else TTL_S), finished, opened)

    @rule(which=st.integers(0, 9))
    def close(self, which: int) -> None:
        if self.model:
            episode_id = sorted(self.model)[which % len(self.model)]
            self.store.close(episode_id)
            del self.model[episode_id]

    @rule(seconds=st.sampled_from([0.25, 5.0, 10.0, 50.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "store"):
            return
        self.reap()
        self.store.reap()
        assert len(self.store) == len(self.model) <= self.capacity
        assert self.store.running == sum(not finished for _, finished, _ in self.model.values())
        for episode_id, (expires, _, opened) in self.model.items():
            assert self.store.by_request(f"r{episode_id}") is opened
            assert self.store.expires_in_s(opened) == pytest.approx(expires - self.clock.now)


Store.TestCase.settings = hypothesis_settings(max_examples=60, deadline=None)
TestStore = Store.TestCase
