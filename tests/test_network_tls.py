"""TLS between real clients and real servers: who is let in, and in which words the others are refused."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.calling.protocol import Retry
from sqlenv.client import RewardClient, SqlEnvClient
from sqlenv.errors import ConfigError, HandshakeFailed, ServiceError, Unavailable
from sqlenv.launch import Guarded, launch
from sqlenv.rewards import sql_reward
from tests.certs import PLACES, Certs
from tests.live import LiveServices

ONCE = Retry(patience_s=0)


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    return Certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def tls(certs: Certs) -> Iterator[LiveServices]:
    """An environment service with TLS, before a reward service in plain text."""
    with LiveServices(**certs.server()) as live:
        yield live


@pytest.fixture(scope="module")
def mutual(certs: Certs) -> Iterator[LiveServices]:
    """The same, and clients must show a certificate."""
    with LiveServices(**certs.server(mutual=True)) as live:
        yield live


def refusal(target: str, stream: bool = False, **access: Any) -> str:
    """In which words a client is refused: blocking and asyncio have the same."""

    async def asynchronous() -> ServiceError:
        async with AsyncSqlEnvClient(target, timeout_s=5, retry=ONCE, stream=stream, **access) as client:
            with pytest.raises(HandshakeFailed) as raised:
                await client.reset(seed=0)
            return raised.value

    with SqlEnvClient(target, timeout_s=5, retry=ONCE, stream=stream, **access) as client:
        with pytest.raises(HandshakeFailed) as raised:
            client.reset(seed=0)
    assert asyncio.run(asynchronous()).message == raised.value.message
    assert target in raised.value.message
    return raised.value.message


def plays(target: str, **access: Any) -> bool:
    with SqlEnvClient(target, timeout_s=10, retry=ONCE, **access) as client, client.reset(seed=0) as episode:
        return episode.query("SELECT 1").observation.step_count == 1


def test_a_client_that_trusts_the_server_plays(tls: LiveServices, certs: Certs) -> None:
    assert plays(tls.env, ca_file=certs.path("ca.pem"))
    assert plays(tls.env.replace("127.0.0.1", "localhost"), ca_file=certs.path("ca.pem"))


def test_plain_text_to_tls(tls: LiveServices) -> None:
    assert "the server speaks TLS: pass ca_file" in refusal(tls.env)
    assert "the server speaks TLS: pass ca_file" in refusal(tls.env, stream=True)


def test_tls_to_plain_text(services: LiveServices, certs: Certs) -> None:
    words = refusal(services.env, ca_file=certs.path("ca.pem"))
    assert "the server speaks plain text, not TLS: leave ca_file out" in words


def test_a_server_of_another_authority(tls: LiveServices, certs: Certs) -> None:
    assert "isn't of an authority in ca_file" in refusal(tls.env, ca_file=certs.path("stranger-ca.pem"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("expired", "the server's certificate has expired"),
        ("elsewhere", "the server's certificate is for another name"),
    ],
)
def test_a_server_whose_certificate_is_no_good(certs: Certs, name: str, words: str) -> None:
    with LiveServices(**certs.server(name)) as live:
        assert words in refusal(live.env, ca_file=certs.path("ca.pem"))


def test_mutual_tls(mutual: LiveServices, certs: Certs) -> None:
    assert plays(mutual.env, **certs.client())
    assert "it wants a certificate of the client" in refusal(mutual.env, ca_file=certs.path("ca.pem"))
    assert "the client's certificate has expired" in refusal(mutual.env, **certs.client("expired-client"))
    assert "doesn't take the client's certificate: it is of another authority" in refusal(
        mutual.env, **certs.client("stranger")
    )
    assert "the server speaks TLS" in refusal(mutual.env)


def test_a_server_that_is_away_is_away_and_nothing_else(certs: Certs) -> None:
    for access in ({}, {"ca_file": certs.path("ca.pem")}):
        with SqlEnvClient("127.0.0.1:1", timeout_s=5, retry=ONCE, **access) as client:  # type: ignore[arg-type]
            with pytest.raises(Unavailable):
                client.reset(seed=0)


def test_refusals_are_in_the_servers_log(certs: Certs) -> None:
    files = Guarded(certs.path("server.pem"), certs.path("server.key"), certs.path("ca.pem"))
    with launch(guarded=files) as services:
        refusal(services.env_target)
        refusal(services.env_target, ca_file=certs.path("ca.pem"))
        refusal(services.env_target, **certs.client("expired-client"))
        log = services.logs["environment"].read_text()
    for words in ("WRONG_VERSION_NUMBER", "PEER_DID_NOT_RETURN_A_CERTIFICATE", "certificate has expired"):
        assert words in log


def test_certificates_are_renewed_without_a_restart(certs: Certs, caplog: pytest.LogCaptureFixture) -> None:
    certs.write("renewed", certs.authority.issue_cert(*PLACES))
    with LiveServices(**certs.server("renewed")) as live:
        before = served(live.env)
        with SqlEnvClient(live.env, retry=ONCE, ca_file=certs.path("ca.pem")) as old, old.reset(seed=0) as episode:
            certs.write("renewed", certs.authority.issue_cert(*PLACES))
            assert served(live.env) != before
            assert plays(live.env, ca_file=certs.path("ca.pem"))
            assert episode.query("SELECT 1").observation.step_count == 1  # what stands goes on
            new = served(live.env)
            certs.path("renewed.key").write_text("no key")
            assert served(live.env) == new
            assert "the certificate stays as it was" in caplog.text


def served(target: str) -> str:
    """The certificate that a server shows."""
    host, _, port = target.rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=5)


def test_between_the_services(certs: Certs, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The environment service lets itself in at the reward service, and says in the log where it can't."""
    reward = {**certs.server(mutual=True), "token": "between"}
    mine = {f"reward_{name}": path for name, path in certs.client().items()}
    with LiveServices(reward_settings=reward, **mine, reward_token="between") as live:
        assert plays(live.env)
        score = sql_reward(live.reward, token="between", **certs.client())
        assert score(completions=["SELECT 1"], task_id=["campus_pets-001"]) == [0.0]
    with LiveServices(reward_settings=reward, **mine, reward_token="other") as live:
        with pytest.raises(Unavailable, match="UNAUTHENTICATED"):
            plays(live.env)
        assert "the reward service doesn't let us in: the token isn't known" in caplog.text
    with LiveServices(reward_settings=reward, reward_ca_file=str(certs.path("ca.pem")), reward_token="between") as live:
        with pytest.raises(Unavailable, match="can't be reached"):
            plays(live.env)
        assert "doesn't let us in: can't talk to" in caplog.text
        assert "it wants a certificate of the client" in caplog.text


def test_the_environment_service_takes_up_a_renewed_certificate_of_its_own(certs: Certs) -> None:
    certs.write("own", certs.authority.issue_cert("env", not_after=certs_end()))
    mine = {f"reward_{name}": path for name, path in certs.client("own").items()}
    with LiveServices(reward_settings=certs.server(mutual=True), **mine) as live:
        with pytest.raises(Unavailable):
            plays(live.env)
        certs.write("own", certs.authority.issue_cert("env"))
        with SqlEnvClient(live.env, retry=Retry(patience_s=10)) as client, client.reset(seed=0) as episode:
            assert episode.query("SELECT 1").observation.step_count == 1


def certs_end() -> Any:
    from tests.certs import LONG_AGO

    return LONG_AGO["not_after"]


def test_sqlenv_up_with_everything(certs: Certs, tmp_path: Path) -> None:
    """TLS and tokens on both ports; between the services there is a socket that needs no certificate."""
    from sqlenv.serving.tokens import new_token

    tokens = tmp_path / "tokens"
    token = new_token(tokens, "trainer")
    files = Guarded(certs.path("server.pem"), certs.path("server.key"), None, tokens)
    with launch(guarded=files, reward_port=0) as services:
        access: dict[str, Any] = {"ca_file": certs.path("ca.pem"), "token": token}
        assert plays(services.env_target, **access)
        with RewardClient(services.reward_target, retry=ONCE, **access) as client:
            assert client.describe_rubrics().rubrics
        with RewardClient(services.reward_target, retry=ONCE, ca_file=access["ca_file"]) as client:
            with pytest.raises(ServiceError, match="no token"):
                client.describe_rubrics()


@pytest.mark.parametrize(
    ("access", "words"),
    [
        ({"ca_file": "nowhere.pem"}, "nowhere.pem"),
        ({"ca_file": __file__}, "holds no certificates"),
        ({"cert_file": "a.pem"}, "go together"),
        ({"cert_file": "a.pem", "key_file": "a.key"}, "needs ca_file"),
    ],
)
def test_files_that_cannot_be_used(access: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SqlEnvClient("127.0.0.1:1", **access)  # type: ignore[arg-type]


def test_a_server_does_not_start_with_files_that_cannot_be_used(certs: Certs) -> None:
    with pytest.raises(ConfigError, match="no certificate with its key"):
        with LiveServices(tls_cert_file=certs.path("server.pem"), tls_key_file=certs.path("client.key")):
            pass
    with pytest.raises(ConfigError, match="No such file"):
        with LiveServices(tls_cert_file=certs.path("server.pem"), tls_key_file=certs.path("none.key")):
            pass
    with pytest.raises(ConfigError, match="holds no certificates"):
        with LiveServices(**certs.server(), tls_client_ca_file=certs.path("server.key")):
            pass


def test_the_environment_of_a_client(certs: Certs, tls: LiveServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLENV_CA_FILE", str(certs.path("ca.pem")))
    assert plays(tls.env)
    with pytest.raises(HandshakeFailed):
        plays(tls.env, ca_file="")
