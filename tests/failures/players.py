"""Small episodes, and every way to play them: blocking and asyncio, one call a step, in batches, over a Play stream."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlenv.aio import AsyncEpisode, AsyncSqlEnvClient
from sqlenv.calling.protocol import EpisodeLog, Retry, StepResult
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError
from sqlenv.v1 import environment_pb2 as pb

RETRY = Retry(patience_s=40, first_wait_s=0.02, longest_wait_s=0.25)
TIMEOUT_S = 2.0

Step = tuple[bytes, bytes, float, bool]
"""Observation, score, reward, done."""


@dataclass(frozen=True)
class Script:
    """An episode: what it starts from and what is done in it."""

    task_id: str
    seed: int
    rubric: str
    actions: tuple[str, ...]

    @property
    def request(self) -> pb.ResetRequest:
        """What starts it."""
        return pb.ResetRequest(task=pb.TaskSelector(task_id=self.task_id), seed=self.seed, rubric=self.rubric)


@dataclass
class Played:
    """What an episode's caller saw. `resumes`: how often the client had to bring it back."""

    steps: list[Step] = field(default_factory=list)
    episode_return: float = 0.0
    resumes: int = 0


def count_to(number: int) -> str:
    """A query that takes 19 VM steps for each number: a tenth of a second for half a million."""
    return f"QUERY WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<{number}) SELECT sum(x) FROM c"


TASKS = ("campus_pets-001", "campus_pets-002")
LOOKS = (
    "DESCRIBE pet",
    "SAMPLE pet 3",
    "SAMPLE student 5",
    "QUERY SELECT count(*) FROM pet",
    "QUERY SELECT * FROM pet ORDER BY 1 LIMIT 7",
    "QUERY SELECT home_city, count(*) FROM student GROUP BY 1 ORDER BY 2 DESC, 1",
    "QUERY SELECT no_such_column FROM pet",
    "QUERY SELECT count(*) FROM pet WHERE species = 'dog'",
    "nonsense",
)
ANSWERS = ("ANSWER 17", "ANSWER SQL: SELECT count(*) FROM pet", "ANSWER SQL: SELECT nothing", LOOKS[3])


def make_scripts(count: int, seed: int = 0) -> list[Script]:
    """`count` different episodes of four to six steps, a long query in every third."""
    rng = random.Random(seed)
    scripts = []
    for number in range(count):
        actions = [rng.choice(LOOKS) for _ in range(rng.randint(3, 5))]
        if number % 3 == 0:
            actions[rng.randrange(len(actions))] = count_to(200_000 + number)
        actions.append(rng.choice(ANSWERS))
        scripts.append(Script(rng.choice(TASKS), number, rng.choice(("dense", "sparse", "potential")), tuple(actions)))
    return scripts


class _Watch:
    """Notes what an episode's caller sees."""

    def __init__(self, log: EpisodeLog) -> None:
        self.log, self.played, self._id = log, Played(), log.episode_id

    def see(self, result: StepResult | ServiceError) -> None:
        if isinstance(result, ServiceError):
            raise result
        if self.log.episode_id != self._id:
            self.played.resumes += 1
            self._id = self.log.episode_id
        message, score = result.observation.SerializeToString(), result.score.SerializeToString()
        self.played.steps.append((message, score, result.reward, result.done))
        self.played.episode_return = self.log.episode_return


Pause = Callable[[], float]
"""Seconds that an agent thinks before its next step."""

Player = Callable[[str, Sequence[Script], Pause], list[Played]]


def _blocking(stream: bool) -> Player:
    def play(target: str, scripts: Sequence[Script], pause: Pause) -> list[Played]:
        with SqlEnvClient(target, timeout_s=TIMEOUT_S, retry=RETRY, stream=stream) as client:

            def one(script: Script) -> Played:
                episode = client.reset(task_id=script.task_id, seed=script.seed, rubric=script.rubric)
                watch = _Watch(episode.log)
                for action in script.actions:
                    time.sleep(pause())
                    watch.see(episode.step(action))
                return watch.played

            with ThreadPoolExecutor(len(scripts)) as pool:
                return list(pool.map(one, scripts))

    return play


def _blocking_batch(stream: bool) -> Player:
    def play(target: str, scripts: Sequence[Script], pause: Pause) -> list[Played]:
        with SqlEnvClient(target, timeout_s=TIMEOUT_S, retry=RETRY, stream=stream) as client:
            started = client.batch_reset([script.request for script in scripts])
            episodes = [episode for episode in started if isinstance(episode, Episode)]
            assert len(episodes) == len(scripts), started
            watches = [_Watch(episode.log) for episode in episodes]
            for turn in range(max(len(script.actions) for script in scripts)):
                time.sleep(pause())
                still = [i for i, script in enumerate(scripts) if turn < len(script.actions)]
                for i, result in zip(
                    still, client.batch_step([(episodes[i], scripts[i].actions[turn]) for i in still]), strict=True
                ):
                    watches[i].see(result)
            return [watch.played for watch in watches]

    return play


def _asyncio(stream: bool) -> Player:
    async def play(target: str, scripts: Sequence[Script], pause: Pause) -> list[Played]:
        async with AsyncSqlEnvClient(target, timeout_s=TIMEOUT_S, retry=RETRY, stream=stream) as client:

            async def one(script: Script) -> Played:
                episode = await client.reset(task_id=script.task_id, seed=script.seed, rubric=script.rubric)
                watch = _Watch(episode.log)
                for action in script.actions:
                    await asyncio.sleep(pause())
                    watch.see(await episode.step(action))
                return watch.played

            return await asyncio.gather(*map(one, scripts))

    return lambda target, scripts, pause: _on_the_loop(play(target, scripts, pause))


def _asyncio_batch(stream: bool) -> Player:
    async def play(target: str, scripts: Sequence[Script], pause: Pause) -> list[Played]:
        async with AsyncSqlEnvClient(target, timeout_s=TIMEOUT_S, retry=RETRY, stream=stream) as client:
            started = await client.batch_reset([script.request for script in scripts])
            episodes = [episode for episode in started if isinstance(episode, AsyncEpisode)]
            assert len(episodes) == len(scripts), started
            watches = [_Watch(episode.log) for episode in episodes]
            for turn in range(max(len(script.actions) for script in scripts)):
                await asyncio.sleep(pause())
                still = [i for i, script in enumerate(scripts) if turn < len(script.actions)]
                results = await client.batch_step([(episodes[i], scripts[i].actions[turn]) for i in still])
                for i, result in zip(still, results, strict=True):
                    watches[i].see(result)
            return [watch.played for watch in watches]

    return lambda target, scripts, pause: _on_the_loop(play(target, scripts, pause))


def _on_the_loop(playing: Coroutine[Any, Any, list[Played]]) -> list[Played]:
    """Runs it on one loop for all: grpc.aio, whose channels share a poller, dislikes loops that come and go."""
    with _starting:
        if not _loop.is_running():
            threading.Thread(target=_loop.run_forever, name="players", daemon=True).start()
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), _loop).result(5)
    return asyncio.run_coroutine_threadsafe(playing, _loop).result()


_loop = asyncio.new_event_loop()
_starting = threading.Lock()

PLAYERS: dict[str, Player] = {
    "unary": _blocking(False),
    "batch": _blocking_batch(False),
    "play": _blocking(True),
    "batch over play": _blocking_batch(True),
    "asyncio unary": _asyncio(False),
    "asyncio batch": _asyncio_batch(False),
    "asyncio play": _asyncio(True),
    "asyncio batch over play": _asyncio_batch(True),
}


def slack(seconds: float) -> float:
    """Time to spare, longer where the machine has more to do than it has processors."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def at_once() -> float:
    """The pause of an agent that does not think."""
    return 0.0
