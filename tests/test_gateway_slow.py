"""What takes long: every operation of the OpenAPI document with any request, thousands of connections, processes."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.gateways import LiveGateway, Talk, gateway, http
from tests.live import LiveServices

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 5_000


@contextmanager
def gateway_process(services: LiveServices, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway as a process of its own; yields it and its address."""
    targets = {"SQLENV_GATEWAY_ENV_TARGET": services.env, "SQLENV_GATEWAY_REWARD_TARGET": services.reward}
    started = subprocess.Popen(
        [sys.executable, "-m", "gateway"],
        env={**os.environ, "PORT": "0", **targets, **more},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert started.stdout is not None
    try:
        yield started, json.loads(started.stdout.readline())["address"]
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()
        started.stdout.close()


@pytest.fixture(scope="module")
def live(services: LiveServices) -> Iterator[LiveGateway]:
    with gateway(services, max_sessions=64) as started:
        yield started


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_operation_with_any_request(live: LiveGateway) -> None:
    """No server error, and every response as the document says: status, type, schema."""
    with http(live) as client:
        document = client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    assert len(list(schema.get_all_operations())) >= 15
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=25,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=NEGATIVE)))
        def check(case: schemathesis.Case) -> None:
            response = case.call(base_url=live.url, timeout=20)
            # 504 is what a request gets that asked for an answer in no time at all.
            hurried = response.status_code == 504 and isinstance(case.body, dict) and "timeout_s" in case.body
            checks = [check for check in CHECKS if not (hurried and check is schemathesis.checks.not_a_server_error)]
            case.validate_response(response, checks=checks)

        check()
    with http(live) as client:
        counted = sum(
            float(line.rpartition(" ")[2])
            for line in client.get("/metrics").text.splitlines()
            if line.startswith("sqlenv_gateway_requests_total")
        )
    print(f"{counted:,.0f} requests")
    assert counted > 150


NEGATIVE = schemathesis.GenerationMode.NEGATIVE
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]


@pytest.mark.slow
def test_five_thousand_connections(services: LiveServices) -> None:
    """Idle, half a request, WebSockets that say nothing: others are served meanwhile, and all of it is given up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    held: list[socket.socket] = []
    try:
        with gateway_process(services, SQLENV_GATEWAY_HEADER_TIMEOUT_MS="20000") as (started, address):
            host, _, port = address.rpartition(":")
            place = (host, int(port))
            key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            upgrade = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key
            openings = (
                b"",
                b"GET /hea",
                b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
                upgrade,
            )
            start = time.monotonic()
            for number in range(CONNECTIONS):
                one = socket.create_connection(place, timeout=20)
                one.sendall(openings[number % len(openings)])
                held.append(one)
            print(f"{CONNECTIONS:,} connections in {time.monotonic() - start:.1f} s")
            # Another client, by its address, is served as ever: the share of one is bounded.
            transport = httpx.HTTPTransport(local_address="127.0.0.2")
            with httpx.Client(base_url=f"http://{address}", transport=transport, timeout=20, trust_env=False) as client:
                times = []
                for _ in range(20):
                    before = time.monotonic()
                    assert client.post("/reset", json={}).status_code == 200
                    times.append(time.monotonic() - before)
                median, most = sorted(times)[10] * 1000, max(times) * 1000
                print(f"a reset meanwhile: median {median:.1f} ms, most {most:.1f} ms")
                assert max(times) < 20
                print(f"answered or refused at once: {len(_answers(held)):,}")
                memory = int(Path(f"/proc/{started.pid}/statm").read_text().split()[1]) * 4096 / 2**20
                print(f"{memory:.0f} MB with {CONNECTIONS:,} connections")
                assert memory < 600
                deadline = time.monotonic() + 60
                waiting = [one for number, one in enumerate(held) if number % 4 < 2]
                while len(_answers(waiting)) < len(waiting):
                    assert time.monotonic() < deadline, "connections that send no request are still open"
                    time.sleep(0.5)
                assert client.get("/health").status_code == 200
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _answers(sockets: list[socket.socket]) -> list[int]:
    """Those that have an answer, or were closed."""
    poll = select.poll()
    for one in sockets:
        poll.register(one, select.POLLIN)
    return [number for number, _ in poll.poll(0)]


@pytest.mark.slow
def test_sockets_that_drip(services: LiveServices) -> None:
    """Slow loris: a byte now and then keeps nothing open beyond its time."""
    with gateway(services, header_timeout_ms=1_500, body_timeout_ms=1_500) as live:
        head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 200
        body = (
            b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
        )
        drips = [
            (socket.create_connection(("127.0.0.1", live.port)), text)
            for text in (head, body + b" " * 200)
            for _ in range(50)
        ]
        for one, text in drips[50:]:
            one.sendall(text[: len(body)])
        start = time.monotonic()
        open_ones = list(drips)
        place = Counter[int]()
        while open_ones and time.monotonic() - start < 8:
            for pair in list(open_ones):
                one, text = pair
                try:
                    at = place[one.fileno()]
                    one.sendall(text[at : at + 1])
                    place[one.fileno()] += 1
                    one.setblocking(False)
                    if one.recv(4_096) in (b"",):
                        open_ones.remove(pair)
                except BlockingIOError:
                    pass
                except OSError:
                    open_ones.remove(pair)
                finally:
                    one.setblocking(True)
            with Talk(live) as talk:
                talk.state()
            time.sleep(0.1)
        for one, _ in drips:
            one.close()
        assert not open_ones
        assert time.monotonic() - start < 6


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_stops_in_time_with_sockets_open(services: LiveServices, number: signal.Signals) -> None:
    with gateway_process(services, SQLENV_GATEWAY_DRAIN_MS="2000") as (started, address):
        port = int(address.rpartition(":")[2])

        class Place:
            """What Talk wants to know of a gateway."""

        place = Place()
        place.port = port  # type: ignore[attr-defined]
        with Talk(place) as talk:  # type: ignore[arg-type]
            talk.reset()
            start = time.monotonic()
            started.send_signal(number)
            assert started.wait(30) == 0
            assert time.monotonic() - start < 12


@pytest.mark.slow
def test_a_wrong_setting_stops_the_start_with_its_name() -> None:
    for name, value in (
        ("SQLENV_GATEWAY_MAX_SESSIONS", "many"),
        ("PORT", "99999"),
        ("SQLENV_GATEWAY_HOST", "no.such.host.invalid"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "gateway"],
            env={**os.environ, "PORT": "0", name: value},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert ("can't listen" if name.endswith("HOST") else name) in done.stderr
