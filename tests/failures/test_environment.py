"""The environment service killed at every point of a step: the episode goes on elsewhere, with the same outcome."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.failures.fleet import Fleet
from tests.failures.players import PLAYERS, Played, Script, at_once, count_to
from tests.failures.proxy import DOWN, UP, Proxy

LONG = count_to(450_000)  # a fifth of a second
SCRIPTS = tuple(
    Script("campus_pets-001", seed, rubric, ("DESCRIBE pet", "SAMPLE pet 3", LONG, "SAMPLE student 4", answer))
    for seed, (rubric, answer) in enumerate(
        [("dense", "ANSWER 17"), ("potential", "ANSWER SQL: SELECT count(*) FROM pet"), ("sparse", "ANSWER x")]
    )
)
LONG_STEP, OTHER_STEP, LAST_STEP = 2, 3, 4

# Less than this is HTTP/2's own: settings, pings, window updates.
REPLY_BYTES = 200


@dataclass
class Stage:
    """Replicas of the environment service between two proxies; the client's connections lead to the oldest one."""

    env: Fleet
    scoring: Proxy
    client: Proxy
    expected: list[Played]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        reward = stack.enter_context(Fleet("reward_service", 1))
        scoring = stack.enter_context(Proxy(reward.first))
        env = stack.enter_context(
            Fleet("env_service", 3, reward_target=scoring.address, reward_timeout_ms=5_000, query_wall_ms=30_000)
        )
        client = stack.enter_context(Proxy(env.first))
        yield Stage(env, scoring, client, PLAYERS["unary"](client.address, SCRIPTS, at_once))


def before(stage: Stage) -> None:
    """No step is under way."""
    stage.env.kill()


def in_the_query(stage: Stage) -> None:
    """The query runs."""
    time.sleep(0.08)
    stage.env.kill()


def waiting_for_the_score(stage: Stage) -> None:
    """The action is done, and its scoring has been asked for."""
    seen = stage.scoring.seen[UP]
    stage.scoring.hold()
    try:
        stage.scoring.wait_for(UP, seen + REPLY_BYTES)
        stage.env.kill()
    finally:
        stage.scoring.drop()
        stage.scoring.release()


def scored_elsewhere(stage: Stage) -> None:
    """The reward service has answered, but the environment service has not heard of it."""
    seen = stage.scoring.seen[DOWN]
    stage.scoring.hold(DOWN)
    try:
        stage.scoring.wait_for(DOWN, seen + REPLY_BYTES)
        stage.env.kill()
    finally:
        stage.scoring.drop()
        stage.scoring.release()


def before_the_reply_arrives(stage: Stage) -> None:
    """The step is taken and answered, but the caller has not heard of it."""
    seen = stage.client.seen[DOWN]
    stage.client.hold(DOWN)
    try:
        stage.client.wait_for(DOWN, seen + REPLY_BYTES)
        stage.env.kill()
        stage.client.drop()
    finally:
        stage.client.release()


POINTS: dict[str, tuple[Callable[[Stage], None], int]] = {
    "before a step": (before, OTHER_STEP),
    "in the query": (in_the_query, LONG_STEP),
    "waiting for the score": (waiting_for_the_score, OTHER_STEP),
    "waiting for the answer's score": (waiting_for_the_score, LAST_STEP),
    "scored but not told": (scored_elsewhere, OTHER_STEP),
    "taken, the reply on its way": (before_the_reply_arrives, OTHER_STEP),
    "answered, the reply on its way": (before_the_reply_arrives, LAST_STEP),
}
QUICK = {
    ("unary", "in the query"),
    ("play", "waiting for the score"),
    ("asyncio batch over play", "taken, the reply on its way"),
}


@pytest.mark.parametrize(
    ("player", "point"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
        for case in itertools.product(PLAYERS, POINTS)
    ],
)
def test_killed(stage: Stage, player: str, point: str) -> None:
    kill, step = POINTS[point]
    pauses = [0]
    killing: list[threading.Thread] = []
    lock = threading.Lock()
    batched = "batch" in player

    def pause() -> float:
        """Each player asks for one before each step, so they count the steps that have been taken."""
        with lock:
            turn = pauses[0] if batched else pauses[0] // len(SCRIPTS)
            pauses[0] += 1
            if turn == step and not killing:
                killing.append(threading.Thread(target=kill, args=(stage,)))
                killing[0].start()
                return 0.05  # so that whatever has to be held back is
        return 0.02

    kills = stage.env.kills
    played = PLAYERS[player](stage.client.address, SCRIPTS, pause)
    killing[0].join(30)
    assert stage.env.kills == kills + 1
    for one, expected in zip(played, stage.expected, strict=True):
        assert one.steps == expected.steps
        assert one.episode_return == expected.episode_return
    assert sum(one.resumes for one in played) >= 1
