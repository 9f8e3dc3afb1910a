"""Real services for tests: in this process on port 0, or as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from env_service import app as env_app
from env_service.config import EnvSettings
from reward_service import app as reward_app
from reward_service.config import RewardSettings
from sqlenv.server import Drain, running
from sqlenv.tasks import BUNDLED


class LiveServices:
    """Both services on an event loop of their own thread. `env` and `reward` are addresses for clients."""

    def __init__(
        self, dataset: Path = BUNDLED, reward_settings: dict[str, Any] | None = None, **env_settings: Any
    ) -> None:
        self._reward_settings = reward_settings or {}
        self.dataset = dataset
        self._env_settings = env_settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="live-services")
        self._stack = AsyncExitStack()
        self.env = self.reward = ""
        self.env_drain = Drain()

    def __enter__(self) -> LiveServices:
        self._thread.start()
        try:
            self.run(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Any) -> Any:
        """Runs a coroutine on the services' loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> None:
        reward_settings = RewardSettings(port=0, dataset_dir=self.dataset, _env_file=None, **self._reward_settings)
        drain = Drain()
        services = await reward_app.make(reward_settings, drain)
        reward = await self._stack.enter_async_context(running(reward_settings, services, drain))
        self.reward = reward.address
        options = {"port": 0, "drain_ms": 200, "reward_target": self.reward, **self._env_settings}
        env_settings = EnvSettings(dataset_dir=self.dataset, _env_file=None, **options)
        services = await env_app.make(env_settings, self.env_drain)
        env = await self._stack.enter_async_context(running(env_settings, services, self.env_drain))
        self.env = env.address


@contextmanager
def process(module: str, **settings: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """One service as a process: yields it and its address. Killed at the end if it still runs."""
    prefix = {"env_service": "SQLENV_ENV_", "reward_service": "SQLENV_REWARD_"}[module]
    environment = {**os.environ, **{prefix + name.upper(): str(value) for name, value in settings.items()}}
    with tempfile.TemporaryFile("w+") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert started.stdout is not None
            line = started.stdout.readline()
            if not line:
                log.seek(0)
                raise RuntimeError(f"{module} did not start: {log.read()[-2000:]}")
            yield started, json.loads(line)["address"]
        finally:
            if started.poll() is None:
                started.send_signal(signal.SIGKILL)
            started.wait()
            assert started.stdout is not None
            started.stdout.close()
