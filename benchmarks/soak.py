"""Many sessions for a long time: `python -m benchmarks.soak [--idle 10000] [--busy 256] [--seconds 600]`.

One environment process and one reward process; this process is the client, with all its load. First the idle sessions
are opened and take one step each. Then the busy ones play scripted episodes without pause: by unary calls, over Play
streams and by BatchStep, blocking on nothing but their own replies. Queries are ones that nobody asked before, but for
a third, so that the caches turn over. Every reply is compared with the same step's first one. At the end a sample of
the idle sessions takes its next step, which has to be what it would have been at the start.

Every 10 s and at the end: steps, errors, wrong replies, latency of a step, resident memory of both processes. It is
flat if its median in the last fifth is less than 5 % above its median in the first fifth after the warm-up, in which
the caches and the places for ended episodes fill. `warm_up_steps` tells whether they did: it should be above 20,000.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc
import uvloop

from benchmarks.soak_load import BATCH, TASKS, Sample, Soak, play, play_batches, script
from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc
from tests.live import process

RESULTS = Path(__file__).parent / "results"
# The services' caches are smaller here than by default, so that they are full, and turn over, after 20,000 steps: what
# fills a cache looks like a leak, and would hide one.
KEPT_SCORES = 4_096
KEPT_RESULTS_BYTES = 16 * 2**20
EVERY_S = 10.0
GROWTH_MAX = 0.05
SAMPLE = 200
IDLE_BATCH = 500
QUIET = ["grpc.max_receive_message_length", "grpc.max_send_message_length"]


async def open_idle(stub: Any, count: int) -> list[str]:
    """Opens `count` sessions and has each take its first step."""
    ids: list[str] = []
    while len(ids) < count:
        size = min(IDLE_BATCH, count - len(ids))
        reset = pb.ResetRequest(task=pb.TaskSelector(task_id=TASKS[0]), seed=0)
        results = (await stub.BatchReset(pb.BatchResetRequest(requests=[reset] * size), timeout=60)).results
        new = [result.response.episode_id for result in results]
        requests = [pb.StepRequest(episode_id=i, step_index=0, action=script(TASKS[0], 0)) for i in new]
        stepped = (await stub.BatchStep(pb.BatchStepRequest(requests=requests), timeout=60)).results
        assert all(result.WhichOneof("outcome") == "response" for result in stepped)
        ids += new
    return ids


async def wake_idle(soak: Soak, stub: Any, ids: list[str]) -> int:
    """Steps a sample of the idle sessions; returns how many answered as they would have at the start."""
    sample = random.Random(0).sample(ids, min(SAMPLE, len(ids)))
    right = 0
    for episode_id in sample:
        request = pb.StepRequest(episode_id=episode_id, step_index=1, action=script(TASKS[0], 1))
        try:
            response = await stub.Step(request, timeout=30)
        except grpc.RpcError as error:
            soak.errors[f"idle: {error.code().name}: {error.details()}"[:120]] += 1
            continue
        before = sum(soak.wrong.values())
        soak.check(TASKS[0], 1, response.observation, response.reward)
        right += sum(soak.wrong.values()) == before
    return right


def descriptors(pid: int) -> int:
    """Open files and sockets of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has ended")


async def watch(soak: Soak, pids: tuple[int, int], start: float, every_s: float) -> None:
    """Takes a sample every `every_s` seconds, and prints it."""
    steps, last = soak.steps, time.perf_counter()
    while True:
        await asyncio.sleep(every_s)
        now = time.perf_counter()
        seconds, soak.seconds = sorted(soak.seconds), []
        p50, p99 = (seconds[int(len(seconds) * q)] * 1000 if seconds else 0.0 for q in (0.5, 0.99))
        made = soak.steps - steps
        memory = resident_bytes(pids[0]), resident_bytes(pids[1])
        rate = made / (now - last)
        soak.samples.append(Sample(now - start, made, rate, p50, p99, *memory, *map(descriptors, pids)))
        steps, last = soak.steps, now
        errors, wrong = sum(soak.errors.values()), sum(soak.wrong.values())
        print(
            f"{now - start:6.0f} s {soak.steps:9,} steps {soak.samples[-1].steps_per_s:7,.0f}/s "
            f"p50 {p50:6.1f} p99 {p99:7.1f} ms  env {memory[0] / 2**20:6.1f} reward {memory[1] / 2**20:6.1f} MiB  "
            f"errors {errors} wrong {wrong}",
            flush=True,
        )


def growth(values: list[int]) -> float:
    """The median of the last fifth over that of the first, less 1."""
    part = max(1, len(values) // 5)
    return statistics.median(values[-part:]) / statistics.median(values[:part]) - 1


async def run(idle: int, busy: int, seconds: float, warm_up: float, every_s: float = EVERY_S) -> dict[str, Any]:
    """The whole run; its figures."""
    soak = Soak()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        socket = Path(folder) / "reward.sock"
        kept = {"score_cache_entries": KEPT_SCORES}
        reward_process, reward = stack.enter_context(process("reward_service", unix_socket=socket, **kept))
        # Longer than the run, so that idle sessions have to be kept; ended ones go when their places are needed.
        settings = {
            "session_ttl_ms": int((seconds + 600) * 1000),
            "max_sessions": idle + 4 * busy + 1024,
            "result_cache_bytes": KEPT_RESULTS_BYTES,
        }
        env_process, target = stack.enter_context(
            process("env_service", port=0, reward_target=reward, drain_ms=100, **settings)
        )
        options = [(name, -1) for name in QUIET]
        async with grpc.aio.insecure_channel(target, options=options) as channel:
            stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
            began, before = time.perf_counter(), resident_bytes(env_process.pid)
            ids = await open_idle(stub, idle)
            opened_s = time.perf_counter() - began
            each = (resident_bytes(env_process.pid) - before) / idle
            print(f"{len(ids):,} idle sessions opened in {opened_s:.1f} s, {each:,.0f} bytes each", flush=True)
            stop = asyncio.Event()
            batches = busy // 4 // BATCH
            players = busy - batches * BATCH
            unary = [AsyncSqlEnvClient(target) for _ in range(4)]
            streams = [AsyncSqlEnvClient(target, stream=True) for _ in range(4)]
            start = time.perf_counter()
            busy_tasks = [
                asyncio.create_task(play(soak, (unary if n % 2 else streams)[n // 2 % 4], stop, n))
                for n in range(players)
            ] + [asyncio.create_task(play_batches(soak, stub, stop, n)) for n in range(batches)]
            watching = asyncio.create_task(watch(soak, (env_process.pid, reward_process.pid), start, every_s))
            await asyncio.sleep(seconds)
            watching.cancel()
            stop.set()
            await asyncio.gather(*busy_tasks)
            with suppress(asyncio.CancelledError):
                await watching
            answered = await wake_idle(soak, stub, ids)
            for client in unary + streams:
                await client.close()
    steady = [sample for sample in soak.samples if sample.at_s > warm_up]
    return {
        "idle": idle,
        "busy": busy,
        "seconds": seconds,
        "warm_up_s": warm_up,
        "warm_up_steps": sum(sample.steps for sample in soak.samples if sample.at_s <= warm_up),
        "steps": soak.steps,
        "episodes": soak.episodes,
        "steps_per_s": soak.steps / seconds,
        "errors": dict(soak.errors),
        "wrong": dict(soak.wrong),
        "idle_bytes_each": each,
        "idle_asked": min(SAMPLE, idle),
        "idle_answered": answered,
        "p50_ms": statistics.median(sample.p50_ms for sample in steady),
        "p99_ms": statistics.median(sample.p99_ms for sample in steady),
        "env_mib": [steady[0].env_bytes / 2**20, steady[-1].env_bytes / 2**20],
        "reward_mib": [steady[0].reward_bytes / 2**20, steady[-1].reward_bytes / 2**20],
        "env_growth": growth([sample.env_bytes for sample in steady]),
        "reward_growth": growth([sample.reward_bytes for sample in steady]),
        "env_descriptors": [steady[0].env_descriptors, steady[-1].env_descriptors],
        "reward_descriptors": [steady[0].reward_descriptors, steady[-1].reward_descriptors],
        "samples": [asdict(sample) for sample in soak.samples],
    }


def faults(figures: dict[str, Any]) -> list[str]:
    """What is not as it should be, in words."""
    found = [f"{count} errors: {words}" for words, count in figures["errors"].items()]
    found += [f"{count} wrong replies: {where}" for where, count in figures["wrong"].items()]
    if figures["idle_answered"] != figures["idle_asked"]:
        found.append(f"{figures['idle_answered']} of {figures['idle_asked']} idle sessions answered as they should")
    for name in ("env", "reward"):
        if figures[f"{name}_growth"] > GROWTH_MAX:
            found.append(f"memory of the {name} process grew by {figures[f'{name}_growth']:.1%}")
    return found


def main() -> None:
    """Runs, prints the figures, writes the JSON; exits with 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--busy", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--warm-up", type=float, help="seconds; a fifth of the run by default")
    asked = parser.parse_args()
    warm_up = asked.warm_up if asked.warm_up is not None else asked.seconds / 5
    every_s = min(EVERY_S, asked.seconds / 20)
    figures = uvloop.run(run(asked.idle, asked.busy, asked.seconds, warm_up, every_s))
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / "soak.json"
    out.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        if name != "samples":
            print(f"{name}: {value}")
    print(f"written to {out}")
    wrong = faults(figures)
    print("\n".join(wrong) or "no error, nothing wrong, memory flat")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
