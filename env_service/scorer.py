"""The environment's line to the reward service: one channel, and one call for all steps that wait at that moment.

A call costs more than a score. So steps that come while a call is under way wait for the next one, which takes them
all; a lone step goes out at once. Answers in SQL, which can take long to judge, travel apart from the others: nobody
waits for a neighbour's answer. A failing call fails its steps, none of which is then consumed.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import grpc

from sqlenv.errors import (
    DeadlineExceeded,
    Exhausted,
    ServiceError,
    Unavailable,
    VersionMismatch,
    from_rpc_error,
    from_status,
)
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
Pending = tuple[reward_pb2.ScoreStepRequest, "asyncio.Future[reward_pb2.ScoreStepResponse]"]


class RewardScorer:
    """Scores steps at `target` ("host:port" or "unix:/path")."""

    def __init__(self, target: str, timeout_ms: int, batch_steps: int, ca_file: str = "") -> None:
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            # A reward service that restarts should be found again at once, not after a growing back-off.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
        ]
        if ca_file:
            credentials = grpc.ssl_channel_credentials(Path(ca_file).read_bytes())
            self._channel = grpc.aio.secure_channel(target, credentials, options)
        else:
            self._channel = grpc.aio.insecure_channel(target, options)
        self._stub = reward_pb2_grpc.RewardServiceStub(self._channel)
        self._timeout_s = timeout_ms / 1000
        self._quick = _Lane(self._call, QUICK_CALLS, batch_steps)
        self._slow = _Lane(self._call, SLOW_CALLS, SLOW_STEPS)

    async def score(self, request: reward_pb2.ScoreStepRequest) -> reward_pb2.ScoreStepResponse:
        """The score of one step. Raises Unavailable where the reward service can't be reached; nothing is consumed."""
        future: asyncio.Future[reward_pb2.ScoreStepResponse] = asyncio.get_running_loop().create_future()
        lane = self._slow if request.transition.action.answer.HasField("sql") else self._quick
        lane.add((request, future))
        return await future

    async def close(self) -> None:
        """Ends the calls under way and closes the channel."""
        await self._channel.close()

    async def _call(self, batch: list[Pending]) -> None:
        outcomes: Sequence[Scored]
        try:
            outcomes = await self._outcomes([request for request, _ in batch])
        except asyncio.CancelledError:
            outcomes = [_away("the server is stopping")] * len(batch)
        except Exception as error:  # whatever it is, nobody may be left waiting
            log.exception("scoring %d steps failed", len(batch), exc_info=error)
            outcomes = [_away("the reward service gave what can't be read")] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():  # its caller went away
                continue
            if isinstance(outcome, ServiceError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _outcomes(self, requests: list[reward_pb2.ScoreStepRequest]) -> Sequence[Scored]:
        try:
            if len(requests) == 1:
                return [_checked(await self._stub.ScoreStep(requests[0], timeout=self._timeout_s))]
            batch = reward_pb2.BatchScoreStepRequest(requests=requests)
            response = await self._stub.BatchScoreStep(batch, timeout=self._timeout_s)
        except grpc.RpcError as error:
            failure = from_rpc_error(error)
            if isinstance(failure, Exhausted) and len(requests) > 1:  # too large a message: in halves, then
                half = len(requests) // 2
                return [*await self._outcomes(requests[:half]), *await self._outcomes(requests[half:])]
            return [_translate(failure)] * len(requests)
        if response is None or len(response.results) != len(requests):
            return [_away("the reward service gave a response of another length")] * len(requests)
        return [_outcome(result) for result in response.results]


class _Lane:
    """Steps that wait, and calls that take them; at most `max_calls` at once, of at most `max_steps` each."""

    def __init__(self, call: Callable[[list[Pending]], Coroutine[Any, Any, None]], max_calls: int, max_steps: int):
        self._call = call
        self._max_calls = max_calls
        self._max_steps = max_steps
        self._waiting: list[Pending] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._wakeup: asyncio.Handle | None = None

    def add(self, pending: Pending) -> None:
        """Sends a step with the next call."""
        self._waiting.append(pending)
        if self._wakeup is None:
            # Not at once: the steps of one batch, and of messages that arrived together, come in this same turn.
            self._wakeup = asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._wakeup = None
        while self._waiting and len(self._calls) < self._max_calls:
            size = self._fitting()
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            task = asyncio.get_running_loop().create_task(self._call(batch))
            self._calls.add(task)
            task.add_done_callback(self._done)

    def _fitting(self) -> int:
        """How many of those who wait fit into one call."""
        size = 0
        for count, (request, _) in enumerate(self._waiting[: self._max_steps]):
            size += request.ByteSize()
            if size > CALL_BYTES and count:
                return count
        return min(len(self._waiting), self._max_steps)

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
    if not math.isfinite(response.score.total):
        return _away("the reward service gave a score that is no number")
    return response


def _translate(error: ServiceError) -> ServiceError:
    # What the caller can mend passes; anything else means that the reward service is no help for now.
    if isinstance(error, VersionMismatch) or error.code is grpc.StatusCode.INVALID_ARGUMENT:
        return error
    if isinstance(error, (Unavailable, DeadlineExceeded)):
        return _away(f"the reward service can't be reached ({error.code.name})")
    return _away(f"the reward service could not score the step ({error.code.name})")


def _away(why: str) -> Unavailable:
    words = f"{why}; the step was not consumed, send it again"
    return Unavailable(words, reason="REWARD_UNAVAILABLE", retry_after_s=RETRY_S)
