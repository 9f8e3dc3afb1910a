"""Clients that die, connections that go silent, readers that don't read: the server gives back what they held."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

import sqlenv.aio
import sqlenv.client
from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.calling.protocol import Retry
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import Exhausted, ServiceError
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc
from tests.failures.players import slack
from tests.failures.proxy import Proxy
from tests.live import LiveServices, process

ONCE = Retry(patience_s=0)
TASK = "campus_pets-001"

VICTIM = """
import sys, time
from sqlenv.client import SqlEnvClient
client = SqlEnvClient(sys.argv[1], stream=sys.argv[2] == "stream")
episodes = [client.reset(task_id="campus_pets-001", seed=i) for i in range(4)]
for episode in episodes:
    episode.query("SELECT count(*) FROM pet")
print("ready", flush=True)
time.sleep(60)
"""


def resident_bytes(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


@contextmanager
def services(folder: Path, **settings: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with process("reward_service", unix_socket=folder / "r.sock") as (_, reward):
        with process("env_service", port=0, reward_target=reward, **settings) as started:
            yield started


@pytest.mark.parametrize("how", [pytest.param("unary", marks=pytest.mark.slow), "stream"])
def test_what_a_killed_client_held_comes_back(tmp_path: Path, how: str) -> None:
    """Its sessions belong to it, not to its connection: another may go on with them, until they expire."""
    with services(tmp_path, max_sessions=4, session_ttl_ms=2_000) as (_, target), SqlEnvClient(target) as other:
        victim = subprocess.Popen([sys.executable, "-c", VICTIM, target, how], stdout=subprocess.PIPE, text=True)
        assert victim.stdout is not None
        with victim.stdout:
            assert victim.stdout.readline() == "ready\n"
            victim.kill()
            victim.wait()
        started = time.monotonic()
        with SqlEnvClient(target, retry=ONCE) as hasty, pytest.raises(Exhausted) as caught:
            hasty.reset(seed=0)
        assert caught.value.retry_after_s
        episodes = [other.reset(task_id=TASK, seed=i) for i in range(4)]  # waits for all four places
        assert time.monotonic() - started < slack(6)
        assert len(episodes) == 4


def test_a_connection_without_another_end_is_noticed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that forwards nothing more and closes nothing, as a host that lost its power. Here 20 s are one."""
    quick = {"grpc.keepalive_time_ms": 1_000, "grpc.keepalive_timeout_ms": 500, "grpc.http2.ping_timeout_ms": 500}
    options = [(name, quick.get(name, value)) for name, value in sqlenv.client.OPTIONS]
    monkeypatch.setattr(sqlenv.client, "OPTIONS", options)
    monkeypatch.setattr(sqlenv.aio, "OPTIONS", options)
    with LiveServices(min_client_ping_ms=500) as live, Proxy(live.env) as proxy:
        for stream in (False, True):
            with SqlEnvClient(proxy.address, stream=stream) as client:
                episode = client.reset(task_id=TASK, seed=0)
                episode.query("SELECT 1")
                proxy.abandon()
                started = time.monotonic()
                assert episode.query("SELECT 2").observation.step_count == 2
                assert time.monotonic() - started < slack(6)

        async def play(stream: bool) -> float:
            async with AsyncSqlEnvClient(proxy.address, stream=stream) as client:
                episode = await client.reset(task_id=TASK, seed=0)
                await episode.query("SELECT 1")
                await asyncio.to_thread(proxy.abandon)
                started = time.monotonic()
                assert (await episode.query("SELECT 2")).observation.step_count == 2
                return time.monotonic() - started

        for stream in (False, True):
            assert live.run(play(stream)) < slack(6)


def test_the_shipped_keepalive_notices_within_a_callers_patience() -> None:
    options = dict(sqlenv.client.OPTIONS)
    notices_s = (options["grpc.keepalive_time_ms"] + options["grpc.keepalive_timeout_ms"]) / 1000
    assert notices_s < 30 < Retry().patience_s


@pytest.mark.slow
def test_a_server_forgets_a_client_that_went_silent(tmp_path: Path) -> None:
    """Its connection, its stream and the steps under way on it; not its episode, which it may come back for."""
    with services(tmp_path, ping_ms=1_000, query_wall_ms=20_000) as (env, target), ExitStack() as stack:
        proxy = stack.enter_context(Proxy(target))
        clients = [stack.enter_context(SqlEnvClient(proxy.address, stream=True)) for _ in range(8)]
        episodes = [client.reset(task_id=TASK, seed=0) for client in clients]
        before = connections(env.pid)
        assert before >= 1
        proxy.hold()
        deadline = time.monotonic() + 40
        while connections(env.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert connections(env.pid) == 0
        proxy.drop()
        proxy.release()
        with SqlEnvClient(target) as again:
            assert Episode(again, episodes[0].log).query("SELECT 1").observation.step_count == 1


def connections(pid: int) -> int:
    """Established TCP connections of a process to others, its listening socket and its reward line aside."""
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(entry.path)
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    count = 0
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            count += fields[3] == "01" and fields[9] in inodes
    return count


def test_a_reader_that_does_not_read_holds_up_itself_alone(tmp_path: Path) -> None:
    """Thousands of large responses asked for over Play and none read: bounded memory, others as fast as ever."""
    big = "SELECT hex(zeroblob(40000)), student_id FROM student LIMIT 3 -- " + "x" * 8_000
    with services(tmp_path) as (env, target), SqlEnvClient(target) as client:
        episode = client.reset(task_id=TASK, seed=0)
        before = resident_bytes(env.pid)

        async def flood() -> int:
            """Sends until nothing more is taken for a second."""
            async with grpc.aio.insecure_channel(target) as channel:
                stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
                start = pb.ResetRequest(task=pb.TaskSelector(task_id=TASK), seed=0)
                episode_id = (await stub.Reset(start)).episode_id
                step = pb.StepRequest(episode_id=episode_id, step_index=0, action={"query": {"sql": big}})
                stream = stub.Play()
                sent = 0
                for tag in itertools.count():
                    try:
                        await asyncio.wait_for(stream.write(pb.PlayRequest(tag=tag, step=step)), 1.0)
                    except TimeoutError:
                        break
                    sent += 1
                    if sent >= 20_000:
                        break
                return sent

        sent = asyncio.run(flood())
        assert sent < 20_000  # the server stopped taking more
        assert resident_bytes(env.pid) - before < 100 * 2**20
        started = time.monotonic()
        assert episode.query("SELECT 1").observation.step_count == 1
        assert time.monotonic() - started < slack(1)


def test_the_other_requests_of_a_refused_stream_go_on(tmp_path: Path) -> None:
    """One message that is too large ends a Play stream, and everything on it is sent again: only its sender hears."""
    with LiveServices(max_message_bytes=2**16) as live, SqlEnvClient(live.env, stream=True) as client:
        episodes = [client.reset(task_id=TASK, seed=i) for i in range(6)]
        seen: list[int] = []
        refused: list[ServiceError] = []

        def play(episode: Episode) -> None:
            for number in range(12):
                seen.append(episode.query(f"SELECT {number}").observation.step_count)

        def break_it() -> None:
            for _ in range(4):
                try:
                    client.get_episode("x" * 2**17)
                except ServiceError as error:
                    refused.append(error)
                time.sleep(0.01)

        threads = [threading.Thread(target=play, args=(episode,)) for episode in episodes]
        threads.append(threading.Thread(target=break_it))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 6 * 12
        assert {error.reason for error in refused} == {"MESSAGE_TOO_LARGE"}
        assert len(refused) == 4


async def test_an_undecodable_message_ends_its_stream_and_takes_no_step(services: LiveServices) -> None:
    """Whose it was can't be known; the steps under way on that stream may be sent again, on another."""
    async with grpc.aio.insecure_channel(services.env) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        start = pb.ResetRequest(task=pb.TaskSelector(task_id=TASK), seed=0)
        episode_id = (await stub.Reset(start)).episode_id
        raw = channel.stream_stream("/sqlenv.v1.EnvironmentService/Play", lambda data: data, pb.PlayResponse.FromString)
        step = pb.StepRequest(episode_id=episode_id, step_index=0, action={"query": {"sql": "SELECT 1"}})
        stream = raw()
        await stream.write(pb.PlayRequest(tag=1, step=step).SerializeToString())
        await stream.write(b"\xff\xff\xff")
        with pytest.raises(grpc.RpcError) as caught:
            await read_all(stream)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        response = await stub.Step(step)  # once, whether it had been taken on the stream or not
        assert response.observation.step_count == 1


async def read_all(stream: Any) -> None:
    while await stream.read() is not grpc.aio.EOF:
        pass


def test_the_other_requests_of_a_stream_with_an_undecodable_message_go_on(services: LiveServices) -> None:
    with SqlEnvClient(services.env, stream=True) as client:
        assert client._stream is not None

        def encode(message: pb.PlayRequest) -> bytes:
            return b"\xff\xff\xff" if message.tag == BROKEN else message.SerializeToString()

        play = client._channel.stream_stream("/sqlenv.v1.EnvironmentService/Play", encode, pb.PlayResponse.FromString)
        client._stream._stub = SimpleNamespace(Play=play)
        episodes = [client.reset(task_id=TASK, seed=i) for i in range(4)]
        broken = 0
        with ThreadPoolExecutor(4) as pool:
            for number in range(10):
                steps = [pool.submit(episode.query, f"SELECT {number}") for episode in episodes]
                if client._stream._outbox is not None:
                    client._stream._outbox.put(pb.PlayRequest(tag=BROKEN))
                    broken += 1
                assert {step.result().observation.step_count for step in steps} == {number + 1}
        assert broken > 3


BROKEN = 2**63
