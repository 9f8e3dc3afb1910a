"""The corpus against real services over gRPC, with a neighbour who measures and an eye on the process.

with Attack.on_environment() as attack:
    attack.quiet(5)
    answers = [attack.send(case) for case in corpus()]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from sqlenv.gold import load_gold
from sqlenv.tasks import BUNDLED
from sqlenv.types import ErrorKind, Verdict
from sqlenv.v1 import environment_pb2, environment_pb2_grpc, reward_pb2
from tests.hostile.case import BAD_MESSAGE, RESULT, Case, leak
from tests.hostile.probe import TASK
from tests.live import process

ROOT = Path(__file__).resolve().parents[2]
MAX_ANSWER_S = 2.0
MAX_GROWTH_BYTES = 128 * 2**20
MAX_P99_RATIO = 3.0
# Fewer samples have no 99th percentile.
ENOUGH = 300


@dataclass(frozen=True)
class Answer:
    """What came back for a case: its kind, how long it took, how far the process's memory rose above what it had."""

    case: Case
    got: str
    start: float
    seconds: float
    growth_bytes: int
    leaked: str | None

    @property
    def fault(self) -> str | None:
        """What is wrong with it; None where nothing is."""
        if self.got not in self.case.expected:
            return f"{self.got} instead of {' or '.join(sorted(self.case.expected))}"
        if self.seconds > MAX_ANSWER_S:
            return f"answered after {self.seconds:.2f} s"
        if self.leaked:
            return f"leaked {self.leaked}"
        return None


@dataclass(frozen=True)
class Row:
    """A family in the table. `p99_ratio` is the neighbour's p99 over its quiet one; None where it has few samples."""

    family: str
    cases: int
    as_expected: int
    slowest_ms: float
    growth_mb: float
    p99_ratio: float | None


class Attack:
    """One attack on one service. `answers` are those so far."""

    def __init__(self, stack: ExitStack, pid: int, target: str, environment: str) -> None:
        self.answers: list[Answer] = []
        self.pid = pid
        self._stack = stack
        self._channel = stack.enter_context(grpc.insecure_channel(target, [("grpc.max_receive_message_length", -1)]))
        self._probe = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.probe", environment],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._quiet: list[tuple[float, float]] = []
        self._samples: list[tuple[float, float]] = []
        self._gold = [gold.sql for gold in load_gold(BUNDLED).values() if len(gold.sql) > 40]
        self._index = 0
        self._episode = ""
        self._rss_before = 0
        self.peak_growth_bytes = 0

    @classmethod
    @contextmanager
    def on_environment(cls) -> Iterator[Attack]:
        """SQL as queries of an episode."""
        with ExitStack() as stack:
            _, reward = stack.enter_context(process("reward_service", port=0))
            service, target = stack.enter_context(
                process("env_service", port=0, reward_target=reward, max_steps=1_000, result_cache_bytes=2**20)
            )
            attack = _Queries(stack, service.pid, target, target)
            yield attack
            assert service.poll() is None, "the environment service ended"
            attack._end()

    @classmethod
    @contextmanager
    def on_reward(cls) -> Iterator[Attack]:
        """SQL as answers to be scored; the neighbour's steps are scored by the same process."""
        with ExitStack() as stack:
            service, target = stack.enter_context(process("reward_service", port=0))
            _, environment = stack.enter_context(process("env_service", port=0, reward_target=target))
            attack = _Answers(stack, service.pid, target, environment)
            yield attack
            assert service.poll() is None, "the reward service ended"
            attack._end()

    def quiet(self, seconds: float) -> None:
        """Lets the neighbour play alone. To be called before the first case; later calls add to the same figure."""
        start = time.monotonic() + (0.0 if self._quiet else 1.0)  # a second to warm up, the first time
        time.sleep(seconds + start - time.monotonic())
        self._quiet.append((start, time.monotonic()))
        if not self.answers:
            self._rss_before = _memory(self.pid)["VmRSS"]

    def send(self, case: Case) -> Answer:
        """Sends one case, as its text or its bytes stand, and judges what comes back."""
        _forget_peak(self.pid)
        before = _memory(self.pid)["VmRSS"]
        start = time.monotonic()
        try:
            reply = self._send(case.sql)
        except grpc.RpcError as error:
            details = str(error.details()) + " ".join(str(value) for _, value in error.trailing_metadata())
            got = BAD_MESSAGE if BAD_MESSAGE in details else error.code().name
            text = details
        else:
            got, text = self._read(reply)
        seconds = time.monotonic() - start
        peak = _memory(self.pid)["VmHWM"]
        self.peak_growth_bytes = max(self.peak_growth_bytes, peak - self._rss_before)
        leaked = leak(text) or next((sql for sql in self._gold if sql in text and sql not in str(case.sql)), None)
        answer = Answer(case, got, start, seconds, peak - before, leaked)
        self.answers.append(answer)
        return answer

    def p99_ratio(self) -> float:
        """The neighbour's p99 while the attack lasted over its quiet one. Known after the end."""
        spans = [(answer.start, answer.start + answer.seconds) for answer in self.answers]
        return self._p99(spans) / self._p99(self._quiet)

    def quiet_p99_ms(self) -> float:
        """The neighbour's quiet p99, in milliseconds."""
        return self._p99(self._quiet) * 1000

    def rows(self) -> list[Row]:
        """The table, a row for each family. Known after the end."""
        rows = []
        for family in dict.fromkeys(answer.case.family for answer in self.answers):
            answers = [answer for answer in self.answers if answer.case.family == family]
            spans = [(answer.start, answer.start + answer.seconds) for answer in answers]
            enough = len(self._within(spans)) >= ENOUGH
            rows.append(
                Row(
                    family,
                    len(answers),
                    sum(answer.fault is None for answer in answers),
                    max(answer.seconds for answer in answers) * 1000,
                    max(answer.growth_bytes for answer in answers) / 2**20,
                    self._p99(spans) / self._p99(self._quiet) if enough else None,
                )
            )
        return rows

    def _end(self) -> None:
        out, _ = self._probe.communicate(timeout=30)
        assert self._probe.returncode == 0, "the neighbour met an error"
        self._samples = [(start, seconds) for start, seconds in json.loads(out)]

    def _within(self, spans: list[tuple[float, float]]) -> list[float]:
        # A step counts where the two overlap at all.
        found, position = [], 0
        for start, seconds in self._samples:
            while position < len(spans) and spans[position][1] < start:
                position += 1
            if position < len(spans) and spans[position][0] < start + seconds:
                found.append(seconds)
        return sorted(found)

    def _p99(self, spans: list[tuple[float, float]]) -> float:
        found = self._within(sorted(spans))
        return found[min(len(found) - 1, int(len(found) * 0.99))]

    def _call(self, method: str, message: bytes) -> bytes:
        call = self._channel.unary_unary(f"/sqlenv.v1.{method}")
        reply: bytes = call(message, timeout=10)
        return reply

    def _send(self, sql: str | bytes) -> bytes:
        raise NotImplementedError

    def _read(self, reply: bytes) -> tuple[str, str]:
        raise NotImplementedError


class _Queries(Attack):
    def _send(self, sql: str | bytes) -> bytes:
        if not self._episode or self._index >= 900:
            reset = environment_pb2.ResetRequest(task=environment_pb2.TaskSelector(task_id=TASK), seed=0)
            stub = environment_pb2_grpc.EnvironmentServiceStub(self._channel)
            self._episode, self._index = stub.Reset(reset).episode_id, 0
        step = environment_pb2.StepRequest(episode_id=self._episode, step_index=self._index)
        reply = self._call("EnvironmentService/Step", with_sql(step, step.action.query, sql))
        self._index += 1
        return reply

    def _read(self, reply: bytes) -> tuple[str, str]:
        response = environment_pb2.StepResponse.FromString(reply)
        observation = response.observation
        if observation.HasField("error"):
            return ErrorKind(observation.error.kind).name, observation.error.message
        return RESULT, observation.text if observation.HasField("result") else "neither result nor error"


class _Answers(Attack):
    def _send(self, sql: str | bytes) -> bytes:
        request = reward_pb2.ScoreSqlRequest(task_id=TASK)
        return self._call("RewardService/ScoreSql", with_sql(request, request, sql))

    def _read(self, reply: bytes) -> tuple[str, str]:
        score = reward_pb2.ScoreSqlResponse.FromString(reply).score
        return Verdict(score.verdict).name, score.reason


def verdicts(case: Case) -> Case:
    """The case as an answer: what verdict it must get. None of them is right."""
    limits = {ErrorKind.TIMEOUT.name, ErrorKind.OUT_OF_MEMORY.name}
    expected = set()
    for kind in case.expected:
        if kind == RESULT:
            expected |= {Verdict.INCORRECT.name, Verdict.LIMIT_EXCEEDED.name}
        elif kind in limits:
            expected.add(Verdict.LIMIT_EXCEEDED.name)
        else:
            expected.add(kind if kind == BAD_MESSAGE else Verdict.SQL_FAILED.name)
    return Case(case.family, case.name, case.sql, frozenset(expected))


def with_sql(message: Any, holder: Any, sql: str | bytes) -> bytes:
    """The message on the wire with `sql` in its holder's field, also where the field could not hold it."""
    if isinstance(sql, str):
        holder.sql = sql
        return bytes(message.SerializeToString())
    holder.sql = "\x7f" * len(sql)
    return bytes(message.SerializeToString()).replace(b"\x7f" * len(sql), sql)


def _memory(pid: int) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Vm"))
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")
