"""Steps a second and their latency, over the wire and with their scores: `python -m benchmarks.steps [--quick]`.

In one run, each with its own server processes on this machine:

    raw SQLite      the same queries by apsw in this process: what a step can't be faster than
    echo            a bare grpc.aio server that answers with as many bytes: what gRPC costs
    SQLEnv          environment and reward service: the query executed, rendered and scored

A step is one QUERY of a small SELECT on the bundled data; episodes are reset beforehand. Each step's query is one that
nobody asked before, but for the rows "repeated": there all episodes ask the same ones, as the rollouts of a group do.
The client is this process. Only ratios travel between machines.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import apsw
import grpc
import uvloop
from rich.console import Console
from rich.table import Table

from sqlenv.tasks import BUNDLED, database_path
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc, types_pb2
from tests.live import process

RESULTS = Path(__file__).parent / "results"
TASK = "campus_pets-001"
STEPS_AN_EPISODE = 14
BATCH = 64
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def sql(number: int, salt: int) -> str:
    """A small query; another one for each step of an episode, and for each salt."""
    return f"SELECT name, species, weight_kg FROM pet WHERE pet_id % 20 = {number} AND pet_id <> {-salt} ORDER BY name"


@dataclass
class Measured:
    """One row of the table. Latencies are of a call, in milliseconds; a BatchStep call is 64 steps."""

    name: str
    callers: int
    steps_per_s: float
    p50_ms: float
    p99_ms: float


def summarise(name: str, callers: int, seconds: list[float], steps: int, wall: float) -> Measured:
    """A row from the latencies of all calls."""
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1000 for q in (0.5, 0.99))
    return Measured(name, callers, steps / wall, p50, p99)


def raw_sqlite(count: int) -> Measured:
    """The queries alone."""
    with closing(apsw.Connection(str(database_path(BUNDLED, "campus_pets")))) as connection:
        seconds = []
        start = time.perf_counter()
        for number in range(count):
            before = time.perf_counter()
            connection.execute(sql(number % STEPS_AN_EPISODE, number), can_cache=False).fetchall()
            seconds.append(time.perf_counter() - before)
        return summarise("raw SQLite, in process", 1, seconds, count, time.perf_counter() - start)


async def drive(name: str, callers: list[Callable[[], Awaitable[list[float]]]], steps: int) -> Measured:
    """Runs the callers side by side; each returns the latencies of its calls."""
    start = time.perf_counter()
    latencies = await asyncio.gather(*(caller() for caller in callers))
    wall = time.perf_counter() - start
    return summarise(name, len(callers), [s for each in latencies for s in each], steps, wall)


def unary_caller(call: Any, requests: list[Any]) -> Callable[[], Awaitable[list[float]]]:
    """Sends its requests one after the other."""

    async def run() -> list[float]:
        seconds = []
        for request in requests:
            before = time.perf_counter()
            await call(request)
            seconds.append(time.perf_counter() - before)
        return seconds

    return run


def stream_caller(open_stream: Callable[[], Any], requests: list[Any]) -> Callable[[], Awaitable[list[float]]]:
    """Sends its requests one after the other over a stream of its own."""

    async def run() -> list[float]:
        seconds = []
        stream = open_stream()
        for request in requests:
            before = time.perf_counter()
            await stream.write(request)
            response = await stream.read()
            seconds.append(time.perf_counter() - before)
            assert response is not grpc.aio.EOF
        await stream.done_writing()
        await stream.read()
        return seconds

    return run


_salts = itertools.count(1)


def step_requests(episode_id: str, salt: int = 0) -> list[pb.StepRequest]:
    """All steps of an episode; with salt 0 the same queries as every other episode's, else its own."""
    actions = [types_pb2.Action(query=types_pb2.Query(sql=sql(i, salt))) for i in range(STEPS_AN_EPISODE)]
    return [pb.StepRequest(episode_id=episode_id, step_index=i, action=action) for i, action in enumerate(actions)]


async def scripts(stub: Any, count: int, fresh: bool) -> list[list[pb.StepRequest]]:
    """Starts episodes; returns all steps of each."""
    found: list[list[pb.StepRequest]] = []
    while len(found) < count:
        reset = pb.ResetRequest(task=pb.TaskSelector(task_id=TASK), seed=0)
        batch = pb.BatchResetRequest(requests=[reset] * min(512, count - len(found)))
        for result in (await stub.BatchReset(batch)).results:
            found.append(step_requests(result.response.episode_id, next(_salts) if fresh else 0))
    return found


async def sqlenv_rows(target: str, per_caller: int) -> list[Measured]:
    """Ours: unary, Play and BatchStep; with queries that nobody asked before, and with a group's common ones."""
    rows = []
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        for fresh, suffix in ((True, ""), (False, ", repeated")):
            for callers in (1, 64):
                rounds = per_caller * (8 if callers == 1 else 1)
                steps = callers * rounds * STEPS_AN_EPISODE
                for name in ("Step", "Play"):
                    mine = [list(chain(*await scripts(stub, rounds, fresh))) for _ in range(callers)]
                    if name == "Step":
                        drivers = [unary_caller(stub.Step, script) for script in mine]
                    else:
                        wrapped = [[pb.PlayRequest(step=request) for request in script] for script in mine]
                        drivers = [stream_caller(stub.Play, script) for script in wrapped]
                    rows.append(await drive(f"SQLEnv {name}{suffix}", drivers, steps))
            for callers in (1, 4):
                drivers = []
                for _ in range(callers):
                    batches: list[pb.BatchStepRequest] = []
                    for _ in range(per_caller):
                        turns = zip(*await scripts(stub, BATCH, fresh), strict=True)
                        batches.extend(pb.BatchStepRequest(requests=turn) for turn in turns)
                    drivers.append(unary_caller(stub.BatchStep, batches))
                steps = callers * per_caller * STEPS_AN_EPISODE * BATCH
                rows.append(await drive(f"SQLEnv BatchStep({BATCH}){suffix}", drivers, steps))
    return rows


async def echo_rows(target: str, per_caller: int, request: bytes, batch: int) -> list[Measured]:
    """The floor: as many bytes, nothing behind them. `batch`: messages that one call stands for."""
    rows = []
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        unary, stream = channel.unary_unary("/Echo/Unary"), channel.stream_stream("/Echo/Stream")
        for callers in (1, 64) if batch == 1 else (1, 4):
            count = STEPS_AN_EPISODE * per_caller * (8 if callers == 1 and batch == 1 else 1)
            requests = [request] * count
            name = "echo unary" if batch == 1 else f"echo unary, {batch} in one"
            drivers = [unary_caller(unary, requests) for _ in range(callers)]
            rows.append(await drive(name, drivers, callers * count * batch))
            if batch == 1:
                drivers = [stream_caller(stream, requests) for _ in range(callers)]
                rows.append(await drive("echo stream", drivers, callers * count))
    return rows


async def payloads(target: str) -> tuple[bytes, bytes]:
    """A request and a response as they are on the wire."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        request = (await scripts(stub, 1, True))[0][0]
        return request.SerializeToString(), (await stub.Step(request)).SerializeToString()


def echo_server(stack: ExitStack, size: int) -> str:
    """Starts the floor's server; returns its address."""
    command = [sys.executable, "-m", "benchmarks.echo_server", str(size)]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(server.kill)
    assert server.stdout is not None
    address: str = json.loads(server.stdout.readline())["address"]
    return address


async def measure(per_caller: int) -> tuple[list[Measured], dict[str, int]]:
    """All rows, and the sizes of the payload."""
    rows = [raw_sqlite(2_000)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        socket = Path(folder) / "reward.sock"
        _, reward = stack.enter_context(process("reward_service", unix_socket=socket))
        _, target = stack.enter_context(process("env_service", port=0, reward_target=reward))
        request, response = await payloads(target)
        rows += await echo_rows(echo_server(stack, len(response)), per_caller, request, 1)
        rows += await echo_rows(echo_server(stack, len(response) * BATCH), per_caller, request * BATCH, BATCH)
        rows += await sqlenv_rows(target, per_caller)
    return rows, {"request_bytes": len(request), "response_bytes": len(response)}


def floor_of(row: Measured, rows: list[Measured]) -> Measured | None:
    """The echo that a row of ours is held against."""
    kinds = {"SQLEnv Step": "echo unary", "SQLEnv Play": "echo stream"}
    wanted = kinds.get(row.name.removesuffix(", repeated"), f"echo unary, {BATCH} in one")
    same = [r for r in rows if r.name == wanted and r.callers == row.callers]
    return same[0] if same and row.name.startswith("SQLEnv") else None


def main() -> None:
    """Measures, prints the table, writes the JSON."""
    rows, sizes = uvloop.run(measure(2 if "--quick" in sys.argv else 12))
    table = Table(title=f"Steps with scores ({sizes['request_bytes']} bytes up, {sizes['response_bytes']} down)")
    for name in ("", "callers", "steps/s", "p50 ms", "p99 ms", "of echo"):
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        floor = floor_of(row, rows)
        share = f"{row.steps_per_s / floor.steps_per_s:.0%}" if floor else ""
        cells = (f"{row.steps_per_s:,.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", share)
        table.add_row(row.name, str(row.callers), *cells)
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / "steps.json"
    out.write_text(json.dumps({**sizes, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    print(f"written to {out}")


if __name__ == "__main__":
    main()
