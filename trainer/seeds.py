"""Several runs of one configuration that differ in their seed, some of them at once, each in a process of its own.

A run of the tiny profile has one thread: its steps are too small to share between cores. So `jobs` of them run side by
side.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sqlenv.errors import ConfigError, SqlEnvError

Say = Callable[[str], None]

INTERRUPTED = 130


class Seeds:
    """Runs of `config` (a file or profile) with `overrides`, one a seed, in folders seed0, seed1, … of `out`.

    A resumed one goes on with each seed that has begun, starts those that have not, and leaves alone those that have
    ended.
    """

    def __init__(
        self,
        config: str,
        overrides: Sequence[str],
        seeds: Sequence[int],
        out: Path,
        *,
        jobs: int,
        resume: bool,
        say: Say,
    ) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ConfigError(
                "--seeds starts processes of its own: say it without accelerate, or run one seed at a time"
            )
        if len(set(seeds)) < len(seeds):
            raise ConfigError(f"--seeds names a seed twice: {', '.join(map(str, seeds))}")
        self._config = config
        self._overrides = list(overrides)
        self._out = out
        self._seeds = list(seeds)
        self._jobs = min(jobs, len(seeds))
        self._resume = resume
        self._say = say
        self._lock = threading.Lock()
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._stopped = False

    @property
    def folders(self) -> list[Path]:
        """The runs' folders, in the order of the seeds."""
        return [self._out / f"seed{seed}" for seed in self._seeds]

    def run(self) -> None:
        """Runs all to their ends. Raises SqlEnvError where some failed, KeyboardInterrupt where they were stopped.

        One that fails leaves the others alone: they are hours of work. Ctrl-C is passed on once for each time it comes:
        the first saves, the second ends at once.
        """
        with self._passing_signals_on(), ThreadPoolExecutor(self._jobs) as pool:
            status = list(pool.map(self._one, self._seeds))
        if self._stopped:
            raise KeyboardInterrupt
        failed = [str(seed) for seed, one in zip(self._seeds, status, strict=True) if one]
        if failed:
            words = f"the run of seed {', '.join(failed)} failed; what it said is above"
            raise SqlEnvError(f"{words}. --resume goes on with what has not ended.")

    def _one(self, seed: int) -> int:
        place = self._out / f"seed{seed}"
        if self._resume and (place / "summary.json").is_file():
            self._say(f"seed {seed}: has ended already")
            return 0
        command = [sys.executable, "-m", "sqlenv.cli", "train", "run", self._config, *self._overrides, f"seed={seed}"]
        command += ["--out", str(place), "--json", *(["--resume"] if self._resume and place.is_dir() else [])]
        with self._lock:
            if self._stopped:
                return INTERRUPTED
            # A session of its own: a terminal's Ctrl-C would reach it beside the one that is passed on.
            running = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running[seed] = running
            if self._stopped:
                running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        with running.stderr as lines:
            for line in lines:
                self._say(f"seed {seed}: {line.rstrip()}")
        status = running.wait()
        with self._lock:
            del self._running[seed]
        return status

    @contextmanager
    def _passing_signals_on(self) -> Iterator[None]:
        def pass_on(number: int, frame: FrameType | None) -> None:
            self._stopped = True
            for running in list(self._running.values()):
                running.send_signal(signal.SIGINT)

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
