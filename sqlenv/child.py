"""One service as a child process that ends when its parent does, however the parent dies.

The child reads from a pipe that only the parent holds open (`main`). Linux's PR_SET_PDEATHSIG would do the same, but
goes by the thread that started the child, and it is not on other systems.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlenv.errors import SqlEnvError

START_S = 60.0
STOP_S = 15.0  # longer than the services' own drain time
LOG_LINES = 15
MODULES = {"environment": "env_service", "reward": "reward_service", "gateway": "gateway"}
_PREFIXES = {"environment": "SQLENV_ENV_", "reward": "SQLENV_REWARD_", "gateway": "SQLENV_GATEWAY_"}
# What a user has set for services of their own (addresses, sockets, TLS) must not reach these.
_PLACED = (
    "HOST PORT UNIX_SOCKET TCP_TOO TLS_CERT_FILE TLS_KEY_FILE TLS_CLIENT_CA_FILE TOKENS_FILE TOKEN METRICS_PORT "
    "REWARD_TARGET REWARD_CA_FILE REWARD_CERT_FILE REWARD_KEY_FILE REWARD_TOKEN ENV_TARGET ENV_CA_FILE"
).split()


class LaunchError(SqlEnvError):
    """A service did not start, or ended by itself; the message has the end of its log."""


@dataclass
class Child:
    """One service process. `address` is "" until it listens."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    address: str = ""
    metrics_url: str = ""

    def failure(self, what: str) -> LaunchError:
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        words = "; the end of its log:\n  " + "\n  ".join(tail) if tail else "; it logged nothing"
        return LaunchError(f"the {self.name} {'' if self.name == 'gateway' else 'service '}{what}{words}")

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


def start(name: str, own: Mapping[str, str], folder: Path, settings: Mapping[str, str] | None) -> Child:
    """Starts a service of `MODULES`. `own`: its settings without their prefix; `settings`: variables as they are."""
    prefix = _PREFIXES[name]
    environ = {key: value for key, value in os.environ.items() if key.upper() not in {prefix + p for p in _PLACED}}
    environ |= {prefix + key: value for key, value in own.items()} | dict(settings or {})
    log = folder / f"{name}.log"
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            # -P: the folder one happens to stand in is no place to import from.
            [sys.executable, "-P", "-m", "sqlenv.child", MODULES[name]],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            process_group=0,  # Ctrl-C is for the parent, which stops the services one after the other
        )
    return Child(name, process, log)


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def main(module: str) -> None:
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
    main(sys.argv[1])
