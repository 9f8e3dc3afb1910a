"""Several environment services behind one gateway: shared out, and one that dies is missed by nobody."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway import replicas
from gateway.config import GatewaySettings
from gateway.replicas import Replicas, resolve
from tests.gateways import LiveGateway, Talk, http
from tests.live import LiveServices, process

ROOT = Path(__file__).resolve().parent.parent
TASK = "campus_pets-001"


def test_sessions_go_on_when_one_of_two_dies(services: LiveServices) -> None:
    with ExitStack() as stack:
        pair = [stack.enter_context(process("env_service", port=0, reward_target=services.reward)) for _ in range(2)]
        targets = ",".join(address for _, address in pair)
        live = stack.enter_context(LiveGateway(targets, services.reward, env_patience_ms=600))
        talks = [stack.enter_context(Talk(live)) for _ in range(8)]
        for talk in talks:
            talk.reset(task_id=TASK, seed=1)
            first = talk.step("QUERY SELECT 1")
        held = {episode.episode.client for episode in live.sessions._by_id.values() if episode.episode}
        assert len(held) > 4  # of both services
        pair[0][0].send_signal(signal.SIGKILL)
        pair[0][0].wait()
        for talk in talks:
            again = talk.step("QUERY SELECT 1")
            assert again["observation"]["step_count"] == 2
            assert again["reward"] < first["reward"]  # it knows the step before
        for talk in talks:
            talk.reset(task_id=TASK)
        with http(live) as client:
            assert client.get("/ready").status_code == 200


async def test_a_name_stands_for_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"env": ["10.0.0.2", "10.0.0.1"], "one": ["10.0.0.9"], "six": ["fe80::1"]}

    async def lookup(host: str, port: int, **options: Any) -> Any:
        if host not in known:
            raise OSError
        return [(2, 1, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    found = await resolve(["env:50051", "one:1", "six:1", "gone:1", "unix:/run/a.sock", "[::1]:5", "dns:///env:1"])
    assert found[:2] == ["10.0.0.1:50051", "10.0.0.2:50051"]
    assert found[2:] == ["one:1", "six:1", "gone:1", "unix:/run/a.sock", "[::1]:5", "dns:///env:1"]
    settings = GatewaySettings(_env_file=None, env_target="env:50051", env_streams=1)
    group = Replicas(settings)
    await group.refresh()
    before = {group.pick() for _ in range(6)}
    assert len(before) == 2
    known["env"] = ["10.0.0.2", "10.0.0.3"]
    monkeypatch.setattr(replicas, "LOOK_EVERY_S", 0.01)
    watching = asyncio.create_task(group.watch())
    while "10.0.0.3:50051" not in group.targets:
        await asyncio.sleep(0.01)
    watching.cancel()
    assert len({group.pick() for _ in range(6)} | before) == 3
    await group.close()


@pytest.mark.slow
def test_the_command_line(services: LiveServices) -> None:
    """`sqlenv gateway` with services of its own, and what it says when it is done."""
    started = subprocess.Popen(
        [sys.executable, "-m", "sqlenv.cli", "gateway", "--port", "0", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    try:
        address = json.loads(started.stdout.readline())["address"]

        class Place:
            port = int(address.rpartition(":")[2])
            url = f"http://{address}"

        with Talk(Place) as talk, http(Place) as client:  # type: ignore[arg-type]
            assert client.get("/ready").json()["services"] == {"environment": "SERVING", "reward": "SERVING"}
            talk.reset(task_id=TASK)
            assert talk.step("ANSWER 57")["reward"] > 1
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 0
    finally:
        if started.poll() is None:
            started.kill()
        _, said = started.communicate()
        assert "Traceback" not in said, said
