"""HTTP: episodes that persist by their id, bad input, what stands at the door, what is counted."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import GatewaySettings
from gateway.limits import Rates, client_of
from gateway.models import SessionResponse, SQLState
from gateway.server import listen
from sqlenv.errors import ConfigError
from tests.gateways import LiveGateway, Talk, gateway, gold_sql, http
from tests.live import LiveServices
from tests.test_gateway_ws import DEEP, LONG, SLOW, until
from tests.test_gateway_ws import cases as messages

TASK = "campus_pets-001"


@pytest.fixture(scope="module")
def live(services: LiveServices) -> Iterator[LiveGateway]:
    with gateway(services) as started:
        yield started


@pytest.fixture
def client(live: LiveGateway) -> Iterator[httpx.Client]:
    with http(live) as made:
        yield made


def step(client: httpx.Client, episode_id: str, text: str, **beside: Any) -> httpx.Response:
    return client.post("/step", json={"episode_id": episode_id, "action": {"text": text}, **beside})


# Episodes


def test_an_episode_persists_by_its_id(client: httpx.Client, live: LiveGateway) -> None:
    started = client.post("/reset", json={"task_id": TASK, "seed": 4, "request_id": "r1"}).json()
    SessionResponse.model_validate(started)
    assert (started["reward"], started["done"], started["request_id"]) == (None, False, "r1")
    episode_id = started["metadata"]["episode_id"]
    with http(live) as another:  # another connection
        seen = step(another, episode_id, f"QUERY {gold_sql(TASK)}", request_id="r2").json()
    SessionResponse.model_validate(seen)
    assert seen["request_id"] == "r2"
    state = client.get("/state", params={"episode_id": episode_id}).json()
    assert SQLState.model_validate(state).step_count == 1
    last = step(client, episode_id, "ANSWER 57").json()
    assert last["done"]
    assert last["reward"] > 1
    over = step(client, episode_id, "ANSWER 57")
    assert (over.status_code, over.json()["reason"]) == (409, "EPISODE_FINISHED")
    assert client.post("/close", json={"episode_id": episode_id}).status_code == 204
    assert client.post("/close", json={"episode_id": episode_id}).status_code == 204
    assert step(client, episode_id, "ANSWER 57").json()["reason"] == "EPISODE_NOT_FOUND"


def test_reset_with_an_empty_body_and_with_a_name(client: httpx.Client) -> None:
    assert client.post("/reset").json()["observation"]["steps_left"] == 15
    assert client.post("/reset", json={"episode_id": "named"}).json()["metadata"]["episode_id"] == "named"
    step(client, "named", "QUERY SELECT 1")
    client.post("/reset", json={"episode_id": "named"})  # starts anew
    assert client.get("/state", params={"episode_id": "named"}).json()["step_count"] == 0


def test_episodes_do_not_touch_each_other(client: httpx.Client) -> None:
    ids = [client.post("/reset", json={"seed": 1}).json()["metadata"]["episode_id"] for _ in range(8)]
    assert len(set(ids)) == 8
    for number, episode_id in enumerate(ids):
        for _ in range(number):
            step(client, episode_id, "QUERY SELECT 1")
    counts = [client.get("/state", params={"episode_id": one}).json()["step_count"] for one in ids]
    assert counts == list(range(8))


def test_state_without_an_episode(client: httpx.Client) -> None:
    assert client.get("/state").json() == {"episode_id": None, "step_count": 0}
    assert client.get("/state", params={"episode_id": "nope"}).status_code == 404


def test_a_request_id_takes_a_step_once(client: httpx.Client) -> None:
    episode_id = client.post("/reset", json={"task_id": TASK}).json()["metadata"]["episode_id"]
    first = step(client, episode_id, "QUERY SELECT 1", request_id="same")
    assert step(client, episode_id, "QUERY SELECT 1", request_id="same").json() == first.json()
    assert client.get("/state", params={"episode_id": episode_id}).json()["step_count"] == 1
    other = step(client, episode_id, "QUERY SELECT 2", request_id="same")
    assert (other.status_code, other.json()["field"]) == (409, "request_id")


def test_a_time_out_is_honoured(client: httpx.Client) -> None:
    episode_id = client.post("/reset", json={"task_id": TASK}).json()["metadata"]["episode_id"]
    slow = {"request_id": "slow", "timeout_s": 0.05}
    start = time.monotonic()
    late = step(client, episode_id, "QUERY " + SLOW.format(2_000_000), **slow)
    assert time.monotonic() - start < 1
    assert (late.status_code, late.json()["reason"], late.json()["request_id"]) == (504, "TIMEOUT", "slow")
    done = step(client, episode_id, "QUERY " + SLOW.format(2_000_000), request_id="slow")
    assert done.json()["observation"]["step_count"] == 1


def test_steps_of_one_episode_run_one_after_the_other(live: LiveGateway) -> None:
    with http(live) as client:
        episode_id = client.post("/reset", json={"task_id": TASK}).json()["metadata"]["episode_id"]
        found: list[int] = []

        def take(number: int) -> None:
            reply = httpx.post(
                f"{live.url}/step", json={"episode_id": episode_id, "action": {"text": f"QUERY SELECT {number}"}}
            )
            found.append(reply.json()["observation"]["step_count"])

        threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == list(range(1, 9))


def test_an_idle_episode_ends(services: LiveServices) -> None:
    with gateway(services, session_idle_ms=300) as live, http(live) as client:
        episode_id = client.post("/reset").json()["metadata"]["episode_id"]
        until(lambda: len(live.sessions) == 0, 5)
        assert client.get("/state", params={"episode_id": episode_id}).status_code == 404


def test_at_capacity_an_http_client_is_told_when_to_come_back(services: LiveServices) -> None:
    with gateway(services, max_sessions=1, queue_wait_ms=100) as live, http(live) as client:
        episode_id = client.post("/reset", json={"task_id": TASK}).json()["metadata"]["episode_id"]
        full = client.post("/reset", json={"request_id": "r"})
        assert (full.status_code, full.json()["code"], full.json()["request_id"]) == (503, "CAPACITY_REACHED", "r")
        assert int(full.headers["retry-after"]) >= 1
        assert (full.json()["active_sessions"], full.json()["max_sessions"]) == (1, 1)
        step(client, episode_id, "ANSWER 1")  # an episode that is over makes room
        assert client.post("/reset").status_code == 200


# Bad input


def test_every_wrong_field_is_named(client: httpx.Client) -> None:
    count = 0
    for message, field in messages():
        if message["type"] == "reset" and isinstance(message.get("data"), dict):
            reply = client.post("/reset", json=message["data"])
        elif message["type"] == "step" and isinstance(message.get("data"), dict) and field.startswith("data."):
            body = {"episode_id": "e", "action": message["data"]}
            reply, field = client.post("/step", json=body), field.replace("data.", "data.action.")
        else:
            continue
        told = reply.json()
        shown = (str(message)[:100], reply.text[:500])
        if not field.startswith("data."):
            continue
        assert reply.status_code == 422, shown
        assert told["field"] == field.replace("data.", "body."), shown
        assert told["code"] == "VALIDATION_ERROR"
        assert len(reply.content) < 4_000
        count += 1
    assert count > 100


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.action"),
        ({"action": {"text": "ANSWER 1"}}, "body.episode_id"),
        ({"action": {"text": "ANSWER 1"}, "episode_id": ""}, "body.episode_id"),
        ({"action": {"text": "ANSWER 1"}, "episode_id": 7}, "body.episode_id"),
        ({"action": {"text": "ANSWER 1"}, "episode_id": LONG}, "body.episode_id"),
        ({"action": "ANSWER 1", "episode_id": "e"}, "body.action"),
        ({"action": None, "episode_id": "e"}, "body.action"),
        ({"action": {"text": "ANSWER 1"}, "episode_id": "e", "timeout_s": -1}, "body.timeout_s"),
        ({"action": {"text": "ANSWER 1"}, "episode_id": "e", "timeout_s": "1"}, "body.timeout_s"),
        ({"action": {"text": "ANSWER 1"}, "episode_id": "e", "request_id": 1}, "body.request_id"),
        ({"action": {"text": "ANSWER 1"}, "episode_id": "e", "no_such": 1}, "body.no_such"),
        ([], "body"),
        ("reset", "body"),
    ],
    ids=range(13),
)
def test_a_wrong_step_is_named(client: httpx.Client, body: Any, field: str) -> None:
    reply = client.post("/step", json=body)
    assert (reply.status_code, reply.json()["field"]) == (422, field)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"nope", b"{'a': 1}", DEEP.encode(), b'{"seed": 1'], ids=range(6))
@pytest.mark.parametrize("path", ["/reset", "/step", "/sqlenv/tasks"])
def test_what_is_no_json_is_said_to_be_none(client: httpx.Client, path: str, body: bytes) -> None:
    reply = client.post(path, content=body, headers={"content-type": "application/json"})
    assert reply.status_code in (400, 422)
    assert reply.json()["code"] in ("INVALID_JSON", "VALIDATION_ERROR")
    assert len(reply.content) < 1_000


def test_lone_surrogates_and_nan(client: httpx.Client) -> None:
    for body in (b'{"split": "\\ud800"}', b'{"seed": NaN}', b'{"seed": 1e999}', b'{"\\ud800": 1}'):
        reply = client.post("/reset", content=body, headers={"content-type": "application/json"})
        assert reply.status_code == 422, body


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["tasks", "num_tasks", "task", "task_range"]))
def test_any_name_of_an_environment_or_split(live: LiveGateway, text: str, path: str) -> None:
    with http(live) as client:
        body = {"split": text.encode("utf-8", "replace").decode(), **({"index": 0} if path == "task" else {})}
        assert client.post(f"/sqlenv/{path}", json=body).status_code == 422


def test_nothing_tells_a_path_or_a_stack(services: LiveServices) -> None:
    with LiveGateway("unix:/nowhere/secret.sock", "unix:/nowhere/other.sock", env_patience_ms=50) as live:
        with http(live) as client, Talk(live) as talk:
            for reply in (
                client.get("/ready").text,
                client.post("/reset").text,
                client.get("/sqlenv/splits").text,
                json.dumps(talk.send({"type": "reset"})),
            ):
                assert "nowhere" not in reply
                assert "Traceback" not in reply
                assert "does not answer" in reply


# At the door


def test_headers_of_every_response(client: httpx.Client) -> None:
    for path in ("/", "/web", "/docs", "/health", "/nope", "/static/nope", "/metrics"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy or path == "/docs"
        assert "frame-ancestors 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_the_documents_need_no_other_site(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "http" not in page.replace("charset", "")[15:].replace("HTTP API", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js", "favicon.png"):
        assert client.get(f"/docs/{name}").status_code == 200
    assert client.get("/docs/__init__.py").status_code == 404
    assert client.get("/openapi.json").json()["info"]["version"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../config.py",
        "/static/..%2fconfig.py",
        "/static/%2e%2e/config.py",
        "/static/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/static/..\\config.py",
        "/static/%00",
        "/static/....//config.py",
        "/docs/../config.py",
        "/docs/..%2fconfig.py",
        "/docs/%2e%2e%2fcore.py",
        "/..%2f..%2fetc/passwd",
        "/static/" + "a" * 5_000,
    ],
)
def test_no_path_leads_out_of_the_folder(live: LiveGateway, path: str) -> None:
    # httpx would tidy the path up: send it as it is.
    with socket.create_connection(("127.0.0.1", live.port)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := raw.recv(65536):
            answer += data
    assert answer.split(b" ")[1] in {b"404", b"400"}
    assert b"GatewaySettings" not in answer
    assert b"root:" not in answer


def test_other_host_names_are_refused_on_loopback(live: LiveGateway, services: LiveServices) -> None:
    """Else any site could be made to mean this machine (DNS rebinding)."""
    with http(live) as client:
        for host in ("evil.example", f"evil.example:{live.port}", "127.0.0.1.nip.io", ""):
            refused = client.get("/health", headers={"host": host})
            assert refused.status_code in (421, 400), host
        for host in ("localhost", f"localhost:{live.port}", "LOCALHOST", "127.0.0.1", "[::1]", "[::1]:80"):
            assert client.get("/health", headers={"host": host}).status_code == 200, host
    with gateway(services, allowed_hosts="mine.example") as named, http(named) as client:
        assert client.get("/health", headers={"host": "mine.example:80"}).status_code == 200
        assert client.get("/health").status_code == 421


def test_cors_is_for_those_that_are_named(services: LiveServices, client: httpx.Client) -> None:
    origin = {"origin": "https://friend.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in client.options("/reset", headers=origin).headers
    with gateway(services, allowed_origins="https://friend.example") as live, http(live) as friend:
        allowed = friend.options("/reset", headers=origin)
        assert allowed.headers["access-control-allow-origin"] == "https://friend.example"
        other = friend.options("/reset", headers={**origin, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_bodies_have_a_largest_size(services: LiveServices) -> None:
    with gateway(services, max_message_bytes=2_048) as live, http(live) as client:
        big = {"split": "x" * 3_000}
        for path in ("/reset", "/mcp", "/sqlenv/tasks"):
            refused = client.post(path, json=big)
            assert (refused.status_code, refused.json()["reason"]) == (413, "MESSAGE_TOO_LARGE")

        def chunks() -> Iterator[bytes]:
            yield b'{"split": "'
            for _ in range(100):
                yield b"x" * 100
            yield b'"}'

        assert client.post("/reset", content=chunks()).status_code == 413
        assert client.post("/reset").status_code == 200


def test_a_slow_body_is_not_waited_for(services: LiveServices) -> None:
    with gateway(services, body_timeout_ms=300) as live:
        with socket.create_connection(("127.0.0.1", live.port), timeout=5) as raw:
            head = "POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            raw.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
            assert b" 408 " in raw.recv(4_096)


def test_slow_headers_are_not_waited_for(services: LiveServices) -> None:
    with gateway(services, header_timeout_ms=500) as live:
        for sent in (b"", b"GET /he", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "):
            with socket.create_connection(("127.0.0.1", live.port), timeout=5) as raw:
                raw.sendall(sent)
                start = time.monotonic()
                assert b" 408 " in raw.recv(4_096)
                assert 0.2 < time.monotonic() - start < 2
        with socket.create_connection(("127.0.0.1", live.port), timeout=5) as raw:
            raw.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in raw.recv(4_096)
            raw.sendall(b"GET /hea")  # the second request of a connection, too
            assert b" 408 " in raw.recv(4_096)


def test_too_many_connections_of_one_client(services: LiveServices) -> None:
    with gateway(services, client_connections=5) as live:
        held = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(5)]
        time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", live.port), timeout=5) as raw:
            assert b" 503 " in raw.recv(4_096)
        with socket.create_connection(("127.0.0.1", live.port), source_address=("127.0.0.2", 0)) as raw:
            raw.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in raw.recv(4_096)
        for one in held:
            one.close()

        def free() -> bool:
            with http(live) as client:
                try:
                    return client.get("/health").status_code == 200
                except httpx.HTTPError:
                    return False

        until(free)
        for _ in range(12):  # WebSockets give their places back as well
            with Talk(live) as talk:
                talk.state()


def test_rates(services: LiveServices) -> None:
    with gateway(services, client_requests_per_s=20) as live, http(live) as client:
        start = time.monotonic()
        answers = [client.get("/metadata") for _ in range(80)]
        refused = [one for one in answers if one.status_code == 429]
        assert 40 <= 80 - len(refused) <= 41 + 20 * (time.monotonic() - start)
        assert int(refused[0].headers["retry-after"]) >= 1
        assert client.get("/health").status_code == 200
        time.sleep(1)
        with Talk(live) as talk:  # messages over the rate wait instead
            start = time.monotonic()
            for _ in range(60):
                assert talk.send({"type": "state"})["type"] == "state"
            assert time.monotonic() - start > 0.5


def test_the_bucket() -> None:
    now = 0.0
    rates = Rates(10, lambda: now)
    assert sum(rates.wait_s("a", 0.0) == 0 for _ in range(50)) == 20
    assert rates.wait_s("b", 0.0) == 0
    now = 1.0
    assert sum(rates.wait_s("a", 0.0) == 0 for _ in range(50)) == 10
    assert Rates(0).wait_s("a") == 0


def test_clients_are_told_apart_by_address() -> None:
    assert client_of({"client": ("10.0.0.1", 5)}) == "10.0.0.1"
    assert client_of({"client": ("2001:db8::1", 5)}) == client_of({"client": ("2001:db8::ffff", 6)}) == "2001:db8::/64"
    assert client_of({"client": ("::ffff:10.0.0.1", 5)}) == "10.0.0.1"
    assert client_of({"client": None}) == client_of(None) == "local"


def test_proxies_that_are_trusted_name_the_client(services: LiveServices) -> None:
    for trusted, share in (("", 1), ("127.0.0.1", 3)):
        with gateway(services, trusted_proxies=trusted, client_sessions=1) as live, http(live) as client:
            codes = [
                client.post("/reset", headers={"x-forwarded-for": f"10.0.0.{number}"}).status_code
                for number in range(3)
            ]
            assert codes.count(200) == share


# Status


def test_ready_and_health(live: LiveGateway, services: LiveServices) -> None:
    with http(live) as client:
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert ready.json()["services"] == {"environment": "SERVING", "reward": "SERVING"}
    with LiveGateway(services.env, "127.0.0.1:1") as half, http(half) as client:
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["reason"]) == (503, "the reward service does not answer")
        assert client.get("/health").json() == {"status": "healthy"}


def test_metrics(live: LiveGateway) -> None:
    with http(live) as client, Talk(live) as talk:
        talk.reset()
        talk.step("QUERY SELECT 1")
        client.get("/nope")
        text = client.get("/metrics").text
    for line in (
        'sqlenv_gateway_operations_total{operation="step",outcome="ok",way="ws"}',
        'sqlenv_gateway_operation_seconds_count{operation="reset",way="ws"}',
        'sqlenv_gateway_sessions{attached="yes"} 1.0',
        "sqlenv_gateway_sockets 1.0",
        'sqlenv_gateway_requests_total{method="GET",route="other",status="404"}',
        "process_resident_memory_bytes",
    ):
        assert line in text, text


def test_port_is_read_where_platforms_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GatewaySettings(_env_file=None).port == 8000
    monkeypatch.setenv("PORT", "7860")
    assert GatewaySettings(_env_file=None).port == 7860
    monkeypatch.setenv("SQLENV_GATEWAY_PORT", "9000")
    assert GatewaySettings(_env_file=None).port == 9000
    assert GatewaySettings(_env_file=None, port=1).port == 1


def test_a_taken_port_is_said_to_be_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ConfigError, match="can't listen"):
            listen(GatewaySettings(_env_file=None, port=taken.getsockname()[1]))
