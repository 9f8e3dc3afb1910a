"""What the environment service counts beyond what every server does; see `sqlenv.telemetry.metrics`."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Any

import grpc

from env_service.sessions import SessionStore
from sqlenv.actions import Action, AnswerSql, AnswerValue, Describe, InvalidAction, Query, Sample
from sqlenv.telemetry.metrics import SIZES
from sqlenv.telemetry.service import Telemetry
from sqlenv.telemetry.tracing import NO_SPAN

ACTIONS: dict[type, str] = {
    Describe: "describe",
    Sample: "sample",
    Query: "query",
    AnswerValue: "answer_value",
    AnswerSql: "answer_sql",
    InvalidAction: "invalid",
}


class EnvMetrics:
    """Steps, sessions, the cache of results, and calls to the reward service."""

    def __init__(self, telemetry: Telemetry) -> None:
        metrics = telemetry.metrics
        self.tracing = telemetry.tracing
        self._metrics = metrics
        self.queue_seconds = metrics.queue_seconds["reward"]
        self._steps = metrics.counter("sqlenv_steps", "Steps taken, each once, by kind of action.", "action")
        self._step_of = {kind: self._steps[name] for kind, name in ACTIONS.items()}
        self.sessions = metrics.counter(
            "sqlenv_session_events",
            "What became of sessions: created, resumed (created by a replay), terminated (answered), truncated (out of "
            "steps), closed, expired, evicted (ended, and its place was needed), refused (no place).",
            "event",
        )
        self.cache = metrics.counter(
            "sqlenv_cache_requests", "Look-ups of results that are kept: hit is true or false.", "cache", "hit"
        )
        self.cache_hit, self.cache_miss = self.cache["results", "true"], self.cache["results", "false"]
        self.reward_calls = metrics.counter(
            "sqlenv_reward_calls", "Calls to the reward service: OK, or why one failed.", "result"
        )
        self.reward_failures = metrics.counter(
            "sqlenv_reward_failed_steps", "Steps that could not be scored, and were not consumed.", "reason"
        )
        self.reward_seconds = metrics.histogram("sqlenv_reward_call_seconds", "Time that a scoring call took.")[()]
        self.reward_steps = metrics.histogram(
            "sqlenv_reward_call_steps", "Steps that one scoring call carried.", buckets=SIZES
        )[()]

    def step(self, action: Action) -> None:
        """Counts a step that was taken."""
        self._step_of[type(action)].inc()

    @contextmanager
    def reward_call(self, steps: int) -> Iterator[None]:
        """Counts and times one scoring call."""
        self.reward_steps.observe(steps)
        result, start = "OK", perf_counter()
        try:
            yield
        except grpc.RpcError as error:
            result = error.code().name
            raise
        except BaseException as error:
            result = "CANCELLED" if isinstance(error, CancelledError) else "UNREADABLE"
            raise
        finally:
            self.reward_calls[result].inc()
            self.reward_seconds.observe(perf_counter() - start)

    def session(self, event: str) -> None:
        """Counts what became of a session."""
        self.sessions[event].inc()

    def step_span(self, episode_id: str, action: Action) -> AbstractContextManager[Any]:
        """The span of a step."""
        if not self.tracing.on:
            return NO_SPAN
        about = {"sqlenv.episode_id": episode_id, "sqlenv.action": ACTIONS[type(action)]}
        return self.tracing.span("step", attributes=about)

    def watch_sessions(self, sessions: SessionStore, most: int) -> None:
        """Shows how many sessions are open."""
        declare = self._metrics.gauge
        declare("sqlenv_sessions_running", "Episodes that take steps.", lambda: sessions.running)
        finished = "Episodes that have ended and are kept for a repeat."
        declare("sqlenv_sessions_finished", finished, lambda: sessions.finished)
        declare("sqlenv_sessions_limit", "Sessions that may be open at once.", lambda: most)
