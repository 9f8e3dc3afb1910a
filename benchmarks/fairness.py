"""Does one that sends a lot starve the others? `python -m benchmarks.fairness [--quick]`.

The services are processes; a greedy client, a process too, keeps 512 steps in flight over one channel, or eight batches
of 256; a modest one, this process, takes one step at a time. Each step's query is one that nobody asked before. Rows:
the modest client alone, beside the greedy one, and beside it at servers without bounds, which take work as it comes.
`python -m benchmarks.fairness --cost` prints what turns and tokens cost a call, in microseconds of CPU.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import grpc
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.steps import OPTIONS, scripts
from sqlenv.serving.auth import AuthInterceptor
from sqlenv.serving.callers import CallerInterceptor
from sqlenv.serving.fairness import Turns
from sqlenv.serving.tokens import TokenBook
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc
from tests.live import process

RESULTS = Path(__file__).parent / "results"
GREEDY_IN_FLIGHT = 512
GREEDY_BATCHES = 8
BATCH = 256
UNBOUNDED = 1_000_000
TOKEN = "a-token-of-forty-three-characters-and-so-on"


@dataclass
class Row:
    """The modest client's latencies in milliseconds, and the greedy one's steps a second meanwhile."""

    greedy: str
    share: str
    steps: int
    p50_ms: float
    p99_ms: float
    greedy_steps_per_s: float


async def greedy(target: str, batches: bool) -> None:
    """Steps until it is ended; prints how many steps it has taken, now and then."""
    taken = 0

    async def caller(stub: Any) -> None:
        nonlocal taken
        while True:
            if batches:
                for turn in zip(*await scripts(stub, BATCH, True), strict=True):
                    await stub.BatchStep(pb.BatchStepRequest(requests=turn))
                    taken += BATCH
            else:
                for step in (await scripts(stub, 1, True))[0]:
                    await stub.Step(step)
                    taken += 1

    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel, asyncio.TaskGroup() as group:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        for _ in range(GREEDY_BATCHES if batches else GREEDY_IN_FLIGHT):
            group.create_task(caller(stub))
        while True:
            await asyncio.sleep(0.25)
            print(json.dumps([time.monotonic(), taken]), flush=True)


@contextmanager
def beside(target: str, kind: str) -> Iterator[list[list[float]]]:
    """Runs the greedy client, if one is asked for; yields what it says, once it is at full speed."""
    said: list[list[float]] = []
    if kind == "none":
        yield said
        return
    command = [sys.executable, "-m", "benchmarks.fairness", f"--greedy-{kind}", target]
    with Popen(command, stdout=PIPE, text=True) as client:
        assert client.stdout is not None
        try:
            for _ in range(8):
                client.stdout.readline()
            yield said
            client.terminate()
            said.extend(json.loads(line) for line in client.stdout if line.endswith("\n"))
        finally:
            client.kill()


async def modest(target: str, seconds: float) -> list[float]:
    """One step at a time; seconds that each took."""
    took = []
    async with grpc.aio.insecure_channel(target, options=[*OPTIONS, ("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for step in (await scripts(stub, 1, True))[0]:
                start = time.perf_counter()
                await stub.Step(step)
                took.append(time.perf_counter() - start)
    return sorted(took)


async def measure(shares: list[int], seconds: float) -> list[Row]:
    """All rows."""
    rows = []
    for share in shares:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            _, reward = stack.enter_context(process("reward_service", unix_socket=Path(folder) / "reward.sock"))
            settings = {"port": 0, "reward_target": reward, "shared_in_flight": share, "max_sessions": 100_000}
            if share >= UNBOUNDED:
                settings |= {"alone_in_flight": UNBOUNDED, "max_connection_in_flight": UNBOUNDED}
            _, target = stack.enter_context(process("env_service", **settings))
            for kind in ("none", "steps", "batches"):
                with beside(target, kind) as said:
                    took = await modest(target, seconds)
                speed = (said[-1][1] - said[0][1]) / (said[-1][0] - said[0][0]) if len(said) > 1 else 0.0
                p50, p99 = (took[min(len(took) - 1, int(len(took) * q))] * 1000 for q in (0.5, 0.99))
                rows.append(Row(kind, str(share) if share < UNBOUNDED else "no bounds", len(took), p50, p99, speed))
                print(rows[-1], file=sys.stderr, flush=True)
    return rows


async def cost() -> None:
    """CPU time that turns and tokens add to a call, the least of 15 rounds: a busy machine changes little."""

    class Context:
        def peer(self) -> str:
            return "ipv4:127.0.0.1:5"

        def time_remaining(self) -> float:
            return 10.0

    class Details:
        method = "/sqlenv.v1.EnvironmentService/Step"
        invocation_metadata = (
            ("user-agent", "grpc"),
            ("authorization", f"Bearer {TOKEN}"),
        )

    async def behavior(request: Any, context: Any) -> Any:
        return request

    handler = grpc.unary_unary_rpc_method_handler(behavior)
    callers = CallerInterceptor(Turns(512, 32, 8_192, 2_048), False)
    auth = AuthInterceptor(TokenBook(None, TOKEN))

    async def bare(details: Any) -> Any:
        return handler

    async def turns(details: Any) -> Any:
        return await callers.intercept_service(bare, details)

    async def tokens(details: Any) -> Any:
        return await auth.intercept_service(turns, details)

    async def once(intercept: Any) -> float:
        start = time.process_time()
        for _ in range(20_000):
            found = await intercept(Details)
            await found.unary_unary(None, Context())
        return (time.process_time() - start) / 20_000 * 1e6

    floor, with_turns, with_tokens = [min([await once(kind) for _ in range(15)]) for kind in (bare, turns, tokens)]
    print(f"turns {with_turns - floor:.1f} µs a call, tokens {with_tokens - with_turns:.1f} µs more")


def main() -> None:
    """Measures, prints the table, writes the JSON."""
    if "--cost" in sys.argv:
        asyncio.run(cost())
        return
    if sys.argv[1:2] and sys.argv[1].startswith("--greedy-"):
        asyncio.run(greedy(sys.argv[2], sys.argv[1].endswith("batches")))
        return
    given = [int(word) for word in sys.argv[1:] if word.isdigit()]
    rows = uvloop.run(measure(given or [32, UNBOUNDED], 4 if "--quick" in sys.argv else 15))
    quiet = rows[0].p99_ms
    table = Table(title="One step at a time beside a greedy client")
    for name in ("greedy client", "shared", "steps", "p50 ms", "p99 ms", "of quiet p99", "greedy steps/s"):
        table.add_column(name, justify="left" if name == "greedy client" else "right")
    names = {
        "none": "none",
        "steps": f"{GREEDY_IN_FLIGHT} steps in flight",
        "batches": f"{GREEDY_BATCHES} × BatchStep({BATCH})",
    }
    for row in rows:
        cells = (
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.p99_ms / quiet:.1f}",
            f"{row.greedy_steps_per_s:,.0f}",
        )
        table.add_row(names[row.greedy], row.share, str(row.steps), *cells)
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / "fairness.json"
    out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    print(f"written to {out}")


if __name__ == "__main__":
    main()
