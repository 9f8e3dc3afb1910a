"""Random schedules of faults, each drawn from a seed, played against episodes whose outcome is known.

python -m tests.failures.schedules [COUNT]
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.failures.fleet import Fleet
from tests.failures.players import PLAYERS, Played, at_once, make_scripts
from tests.failures.proxy import DOWN, UP, Proxy

EPISODES = 4
SCRIPTS = 48
REWARD_TIMEOUT_MS = 700


@dataclass(frozen=True)
class Fault:
    """What happens, when, and for how long; in seconds since the episodes started."""

    kind: str
    at_s: float
    for_s: float
    which: int


# Weights: a kill costs the machine a second of starting anew, a cut costs nothing.
FAULTS = {
    "kill env": 3,
    "stop env": 3,
    "kill reward": 1,
    "stop reward": 2,
    "freeze client": 2,
    "hold replies": 2,
    "drop client": 3,
    "freeze scoring": 2,
    "drop scoring": 2,
    "slow": 2,
}


@dataclass(frozen=True)
class Schedule:
    """One schedule. `cuts`: byte offsets at which the client's connections are cut, one after the other."""

    seed: int
    player: str
    scripts: tuple[int, ...]
    faults: tuple[Fault, ...]
    cuts: tuple[int, ...]

    @classmethod
    def draw(cls, seed: int) -> Schedule:
        """The schedule of a seed."""
        rng = random.Random(seed)
        kinds = rng.choices(list(FAULTS), list(FAULTS.values()), k=rng.randint(1, 3))
        faults = [Fault(kind, rng.uniform(0, 0.25), rng.uniform(0.02, 0.4), rng.randrange(8)) for kind in kinds]
        cuts = [rng.randint(0, 6_000) for _ in range(rng.choice((0, 0, 1, 3)))]
        return cls(
            seed,
            list(PLAYERS)[seed % len(PLAYERS)],
            tuple(rng.sample(range(SCRIPTS), EPISODES)),
            tuple(sorted(faults, key=lambda fault: fault.at_s)),
            tuple(cuts),
        )


@dataclass
class Tally:
    """What was done and seen, over all schedules."""

    schedules: int = 0
    episodes: int = 0
    steps: int = 0
    resumes: int = 0
    different: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        return (
            f"{self.schedules} schedules, {self.episodes} episodes, {self.steps} steps; faults: {faults}; "
            f"{self.resumes} resumes; slowest {self.slowest_s:.1f} s; different: {len(self.different)}"
        )


class Theatre:
    """Warm processes and the undisturbed outcome of every script.

    Three replicas of the environment service and two of the reward service stand behind proxies, so that what is
    killed is replaced in the background. Several schedules may run at once: they share the processes, and so each
    other's kills and stops.
    """

    def __init__(self) -> None:
        self.scripts = make_scripts(SCRIPTS)
        self.tally = Tally()
        self._lock = threading.Lock()
        self._reward = Fleet("reward_service", 2)
        self._scoring = Proxy(self._reward.pick)
        self._env: Fleet
        self._expected: dict[int, Played] = {}

    def __enter__(self) -> Self:
        self._reward.__enter__()
        self._scoring.__enter__()
        # A query that the wall clock ends would depend on how long its process was stopped.
        self._env = Fleet(
            "env_service",
            3,
            reward_target=self._scoring.address,
            reward_timeout_ms=REWARD_TIMEOUT_MS,
            query_wall_ms=30_000,
        )
        self._env.__enter__()
        target = self._env.pick()
        assert target
        self._expected = dict(enumerate(PLAYERS["unary"](target, self.scripts, at_once)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._env.__exit__()
        self._scoring.__exit__()
        self._reward.__exit__()

    def run(self, schedule: Schedule) -> None:
        """Plays a schedule and notes what came of it."""
        rng = random.Random(schedule.seed)
        started = time.monotonic()
        with Proxy(self._env.pick) as proxy:
            proxy.cuts = iter(schedule.cuts)
            done = threading.Event()
            saboteur = threading.Thread(target=self._sabotage, args=(schedule.faults, proxy, done))
            saboteur.start()
            try:
                scripts = [self.scripts[i] for i in schedule.scripts]
                played = PLAYERS[schedule.player](proxy.address, scripts, lambda: rng.uniform(0, 0.06))
            finally:
                done.set()
                saboteur.join()
            cuts = proxy.cut_count
        self._note(schedule, played, cuts, time.monotonic() - started)

    def _note(self, schedule: Schedule, played: Sequence[Played], cuts: int, took_s: float) -> None:
        with self._lock:
            tally = self.tally
            tally.schedules += 1
            tally.slowest_s = max(tally.slowest_s, took_s)
            tally.faults["cut"] += cuts
            for number, one in zip(schedule.scripts, played, strict=True):
                expected = self._expected[number]
                tally.episodes += 1
                tally.steps += len(one.steps)
                tally.resumes += one.resumes
                if (one.steps, one.episode_return) != (expected.steps, expected.episode_return):
                    tally.different.append(f"seed {schedule.seed}, {schedule.player}, script {number}")

    def _sabotage(self, faults: Sequence[Fault], proxy: Proxy, done: threading.Event) -> None:
        started = time.monotonic()
        for fault in faults:
            if done.wait(max(0.0, started + fault.at_s - time.monotonic())):
                return
            self._do(fault, proxy)
            with self._lock:
                self.tally.faults[fault.kind] += 1

    def _do(self, fault: Fault, proxy: Proxy) -> None:
        def held(behind: Proxy, *directions: str) -> None:
            behind.hold(*directions)
            time.sleep(fault.for_s)
            behind.release()

        def slow() -> None:
            proxy.delay_s = 0.01
            time.sleep(fault.for_s)
            proxy.delay_s = 0.0

        act: dict[str, Callable[[], None]] = {
            "kill env": lambda: self._env.kill(fault.which),
            "stop env": lambda: self._env.stop(fault.which, fault.for_s),
            "kill reward": lambda: self._reward.kill(fault.which),
            "stop reward": lambda: self._reward.stop(fault.which, 3 * fault.for_s),
            "freeze client": lambda: held(proxy, UP, DOWN),
            "hold replies": lambda: held(proxy, DOWN),
            "drop client": proxy.drop,
            "freeze scoring": lambda: held(self._scoring, UP, DOWN),
            "drop scoring": self._scoring.drop,
            "slow": slow,
        }
        act[fault.kind]()


def run_all(seeds: Sequence[int], lanes: int) -> Tally:
    """Runs the schedules of `seeds`, `lanes` at a time."""
    with Theatre() as theatre, ThreadPoolExecutor(lanes) as pool:
        for outcome in [pool.submit(theatre.run, Schedule.draw(seed)) for seed in seeds]:
            outcome.result()
        return theatre.tally


if __name__ == "__main__":
    started = time.monotonic()
    result = run_all(range(int(sys.argv[1]) if len(sys.argv) > 1 else 200), 4)
    print(f"{result}\n{time.monotonic() - started:.0f} s")
    sys.exit("\n".join(result.different) or None)
