"""A process that runs long queries, seen from the server: start it, ask it, stop it.

What no limit of SQLite's interrupts, killing does. Queries in a process of their own can't crash the server, fill its
memory or keep it from its event loop either, and what they may allocate is the same whatever else runs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sqlenv.errors import DataSetError, Unavailable
from sqlenv.sandbox import Sandbox, changed
from sqlenv.sqlite.limits import Limits
from sqlenv.sqlite.query_worker import BROKEN, CHANGED, DONE, GRACE_S, MISSING, receive_frame, send_frame
from sqlenv.types import ActionFailure, ErrorKind, Outcome, Result

# Starting takes a tenth of a second; longer on a machine that is very busy.
START_S = 20.0

# A query whose caller is gone gets so long to hear of it, and is looked after so often.
CANCEL_S = 0.1
_LOOK_S = 0.02

# What a query process gets to see of the environment; tokens and settings are no business of its.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Lost(Exception):
    """The process is gone: killed, because a query outlived its time, or ended by itself. `late` tells which."""

    def __init__(self, late: bool) -> None:
        super().__init__()
        self.late = late


class QueryProcess:
    """One process. Used by one thread at a time. Raises Unavailable on construction where it can't be started."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        environment["MALLOC_ARENA_MAX"] = "1"
        command = [sys.executable, "-m", "sqlenv.sqlite.query_worker", str(theirs.fileno())]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
                )
        except OSError as error:
            ours.close()
            words = f"the server can't start a process for the query ({error.strerror}); try again"
            raise Unavailable(words, "QUERY_PROCESS", retry_after_s=1.0) from None
        self._line = ours
        self._ready = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def run(self, sandbox: Sandbox, sql: str, cancelled: threading.Event) -> tuple[Outcome, int]:
        """The outcome of one SELECT, and the most bytes that SQLite held for it; see `Sandbox.run`.

        Raises Lost where the process had to be killed: after the query's time, or soon after `cancelled` is set. What
        remains then is to `stop` it.
        Raises Unavailable where the database file was replaced.
        """
        try:
            answer = self._ask(sandbox, sql, None, cancelled)
            if answer[0] == MISSING:
                assert isinstance(sandbox.source, bytes)
                answer = self._ask(sandbox, sql, sandbox.source, cancelled)
        except TimeoutError:
            self._process.kill()  # it may take a while to be gone: `stop` waits
            raise Lost(late=True) from None
        except (OSError, EOFError, ValueError, TypeError):
            self.stop()
            late = self._process.returncode in (-signal.SIGALRM, -signal.SIGKILL)
            raise Lost(late) from None
        match answer:
            case (int(kind), int(vm_steps), int(peak), True, told) if kind == DONE:
                return Outcome(Result(*told), vm_steps), peak
            case (int(kind), int(vm_steps), int(peak), False, (number, message)) if kind == DONE:
                return Outcome(ActionFailure(ErrorKind(number), message), vm_steps), peak
            case (int(kind),) if kind == CHANGED:
                raise changed()
            case (int(kind), str(words)) if kind == BROKEN:
                raise DataSetError(f"not a database that SQLite can read: {words}")
        self.stop()
        raise Lost(late=False)

    def stop(self) -> None:
        """Ends the process, whatever it does."""
        self._line.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _ask(self, sandbox: Sandbox, sql: str, data: bytes | None, cancelled: threading.Event) -> tuple[Any, ...]:
        if not self._ready:
            self._wait(START_S, cancelled=None)
            receive_frame(self._line)
            self._ready = True
        place = str(sandbox.source) if isinstance(sandbox.source, Path) else ""
        wall_s = sandbox.limits.wall_ms / 1000
        self._line.settimeout(wall_s)
        request = (sandbox.key, place, data, sandbox.identity, _plain(sandbox.limits), sql)
        send_frame(self._line, request)
        self._wait(wall_s + GRACE_S, cancelled)
        return receive_frame(self._line)

    def _wait(self, seconds: float, cancelled: threading.Event | None) -> None:
        """Waits for an answer. Raises TimeoutError where there is none in time."""
        deadline = time.monotonic() + seconds
        while not select.select([self._line], [], [], _LOOK_S if cancelled else seconds)[0]:
            if time.monotonic() > deadline:
                raise TimeoutError
            if cancelled is not None and cancelled.is_set():
                cancelled, deadline = None, time.monotonic() + CANCEL_S
                seconds = CANCEL_S
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGUSR1)


def _plain(limits: Limits) -> tuple[Any, ...]:
    return dataclasses.astuple(limits)
