"""Replicas of a service as real processes: killed, stopped and started again while others go on."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Self

from tests.live import process


@dataclass(eq=False)
class Replica:
    """One process. `address` is where it listens."""

    context: AbstractContextManager[tuple[subprocess.Popen[str], str]]
    child: subprocess.Popen[str]
    address: str

    def end(self) -> None:
        """SIGKILL, and what the process leaves behind."""
        self.context.__exit__(None, None, None)


class Fleet:
    """`count` replicas of one service; one that is killed is replaced in the background."""

    def __init__(self, module: str, count: int, **settings: Any) -> None:
        self._start = lambda: process(module, port=0, **settings)
        self._count = count
        self._lock = threading.Lock()
        self._live: list[Replica] = []
        self._starter = ThreadPoolExecutor(2, thread_name_prefix="fleet")
        self._closed = False
        self.kills = self.stops = 0
        self.failures: list[str] = []
        """Of replacements that did not start."""

    def __enter__(self) -> Self:
        for started in [self._starter.submit(self._add) for _ in range(self._count)]:
            started.result(60)
        return self

    def __exit__(self, *exc: object) -> None:
        self._closed = True
        self._starter.shutdown(cancel_futures=True)
        while self._live:
            self._live.pop().end()
        assert not self.failures, self.failures[0]

    def pick(self) -> str | None:
        """The address of a replica that is alive, any of them; waits a little for one to be."""
        with self._lock:
            return random.choice(self._live).address if self._live else None

    def first(self) -> str | None:
        """The address of the replica that has been alive for longest: `kill` without an argument ends it."""
        with self._lock:
            return self._live[0].address if self._live else None

    def kill(self, which: int = 0) -> None:
        """SIGKILL to one replica; nothing where none is alive."""
        with self._lock:
            if not self._live:
                return
            victim = self._live.pop(which % len(self._live))
            self.kills += 1
        victim.end()
        with suppress(RuntimeError):  # closed meanwhile
            self._starter.submit(self._add)

    def stop(self, which: int, seconds: float) -> None:
        """SIGSTOP to one replica, and SIGCONT after so long."""
        with self._lock:
            if not self._live:
                return
            victim = self._live[which % len(self._live)]
            self.stops += 1
        victim.child.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        victim.child.send_signal(signal.SIGCONT)

    def _add(self) -> None:
        if self._closed:
            return
        try:
            context = self._start()
            child, address = context.__enter__()
        except Exception as error:
            self.failures.append(str(error))
            raise
        with self._lock:
            self._live.append(Replica(context, child, address))
