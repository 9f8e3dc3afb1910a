"""What a connection may do: sizes, numbers, pings, silence, garbage; and where a server listens."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.calling.protocol import Retry
from sqlenv.client import SqlEnvClient
from sqlenv.errors import ConfigError, Exhausted, ServiceError, Unavailable
from sqlenv.serving import listen
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc
from tests.live import LiveServices

ONCE = Retry(patience_s=0)


@pytest.fixture(scope="module")
def tight() -> Iterator[LiveServices]:
    limits: dict[str, Any] = {
        "max_message_bytes": 2**16,
        "max_metadata_bytes": 2**12,
        "max_connections": 8,
        "max_peer_in_flight": 3,
        "min_client_ping_ms": 200,
        "connection_idle_ms": 60_000,
    }
    with LiveServices(**limits) as live:
        yield live


def still_plays(target: str) -> None:
    with SqlEnvClient(target, retry=Retry(patience_s=5)) as client, client.reset(seed=0) as episode:
        assert episode.query("SELECT 1").observation.step_count == 1


def test_a_request_that_is_too_large(tight: LiveServices) -> None:
    with SqlEnvClient(tight.env, retry=ONCE) as client, client.reset(seed=0) as episode:
        with pytest.raises(Exhausted) as raised:
            episode.query("SELECT '" + "x" * 70_000 + "'")
        assert raised.value.reason == "MESSAGE_TOO_LARGE"
        assert episode.query("SELECT 1").observation.step_count == 1


def test_headers_that_are_too_large(tight: LiveServices) -> None:
    with grpc.insecure_channel(tight.env) as channel:
        call = channel.unary_unary("/sqlenv.v1.EnvironmentService/ListDatabases")
        with pytest.raises(grpc.RpcError) as raised:
            call(b"", metadata=(("x-large", "x" * 10_000),), timeout=5)
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "metadata" in raised.value.details()
        call(b"", timeout=5)


async def test_more_streams_than_a_caller_may_have(tight: LiveServices) -> None:
    async with grpc.aio.insecure_channel(tight.env, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        streams = []
        for _ in range(3):
            stream = stub.Play()
            await stream.write(pb.PlayRequest(tag=1, get_episode=pb.GetEpisodeRequest(episode_id="none")))
            assert (await stream.read()).tag == 1
            streams.append(stream)
        with pytest.raises(grpc.RpcError) as raised:
            await stub.ListDatabases(pb.ListDatabasesRequest())
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "you have 3 calls under way" in raised.value.details()
        for stream in streams:
            stream.cancel()
        await asyncio.sleep(0.2)
        await stub.ListDatabases(pb.ListDatabasesRequest())


def test_more_episodes_than_a_caller_may_have() -> None:
    """Who shows a token has as many, over however many connections; another's are not counted with them."""
    with LiveServices(token="one", max_peer_sessions=3) as live:
        clients = [SqlEnvClient(live.env, token="one", retry=ONCE) for _ in range(2)]
        episodes = [clients[number % 2].reset(seed=number) for number in range(3)]
        for client in clients:
            with pytest.raises(Exhausted, match="you have 3 episodes open") as raised:
                client.reset(seed=0)
            assert raised.value.retry_after_s
        episodes[0].close()
        clients[1].reset(seed=0)
        for client in clients:
            client.close()


async def test_more_calls_than_a_connection_may_have_wait_at_the_client() -> None:
    with LiveServices(max_connection_in_flight=4) as live:
        async with AsyncSqlEnvClient(live.env) as client:
            found = await asyncio.gather(*(client.list_databases() for _ in range(50)))
            assert len(found) == 50


def test_more_connections_than_there_may_be(tight: LiveServices) -> None:
    sockets = []
    try:
        for _ in range(12):
            sockets.append(_connect(tight.env))
        with SqlEnvClient(tight.env, timeout_s=2, retry=ONCE) as client, pytest.raises(Unavailable):
            client.list_databases()
    finally:
        for one in sockets:
            one.close()
    still_plays(tight.env)


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" + bytes(range(256)),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" * 10_000,
        os.urandom(4_096),
        b"\x00",
    ],
    ids=["http1", "tls", "preface", "settings", "noise", "nul"],
)
def test_garbage_on_the_port(services: LiveServices, junk: bytes) -> None:
    """Whoever sends it is disconnected, and others notice nothing."""
    with _connect(services.env) as one:
        one.settimeout(5)
        try:
            one.sendall(junk)
            one.shutdown(socket.SHUT_WR)
            while one.recv(65_536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
    still_plays(services.env)


def test_who_connects_and_says_nothing_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "GREETING_MS", 500)
    with LiveServices() as live, _connect(live.env) as one:
        one.settimeout(5)
        start = time.monotonic()
        while one.recv(65_536):
            pass
        assert 0.3 < time.monotonic() - start < 3


def test_a_long_thought_with_pings(tight: LiveServices) -> None:
    """An idle client's pings, one a second, are welcome where the settings say so; else the connection would be ended.

    The second server is there to show that this test can tell: gRPC's own default allows one in five minutes.
    """
    with LiveServices(min_client_ping_ms=300_000) as strict:
        assert _still_ready([tight.env, strict.env], seconds=5) == [True, False]


def _still_ready(targets: list[str], seconds: float) -> list[bool]:
    options = [
        ("grpc.keepalive_time_ms", 100),  # gRPC makes a second of it
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    with ExitStack() as stack:
        seen: list[list[grpc.ChannelConnectivity]] = []
        for target in targets:
            channel = stack.enter_context(grpc.insecure_channel(target, options))
            channel.unary_unary("/sqlenv.v1.EnvironmentService/ListDatabases")(b"", timeout=5)
            seen.append([])
            channel.subscribe(seen[-1].append)
        time.sleep(seconds)
        return [set(states) == {grpc.ChannelConnectivity.READY} for states in seen]


def test_a_stream_on_which_nothing_happens_stays(services: LiveServices) -> None:
    with LiveServices(ping_ms=100, connection_idle_ms=500) as live:
        with SqlEnvClient(live.env, stream=True, retry=ONCE) as client, client.reset(seed=0) as episode:
            time.sleep(2)
            assert episode.query("SELECT 1").observation.step_count == 1


def test_an_idle_connection_is_closed_and_opened_again(services: LiveServices) -> None:
    with LiveServices(connection_idle_ms=300) as live:
        with SqlEnvClient(live.env, retry=ONCE) as client, client.reset(seed=0) as episode:
            for _ in range(3):
                time.sleep(0.7)
                episode.query("SELECT 1")


# Where it listens


def test_a_unix_socket_is_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "env.sock"
    umask = os.umask(0)
    try:
        with LiveServices(unix_socket=path) as live:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert live.env == f"unix:{path}"
            still_plays(live.env)
            assert os.umask(0) == 0  # put back
    finally:
        os.umask(umask)
    assert not path.exists()


def test_a_socket_and_a_port(tmp_path: Path) -> None:
    path = tmp_path / "env.sock"
    with LiveServices(unix_socket=path, tcp_too=True) as live:
        assert live.env.startswith("127.0.0.1:")
        still_plays(live.env)
        still_plays(f"unix:{path}")


def test_a_token_holds_for_the_socket_too(tmp_path: Path) -> None:
    with LiveServices(unix_socket=tmp_path / "s", token="secret") as live:
        with SqlEnvClient(live.env, token="") as client, pytest.raises(ServiceError, match="no token"):
            client.list_databases()
        with SqlEnvClient(live.env, token="secret") as client:
            client.list_databases()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tcp_too": True}, "TCP_TOO needs SQLENV_ENV_UNIX_SOCKET"),
        ({"unix_socket": "/x", "tls_cert_file": "c", "tls_key_file": "k"}, "is for TCP"),
        ({"unix_socket": "/x", "tcp_too": True, "host": "0.0.0.0"}, "plain text"),
    ],
)
def test_settings_that_contradict(values: dict[str, Any], words: str) -> None:
    from env_service.config import EnvSettings

    with pytest.raises(ConfigError, match=words):
        EnvSettings(_env_file=None, **values)


def _connect(target: str) -> socket.socket:
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)), 5)
