"""The scorer as a reward function, for TRL's `reward_funcs` and whoever calls like it.

    from sqlenv.rewards import sql_reward
    trainer = GRPOTrainer(model, reward_funcs=[sql_reward("scorer:50052")], train_dataset=dataset)

The data set needs a column `task_id`. TRL calls with `prompts`, `completions` and the data set's columns as keyword
arguments, each a list of equal length, and takes back as many floats; None means "no reward known" and is left out of
the group (TRL's documentation, "Using a custom reward function").
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlenv.aio import AsyncRewardClient
from sqlenv.calling.access import AccessOptions
from sqlenv.calling.protocol import Retry
from sqlenv.client import DEFAULT_REWARD_TARGET, RewardClient
from sqlenv.errors import InvalidArgument, ServiceError, Unavailable, from_status
from sqlenv.v1 import reward_pb2, types_pb2

log = logging.getLogger(__name__)

Completion = str | Sequence[Mapping[str, Any]]
"""What the policy wrote: text, or messages with `role` and `content`."""

Extract = Callable[[str], str | None]
"""Finds the SQL in a completion's text; None where there is none."""

BATCH = 1_024

_FENCE = re.compile(r"```(?:sql|sqlite)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_ACTION = re.compile(r"^\s*(?:ANSWER\s+SQL:|QUERY)\s*(.+)", re.DOTALL | re.IGNORECASE | re.MULTILINE)
_SELECT = re.compile(r"\b(?:SELECT|WITH)\b.*", re.DOTALL | re.IGNORECASE)


def extract_sql(text: str) -> str | None:
    """The SQL in what a policy wrote: the last fenced block, or after `ANSWER SQL:`, or from the first SELECT on."""
    fenced = _FENCE.findall(text)
    if fenced:
        return str(fenced[-1]).strip() or None
    action = _ACTION.search(text)
    if action:
        return action.group(1).strip()
    bare = _SELECT.search(text)
    return bare.group(0).strip() if bare else None


@dataclass(frozen=True)
class Weights:
    """What makes the reward of one SQL text. By default 1 for right and 0 for anything else.

    correct: for right SQL. efficiency: times gold's VM steps by the candidate's, at most 1, for right SQL only.
    execution: for SQL that ran. progress: times how near the result came to gold's, 0 to 1 in quarters.
    no_sql: where the completion holds no SQL.
    """

    correct: float = 1.0
    efficiency: float = 0.0
    execution: float = 0.0
    progress: float = 0.0
    no_sql: float = 0.0

    def reward(self, score: types_pb2.Score) -> float:
        """The reward of a score."""
        return (
            self.correct * score.correctness
            + self.efficiency * score.efficiency
            + self.execution * score.execution
            + self.progress * score.progress
        )


def sql_reward(
    target: str = DEFAULT_REWARD_TARGET,
    *,
    weights: Weights | None = None,
    extract: Extract = extract_sql,
    task_column: str = "task_id",
    timeout_s: float = 60.0,
    patience_s: float = 60.0,
    name: str = "sql_reward",
    **access: Unpack[AccessOptions],
) -> Callable[..., list[float | None]]:
    """A reward function that scores the SQL in each completion through the reward service at `target`.

    Called with `completions` and a column of task ids; other arguments are TRL's and are not needed. A scorer that
    stays away longer than `patience_s` gives None for every completion: an outage must not become training data.
    `access`: TLS and token, see `sqlenv.calling.access.AccessOptions`; where they don't fit, raises Unauthenticated or
    HandshakeFailed. Raises ValueError where the column is missing and InvalidArgument where a task is unknown: the data
    sets don't fit.
    """
    rewards = weights or Weights()
    clients: list[RewardClient] = []

    def reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
        if not clients:  # not before: the function may be made before a trainer forks
            clients.append(RewardClient(target, timeout_s=timeout_s, retry=Retry(patience_s=patience_s), **access))
        asked = _Asked(completions, columns, task_column, extract)
        try:
            results = [r for pairs in asked.batches() for r in clients[0].batch_score_sql(pairs)]
        except Unavailable as error:
            return asked.unknown(error)
        return asked.rewards(results, rewards, columns.get("log_metric"))

    reward.__name__ = name
    return reward


def async_sql_reward(
    target: str = DEFAULT_REWARD_TARGET,
    *,
    weights: Weights | None = None,
    extract: Extract = extract_sql,
    task_column: str = "task_id",
    timeout_s: float = 60.0,
    patience_s: float = 60.0,
    name: str = "sql_reward",
    **access: Unpack[AccessOptions],
) -> Callable[..., Awaitable[list[float | None]]]:
    """As `sql_reward`, but a coroutine function: TRL runs those of several reward functions side by side."""
    rewards = weights or Weights()

    async def reward(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
        asked = _Asked(completions, columns, task_column, extract)
        # A client of its own for each call: the trainer may run each on another event loop.
        async with AsyncRewardClient(
            target, timeout_s=timeout_s, retry=Retry(patience_s=patience_s), **access
        ) as client:
            try:
                results = [r for pairs in asked.batches() for r in await client.batch_score_sql(pairs)]
            except Unavailable as error:
                return asked.unknown(error)
        return asked.rewards(results, rewards, columns.get("log_metric"))

    reward.__name__ = name
    return reward


class _Asked:
    """One call's completions: which hold SQL, for which tasks."""

    def __init__(
        self, completions: Sequence[Completion], columns: Mapping[str, Any], task_column: str, extract: Extract
    ) -> None:
        tasks = columns.get(task_column)
        if tasks is None or len(tasks) != len(completions):
            raise ValueError(f"the data set needs a column {task_column!r} that names the task of each completion")
        self._sql = [extract(_text(completion)) for completion in completions]
        self._pairs = [(str(task), sql) for task, sql in zip(tasks, self._sql, strict=True) if sql is not None]

    def batches(self) -> list[list[tuple[str, str]]]:
        """What to ask the scorer, in calls of bounded size."""
        return [self._pairs[i : i + BATCH] for i in range(0, len(self._pairs), BATCH)]

    def unknown(self, error: ServiceError) -> list[float | None]:
        """What is said where the scorer is away."""
        log.warning("no rewards for %d completions: %s", len(self._sql), error)
        return [None] * len(self._sql)

    def rewards(
        self, results: list[reward_pb2.BatchScoreSqlResult], weights: Weights, log_metric: Callable[..., Any] | None
    ) -> list[float | None]:
        """A reward for each completion."""
        scores = iter([_score(result) for result in results])
        found = [None if sql is None else next(scores) for sql in self._sql]
        if log_metric is not None and found:
            verdicts = Counter(types_pb2.Verdict.Name(s.verdict)[8:].lower() if s else "no_sql" for s in found)
            for verdict, count in sorted(verdicts.items()):
                log_metric(f"sql/{verdict}", count / len(found))
        return [weights.no_sql if score is None else weights.reward(score) for score in found]


def _score(result: reward_pb2.BatchScoreSqlResult) -> types_pb2.Score:
    if result.WhichOneof("outcome") == "response":
        return result.response.score
    error = from_status(result.status)
    raise InvalidArgument(f"the scorer refused a completion's task: {error.message}", error.reason) from error


def _text(completion: Completion) -> str:
    if isinstance(completion, str):
        return completion
    parts = [m.get("content") for m in completion if m.get("role", "assistant") == "assistant"]
    return "\n".join(part for part in parts if isinstance(part, str))
