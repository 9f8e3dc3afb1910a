"""The services as child processes of this one: for the command line, notebooks and tests.

    with launch(dataset) as services:
        with SqlEnvClient(services.env_target) as client: …

Children drain when the block ends, and also when this process dies, however it dies (`sqlenv.child`).
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlenv.child import START_S, STOP_S, Child, LaunchError, start
from sqlenv.tasks import BUNDLED

__all__ = ["Guarded", "LaunchError", "Launched", "launch"]

# sun_path holds 104 bytes on some systems, 108 on Linux, the end mark included.
MAX_SOCKET_PATH = 100


@dataclass
class Launched:
    """Services that run. Targets are what clients connect to; `env_target` is "" where only scoring was asked for."""

    env_target: str
    reward_target: str
    dataset: Path
    logs: dict[str, Path]
    gateway_url: str = ""  # where a gateway was asked for
    _children: list[Child] = field(default_factory=list)

    def check(self) -> None:
        """Raises LaunchError where a service has ended by itself."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                raise child.failure(f"ended by itself (exit status {status})")

    @property
    def metrics_urls(self) -> list[str]:
        """Where the metrics of those services are that have a port for them."""
        return [child.metrics_url for child in reversed(self._children) if child.metrics_url]

    def pid(self, name: str) -> int:
        """The process of "environment" or "reward"."""
        return next(child.process.pid for child in self._children if child.name == name)

    def kill(self, name: str) -> None:
        """Ends one at once, as a fault would."""
        for child in self._children:
            if child.name == name:
                child.process.kill()

    def stop(self, grace_s: float = STOP_S) -> None:
        """Drains and ends them: the last first, as each works with those before it."""
        while self._children:
            self._children[-1].stop(grace_s)
            self._children.pop()


@dataclass(frozen=True)
class Guarded:
    """Files that guard the ports which others can reach: TLS certificate and key, authorities of clients, tokens."""

    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    tokens: Path | None = None

    def settings(self) -> dict[str, str]:
        """As settings of a service."""
        names = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE", "TOKENS_FILE")
        files = (self.tls_cert, self.tls_key, self.client_ca, self.tokens)
        return {name: str(file.absolute()) for name, file in zip(names, files, strict=True) if file}


@contextmanager
def launch(
    dataset: Path = BUNDLED,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    insecure: bool = False,
    guarded: Guarded | None = None,
    reward_port: int | None = None,
    gateway_port: int | None = None,
    environment: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Launched]:
    """Starts the services on `dataset` and stops them at the end of the block.

    `port`: of the environment service; 0 takes a free one. `reward_port`: TCP port for the reward service, beside the
    UNIX socket that only this user can reach. `guarded`: TLS and tokens of these ports. `gateway_port`: starts the
    gateway too, on this TCP port; it needs the extra `gateway`. `environment=False` starts the reward service alone.
    `settings`: further SQLENV_… variables. Raises LaunchError where a service does not start.
    """
    folder = _private_folder()
    launched = Launched("", "", dataset, {})
    try:
        deadline = time.monotonic() + START_S
        common = {"HOST": host, "DATASET_DIR": str(dataset.resolve()), "INSECURE": str(insecure).lower()}
        shield = (guarded or Guarded()).settings()
        place = {"UNIX_SOCKET": str(folder / "reward.sock")}
        between: dict[str, str] = {}
        if reward_port is not None:
            place |= {"TCP_TOO": "true", "PORT": str(reward_port)} | shield
            if "TOKENS_FILE" in shield:  # the environment service gets a token that nobody else has
                place["TOKEN"] = between["REWARD_TOKEN"] = secrets.token_urlsafe(32)
        children = launched._children
        children.append(start("reward", common | place, folder, settings))
        if environment:  # the socket's place is known already, so both can start at the same time
            own = {"PORT": str(port), "REWARD_TARGET": f"unix:{folder / 'reward.sock'}"} | shield | between
            children.append(start("environment", common | own, folder, settings))
        launched.logs.update({child.name: child.log for child in children})
        for child in children:
            child.wait_until_it_listens(deadline)
        launched.reward_target = _local(children[0].address)
        launched.env_target = _local(children[1].address) if environment else ""
        if gateway_port is not None:
            private = f"unix:{folder / 'reward.sock'}"
            own = {"HOST": host, "PORT": str(gateway_port), "ENV_TARGET": launched.env_target, "REWARD_TARGET": private}
            gateway = start("gateway", own, folder, settings)
            children.append(gateway)
            launched.logs[gateway.name] = gateway.log
            gateway.wait_until_it_listens(deadline)
            launched.gateway_url = f"http://{_local(gateway.address)}"
        yield launched
    finally:
        launched.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _local(address: str) -> str:
    """An address to connect to from here, for one to listen on."""
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("0.0.0.0", "[::]") else address


def _private_folder() -> Path:
    """A new folder, 0700, whose path leaves room for a socket's name."""
    folder = tempfile.mkdtemp(prefix="sqlenv-")
    if len(os.fsencode(folder)) + len("/reward.sock") > MAX_SOCKET_PATH:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="sqlenv-", dir="/tmp")
    return Path(folder)
