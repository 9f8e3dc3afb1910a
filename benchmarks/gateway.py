"""WebSocket sessions that step, on our gateway and on OpenEnv's own server: `python -m benchmarks.gateway [--quick]`.

In one run, each with its own processes on this machine, the same client code in a process of its own:

    OpenEnv, sync     OpenEnv's server as its template has it: a thread a session, sqlite3 in process, no score
    OpenEnv, async    the same environment on the event loop
    SQLEnv            gateway, environment and reward service: each step executed in the sandbox, rendered and scored

Two loads of the same sessions: "paced", each steps once a second, as a policy that thinks does; "flat out", each steps
again as soon as it has its answer. Every query is one that nobody asked before. A step that gives no observation is an
error. Only ratios travel between machines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect

from tests.live import process

RESULTS = Path(__file__).parent / "results"
TASK = "campus_pets-001"
STEPS_AN_EPISODE = 14
OPENING = 32


@dataclass
class Measured:
    """One row of the table. Latencies of a step in milliseconds; `cpu_us` is the servers' CPU a step."""

    server: str
    load: str
    sessions: int
    steps: int
    errors: int
    steps_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float = 0.0
    memory_mb: float = 0.0


def sql(number: int, salt: int) -> str:
    """A small query that nobody asked before."""
    return f"SELECT name, species, weight_kg FROM pet WHERE pet_id % 20 = {number} AND pet_id <> {-salt} ORDER BY name"


# The client: run as a process of its own.


class Load:
    """Sessions that step for a time."""

    def __init__(self, url: str, sessions: int, seconds: float, pace_s: float) -> None:
        self._url = url
        self._sessions = sessions
        self._seconds = seconds
        self._pace_s = pace_s
        self.latencies: list[float] = []
        self.errors = 0
        self.first_error = ""

    async def run(self) -> None:
        """Opens all sessions, then lets them step together."""
        opening = asyncio.Semaphore(OPENING)
        ready = [asyncio.get_running_loop().create_future() for _ in range(self._sessions)]
        start = asyncio.Event()
        tasks = [asyncio.create_task(self._session(n, opening, ready[n], start)) for n in range(self._sessions)]
        await asyncio.gather(*ready)
        self._until = time.perf_counter() + self._seconds
        start.set()
        await asyncio.gather(*tasks)

    async def _session(self, number: int, opening: Any, ready: Any, start: asyncio.Event) -> None:
        rng = random.Random(number)
        async with opening:
            socket = await connect(self._url, ping_interval=None, compression=None, open_timeout=60, max_size=2**24)
        async with socket:
            await self._call(socket, {"type": "reset", "data": {"task_id": TASK, "seed": number}})
            ready.set_result(None)
            await start.wait()
            if self._pace_s:
                await asyncio.sleep(rng.random() * self._pace_s)
            step = 0
            while time.perf_counter() < self._until:
                if step == STEPS_AN_EPISODE:
                    await self._call(socket, {"type": "reset", "data": {"task_id": TASK, "seed": number}})
                    step = 0
                text = f"QUERY {sql(step, rng.getrandbits(48))}"
                before = time.perf_counter()
                reply = await self._call(socket, {"type": "step", "data": {"text": text}})
                took = time.perf_counter() - before
                self.latencies.append(took)
                self._check(reply)
                step += 1
                if self._pace_s:
                    await asyncio.sleep(max(0.0, self._pace_s - took))

    async def _call(self, socket: Any, message: Any) -> Any:
        await socket.send(json.dumps(message))
        return json.loads(await socket.recv())

    def _check(self, reply: Any) -> None:
        seen = reply.get("data", {}).get("observation", {})
        if reply.get("type") != "observation" or not seen.get("text") or seen.get("error"):
            self.errors += 1
            self.first_error = self.first_error or json.dumps(reply)[:500]


def client(argv: list[str]) -> None:
    """The client's main: url, sessions, seconds, pace; prints JSON."""
    url, sessions, seconds, pace_s = argv
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = Load(url, int(sessions), float(seconds), float(pace_s))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(load.run())
    ordered = sorted(load.latencies)
    quantiles = {q: ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1000 for q in (0.5, 0.99)}
    told = {
        "steps": len(ordered),
        "errors": load.errors,
        "first_error": load.first_error,
        "p50_ms": quantiles[0.5],
        "p99_ms": quantiles[0.99],
        "max_ms": ordered[-1] * 1000,
    }
    print(json.dumps(told))


# The servers


@contextmanager
def started(command: list[str], **settings: str) -> Iterator[tuple[int, str]]:
    """A process that prints its address as a line of JSON; yields its id and that."""
    with tempfile.TemporaryFile("w+") as log:
        running = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **settings}
        )
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            if not line:
                log.seek(0)
                raise RuntimeError(log.read()[-2000:])
            yield running.pid, json.loads(line)["address"]
        finally:
            running.kill()
            running.wait()
            running.stdout.close()


@contextmanager
def openenv(kind: str) -> Iterator[tuple[list[int], str]]:
    """OpenEnv's own server."""
    with started(["-m", "benchmarks.openenv_server", kind]) as (pid, address):
        yield [pid], address


@contextmanager
def sqlenv() -> Iterator[tuple[list[int], str]]:
    """Ours: three processes."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sqlenv-bench-"))
        reward, reward_target = stack.enter_context(process("reward_service", unix_socket=f"{folder}/reward.sock"))
        place = {"unix_socket": f"{folder}/env.sock", "reward_target": reward_target}
        env, env_target = stack.enter_context(process("env_service", **place))
        targets = {"SQLENV_GATEWAY_ENV_TARGET": env_target, "SQLENV_GATEWAY_REWARD_TARGET": reward_target}
        pid, address = stack.enter_context(started(["-m", "gateway"], SQLENV_GATEWAY_PORT="0", **targets))
        yield [pid, env.pid, reward.pid], address


SERVERS = {"OpenEnv, sync": lambda: openenv("sync"), "OpenEnv, async": lambda: openenv("async"), "SQLEnv": sqlenv}


def cpu_s(pids: list[int]) -> float:
    """CPU seconds that the processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pids: list[int]) -> float:
    """Memory that the processes hold, each one's own."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def measure(server: str, load: str, sessions: int, seconds: float) -> Measured:
    """One server under one load. Raises RuntimeError where the client fails."""
    pace_s = {"paced": 1.0, "flat out": 0.0}[load]
    with SERVERS[server]() as (pids, address):
        before = cpu_s(pids)
        command = [sys.executable, "-m", "benchmarks.gateway", "client", f"ws://{address}/ws"]
        done = subprocess.run(
            [*command, str(sessions), str(seconds), str(pace_s)],
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds + 180,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{server}, {load}: the client failed")
        told = json.loads(done.stdout)
        if told.pop("first_error"):
            print(server, told, file=sys.stderr)
        used = (cpu_s(pids) - before) / max(1, told["steps"]) * 1e6
        return Measured(
            server, load, sessions, steps_per_s=told["steps"] / seconds, cpu_us=used, memory_mb=memory_mb(pids), **told
        )


def main() -> None:
    """Measures, prints the table, writes benchmarks/results/gateway.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--quick", action="store_true", help="10 seconds each")
    parser.add_argument("--only", choices=SERVERS, help="one server alone")
    parser.add_argument("--load", choices=("paced", "flat out"), help="one load alone")
    chosen = parser.parse_args()
    seconds = 10.0 if chosen.quick else chosen.seconds
    rows = [
        measure(server, load, chosen.sessions, seconds)
        for load in ("paced", "flat out")
        for server in SERVERS
        if chosen.only in (None, server) and chosen.load in (None, load)
    ]
    table = Table(title=f"{chosen.sessions} WebSocket sessions, {seconds:g} s each, {os.cpu_count()} cores")
    for column in ("server", "load", "steps/s", "p50 ms", "p99 ms", "max ms", "errors", "CPU µs a step", "MB"):
        table.add_column(column, justify="left" if column in ("server", "load") else "right")
    for row in rows:
        numbers = (row.steps_per_s, row.p50_ms, row.p99_ms, row.max_ms)
        cells = [f"{row.steps_per_s:,.0f}", *(f"{number:,.1f}" for number in numbers[1:])]
        table.add_row(row.server, row.load, *cells, f"{row.errors:,}", f"{row.cpu_us:,.0f}", f"{row.memory_mb:,.0f}")
    Console(width=110).print(table)
    if chosen.only is None and chosen.load is None:
        RESULTS.mkdir(exist_ok=True)
        about = {"cores": os.cpu_count(), "load_average": os.getloadavg(), "seconds": seconds}
        about |= {"rows": [asdict(row) for row in rows]}
        (RESULTS / "gateway.json").write_text(json.dumps(about, indent=2) + "\n")
    sys.exit(1 if any(row.errors for row in rows if row.server == "SQLEnv") else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        client(sys.argv[2:])
    else:
        main()
