"""Tokens: the file and its command, who is let in, what the refused are told and what the log keeps of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.calling.protocol import Retry
from sqlenv.cli import app
from sqlenv.client import SqlEnvClient
from sqlenv.errors import ConfigError, ServiceError, Unauthenticated
from sqlenv.serving import auth
from sqlenv.serving.tokens import TokenBook, digest_of, new_token, read_tokens, revoke
from sqlenv.settings import ServerSettings
from tests.live import LiveServices

ONCE = Retry(patience_s=0)


# The file


def test_the_file_holds_digests_and_no_token(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    first, second = new_token(path, "trainer"), new_token(path, "space")
    text = path.read_text()
    assert first not in text
    assert second not in text
    assert hashlib.sha256(first.encode()).hexdigest() in text
    assert [token.name for token in read_tokens(path)] == ["trainer", "space"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) > 40
    assert first.startswith("sqlenv_")


def test_a_line_without_an_end_is_not_glued_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# ours\n\nhand:{digest_of('x')}")
    new_token(path, "new")
    assert [token.name for token in read_tokens(path)] == ["hand", "new"]


@pytest.mark.parametrize(
    "line", ["trainer", "trainer:secret", "trainer:" + "A" * 64, ":" + "a" * 64, "a b:" + "a" * 64, "n:" + "a" * 65]
)
def test_a_broken_line_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"ok:{digest_of('x')}\n{line}\n")
    with pytest.raises(ConfigError, match=r"line 2: expected name:digest") as raised:
        read_tokens(path)
    assert "secret" not in str(raised.value)
    with pytest.raises(ConfigError, match="line 2"):
        new_token(path, "more")


def test_files_that_let_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    with pytest.raises(ConfigError, match="No such file"):
        TokenBook(path)
    path.write_text("# nobody yet\n")
    with pytest.raises(ConfigError, match="nobody could get in"):
        TokenBook(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        TokenBook(path)


def test_revoking(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# kept\n")
    path.chmod(0o640)
    old, new, other = (new_token(path, name) for name in ("a", "a", "b"))
    assert revoke(path, "a", keep_newest=True) == 1
    book = TokenBook(path)
    assert [bool(book.find(token)) for token in (old, new, other)] == [False, True, True]
    assert revoke(path, "a") == 1
    assert [token.name for token in read_tokens(path)] == ["b"]
    assert path.read_text().startswith("# kept\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@given(st.text())
def test_whatever_is_shown_only_the_token_is_known(shown: str) -> None:
    book = TokenBook(None, "the token")
    assert (book.find(shown) is not None) == (shown == "the token")


def test_every_digest_is_compared_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that a search takes tells nothing: as many comparisons, in constant time, for any token."""
    path = tmp_path / "tokens"
    tokens = [new_token(path, f"n{number}") for number in range(5)]
    book = TokenBook(path)
    compared: list[tuple[str, str]] = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    for shown in (tokens[0], tokens[4], "wrong"):
        compared.clear()
        book.find(shown)
        assert len(compared) == 5
        assert all(len(a) == len(b) == 64 for a, b in compared)


def test_a_book_is_read_again_when_its_file_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "tokens"
    first = new_token(path, "first")
    book = TokenBook(path, extra="extra")
    assert book.refresh() == set()
    second = new_token(path, "second")
    assert book.find(second) is None
    assert book.refresh() == set()
    assert book.find(second)
    revoke(path, "first")
    assert book.refresh() == {digest_of(first)}
    assert book.find(first) is None
    for break_it in (lambda: path.write_text("nonsense"), path.unlink):
        break_it()
        assert book.refresh() == set()
        assert book.find(second)  # a slip of the editor locks nobody out
    assert "the tokens stay as they were" in caplog.text
    path.write_text("")
    assert book.refresh() == {digest_of(second)}
    assert book.find("extra")
    for token in (first, second, "nonsense"):
        assert token not in caplog.text


def test_the_command(tmp_path: Path) -> None:
    path = str(tmp_path / "tokens")
    run = CliRunner().invoke
    made = run(app, ["token", "new", "trainer", "--file", path])
    token = made.stdout.strip()
    assert made.exit_code == 0
    assert digest_of(token) in Path(path).read_text()
    assert run(app, ["token", "new", "trainer", "--file", path]).exit_code == 0
    assert run(app, ["token", "list", "--file", path]).stdout == "trainer\t2\n"
    assert run(app, ["token", "revoke", "trainer", "--keep-newest", "--file", path]).exit_code == 0
    assert run(app, ["token", "list", "--file", path]).stdout == "trainer\t1\n"
    missing = run(app, ["token", "revoke", "nobody", "--file", path])
    assert missing.exit_code == 1
    assert "has no token named nobody" in missing.output
    assert run(app, ["token", "new", "a:b", "--file", path]).exit_code == 1


# Over the wire


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("auth") / "tokens"


@pytest.fixture(scope="module")
def token(tokens: Path) -> str:
    return new_token(tokens, "trainer")


@pytest.fixture(scope="module")
def guarded(tokens: Path, token: str) -> Iterator[LiveServices]:
    with LiveServices(tokens_file=tokens) as live:
        yield live


@pytest.fixture(autouse=True)
def _fresh_log(guarded: LiveServices, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "LOG_EVERY_S", 0.0)
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize("stream", [False, True])
def test_who_shows_a_token_plays(guarded: LiveServices, token: str, stream: bool) -> None:
    with SqlEnvClient(guarded.env, token=token, retry=ONCE, stream=stream) as client:
        with client.reset(seed=0) as episode:
            assert episode.query("SELECT 1").observation.step_count == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("shown", "reason", "words"),
    [
        ("", "TOKEN_MISSING", "no token: this server wants one"),
        ("wrong", "TOKEN_UNKNOWN", "the token isn't known"),
        ("x" * 2_000, "TOKEN_UNKNOWN", "the token isn't known"),
    ],
)
def test_others_are_refused_in_words_and_logged(
    guarded: LiveServices, shown: str, reason: str, words: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def asynchronous() -> Unauthenticated:
        async with AsyncSqlEnvClient(guarded.env, token=shown, stream=stream) as client:
            with pytest.raises(Unauthenticated) as raised:
                await client.reset(seed=0)
            return raised.value

    start = time.monotonic()
    with SqlEnvClient(guarded.env, token=shown, stream=stream) as client:  # patient, but this is final
        with pytest.raises(Unauthenticated) as raised:
            client.reset(seed=0)
    for error in (raised.value, asyncio.run(asynchronous())):
        assert words in error.message
        assert error.reason == reason
    assert time.monotonic() - start < 20
    assert f"refused ipv4:127.0.0.1: {words.partition(':')[0]}" in caplog.text
    assert not shown or f"{shown}" not in caplog.text.replace("is wrong", "")


def test_a_large_request_is_refused_before_it_is_received(guarded: LiveServices) -> None:
    with grpc.insecure_channel(guarded.env, [("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary("/sqlenv.v1.EnvironmentService/Step")
        with pytest.raises(grpc.RpcError) as raised:
            call(b"x" * 2**26, timeout=10)  # more than the server takes from anybody
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_other_schemes_and_odd_headers(guarded: LiveServices, token: str) -> None:
    with grpc.insecure_channel(guarded.env) as channel:
        call = channel.unary_unary("/sqlenv.v1.EnvironmentService/ListDatabases")
        for value in (f"Bearer {token}", f"bearer  {token} "):
            call(b"", metadata=(("authorization", value),), timeout=5)
        for value in (f"Basic {token}", token, "Bearer", ""):
            with pytest.raises(grpc.RpcError) as raised:
                call(b"", metadata=(("authorization", value),), timeout=5)
            assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_health_needs_no_token_and_reflection_does(guarded: LiveServices, token: str) -> None:
    with grpc.insecure_channel(guarded.env) as channel:
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status == 1
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        with pytest.raises(grpc.RpcError) as raised:
            next(reflect(iter([ask])))
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert next(reflect(iter([ask]), metadata=(("authorization", f"Bearer {token}"),))).list_services_response
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary("/sqlenv.v1.EnvironmentService/Nothing")(b"")
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_rotation_without_a_restart(guarded: LiveServices, tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new token lets in, an old one no more: not even over a stream that stood."""
    old = new_token(tokens, "rotating")
    with _let_in(guarded.env, old, stream=True) as standing, standing.reset(seed=0) as episode:
        assert episode.query("SELECT 1").observation.step_count == 1
        new = new_token(tokens, "rotating")
        with _let_in(guarded.env, new):
            assert revoke(tokens, "rotating", keep_newest=True) == 1
            with pytest.raises(Unauthenticated, match="revoked"):
                _ask_on(standing, episode.log.episode_id)
        with _let_in(guarded.env, new):
            pass
        episode.log.closed = True


def _ask_on(client: SqlEnvClient, episode_id: str, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        client.get_episode(episode_id)
        time.sleep(0.05)


def _let_in(target: str, token: str, stream: bool = False) -> SqlEnvClient:
    """A client whose token lets in, within the time that a server takes to notice."""
    until = time.monotonic() + 5
    while True:
        client = SqlEnvClient(target, token=token, stream=stream)
        try:
            client.list_databases()
            return client
        except Unauthenticated:
            client.close()
            assert time.monotonic() < until
            time.sleep(0.1)


def test_a_flood_of_refusals_is_a_line_a_minute(
    guarded: LiveServices, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(auth, "LOG_EVERY_S", 60.0)
    with SqlEnvClient(guarded.env, token="wrong") as client:
        for _ in range(200):
            with pytest.raises(Unauthenticated):
                client.list_databases()
    assert sum("refused" in record.message for record in caplog.records) <= 1


def test_the_count_of_what_was_not_logged_and_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [1_000.0]
    monkeypatch.setattr(auth, "LOG_EVERY_S", 60.0)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    refusals = auth._Refusals()
    error = Unauthenticated("no token: say please")
    for port in range(11):
        refusals.note(f"ipv4:10.0.0.7:{port}", error)
    clock[0] += 61
    refusals.note("ipv4:10.0.0.7:99", error)
    assert [record.getMessage() for record in caplog.records] == [
        "refused ipv4:10.0.0.7: no token",
        "refused ipv4:10.0.0.7: no token; 10 more since the last such line",
    ]
    for number in range(5_000):
        refusals.note(f"ipv4:10.1.{number >> 8}.{number & 255}:1", error)
    assert len(refusals._seen) <= auth.LOGGED_PEERS


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:5", "ipv4:10.0.0.7"),
        ("ipv6:[fd00::7]:5", "ipv6:[fd00::7]"),
        ("ipv6:%5Bfd00::7%5D:5", "ipv6:[fd00::7]"),
        ("unix:", "unix:"),
    ],
)
def test_addresses(peer: str, address: str) -> None:
    assert auth.address(peer) == address


# The client's side


@pytest.mark.parametrize("target", ["example.com:1", "10.0.0.7:1", "dns:///example.com:1", "[fd00::7]:1"])
def test_a_token_does_not_leave_this_machine_in_plain_text(target: str) -> None:
    with pytest.raises(ConfigError, match="in plain text.*ca_file.*--insecure"):
        SqlEnvClient(target, token="secret")
    SqlEnvClient(target, token="secret", insecure=True).close()


@pytest.mark.parametrize("target", ["127.0.0.1:1", "localhost:1", "[::1]:1", "dns:///localhost:1", "unix:/nowhere"])
def test_on_this_machine_it_may(target: str) -> None:
    client = SqlEnvClient(target, token="secret")
    assert "secret" not in repr(client._access)
    client.close()


def test_what_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("two\nlines", "späß", "a b"):
        with pytest.raises(ConfigError, match="characters that no token has") as raised:
            SqlEnvClient("127.0.0.1:1", token=token)
        assert token not in str(raised.value)


def test_the_environment_of_a_client(guarded: LiveServices, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLENV_TOKEN", token)
    with SqlEnvClient(guarded.env) as client:
        assert client.list_databases().databases
    with SqlEnvClient(guarded.env, token="") as client, pytest.raises(ServiceError, match="no token"):
        client.list_databases()


def test_the_command_line(guarded: LiveServices, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(token + "\n")
    command: list[Any] = ["play", "--seed", "1", "--server", guarded.env]
    run = CliRunner().invoke
    assert run(app, [*command, "--token-file", str(file)], input="quit\n").exit_code == 0
    refused = run(app, command, input="quit\n")
    assert refused.exit_code == 1
    assert "no token: this server wants one" in refused.output
    monkeypatch.setenv("SQLENV_TOKEN", token)
    assert run(app, command, input="quit\n").exit_code == 0


def test_settings_do_not_show_the_token() -> None:
    assert "hush" not in repr(ServerSettings(token="hush", _env_file=None))  # type: ignore[call-arg]
