"""The soak in short: many idle sessions and busy ones on one process. The whole one is `python -m benchmarks.soak`."""

from __future__ import annotations

import pytest

from benchmarks import soak
from benchmarks.soak_load import TASKS, Soak, script
from sqlenv.v1 import types_pb2


def test_growth_is_of_medians() -> None:
    assert soak.growth([100] * 10) == 0
    assert soak.growth([100, 100, 900, 100, 100, 100, 100, 110, 110, 110]) == pytest.approx(0.1)
    assert soak.growth([100, 50]) == -0.5


def test_what_is_wrong_is_said() -> None:
    figures = {
        "errors": {"gone": 2},
        "wrong": {"a step 1": 1},
        "idle_asked": 3,
        "idle_answered": 2,
        "env_growth": 0.2,
        "reward_growth": 0.01,
    }
    found = soak.faults(figures)
    assert [line.split(":")[0] for line in found] == [
        "2 errors",
        "1 wrong replies",
        "2 of 3 idle sessions answered as they should",
        "memory of the env process grew by 20.0%",
    ]


def test_a_reply_that_differs_is_noticed() -> None:
    books = Soak()
    books.check("a", 0, types_pb2.Observation(text="x"), 0.1)
    books.check("a", 0, types_pb2.Observation(text="x"), 0.1)
    assert not books.wrong
    books.check("a", 0, types_pb2.Observation(text="y"), 0.1)
    books.check("a", 0, types_pb2.Observation(text="x"), 0.2)
    assert books.wrong == {"a step 0": 2}


def test_scripts_ask_anew() -> None:
    assert script(TASKS[0], 2) != script(TASKS[0], 2)
    assert script(TASKS[0], 1) == script(TASKS[0], 1)


async def test_a_small_one() -> None:
    figures = await soak.run(idle=300, busy=80, seconds=3, warm_up=0, every_s=0.2)
    assert figures["errors"] == figures["wrong"] == {}
    assert figures["idle_answered"] == figures["idle_asked"] == 200
    assert figures["steps"] > 100


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_ten_thousand_idle_sessions_and_256_busy_ones() -> None:
    figures = await soak.run(idle=10_000, busy=256, seconds=60, warm_up=30, every_s=1.0)
    print({name: value for name, value in figures.items() if name != "samples"})
    assert soak.faults(figures) == []
