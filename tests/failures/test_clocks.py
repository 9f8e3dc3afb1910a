"""Clock jumps: what expires goes by a clock that never jumps; the wall clock is only ever told, at reply time."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import env_service.engine
from sqlenv.calling.protocol import Retry
from sqlenv.client import SqlEnvClient
from tests.live import LiveServices

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sqlenv", "env_service", "reward_service")

WALL_CLOCK = {"time", "time_ns", "now", "utcnow", "today"}

TELLS_THE_TIME = {
    "env_service/engine.py": "expire_time in replies",
    "sqlenv/cli/checks.py": "when a certificate ends is a date",
    "sqlenv/telemetry/logs.py": "time stamps",
    "sqlenv/serving/certificates.py": "when a certificate ends is a date",
    "sqlenv/calling/handshake.py": "when a certificate ends is a date",
    "sqlenv/telemetry/metrics.py": "when the process started",
    "sqlenv/telemetry/tracing.py": "time stamps",
}


def wall_clock_calls(path: Path) -> list[int]:
    """Lines that ask for the wall clock: time.time(), datetime.now() and the like; a loop's time() is monotonic."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            lines += [node.lineno for alias in node.names if alias.name in WALL_CLOCK]
        if isinstance(node, ast.Attribute) and node.attr in WALL_CLOCK:
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner in ("time", "datetime", "date"):
                lines.append(node.lineno)
    return lines


def test_nothing_that_expires_asks_the_wall_clock() -> None:
    modules = [
        path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if path.parent.name != "v1"
    ]
    asking = {str(path.relative_to(ROOT)) for path in modules if wall_clock_calls(path)}
    assert asking <= set(TELLS_THE_TIME), "durations and ends go by time.monotonic()"
    assert "env_service/engine.py" in asking  # the search finds what is there
    assert len(wall_clock_calls(ROOT / "env_service/engine.py")) == 1


@pytest.mark.parametrize("jump_s", [-10 * 86_400.0, 10 * 86_400.0])
def test_a_jump_ends_no_episode_and_no_call(monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    real = time.time
    with (
        LiveServices(session_ttl_ms=60_000) as live,
        SqlEnvClient(live.env, retry=Retry(patience_s=0)) as client,
        SqlEnvClient(live.env, retry=Retry(patience_s=0), stream=True) as streaming,
    ):
        episodes = [client.reset(task_id="campus_pets-001", seed=0), streaming.reset(task_id="campus_pets-001", seed=1)]
        for number, shift in enumerate((0.0, jump_s, 0.0, 2 * jump_s)):
            # The server's clock alone: gRPC works out its deadlines from the difference of two real ones.
            clock = SimpleNamespace(time=lambda shift=shift: real() + shift, monotonic=time.monotonic)
            monkeypatch.setattr(env_service.engine, "time", clock)
            for episode in episodes:
                assert episode.query(f"SELECT {number}").observation.step_count == number + 1
                told = client.get_episode(episode.log.episode_id).expire_time.ToMilliseconds() / 1000
                assert told - (real() + shift) == pytest.approx(60, abs=5)  # by the clock that the caller has now
