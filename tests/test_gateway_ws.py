"""The WebSocket: sessions that outlive their sockets, capacity, time-outs, and every way to write a message wrong."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.gateways import LiveGateway, Talk, gateway, gold_sql, http
from tests.live import LiveServices, process

TASK = "campus_pets-001"
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < {}"


@pytest.fixture(scope="module")
def live(services: LiveServices) -> Iterator[LiveGateway]:
    with gateway(services) as started:
        yield started


def until(true: Callable[[], bool], seconds: float = 10) -> float:
    """Waits until something is true; says how long that took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, "it did not come true"
        time.sleep(0.02)
    return time.monotonic() - start


# Episodes


def test_an_episode(live: LiveGateway) -> None:
    with Talk(live) as talk:
        assert talk.state() == {"episode_id": None, "step_count": 0}
        first = talk.reset(task_id=TASK, seed=5, episode_id="mine")
        assert (first["reward"], first["done"]) == (None, False)
        assert first["metadata"]["episode_id"] == first["observation"]["metadata"]["episode_id"] == "mine"
        assert first["metadata"]["seed"] == 5
        assert not {"reward", "done"} & set(first["observation"])
        seen = talk.step("QUERY SELECT 1, 'a', x'ff', 9e999, NULL, 0.5")
        assert seen["observation"]["result"]["rows"] == [[1, "a", "X'FF'", "Inf", None, 0.5]]
        assert talk.state()["step_count"] == 1
        last = talk.step(f"ANSWER SQL: {gold_sql(TASK)}")
        assert last["done"]
        assert last["reward"] == last["observation"]["score"]["total"] > 1
        assert last["observation"]["score"]["verdict"] == "correct"
        assert talk.state()["status"] == "terminated"
        assert talk.state()["episode_return"] == pytest.approx(seen["reward"] + last["reward"])
        assert talk.send({"type": "step", "data": {"text": "QUERY SELECT 1"}})["data"]["reason"] == "EPISODE_FINISHED"


def test_the_same_seed_gives_the_same_episode(live: LiveGateway) -> None:
    def play() -> list[Any]:
        with Talk(live) as talk:
            first = talk.reset(split="train", seed=11)
            table = first["observation"]["tables"][0]
            steps = [talk.step(text) for text in (f"DESCRIBE {table}", f"SAMPLE {table} 3", "ANSWER 1")]
            return [(step["observation"]["text"], step["reward"], step["done"]) for step in [first, *steps]]

    assert play() == play()


def test_the_step_budget(live: LiveGateway) -> None:
    with Talk(live) as talk:
        talk.reset(task_id=TASK)
        for number in range(15):
            last = talk.step(f"QUERY SELECT {number}")
        assert last["done"]
        assert last["observation"]["status"] == "truncated"


def test_typed_actions_are_the_text_forms(live: LiveGateway) -> None:
    pairs = [
        ({"tool": "describe", "table": "pet"}, {"text": "DESCRIBE pet"}),
        ({"tool": "sample", "table": "pet"}, {"text": "SAMPLE pet"}),
        ({"tool": "sample", "table": "pet", "rows": 2}, {"text": "SAMPLE pet 2"}),
        ({"tool": "query", "sql": "SELECT 1"}, {"text": '{"name": "query", "arguments": {"sql": "SELECT 1"}}'}),
        ({"tool": "answer", "value": "57"}, {"text": "ANSWER 57"}),
        ({"tool": "answer", "value": 57}, {"text": "ANSWER 57"}),
        ({"tool": "answer", "value": None}, {"text": "ANSWER NULL"}),
        ({"tool": "answer", "value": [1, "a"]}, {"text": 'ANSWER [1, "a"]'}),
        ({"tool": "answer", "sql": "SELECT 57"}, {"text": "ANSWER SQL: SELECT 57"}),
    ]
    with Talk(live) as talk:
        for typed, text in pairs:
            seen = []
            for action in (typed, text):
                talk.reset(task_id=TASK, seed=1, episode_id="e")
                reply = talk.send({"type": "step", "data": action})["data"]
                seen.append((reply["observation"]["text"], reply["reward"], reply["done"]))
            assert seen[0] == seen[1], typed


# Sessions


def test_a_dropped_socket_resumes(live: LiveGateway) -> None:
    with Talk(live) as talk:
        session_id = talk.reset(task_id=TASK)["metadata"]["session_id"]
        talk.step("QUERY SELECT 1")
        talk.drop()
    with Talk(live, f"?session_id={session_id}") as talk:
        assert talk.state()["step_count"] == 1
        assert talk.step("QUERY SELECT 2")["observation"]["step_count"] == 2
        assert talk.reset()["metadata"]["session_id"] == session_id


def test_a_session_moves_to_the_socket_that_asks_for_it(live: LiveGateway) -> None:
    """A half-open socket looks alive to the server: the client that comes back must not wait for its end."""
    with Talk(live) as old:
        session_id = old.reset(task_id=TASK)["metadata"]["session_id"]
        with Talk(live, f"?session_id={session_id}") as new:
            assert new.step("QUERY SELECT 1")["observation"]["step_count"] == 1
            with pytest.raises(ConnectionClosed) as closed:
                old.receive()
            assert closed.value.rcvd.code == 4409
            assert new.state()["step_count"] == 1


def test_an_unknown_session_is_said_to_be_unknown(live: LiveGateway) -> None:
    with Talk(live, "?session_id=nope") as talk:
        assert talk.receive()["data"]["reason"] == "SESSION_NOT_FOUND"
        with pytest.raises(ConnectionClosed):
            talk.receive()


def test_close_ends_the_session(live: LiveGateway) -> None:
    with Talk(live) as talk:
        session_id = talk.reset()["metadata"]["session_id"]
        talk.socket.send('{"type": "close"}')
        with pytest.raises(ConnectionClosed) as closed:
            talk.receive()
        assert closed.value.rcvd.code == 1000
    with Talk(live, f"?session_id={session_id}") as talk:
        assert talk.receive()["data"]["reason"] == "SESSION_NOT_FOUND"


def test_a_session_without_a_socket_ends_after_its_time(services: LiveServices) -> None:
    with gateway(services, resume_ms=300) as live:
        with Talk(live) as talk:
            talk.reset()
        until(lambda: len(live.sessions) == 1 and live.sessions.attached == 0)
        until(lambda: len(live.sessions) == 0, 5)


def test_an_answer_that_got_lost_is_given_again(live: LiveGateway) -> None:
    with Talk(live) as talk:
        session_id = talk.reset(task_id=TASK)["metadata"]["session_id"]
        step = {"type": "step", "data": {"text": "QUERY SELECT 1"}, "request_id": "one"}
        talk.socket.send(json.dumps(step))
        talk.drop()
    with Talk(live, f"?session_id={session_id}") as talk:
        reply = talk.send(step)
        assert reply["request_id"] == "one"
        assert reply["data"]["observation"]["step_count"] == 1
        assert talk.send(step) == reply
        assert talk.state()["step_count"] == 1
        other = talk.send({**step, "data": {"text": "QUERY SELECT 2"}})
        assert (other["data"]["reason"], other["data"]["field"]) == ("REQUEST_ID_REUSED", "request_id")


def test_long_thinking_does_not_drop_a_session(services: LiveServices) -> None:
    """Many ping intervals without a pong: the client's event loop is busy, its kernel is not."""
    with gateway(services, ws_ping_ms=50, dead_peer_ms=1_000) as live:
        raw = socket.create_connection(("127.0.0.1", live.port))
        key = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        raw.sendall(f"{key}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        assert b" 101 " in raw.recv(4_096)
        raw.sendall(_frame('{"type": "reset"}'))
        until(lambda: live.sessions.attached == 1)
        time.sleep(2.5)
        assert live.sessions.attached == 1
        raw.close()


def _frame(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data


def test_the_place_of_a_silent_peer_comes_back(services: LiveServices) -> None:
    """A relay that stops forwarding: nothing closes, nothing answers. Pongs tell, where nobody thinks that long."""
    with gateway(services, ws_ping_ms=200, ws_pong_ms=500) as live, Relay(live.port) as relay:
        with Talk(live) as near:
            near.reset()
            far = Talk(relay)
            far.reset()
            assert live.sessions.attached == 2
            relay.stop()
            assert until(lambda: live.sessions.attached == 1) < 3
            near.step("QUERY SELECT 1")
            far.drop()


def test_the_place_of_a_vanished_peer_comes_back(services: LiveServices) -> None:
    """The peer's kernel forgets the connection without a word, as a machine does that loses its power."""
    with gateway(services, dead_peer_ms=2_000) as live:
        talk = Talk(live)
        talk.reset()
        assert live.sessions.attached == 1
        try:
            talk.socket.socket.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR: close() sends nothing
        except PermissionError:
            pytest.skip("needs CAP_NET_ADMIN")
        talk.socket.socket.close()
        assert until(lambda: live.sessions.attached == 0) < 6


class Relay:
    """Forwards bytes to a port, until it is told to stop; then it keeps connections open and forwards nothing."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._forwards = threading.Event()
        self._forwards.set()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Any:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for one in [self._listener, *self._sockets]:
            one.close()

    def stop(self) -> None:
        self._forwards.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)) and self._forwards.is_set():
                sink.sendall(data)


# Capacity


def test_at_capacity_one_waits_and_then_hears_when_to_come_back(services: LiveServices) -> None:
    with gateway(services, max_sessions=2, queue_wait_ms=300, queue_sessions=1) as live:
        with Talk(live) as one, Talk(live) as two, Talk(live) as three, Talk(live) as four:
            one.reset()
            two.reset()
            three.socket.send('{"type": "reset"}')
            until(lambda: live.sessions.waiting == 1)
            refused = four.send({"type": "reset"})["data"]  # the queue is full
            assert refused["code"] == "CAPACITY_REACHED"
            assert "queue is full" in refused["message"]
            refused = three.receive()["data"]
            assert (refused["active_sessions"], refused["max_sessions"]) == (2, 2)
            assert refused["retry_after_s"] > 0
            one.step("QUERY SELECT 1")
            two.socket.send('{"type": "close"}')
            assert three.reset()["observation"]["tables"]  # on the same socket as before


def test_who_waits_gets_the_next_place(services: LiveServices) -> None:
    with gateway(services, max_sessions=1, queue_wait_ms=10_000) as live:
        with Talk(live) as one, Talk(live) as two:
            one.reset()
            two.socket.send('{"type": "reset"}')
            until(lambda: live.sessions.waiting == 1)
            one.socket.send('{"type": "close"}')
            assert two.receive(3)["type"] == "observation"


def test_a_session_without_a_socket_makes_room_at_once(services: LiveServices) -> None:
    with gateway(services, max_sessions=3, queue_wait_ms=0) as live:
        for _ in range(10):
            with Talk(live) as talk:
                talk.reset()
                talk.drop()
        with Talk(live) as one, Talk(live) as two, Talk(live) as three:
            for talk in (one, two, three):
                until(lambda: live.sessions.attached < 3)
                talk.reset()


def test_a_client_has_its_share(services: LiveServices) -> None:
    with gateway(services, client_sessions=2) as live, Talk(live) as one, Talk(live) as two, Talk(live) as three:
        one.reset()
        two.reset()
        refused = three.send({"type": "reset"})["data"]
        assert (refused["code"], refused["reason"]) == ("CAPACITY_REACHED", "SESSIONS_EXHAUSTED")
        assert "this client" in refused["message"]


def test_a_race_for_places_gives_each_to_one(services: LiveServices) -> None:
    with gateway(services, max_sessions=8, queue_wait_ms=20_000) as live:
        most = 0

        def play(number: int) -> int:
            nonlocal most
            with Talk(live) as talk:
                talk.reset()
                most = max(most, len(live.sessions))
                talk.step(f"QUERY SELECT {number}")
                talk.socket.send('{"type": "close"}')
                return 1

        with ThreadPoolExecutor(24) as pool:
            assert sum(pool.map(play, range(72))) == 72
        assert most <= 8
        until(lambda: len(live.sessions) == 0)


# Time


def test_a_time_out_is_kept_and_the_late_answer_goes_to_nobody_else(services: LiveServices) -> None:
    with gateway(services) as live, Talk(live) as talk:
        talk.reset(task_id=TASK)
        slow = {"type": "step", "data": {"text": "QUERY " + SLOW.format(2_000_000)}, "request_id": "slow"}
        start = time.monotonic()
        reply = talk.send({**slow, "timeout_s": 0.05})
        assert time.monotonic() - start < 1
        assert (reply["type"], reply["request_id"], reply["data"]["reason"]) == ("error", "slow", "TIMEOUT")
        assert talk.send({"type": "state", "request_id": "s"})["request_id"] == "s"
        reply = talk.send(slow)
        assert reply["type"] == "observation"
        assert reply["data"]["observation"]["step_count"] == 1
        after = talk.step("QUERY SELECT 'after'", request_id="after")
        assert after["observation"]["result"]["rows"] == [["after"]]
        assert talk.state()["step_count"] == 2


def test_the_environment_service_may_go_and_come_back(services: LiveServices) -> None:
    """Errors with a reason while it is away; then the sessions go on where they were, steps counted once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"port": port, "reward_target": services.reward}
    with LiveGateway(f"127.0.0.1:{port}", services.reward, env_patience_ms=300) as live:
        with Talk(live) as talk, http(live) as client:
            refused = talk.send({"type": "reset", "request_id": "r"})
            assert (refused["data"]["reason"], refused["request_id"]) == ("UNREACHABLE", "r")
            assert str(port) not in json.dumps(refused)
            with process("env_service", **place) as (started, _):
                until(lambda: client.get("/ready").status_code == 200)
                first = talk.reset(task_id=TASK, seed=2)
                seen = talk.step("QUERY SELECT count(*) FROM pet")
                started.send_signal(signal.SIGKILL)
                started.wait()
                until(lambda: client.get("/ready").status_code == 503)
                assert client.get("/ready").json()["reason"] == "the environment service does not answer"
                assert talk.send({"type": "step", "data": {"text": "QUERY SELECT 2"}})["data"]["retry_after_s"] > 0
                answer = client.post("/reset", json={})
                assert (answer.status_code, answer.json()["reason"]) == (503, "UNREACHABLE")
                assert int(answer.headers["retry-after"]) >= 1
                assert talk.state()["step_count"] == 1
                assert client.get("/health").status_code == 200
            with process("env_service", **place):
                until(lambda: client.get("/ready").status_code == 200)
                step = {"type": "step", "data": {"text": "QUERY SELECT count(*) FROM pet"}}
                while (reply := talk.send(step))["type"] == "error":  # its channel may still be waiting to try again
                    assert reply["data"]["reason"] == "UNREACHABLE"
                    time.sleep(reply["data"]["retry_after_s"] / 5)
                again = reply["data"]
                assert again["observation"]["step_count"] == 2
                assert again["reward"] < seen["reward"]  # "the same action again": it knows the step before
                assert talk.state()["task_id"] == first["metadata"]["task_id"]


# Bad input

LONG = "x" * 300_000
DEEP = "[" * 100_000 + "]" * 100_000
NOT_A_MESSAGE = [
    ("", "INVALID_JSON"),
    ("{", "INVALID_JSON"),
    ("nope", "INVALID_JSON"),
    ("NaN", "INVALID_JSON"),
    ('{"type": "step", "data": NaN}', "INVALID_JSON"),
    ('{"type": "step", "data": {"text": "\\ud800"}}', "INVALID_JSON"),
    (DEEP, "INVALID_JSON"),
    ('{"type": "step", "data": ' + DEEP + "}", "INVALID_JSON"),
    (b"\x00\xff", "INVALID_JSON"),
    (b'{"type": "state"}', "INVALID_JSON"),
    ("[]", "VALIDATION_ERROR"),
    ("[1, 2]", "VALIDATION_ERROR"),
    ('"reset"', "VALIDATION_ERROR"),
    ("7", "VALIDATION_ERROR"),
    ("true", "VALIDATION_ERROR"),
    ("null", "VALIDATION_ERROR"),
    ("{}", "UNKNOWN_TYPE"),
    ('{"type": null}', "UNKNOWN_TYPE"),
    ('{"type": 7}', "UNKNOWN_TYPE"),
    ('{"type": ["reset"]}', "UNKNOWN_TYPE"),
    ('{"type": "RESET"}', "UNKNOWN_TYPE"),
    ('{"type": "' + LONG + '"}', "UNKNOWN_TYPE"),
]

WRONG: dict[str, list[Any]] = {
    "string": [7, 1.5, True, [], {}, ["a"]],
    "whole": ["abc", "7", 1.5, True, [], {}, 1e300],
    "positive": ["abc", True, [], {}, 0, -1, 1e9],
}


def cases() -> Iterator[tuple[Any, str]]:
    """Messages with one field wrong, and that field's name."""
    for value in [*WRONG["whole"], -1, 2**64, 10**400]:
        yield {"type": "reset", "data": {"seed": value}}, "data.seed"
    for name in ("episode_id", "task_id", "split", "db_id", "difficulty"):
        for value in [*WRONG["string"], "x" * 256, LONG]:
            yield {"type": "reset", "data": {name: value}}, f"data.{name}"
    yield {"type": "reset", "data": {"episode_id": ""}}, "data.episode_id"
    for value in [*WRONG["string"], "DENSE", "no such", LONG]:
        yield {"type": "reset", "data": {"rubric": value}}, "data.rubric"
    yield {"type": "reset", "data": {"task_id": "a", "split": "train"}}, "data.split"
    yield {"type": "reset", "data": {"no_such": 1}}, "data.no_such"
    yield {"type": "reset", "data": {LONG: 1}}, "data." + "x" * 80
    yield {"type": "reset", "data": {"task_id": "no such task"}}, "task_id"
    yield {"type": "reset", "data": {"split": "no such split"}}, "filter"
    for kind in ("reset", "step", "state", "mcp", "close"):
        data = {"step": {"text": "QUERY SELECT 1"}}.get(kind)
        message = {"type": kind, **({"data": data} if data else {})}
        yield {**message, "no_such": 1}, "no_such"
        for value in WRONG["positive"]:
            yield {**message, "timeout_s": value}, "timeout_s"
        for value in [*WRONG["string"], "x" * 256]:
            yield {**message, "request_id": value}, "request_id"
    for kind in ("reset", "step"):
        for value in ("text", 7, True, [], ["a"]):
            yield {"type": kind, "data": value}, "data"
    yield {"type": "step"}, "data"
    yield {"type": "step", "data": None}, "data"
    yield {"type": "state", "data": {}}, "data"
    for data, field in (
        ({}, "tool"),
        ({"tool": "nope"}, "tool"),
        ({"tool": "QUERY", "sql": "SELECT 1"}, "tool"),
        ({"tool": 7}, "tool"),
        ({"tool": "describe"}, "table"),
        ({"tool": "describe", "table": None}, "table"),
        ({"tool": "describe", "table": 7}, "table"),
        ({"tool": "describe", "table": "pet", "rows": 3}, "rows"),
        ({"tool": "describe", "table": "pet", "sql": "SELECT 1"}, "sql"),
        ({"tool": "sample"}, "table"),
        *(
            ({"tool": "sample", "table": "pet", "rows": rows}, "rows")
            for rows in (0, -1, 21, 10**30, "5", 2.5, True, [])
        ),
        ({"tool": "query"}, "sql"),
        ({"tool": "query", "sql": None}, "sql"),
        *(({"tool": "query", "sql": sql}, "sql") for sql in WRONG["string"]),
        ({"tool": "query", "sql": "SELECT 1", "text": "QUERY SELECT 1"}, "text"),
        ({"tool": "answer"}, "value"),
        ({"tool": "answer", "sql": None}, "value"),
        ({"tool": "answer", "value": 1, "sql": "SELECT 1"}, "value"),
        ({"tool": "answer", "sql": 7}, "sql"),
        *(({"text": text}, "text") for text in WRONG["string"]),
        ({"text": "QUERY SELECT 1", "table": "pet"}, "table"),
        ({"text": "QUERY SELECT 1", "metadata": []}, "metadata"),
        ({"text": "QUERY SELECT 1", "no_such": 1}, "no_such"),
        ({"sql": "SELECT 1"}, "tool"),
    ):
        yield {"type": "step", "data": data}, f"data.{field}"


@pytest.mark.parametrize(("message", "code"), NOT_A_MESSAGE, ids=range(len(NOT_A_MESSAGE)))
def test_what_is_no_message_is_an_error_and_the_session_lives_on(live: LiveGateway, message: Any, code: str) -> None:
    with Talk(live) as talk:
        episode_id = talk.reset()["metadata"]["episode_id"]
        reply = talk.send(message)
        assert (reply["type"], reply["data"]["code"]) == ("error", code)
        assert len(json.dumps(reply)) < 1_000
        assert talk.state()["episode_id"] == episode_id


def test_every_wrong_field_is_named_and_the_session_lives_on(live: LiveGateway) -> None:
    with Talk(live) as talk:
        episode_id = talk.reset()["metadata"]["episode_id"]
        count = 0
        for message, field in cases():
            reply = talk.send({"request_id": "r", **message})
            told = reply["data"]
            shown = (str(message)[:100], str(reply)[:500])
            assert reply["type"] == "error", shown
            assert told["code"] == "VALIDATION_ERROR", shown
            assert told["field"] == field, shown
            assert len(json.dumps(reply)) < 4_000, shown
            assert reply.get("request_id") == (None if field == "request_id" and len(str(message)) < 300 else "r") or (
                field == "request_id"
            ), shown
            count += 1
        assert count > 150
        assert talk.state() == {**talk.state(), "episode_id": episode_id, "step_count": 0}


def test_what_is_too_large_is_an_error_or_ends_the_socket_but_not_the_session(services: LiveServices) -> None:
    with gateway(services, max_message_bytes=4_096) as live:
        with Talk(live) as talk:
            session_id = talk.reset()["metadata"]["session_id"]
            reply = talk.send({"type": "step", "data": {"text": "x" * 5_000}})
            assert reply["data"]["reason"] == "MESSAGE_TOO_LARGE"
            talk.step("QUERY SELECT 1")
            talk.socket.send("x" * 100_000)
            with pytest.raises(ConnectionClosed) as closed:
                talk.receive()
            assert closed.value.rcvd.code == 1009
        with Talk(live, f"?session_id={session_id}") as talk:
            assert talk.state()["step_count"] == 1


def test_a_step_before_reset(live: LiveGateway) -> None:
    before = len(live.sessions)
    with Talk(live) as talk:
        told = talk.send({"type": "step", "data": {"text": "QUERY SELECT 1"}})["data"]
        assert (told["code"], told["reason"]) == ("SESSION_ERROR", "NO_EPISODE")
        assert len(live.sessions) == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(["reset", "step", "state", "mcp", "nope"])
names = st.sampled_from(["seed", "tool", "text", "sql", "table", "rows", "value", "split", "episode_id", "metadata"])
messages = st.fixed_dictionaries(
    {"type": kinds | json_values},
    optional={
        "data": st.dictionaries(names, json_values, max_size=3) | json_values,
        "request_id": json_values,
        "timeout_s": json_values,
    },
)


@settings(max_examples=80, deadline=None)
@given(st.lists(messages | json_values, max_size=5))
def test_any_json_gets_one_answer_each(live: LiveGateway, sent: list[Any]) -> None:
    with Talk(live) as talk:
        for message in sent:
            reply = talk.send(json.dumps(message))
            assert reply["type"] in {"observation", "state", "mcp", "error"}
            if reply["type"] == "error":
                assert "internal" not in reply["data"]["message"], (message, reply)
        assert talk.send({"type": "state"})["type"] == "state"
        talk.socket.send('{"type": "close"}')


# Who may connect


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", "file://"])
def test_pages_of_other_sites_are_refused(live: LiveGateway, origin: str) -> None:
    for path in ("/ws", "/mcp"):
        with pytest.raises(InvalidStatus) as refused:
            Talk(live, path=path, origin=origin)
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["code"] == "ORIGIN_REFUSED"


def test_our_own_pages_connect(live: LiveGateway) -> None:
    with Talk(live, origin=live.url):
        pass
    with Talk(live, origin=None):
        pass


def test_other_sites_that_are_named_connect(services: LiveServices) -> None:
    with gateway(services, allowed_origins="https://friend.example, https://other.example/") as live:
        with Talk(live, origin="https://friend.example"):
            pass
        with Talk(live, origin="https://other.example"):
            pass
        with pytest.raises(InvalidStatus):
            Talk(live, origin="https://evil.example")
    with gateway(services, allowed_origins="*") as live:
        with Talk(live, origin="https://evil.example"):
            pass
