"""The environment's line to the reward service: one channel, and one call for all steps that wait at that moment.

A call costs more than a score. So steps that come while a call is under way wait for the next one, which takes them
all; a lone step goes out at once. Answers in SQL, which can take long to judge, travel apart from the others: nobody
waits for a neighbour's answer. A failing call fails its steps, none of which is then consumed; one that nothing came
back from fails those who waited for it too, and is followed by calls over another connection.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import grpc

from env_service.metrics import EnvMetrics
from env_service.reward_access import RewardAccess
from sqlenv.calling.access import AccessOptions
from sqlenv.errors import (
    DeadlineExceeded,
    Exhausted,
    ServiceError,
    Unavailable,
    VersionMismatch,
    from_rpc_error,
    from_status,
)
from sqlenv.serving.fairness import FairQueue, step_aside
from sqlenv.telemetry.service import Telemetry
from sqlenv.v1 import reward_pb2, reward_pb2_grpc

log = logging.getLogger(__name__)

# So many calls under way at once: of steps that are scored in microseconds, and of answers whose SQL has to run.
QUICK_CALLS, SLOW_CALLS = 1, 8
# So few of the latter in one call, because the slowest holds up the others.
SLOW_STEPS = 8

# Larger calls are split, well below what a server takes by default.
CALL_BYTES = 2**21
RETRY_S = 1.0

Scored = reward_pb2.ScoreStepResponse | ServiceError


class Pending(NamedTuple):
    """A step that waits for its score. `place`: where its trace stands. `since`: of perf_counter, in seconds."""

    request: reward_pb2.ScoreStepRequest
    future: asyncio.Future[reward_pb2.ScoreStepResponse]
    place: Any
    since: float


class RewardScorer:
    """Scores steps at `target` ("host:port" or "unix:/path")."""

    def __init__(
        self,
        target: str,
        timeout_ms: int,
        batch_steps: int,
        access: AccessOptions | None = None,
        metrics: EnvMetrics | None = None,
    ) -> None:
        self._metrics = metrics or EnvMetrics(Telemetry("environment"))
        self._access = RewardAccess(target, access)
        self._channel = self._access.channel()
        self._stub = reward_pb2_grpc.RewardServiceStub(self._channel)
        self._closing: set[asyncio.Task[None]] = set()
        self._timeout_s = timeout_ms / 1000
        self._quick = _Lane(self._call, QUICK_CALLS, batch_steps)
        self._slow = _Lane(self._call, SLOW_CALLS, SLOW_STEPS)

    async def score(self, request: reward_pb2.ScoreStepRequest) -> reward_pb2.ScoreStepResponse:
        """The score of one step. Raises Unavailable where the reward service can't be reached; nothing is consumed."""
        future: asyncio.Future[reward_pb2.ScoreStepResponse] = asyncio.get_running_loop().create_future()
        lane = self._quick
        if request.transition.action.answer.HasField("sql"):
            lane = self._slow
            step_aside()
        lane.add(Pending(request, future, self._metrics.tracing.here(), perf_counter()))
        return await future

    async def close(self) -> None:
        """Ends the calls under way and closes the channel."""
        for task in list(self._closing):
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._channel.close()

    def _renew(self, silent: grpc.aio.Channel) -> None:
        """Another channel in place of one on which nothing came back.

        The other end may be gone without a word, and TCP takes a quarter of an hour to notice.
        """
        if silent is not self._channel:
            return  # another call noticed first
        self._channel = self._access.channel()
        self._stub = reward_pb2_grpc.RewardServiceStub(self._channel)
        closing = asyncio.get_running_loop().create_task(silent.close(self._timeout_s))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _call(self, batch: list[Pending]) -> bool:
        """Scores a batch; False where nothing came back in time."""
        outcomes: Sequence[Scored]
        try:
            self._metrics.queue_seconds.observe(perf_counter() - batch[0].since)
            outcomes = await self._outcomes(batch)
        except asyncio.CancelledError:
            outcomes = [_away("the server is stopping")] * len(batch)
        except Exception as error:  # whatever it is, nobody may be left waiting
            log.exception("scoring %d steps failed", len(batch), exc_info=error)
            outcomes = [_away("the reward service gave what can't be read")] * len(batch)
        for pending, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, ServiceError):
                self._metrics.reward_failures[outcome.reason].inc()
            if pending.future.done():  # its caller went away
                continue
            if isinstance(outcome, ServiceError):
                pending.future.set_exception(outcome)
            else:
                pending.future.set_result(outcome)
        return not isinstance(outcomes[-1], _Silence)

    async def _outcomes(self, batch: list[Pending]) -> Sequence[Scored]:
        channel = self._channel
        try:
            response = await self._ask(batch)
        except grpc.RpcError as error:
            failure = from_rpc_error(error)
            if isinstance(failure, Exhausted) and len(batch) > 1:  # too large a message: in halves, then
                half = len(batch) // 2
                return [*await self._outcomes(batch[:half]), *await self._outcomes(batch[half:])]
            if isinstance(failure, DeadlineExceeded):
                self._renew(channel)
                return [_silence()] * len(batch)
            await self._access.report(failure)
            if self._access.renewed(failure):
                self._renew(channel)
            return [_translate(failure)] * len(batch)
        if len(batch) == 1:
            return [_checked(response)]
        if response is None or len(response.results) != len(batch):
            return [_away("the reward service gave a response of another length")] * len(batch)
        return [_outcome(result) for result in response.results]

    async def _ask(self, batch: list[Pending]) -> Any:
        """One call. Its span is a child of the first step's; the other steps' are linked."""
        tracing = self._metrics.tracing
        places = [pending.place for pending in batch] if tracing.on else [None]
        about = {"rpc.system.name": "grpc", "sqlenv.steps": len(batch)}
        with self._metrics.reward_call(len(batch)), tracing.span("score", "client", places[0], places[1:], about):
            options = {"timeout": self._timeout_s, "metadata": (*self._access.metadata, *(tracing.inject() or ()))}
            if len(batch) == 1:
                return await self._stub.ScoreStep(batch[0].request, **options)
            requests = [pending.request for pending in batch]
            return await self._stub.BatchScoreStep(reward_pb2.BatchScoreStepRequest(requests=requests), **options)


class _Lane:
    """Steps that wait, and calls that take them; at most `max_calls` at once, of at most `max_steps` each."""

    def __init__(self, call: Callable[[list[Pending]], Coroutine[Any, Any, bool]], max_calls: int, max_steps: int):
        self._call = call
        self._max_calls = max_calls
        self._max_steps = max_steps
        self._waiting: FairQueue[Pending] = FairQueue()  # answers in SQL can be many: callers take turns
        self._calls: set[asyncio.Task[None]] = set()
        self._wakeup: asyncio.Handle | None = None
        self._answered_s = 0.0  # the loop's time when something last came back

    def add(self, pending: Pending) -> None:
        """Sends a step with the next call."""
        self._waiting.put(pending)
        if self._wakeup is None:
            # Not at once: the steps of one batch, and of messages that arrived together, come in this same turn.
            self._wakeup = asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._wakeup = None
        while len(self._calls) < self._max_calls and (batch := self._next()):
            # In no context: a call is many steps', and must not be logged or traced as that of one.
            task = asyncio.get_running_loop().create_task(self._run(batch), context=contextvars.Context())
            self._calls.add(task)
            task.add_done_callback(self._done)

    async def _run(self, batch: list[Pending]) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        if await self._call(batch):
            self._answered_s = clock()
        elif self._answered_s < began:
            # No other call was answered meanwhile either. Who waited for this one has waited long enough.
            for pending in self._waiting.clear():
                if not pending.future.done():
                    pending.future.set_exception(_silence())

    def _next(self) -> list[Pending]:
        """Takes as many of those who wait as fit into one call."""
        batch: list[Pending] = []
        size = 0
        while self._waiting and len(batch) < self._max_steps:
            if not self._waiting.peek().future.done():  # else its caller went away
                size += self._waiting.peek().request.ByteSize()
                if size > CALL_BYTES and batch:
                    break
                batch.append(self._waiting.peek())
            self._waiting.pop()
        return batch

    def _done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._send()


def _outcome(result: reward_pb2.BatchScoreStepResult) -> Scored:
    if result.WhichOneof("outcome") == "response":
        return _checked(result.response)
    return _translate(from_status(result.status))


def _checked(response: reward_pb2.ScoreStepResponse | None) -> Scored:
    """The response, if it is a score that may become somebody's reward."""
    if response is None or not response.HasField("score") or not response.HasField("state"):
        return _away("the reward service gave no score")
    score = response.score
    numbers = (score.total, score.execution, score.correctness, score.efficiency, score.progress)
    if not all(map(math.isfinite, (*numbers, *(term.value for term in score.terms)))):
        return _away("the reward service gave a score that is no number")
    return response


def _translate(error: ServiceError) -> ServiceError:
    # What the caller can mend passes; anything else means that the reward service is no help for now.
    if isinstance(error, VersionMismatch) or error.code is grpc.StatusCode.INVALID_ARGUMENT:
        return error
    if isinstance(error, (Unavailable, DeadlineExceeded)):
        return _away(f"the reward service can't be reached ({error.code.name})")
    return _away(f"the reward service could not score the step ({error.code.name})")


class _Silence(Unavailable):
    """Nothing came back within the deadline."""


def _silence() -> Unavailable:
    return _away("the reward service gave no answer in time", _Silence)


def _away(why: str, kind: type[Unavailable] = Unavailable) -> Unavailable:
    words = f"{why}; the step was not consumed, send it again"
    return kind(words, reason="REWARD_UNAVAILABLE", retry_after_s=RETRY_S)
