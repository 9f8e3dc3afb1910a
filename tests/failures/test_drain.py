"""SIGTERM under load: nothing new starts, what runs may end, the process exits in its time; a second signal hurries."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from sqlenv.calling.protocol import Retry
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError, Unavailable
from tests.failures.players import PLAYERS, at_once, count_to, make_scripts, slack
from tests.failures.proxy import Proxy
from tests.live import process

ONCE = Retry(patience_s=0)


@contextmanager
def services(folder: Path, **settings: object) -> Iterator[tuple[Popen[str], str]]:
    with process("reward_service", unix_socket=folder / "r.sock") as (_, reward):
        with process("env_service", port=0, reward_target=reward, **settings) as started:
            yield started


def test_under_load_no_episode_starts_running_steps_end_and_the_process_exits_in_time(tmp_path: Path) -> None:
    with services(tmp_path, drain_ms=1_500) as (env, target), ExitStack() as stack:
        clients = [stack.enter_context(SqlEnvClient(target, retry=ONCE, stream=i % 2 == 1)) for i in range(8)]
        counts: list[int] = [0] * len(clients)
        ends: list[ServiceError | None] = [None] * len(clients)
        draining = threading.Event()

        def work(i: int) -> None:
            """Steps again and again until the server won't; an episode that ends is followed by another."""
            episode: Episode | None = None
            while True:
                try:
                    if episode is None or episode.done:
                        episode = clients[i].reset(task_id="campus_pets-001", seed=i)
                    episode.query("SELECT count(*) FROM pet")
                    counts[i] += draining.is_set()
                except ServiceError as error:
                    ends[i] = error
                    return

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(clients))]
        for thread in threads:
            thread.start()
        idle = clients[0].reset(task_id="campus_pets-001", seed=99)  # keeps the server waiting to the end
        time.sleep(0.5)
        started = time.monotonic()
        draining.set()
        env.send_signal(signal.SIGTERM)
        assert env.wait(10) == 0
        took = time.monotonic() - started
        for thread in threads:
            thread.join(10)
        assert 1.4 < took < 1.5 + slack(1.5)  # the idle episode is waited for, and no longer than the drain time
        for end in ends:
            assert isinstance(end, Unavailable), end
            assert end.reason in ("DRAINING", "UNREACHABLE"), end
            assert end.reason != "DRAINING" or end.retry_after_s
        assert any(end is not None and end.reason == "DRAINING" for end in ends)
        assert sum(counts) > 0  # episodes that ran took their steps
        with pytest.raises(Unavailable):
            idle.query("SELECT 1")


@pytest.mark.parametrize("stream", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_step_that_outlives_the_drain_is_not_consumed_and_may_be_sent_again(tmp_path: Path, stream: bool) -> None:
    settings = {"drain_ms": 100, "query_wall_ms": 20_000, "query_vm_steps": 2_000_000_000}
    long = count_to(15_000_000)
    with services(tmp_path, **settings) as (env, target), SqlEnvClient(target, retry=ONCE, stream=stream) as client:
        episode = client.reset(task_id="campus_pets-001", seed=0)
        failures: list[ServiceError] = []

        def step() -> None:
            try:
                episode.step(long)
            except ServiceError as error:
                failures.append(error)

        thread = threading.Thread(target=step)
        thread.start()
        time.sleep(0.5)
        started = time.monotonic()
        env.send_signal(signal.SIGTERM)
        assert env.wait(20) == 0
        assert time.monotonic() - started < slack(2.5)
        thread.join(10)
        (failure,) = failures
        assert isinstance(failure, Unavailable), failure
        assert not episode.log.taken


@pytest.mark.parametrize("first", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_second_signal_hurries(tmp_path: Path, first: signal.Signals) -> None:
    with services(tmp_path, drain_ms=60_000) as (env, target), SqlEnvClient(target, retry=ONCE) as client:
        client.reset(task_id="campus_pets-001", seed=0).query("SELECT 1")
        env.send_signal(first)
        time.sleep(0.5)
        assert env.poll() is None  # an episode runs: there is a minute for it
        started = time.monotonic()
        env.send_signal(signal.SIGTERM)
        assert env.wait(10) == 0
        assert time.monotonic() - started < min(30, slack(1.5))


@pytest.mark.slow
def test_a_rolling_restart_changes_no_score(tmp_path: Path) -> None:
    """One replica after the other drains while episodes are played; their callers notice only the time it takes."""
    scripts = make_scripts(6, seed=5)
    with ExitStack() as stack:
        _, reward = stack.enter_context(process("reward_service", unix_socket=tmp_path / "r.sock"))

        def start() -> tuple[Popen[str], str]:
            return stack.enter_context(process("env_service", port=0, reward_target=reward, drain_ms=300))

        replicas = [start()]
        expected = PLAYERS["unary"](replicas[-1][1], scripts, at_once)
        proxy = stack.enter_context(Proxy(lambda: replicas[-1][1]))
        done = threading.Event()
        drained = []

        def roll() -> None:
            while not done.wait(0.2):
                old, _ = replicas[-1]
                replicas.append(start())
                old.send_signal(signal.SIGTERM)
                drained.append(old.wait(10))

        thread = threading.Thread(target=roll)
        thread.start()
        try:
            for player in ("unary", "play", "asyncio batch over play"):
                played = PLAYERS[player](proxy.address, scripts, lambda: 0.15)
                assert [(one.steps, one.episode_return) for one in played] == [
                    (one.steps, one.episode_return) for one in expected
                ]
        finally:
            done.set()
            thread.join(20)
        assert len(drained) >= 2
        assert set(drained) == {0}
