"""Services that die, restart or are away, as real processes: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sqlenv.calling.protocol import Retry
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError, Unavailable
from sqlenv.gold import load_gold
from sqlenv.tasks import BUNDLED
from sqlenv.v1 import environment_pb2 as pb
from tests.live import process

SCRIPT = [
    "DESCRIBE pet",
    "SAMPLE pet 3",
    "QUERY SELECT count(*) FROM pet",
    "QUERY SELECT * FROM pet ORDER BY 1 LIMIT 7",
    "nonsense",
    "ANSWER 17",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def reset_all(client: SqlEnvClient, count: int) -> list[Episode]:
    requests = [
        pb.ResetRequest(
            task=pb.TaskSelector(filter=pb.TaskFilter(db_id="campus_pets")),
            seed=seed,
            rubric=("dense", "potential")[seed % 2],
        )
        for seed in range(count)
    ]
    episodes = client.batch_reset(requests)
    assert not [e for e in episodes if isinstance(e, ServiceError)]
    return [e for e in episodes if isinstance(e, Episode)]


def play_in_batches(
    client: SqlEnvClient, count: int, between: Callable[[int], None]
) -> list[list[tuple[bytes, bytes]]]:
    """Plays SCRIPT in `count` episodes side by side; returns each one's observations and scores, as bytes."""
    episodes = reset_all(client, count)
    seen: list[list[tuple[bytes, bytes]]] = [[] for _ in episodes]
    for turn, text in enumerate(SCRIPT):
        between(turn)
        for i, result in enumerate(client.batch_step([(episode, text) for episode in episodes])):
            assert not isinstance(result, ServiceError), result
            seen[i].append((result.observation.SerializeToString(), result.score.SerializeToString()))
    return seen


def play_one_by_one(client: SqlEnvClient, count: int) -> list[list[tuple[bytes, bytes]]]:
    """The same, an episode a thread, so that a kill meets steps before, during and after their execution."""
    episodes = reset_all(client, count)
    seen: list[list[tuple[bytes, bytes]]] = [[] for _ in episodes]

    def play(i: int) -> None:
        for text in SCRIPT:
            result = episodes[i].step(text)
            seen[i].append((result.observation.SerializeToString(), result.score.SerializeToString()))

    threads = [threading.Thread(target=play, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def test_kill_9_of_the_environment_amid_64_episodes_changes_no_score(tmp_path: Path) -> None:
    port = free_port()
    running: list[subprocess.Popen[str]] = []
    with process("reward_service", unix_socket=tmp_path / "r.sock") as (_, reward):
        with process("env_service", port=0, reward_target=reward) as (_, target), SqlEnvClient(target) as client:
            undisturbed = play_in_batches(client, 64, lambda turn: None)
        stack = []

        def start() -> None:
            context = process("env_service", port=port, reward_target=reward)
            stack.append(context)
            running.append(context.__enter__()[0])

        def kill_and_restart(turn: int) -> None:
            if turn in (2, 4):
                running[-1].kill()
                running[-1].wait()
                start()

        try:
            start()
            with SqlEnvClient(f"127.0.0.1:{port}") as client:
                assert play_in_batches(client, 64, kill_and_restart) == undisturbed
                done = threading.Event()

                def kill_again_and_again() -> None:
                    while not done.wait(0.4):
                        running[-1].kill()
                        running[-1].wait()
                        start()

                killer = threading.Thread(target=kill_again_and_again)
                killer.start()
                try:
                    assert play_one_by_one(client, 64) == undisturbed
                finally:
                    done.set()
                    killer.join()
        finally:
            for context in stack:
                context.__exit__(None, None, None)


def test_a_step_without_the_reward_service_is_not_consumed(tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    with process("env_service", port=0, reward_target=f"unix:{path}", reward_timeout_ms=1000) as (_, target):
        with SqlEnvClient(target, retry=Retry(patience_s=0)) as client:
            with process("reward_service", unix_socket=path) as (reward, _):
                episode = client.reset(task_id="campus_pets-001", seed=0)
                first = episode.step(SCRIPT[0])
                reward.send_signal(signal.SIGSTOP)  # hung, not gone
                with pytest.raises(Unavailable, match="not consumed") as caught:
                    episode.step(SCRIPT[2])
                assert caught.value.reason == "REWARD_UNAVAILABLE"
                assert caught.value.retry_after_s
            for _ in range(2):  # gone
                with pytest.raises(Unavailable):
                    episode.step(SCRIPT[2])
            assert client.get_episode(episode.log.episode_id).next_step_index == 1
            with process("reward_service", unix_socket=path):
                with SqlEnvClient(target) as patient:
                    again = Episode(patient, episode.log).step(SCRIPT[2])
            assert again.observation.step_count == first.observation.step_count + 1


def test_two_fresh_processes_give_the_same_bytes(tmp_path: Path) -> None:
    seen = []
    for number in range(2):
        socket_path = tmp_path / f"{number}.sock"
        with (
            process("reward_service", unix_socket=socket_path) as (_, reward),
            process("env_service", port=0, reward_target=reward) as (_, target),
            SqlEnvClient(target) as client,
        ):
            seen.append(play_in_batches(client, 20, lambda turn: None))
    assert seen[0] == seen[1]


def test_sigterm_drains_and_exits(tmp_path: Path) -> None:
    with process("reward_service", unix_socket=tmp_path / "r.sock") as (reward, reward_target):
        with process("env_service", port=0, reward_target=reward_target, drain_ms=3000) as (env, target):
            with SqlEnvClient(target, retry=Retry(patience_s=0)) as client, SqlEnvClient(target, stream=True) as idle:
                idle.reset(seed=1).close()
                episode = client.reset(task_id="campus_pets-001", seed=0)
                episode.step(SCRIPT[0])
                started = time.monotonic()
                env.send_signal(signal.SIGTERM)
                time.sleep(0.3)
                with pytest.raises(Unavailable) as caught:
                    client.reset(seed=2)
                assert caught.value.reason == "DRAINING"
                assert episode.step(SCRIPT[1]).observation.step_count == 2  # what runs may end
                assert episode.step("ANSWER 1").terminated
                assert env.wait(10) == 0
                assert time.monotonic() - started < 2.5  # nothing ran any more: no need to wait for all of the drain
        reward.send_signal(signal.SIGINT)
        assert reward.wait(10) == 0
    assert not (tmp_path / "r.sock").exists()


def test_sessions_run_out_and_come_back(tmp_path: Path) -> None:
    with (
        process("reward_service", unix_socket=tmp_path / "r.sock") as (_, reward),
        process(
            "env_service", port=0, reward_target=reward, max_sessions=3, session_ttl_ms=1500, finished_ttl_ms=300
        ) as (_, target),
        SqlEnvClient(target, retry=Retry(patience_s=0)) as client,
        SqlEnvClient(target) as patient,
    ):
        episodes = [client.reset(task_id="campus_pets-001", seed=0) for _ in range(3)]
        with pytest.raises(ServiceError, match="all 3 sessions") as caught:
            client.reset(seed=1)
        assert caught.value.reason == "SESSIONS_EXHAUSTED"
        assert caught.value.retry_after_s
        patient.reset(seed=1).close()  # waits for the first to expire
        # An episode that expired is brought back by the client, with all it had done.
        assert Episode(patient, episodes[0].log).step(SCRIPT[0]).observation.step_count == 1


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_the_environment_process_opens_no_gold(tmp_path: Path) -> None:
    with (
        process("reward_service", unix_socket=tmp_path / "r.sock") as (reward, reward_target),
        process("env_service", port=0, reward_target=reward_target) as (env, target),
        SqlEnvClient(target) as client,
    ):
        stop = threading.Event()
        seen: set[str] = set()

        def watch() -> None:
            while not stop.wait(0.002):
                seen.update(open_files(env.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        play_in_batches(client, 16, lambda turn: None)
        stop.set()
        watcher.join()
        assert any(name.endswith("campus_pets.sqlite") for name in seen)
        assert not [name for name in seen if "gold" in name or "instances" in name]
        with Path(f"/proc/{env.pid}/maps").open() as maps:
            assert "gold" not in maps.read()
        # Nor is any gold in its memory; the reward service's, searched in the same way, has it.
        gold = load_gold(BUNDLED)["campus_pets-002"].sql.encode()
        assert find_in_memory(reward.pid, gold)
        assert not find_in_memory(env.pid, gold)


def open_files(pid: int) -> set[str]:
    folder = Path(f"/proc/{pid}/fd")
    names = set()
    for entry in os.listdir(folder):
        try:
            names.add(os.readlink(folder / entry))
        except OSError:
            continue  # closed meanwhile
    return names


def find_in_memory(pid: int, needle: bytes) -> bool:
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in maps:
            span, permissions, *_ = line.split()
            if not permissions.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                if needle in memory.read(end - start):
                    return True
            except (OSError, ValueError, OverflowError):
                continue
    return False
