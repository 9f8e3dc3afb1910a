"""Both services as child processes of this one: for the command line, notebooks and tests.

    with launch(dataset) as services:
        with SqlEnvClient(services.env_target) as client: …

Children drain when the block ends, and also when this process dies, however it dies: each reads from a pipe that only
this process holds open (`_guarded`). Linux's PR_SET_PDEATHSIG would do the same, but goes by the thread that started
the child, and it is not on other systems.
"""

from __future__ import annotations

import json
import os
import runpy
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sqlenv.errors import SqlEnvError
from sqlenv.tasks import BUNDLED

START_S = 60.0
STOP_S = 15.0  # longer than the services' own drain time
LOG_LINES = 15
# sun_path holds 104 bytes on some systems, 108 on Linux, the end mark included.
MAX_SOCKET_PATH = 100


class LaunchError(SqlEnvError):
    """A service did not start, or ended by itself; the message has the end of its log."""


@dataclass
class _Child:
    """One service process. `address` is "" until it listens."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    address: str = ""
    metrics_url: str = ""

    def failure(self, what: str) -> LaunchError:
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        words = "; the end of its log:\n  " + "\n  ".join(tail) if tail else "; it logged nothing"
        return LaunchError(f"the {self.name} service {what}{words}")

    def wait_until_it_listens(self, deadline: float) -> None:
        """Reads the line of JSON that a service prints once it listens. Raises LaunchError."""
        lines: list[str] = []
        # A pipe can't be read with a time limit on every system; a thread can be waited for with one.
        reader = threading.Thread(target=lambda: lines.append(_output(self.process).readline()), daemon=True)
        reader.start()
        reader.join(max(0.0, deadline - time.monotonic()))
        if not lines:
            raise self.failure(f"did not start within {START_S:g} s")
        try:
            about = json.loads(lines[0])
            self.address, self.metrics_url = about["address"], about.get("metrics", "")
        except (ValueError, KeyError, TypeError):
            self.process.wait()
            raise self.failure(f"did not start (exit status {self.process.returncode})") from None

    def stop(self, grace_s: float) -> None:
        """Lets it drain, then ends it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


@dataclass
class Launched:
    """Services that run. Targets are what clients connect to; `env_target` is "" where only scoring was asked for."""

    env_target: str
    reward_target: str
    dataset: Path
    logs: dict[str, Path]
    _children: list[_Child] = field(default_factory=list)

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
        """Drains and ends both: first the environment service, whose last steps the reward service still scores."""
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
    environment: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Launched]:
    """Starts the services on `dataset` and stops them at the end of the block.

    `port`: of the environment service; 0 takes a free one. `reward_port`: TCP port for the reward service, beside the
    UNIX socket that only this user can reach. `guarded`: TLS and tokens of these ports. `environment=False` starts the
    reward service alone. `settings`: further SQLENV_… variables. Raises LaunchError where a service does not start.
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
        reward = _start("reward", "REWARD", common | place, folder, settings)
        launched._children.append(reward)
        launched.logs[reward.name] = reward.log
        if environment:  # the socket's place is known already, so both can start at the same time
            own = {"PORT": str(port), "REWARD_TARGET": f"unix:{folder / 'reward.sock'}"} | shield | between
            env = _start("environment", "ENV", common | own, folder, settings)
            launched._children.append(env)
            launched.logs[env.name] = env.log
        for child in launched._children:
            if not child.address:
                child.wait_until_it_listens(deadline)
        launched.reward_target = _local(reward.address)
        launched.env_target = _local(env.address) if environment else ""
        yield launched
    finally:
        launched.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _start(name: str, prefix: str, own: Mapping[str, str], folder: Path, settings: Mapping[str, str] | None) -> _Child:
    # What a user has set for services of their own (addresses, sockets, TLS) must not reach these.
    placed = ("HOST PORT UNIX_SOCKET TCP_TOO TLS_CERT_FILE TLS_KEY_FILE TLS_CLIENT_CA_FILE TOKENS_FILE TOKEN").split()
    placed += ("REWARD_TARGET REWARD_CA_FILE REWARD_CERT_FILE REWARD_KEY_FILE REWARD_TOKEN METRICS_PORT").split()
    environ = {
        key: value for key, value in os.environ.items() if key.upper() not in {f"SQLENV_{prefix}_{p}" for p in placed}
    }
    environ |= {f"SQLENV_{prefix}_{key}": value for key, value in own.items()} | dict(settings or {})
    log = folder / f"{name}.log"
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            # -P: the folder one happens to stand in is no place to import from.
            [sys.executable, "-P", "-m", "sqlenv.launch", f"{'env' if name == 'environment' else name}_service"],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            process_group=0,  # Ctrl-C is for the parent, which stops the services one after the other
        )
    return _Child(name, process, log)


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


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


def _guarded(module: str) -> None:
    """Runs a service module until it ends or until standard input, the parent's pipe, is closed."""

    def watch() -> None:
        # The descriptor itself: a buffered reader's lock, held by this thread, would abort the interpreter's exit.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_S)
        os._exit(1)

    threading.Thread(target=watch, name="sqlenv-guard", daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _guarded(sys.argv[1])
