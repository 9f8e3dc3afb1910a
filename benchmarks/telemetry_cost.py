"""What observing costs a step: `python -m benchmarks.telemetry_cost [--rounds 12]`.

Two pairs of services at once: one as it is, one whose counters, histograms, RPC interceptor and log context do nothing.
They are asked in turns, so that what else the machine does meets both. Cost is the CPU time of both processes by step,
which other work on the machine disturbs less than it does steps a second; both are printed. Traces are off, as they are
unless asked for. On a machine that does other work a difference of some percent is noise (± is the ratio's standard
error); so `--parts` times what a step calls by itself, which is to be held against the CPU time of a step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.steps import scripts
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc

RESULTS = Path(__file__).parent / "results"
EPISODES = 128
CALLERS = 64
BLIND = "--blind"

Run = Callable[[Any, list[list[pb.StepRequest]]], Awaitable[object]]


def blind(module: str) -> None:
    """Runs a service that observes nothing."""
    from sqlenv import server
    from sqlenv.telemetry import logs, tallies
    from sqlenv.telemetry import service as telemetry

    class Through(grpc.aio.ServerInterceptor):  # type: ignore[misc]
        def __init__(self, told: telemetry.Telemetry) -> None:
            pass

        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            return await continuation(details)

    class Nothing:
        code = "OK"

        def __enter__(self) -> Nothing:
            return self

        def __exit__(self, *exc: object) -> None:
            pass

    nothing = Nothing()
    replaced: list[tuple[Any, str, Any]] = [
        (server, "ObservingInterceptor", Through),
        (tallies.Tally, "inc", lambda self: None),
        (tallies.Distribution, "observe", lambda self, value: None),
        (telemetry.Telemetry, "message", lambda self, method: nothing),
        (logs.FailureLog, "write", lambda self, error, method: None),
    ]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def start(stack: ExitStack, module: str, blindly: bool, **settings: str) -> tuple[int, str]:
    """Starts a service; its process and address."""
    command = [sys.executable, "-m", "benchmarks.telemetry_cost", BLIND, module]
    process = stack.enter_context(
        subprocess.Popen(
            command if blindly else [sys.executable, "-m", module],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    return process.pid, json.loads(process.stdout.readline())["address"]


def cpu_s(pid: int) -> float:
    """CPU time of a process's threads, in seconds; finer than /proc/PID/stat."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


async def unary(stub: Any, found: list[list[pb.StepRequest]]) -> None:
    """CALLERS at once, one call a step."""

    async def caller(mine: list[list[pb.StepRequest]]) -> None:
        for script in mine:
            for request in script:
                await stub.Step(request)

    await asyncio.gather(*(caller(found[n::CALLERS]) for n in range(CALLERS)))


async def play(stub: Any, found: list[list[pb.StepRequest]]) -> None:
    """CALLERS at once, each with a stream."""

    async def caller(mine: list[list[pb.StepRequest]]) -> None:
        stream = stub.Play()
        for script in mine:
            for request in script:
                await stream.write(pb.PlayRequest(step=request))
                assert await stream.read() is not grpc.aio.EOF
        await stream.done_writing()
        await stream.read()

    await asyncio.gather(*(caller(found[n::CALLERS]) for n in range(CALLERS)))


async def batches(stub: Any, found: list[list[pb.StepRequest]]) -> None:
    """64 steps a call, one call at a time."""
    for first in range(0, len(found), 64):
        for turn in zip(*found[first : first + 64], strict=True):
            await stub.BatchStep(pb.BatchStepRequest(requests=turn))


KINDS: dict[str, Run] = {"Step": unary, "Play": play, "BatchStep(64)": batches}


async def measure(rounds: int) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """For each kind of call, for "on" and "off": CPU seconds a step and steps a second, by round."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {kind: {"on": [], "off": []} for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pairs = {}
        for name in ("on", "off"):
            socket = f"{folder}/{name}.sock"
            reward, address = start(stack, "reward_service", name == "off", SQLENV_REWARD_UNIX_SOCKET=socket)
            settings = {"SQLENV_ENV_PORT": "0", "SQLENV_ENV_REWARD_TARGET": address}
            env, target = start(stack, "env_service", name == "off", **settings)
            pairs[name] = ((env, reward), target)
        for number in range(rounds + 1):
            for kind, run in KINDS.items():
                for name in ("on", "off") if number % 2 else ("off", "on"):
                    pids, target = pairs[name]
                    async with grpc.aio.insecure_channel(target) as channel:
                        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
                        mine = await scripts(stub, EPISODES, fresh=True)
                        before, began = sum(map(cpu_s, pids)), time.perf_counter()
                        await run(stub, mine)
                        steps, wall = sum(map(len, mine)), time.perf_counter() - began
                        if number:  # the first round warms up
                            found[kind][name].append(((sum(map(cpu_s, pids)) - before) / steps, steps / wall))
                        for script in mine:
                            await stub.CloseEpisode(pb.CloseEpisodeRequest(episode_id=script[0].episode_id))
    return found


def parts() -> None:
    """Prints how long the calls take that observe a step, in microseconds: the least of 20 tries."""
    from env_service.metrics import EnvMetrics
    from reward_service.metrics import RewardMetrics
    from sqlenv.actions import Action, Query
    from sqlenv.sqlite.executor import QueryExecutor
    from sqlenv.telemetry import logs
    from sqlenv.telemetry.observe import _Rpc
    from sqlenv.telemetry.service import Telemetry
    from sqlenv.types import Outcome, Result

    told = Telemetry("environment")
    env, reward = EnvMetrics(told), RewardMetrics(Telemetry("reward"))
    executor = QueryExecutor(1, 1_000)
    told.metrics.watch_queries(executor)
    outcome, action = Outcome(Result(("a",), ((1,),), 1), 5), Query("SELECT 1")
    queries: list[Action] = [action]

    def step() -> None:
        logs.episode_id.set("x")
        with env.step_span("x", queries[0]), env.tracing.span("query"):
            env.cache_miss.inc()
            executor.on_outcome(outcome, time.monotonic() - time.monotonic(), False)
        env.tracing.here()
        time.perf_counter()
        env.step(action)
        reward.looked_up("levels", False)
        reward.steps["dense"].inc()

    def scoring_call() -> None:
        env.queue_seconds.observe(time.perf_counter())
        with env.reward_call(1), env.tracing.span("score", "client", None, [None], {"steps": 1}):
            env.tracing.inject()

    def rpc() -> None:
        with _Rpc(told, "/sqlenv.v1.EnvironmentService/Step", None) as observed:
            observed.time()

    def message() -> None:
        with told.message("Play.step"):
            pass

    for what in (step, scoring_call, rpc, message):
        print(f"{what.__name__:14} {min(timeit.repeat(what, number=10_000, repeat=20)) * 100:6.2f} µs")
    executor.close()


def main() -> None:
    """Measures, prints the table, writes the JSON."""
    if BLIND in sys.argv:
        module = sys.argv[-1]
        sys.argv[1:] = []
        blind(module)
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.telemetry_cost")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--parts", action="store_true")
    asked = parser.parse_args()
    if asked.parts:
        parts()
        return
    found = uvloop.run(measure(asked.rounds))
    table = Table(title="Observing, on and off")
    for name in ("", "CPU µs on", "off", "on / off", "±", "steps/s on / off"):
        table.add_column(name, justify="left" if not name else "right")
    rows = {}
    for kind, sides in found.items():
        on, off = ([cpu for cpu, _ in sides[name]] for name in ("on", "off"))
        ratios = [a / b for a, b in zip(on, off, strict=True)]
        speeds = [statistics.median(rate for _, rate in sides[name]) for name in ("on", "off")]
        error = statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else 0.0
        ratio = statistics.median(ratios)
        rows[kind] = {"cpu_ratio": ratio, "standard_error": error, "speed_ratio": speeds[0] / speeds[1]}
        cells = (f"{statistics.median(on) * 1e6:.0f}", f"{statistics.median(off) * 1e6:.0f}")
        table.add_row(kind, *cells, f"{ratio:.3f}", f"{error:.3f}", f"{speeds[0] / speeds[1]:.3f}")
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "telemetry_cost.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
