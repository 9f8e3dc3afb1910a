"""The reward service slow, hung, killed, restarted, silent, or answering what is no answer.

In each case a step fails in words, within its time and without being consumed, and gives the same score afterwards.
"""

from __future__ import annotations

import math
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import grpc
import pytest

from sqlenv.calling.protocol import Retry
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError, Unavailable
from sqlenv.v1 import reward_pb2, types_pb2
from tests.failures.players import PLAYERS, Played, at_once, make_scripts, slack
from tests.failures.proxy import Proxy
from tests.failures.standin import standin
from tests.live import process

TIMEOUT_S = 1.5
SCRIPTS = make_scripts(5, seed=11)


@dataclass
class Stage:
    """An environment service whose way to the reward service leads through `scoring`."""

    env: str
    reward: Popen[str]
    scoring: Proxy
    upstream: list[str]
    expected: list[Played] = field(default_factory=list)

    def check(self, player: str = "unary") -> None:
        """Plays all scripts and compares with what they gave when nothing was wrong."""
        played = PLAYERS[player](self.env, SCRIPTS, at_once)
        assert [one.steps for one in played] == [one.steps for one in self.expected]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        reward, address = stack.enter_context(process("reward_service", port=0))
        upstream = [address]
        scoring = stack.enter_context(Proxy(lambda: upstream[-1]))
        settings = {"reward_target": scoring.address, "reward_timeout_ms": int(TIMEOUT_S * 1000)}
        _, env = stack.enter_context(process("env_service", port=0, **settings))
        found = Stage(env, reward, scoring, upstream)
        found.expected = PLAYERS["unary"](env, SCRIPTS, at_once)
        yield found


def fails(episode: Episode, within_s: float = TIMEOUT_S) -> Unavailable:
    """Takes a step that must fail in words and in time."""
    started = time.monotonic()
    with pytest.raises(Unavailable, match="not consumed") as caught:
        episode.query("SELECT count(*) FROM pet")
    assert time.monotonic() - started < within_s + slack(2.5)
    assert caught.value.reason == "REWARD_UNAVAILABLE"
    assert caught.value.retry_after_s
    return caught.value


def test_slow(stage: Stage) -> None:
    stage.scoring.delay_s = 0.05
    try:
        stage.check("asyncio play")
    finally:
        stage.scoring.delay_s = 0.0


def test_stopped_again_and_again(stage: Stage) -> None:
    done = threading.Event()

    def pulse() -> None:
        while not done.wait(0.05):
            stage.reward.send_signal(signal.SIGSTOP)
            time.sleep(0.15)
            stage.reward.send_signal(signal.SIGCONT)

    pulsing = threading.Thread(target=pulse)
    pulsing.start()
    try:
        for player in ("unary", "batch over play"):
            stage.check(player)
    finally:
        done.set()
        pulsing.join()


def test_hung(stage: Stage) -> None:
    with SqlEnvClient(stage.env, retry=Retry(patience_s=0)) as client:
        episodes = [client.reset(task_id="campus_pets-001", seed=i) for i in range(12)]
        stage.reward.send_signal(signal.SIGSTOP)
        try:
            # Those that come while the first call hangs wait no longer than it does.
            with ThreadPoolExecutor(len(episodes)) as pool:
                failing = []
                for episode in episodes:
                    failing.append(pool.submit(fails, episode))
                    time.sleep(0.05)
                for future in failing:
                    future.result()
        finally:
            stage.reward.send_signal(signal.SIGCONT)
        for episode in episodes:
            assert client.get_episode(episode.log.episode_id).next_step_index == 0
    stage.check()


def test_a_connection_whose_other_end_is_gone_without_a_word(stage: Stage) -> None:
    with SqlEnvClient(stage.env, retry=Retry(patience_s=0)) as client:
        episode = client.reset(task_id="campus_pets-001", seed=0)
        episode.query("SELECT 1")
        stage.scoring.abandon()
        fails(episode)
        assert episode.query("SELECT count(*) FROM pet").observation.step_count == 2  # over another connection
    stage.check()


def test_killed_and_restarted_on_the_same_port() -> None:
    with ExitStack() as stack:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {"reward_target": f"127.0.0.1:{port}", "reward_timeout_ms": int(TIMEOUT_S * 1000)}
        _, env = stack.enter_context(process("env_service", port=0, **settings))
        with process("reward_service", port=port):
            expected = PLAYERS["unary"](env, SCRIPTS, at_once)
            client = stack.enter_context(SqlEnvClient(env, retry=Retry(patience_s=0)))
            episode = client.reset(task_id="campus_pets-001", seed=0)
            episode.query("SELECT 1")
        for _ in range(3):
            fails(episode, within_s=0)  # nobody listens, which is known at once
        with process("reward_service", port=port):
            patient = stack.enter_context(SqlEnvClient(env))
            started = time.monotonic()
            assert Episode(patient, episode.log).query("SELECT count(*) FROM pet").observation.step_count == 2
            assert time.monotonic() - started < slack(3)
            assert [one.steps for one in PLAYERS["play"](env, SCRIPTS, at_once)] == [one.steps for one in expected]


GOOD = reward_pb2.ScoreStepResponse(score=types_pb2.Score(total=0.5), state=reward_pb2.RewardState())


def with_score(**numbers: Any) -> reward_pb2.ScoreStepResponse:
    return reward_pb2.ScoreStepResponse(score=types_pb2.Score(**numbers), state=reward_pb2.RewardState())


NAN_TERM = types_pb2.Term(name="x", value=-math.inf)
GARBAGE: dict[str, bytes | reward_pb2.ScoreStepResponse] = {
    "nothing": b"",
    "undecodable": b"\xff\xff\xff\xff",
    "another message": reward_pb2.DescribeRubricsResponse(scorer_version="x" * 50).SerializeToString(),
    "bad text": b"\x0a\x09\x3a\x02\xc3\x28\x09\x00\x00\x00\x00",
    "a lot": b"\x00" * 20_000_000,
    "no score": reward_pb2.ScoreStepResponse(state=reward_pb2.RewardState()),
    "no state": reward_pb2.ScoreStepResponse(score=types_pb2.Score(total=1)),
    "NaN": with_score(total=math.nan),
    "infinite": with_score(total=math.inf),
    "NaN within": with_score(total=1, correctness=math.nan),
    "infinite term": with_score(total=1, terms=[NAN_TERM]),
}


def of_each(message: reward_pb2.ScoreStepResponse, count: int) -> bytes:
    results = [reward_pb2.BatchScoreStepResult(response=message) for _ in range(count)]
    return reward_pb2.BatchScoreStepResponse(results=results).SerializeToString()


def refuse_everything(stage: Stage, answer: Any) -> None:
    """A lone step and a batch of them, against a reward service of which nothing is any use."""
    with standin(answer) as address:
        check_refused(stage, address)


def check_refused(stage: Stage, address: str) -> None:
    stage.upstream.append(address)
    stage.scoring.drop()
    try:
        with SqlEnvClient(stage.env, retry=Retry(patience_s=0)) as client:
            episodes = [client.reset(task_id="campus_pets-001", seed=i) for i in range(4)]
            fails(episodes[0])
            for result in client.batch_step([(episode, "DESCRIBE pet") for episode in episodes[1:]]):
                assert isinstance(result, Unavailable), result
                assert result.reason == "REWARD_UNAVAILABLE"
            assert {client.get_episode(episode.log.episode_id).next_step_index for episode in episodes} == {0}
    finally:
        stage.upstream.pop()
        stage.scoring.drop()
    with SqlEnvClient(stage.env) as client, client.reset(task_id="campus_pets-001", seed=0) as episode:
        assert episode.query("SELECT count(*) FROM pet").observation.step_count == 1


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage(stage: Stage, kind: str) -> None:
    garbage = GARBAGE[kind]

    def answer(method: str, data: bytes, context: Any) -> bytes:
        if isinstance(garbage, bytes):
            return garbage
        if method == "ScoreStep":
            return garbage.SerializeToString()
        return of_each(garbage, len(reward_pb2.BatchScoreStepRequest.FromString(data).requests))

    refuse_everything(stage, answer)


@pytest.mark.parametrize("more", [-100, -1, 1, 1_000])
def test_a_batch_of_another_length(stage: Stage, more: int) -> None:
    def answer(method: str, data: bytes, context: Any) -> bytes:
        if method == "ScoreStep":
            return b""
        return of_each(GOOD, max(0, len(reward_pb2.BatchScoreStepRequest.FromString(data).requests) + more))

    refuse_everything(stage, answer)


PASSED_ON = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code not in PASSED_ON], ids=lambda c: c.name)
def test_every_status(stage: Stage, code: grpc.StatusCode) -> None:
    def answer(method: str, data: bytes, context: Any) -> bytes:
        context.abort(code, "SELECT secret FROM gold /srv/gold.jsonl")
        raise AssertionError

    refuse_everything(stage, answer)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 5_000, b"\xff" * 70_000])
def test_something_else_that_listens_there(stage: Stage, words: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            check_refused(stage, f"127.0.0.1:{server.getsockname()[1]}")
        finally:
            done.set()
            thread.join()


def test_nothing_of_the_reward_services_words_reaches_the_agent(stage: Stage) -> None:
    def answer(method: str, data: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.INTERNAL, "SELECT secret FROM gold /srv/gold.jsonl Traceback")
        raise AssertionError

    with standin(answer) as address:
        stage.upstream.append(address)
        stage.scoring.drop()
        try:
            with SqlEnvClient(stage.env, retry=Retry(patience_s=0)) as client:
                error = fails(client.reset(task_id="campus_pets-001", seed=0))
        finally:
            stage.upstream.pop()
            stage.scoring.drop()
    assert not any(word in str(error) for word in ("secret", "gold", "/srv", "Traceback"))


def test_a_reward_service_with_another_data_set_is_named_as_such(tmp_path: Path, stage: Stage) -> None:
    import shutil

    from sqlenv.tasks import BUNDLED

    other = tmp_path / "other"
    shutil.copytree(BUNDLED, other)
    lines = (other / "tasks.jsonl").read_text().splitlines(keepends=True)
    (other / "tasks.jsonl").write_text("".join(lines).replace("How many dogs are there", "How many dogs live"))
    with process("reward_service", port=0, dataset_dir=other) as (_, address):
        stage.upstream.append(address)
        stage.scoring.drop()
        try:
            with SqlEnvClient(stage.env, retry=Retry(patience_s=0)) as client:
                episode = client.reset(task_id="campus_pets-001", seed=0)
                with pytest.raises(ServiceError) as caught:
                    episode.query("SELECT 1")
                assert caught.value.reason == "DATASET_MISMATCH"
                assert client.get_episode(episode.log.episode_id).next_step_index == 0
        finally:
            stage.upstream.pop()
            stage.scoring.drop()
    stage.check()
