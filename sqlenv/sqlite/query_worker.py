"""Runs long queries, one at a time: `python -m sqlenv.sqlite.query_worker FD`, a process that `query_process` starts.

A frame on the socket FD is four bytes of length and a marshalled tuple: a query in, what it gave out. Each query has a
new connection, so that what it may allocate does not depend on those before it. SQLite refuses memory beyond its limit
itself (hard_heap_limit), and the kernel ends this process where a query outlives its time and hears nothing. The
process ends with its parent, whose end of the socket closes then.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import socket
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import apsw

from sqlenv.sqlite.connection import GuardedConnection
from sqlenv.sqlite.limits import Limits, whole
from sqlenv.sqlite.opening import SourceChanged
from sqlenv.types import Outcome, Result

# What stays of databases that came as bytes, the last used last.
KEPT_BYTES = 16 * 2**20

# After its time a query gets so long to hear that it should stop.
GRACE_S = 0.15

READY, DONE, MISSING, CHANGED, BROKEN = range(5)
"""Kinds of answer: ready for queries; an outcome; send the database's bytes too; the file was replaced; no database."""

_running: list[GuardedConnection] = []


def send_frame(line: socket.socket, value: tuple[Any, ...]) -> None:
    """Writes one frame. Raises OSError."""
    data = marshal.dumps(value)
    line.sendall(len(data).to_bytes(4, "big") + data)


def receive_frame(line: socket.socket) -> tuple[Any, ...]:
    """Reads one frame. Raises OSError, and EOFError where the other end is gone."""
    size = int.from_bytes(_receive(line, 4), "big")
    frame: tuple[Any, ...] = marshal.loads(_receive(line, size))
    return frame


def _receive(line: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = line.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data


def pack(outcome: Outcome, peak_bytes: int) -> tuple[Any, ...]:
    """An outcome as plain values."""
    value = outcome.value
    if isinstance(value, Result):
        told = (value.columns, value.rows, value.row_count, value.truncated, value.row_count_is_lower_bound)
        return (DONE, outcome.vm_steps, peak_bytes, True, told)
    return (DONE, outcome.vm_steps, peak_bytes, False, (int(value.kind), value.message))


def _run(source: Path | bytes, identity: Any, limits: Limits, sql: str) -> tuple[Any, ...]:
    try:
        connection = GuardedConnection(source, limits, identity)
    except (SourceChanged, FileNotFoundError):
        return (CHANGED,)
    except apsw.Error as error:
        return (BROKEN, str(error))
    before = apsw.memory_used()
    apsw.memory_high_water(True)
    _running.append(connection)
    apsw.hard_heap_limit(before + limits.memory_bytes)
    try:
        outcome = connection.run(sql, whole(limits))
    except SourceChanged:
        return (CHANGED,)
    finally:
        apsw.hard_heap_limit(0)
        _running.clear()
        peak = apsw.memory_high_water(True) - before
        connection.db.close()
    return pack(outcome, peak)


def _cancel(number: int, frame: object) -> None:
    for connection in _running:
        connection.cancel()


def _confine() -> None:
    """What this process needs least of: no core dumps, no files, and the processor only after those who answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the parent's business
    signal.signal(signal.SIGUSR1, _cancel)
    with contextlib.suppress(OSError):
        os.nice(5)
    import resource

    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (0, 0))


def main() -> None:
    """Answers queries until the parent is gone."""
    _confine()
    kept: OrderedDict[int, bytes] = OrderedDict()
    with socket.socket(fileno=int(sys.argv[1])) as line, contextlib.suppress(EOFError, ConnectionError):
        send_frame(line, (READY,))
        while True:
            key, place, data, identity, limits, sql = receive_frame(line)
            if data is not None:
                kept[key] = data
            source: Path | bytes | None = Path(place) if place else kept.get(key)
            if source is None:
                send_frame(line, (MISSING,))
                continue
            given = Limits(*limits)
            signal.setitimer(signal.ITIMER_REAL, given.wall_ms / 1000 + 2 * GRACE_S)
            answer = _run(source, identity, given, sql)
            signal.setitimer(signal.ITIMER_REAL, 0)
            send_frame(line, answer)
            if not place:
                kept.move_to_end(key)
            while sum(map(len, kept.values())) > KEPT_BYTES:
                kept.popitem(last=False)


if __name__ == "__main__":
    main()
