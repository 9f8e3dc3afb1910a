"""TLS and client certificates between a client and a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from sqlenv.client import SqlEnvClient
from sqlenv.errors import ConfigError, Unavailable
from sqlenv.protocol import Retry
from tests.live import LiveServices

ONCE = Retry(patience_s=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(path / "other.pem")
    for name, issued in (("server", authority.issue_cert("localhost")), ("client", authority.issue_cert("agent"))):
        issued.private_key_pem.write_to_path(path / f"{name}.key")
        for part in issued.cert_chain_pems:
            part.write_to_path(path / f"{name}.pem", append=True)
    return path


@pytest.fixture(scope="module")
def target(folder: Path) -> Iterator[str]:
    with LiveServices(tls_cert_file=folder / "server.pem", tls_key_file=folder / "server.key") as live:
        yield live.env.replace("127.0.0.1", "localhost")


def test_a_client_that_trusts_the_server_plays(target: str, folder: Path) -> None:
    with SqlEnvClient(target, ca_file=folder / "ca.pem") as client, client.reset(seed=0) as episode:
        assert episode.query("SELECT 1").observation.step_count == 1


def test_plain_text_and_strangers_are_refused(target: str, folder: Path) -> None:
    for ca_file in (None, folder / "other.pem"):
        with SqlEnvClient(target, ca_file=ca_file, retry=ONCE, timeout_s=5) as client, pytest.raises(Unavailable):
            client.reset(seed=0)
    with pytest.raises(ConfigError, match="nowhere"):
        SqlEnvClient(target, ca_file=folder / "nowhere.pem")


def test_mutual_tls_wants_the_clients_certificate(folder: Path) -> None:
    settings = {name: folder / file for name, file in (("tls_cert_file", "server.pem"), ("tls_key_file", "server.key"))}
    with LiveServices(**settings, tls_client_ca_file=folder / "ca.pem") as live:
        target = live.env.replace("127.0.0.1", "localhost")
        with SqlEnvClient(target, ca_file=folder / "ca.pem", retry=ONCE, timeout_s=5) as client:
            with pytest.raises(Unavailable):
                client.reset(seed=0)
        files = [(folder / name).read_bytes() for name in ("ca.pem", "client.key", "client.pem")]
        with grpc.secure_channel(target, grpc.ssl_channel_credentials(*files)) as channel:
            grpc.channel_ready_future(channel).result(5)
