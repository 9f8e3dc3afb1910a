"""The blocking client.

    with SqlEnvClient("localhost:50051") as client:
        with client.reset(split="train", seed=0) as episode:
            print(episode.observation.text)
            result = episode.query("SELECT count(*) FROM singer")
            result = episode.answer("42")
            print(result.reward, result.terminated)

Calls have deadlines and are sent again while the server is away; an episode that a server has lost is rebuilt from its
actions, on that server or another. A caller notices only the time it takes. Raises `sqlenv.errors.ServiceError`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Self, Unpack

import grpc

from sqlenv import actions
from sqlenv.calling import batches, protocol
from sqlenv.calling.access import Access, AccessOptions
from sqlenv.calling.protocol import ActionLike, EpisodeLog, Retry, StepResult
from sqlenv.calling.streams import PlayStream, StreamRefused
from sqlenv.calling.transport import METHODS, OPTIONS, PLAY_FIELDS
from sqlenv.errors import ServiceError, from_rpc_error
from sqlenv.v1 import environment_pb2, reward_pb2

DEFAULT_TARGET = "127.0.0.1:50051"
DEFAULT_REWARD_TARGET = "127.0.0.1:50052"


class _Client:
    """A channel and what drives operations over it. Safe to use from many threads."""

    def __init__(
        self, target: str, *, timeout_s: float = 30.0, retry: Retry | None = None, **access: Unpack[AccessOptions]
    ) -> None:
        self._access = Access(target, access)
        self._channel = self._access.channel(OPTIONS)
        self._timeout_s = timeout_s
        self._retry = retry or Retry()
        self._calls = {
            name: self._channel.unary_unary(method.path, method.serialize, method.deserialize)
            for name, method in METHODS.items()
        }

    def close(self) -> None:
        """Closes the channel; episodes that are open stay so on the server until they expire."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _send(self, method: str, request: Any) -> Any:
        try:
            return self._calls[method](request, timeout=self._timeout_s, metadata=self._access.metadata)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        except ValueError as error:
            raise ServiceError(str(error), "CLIENT_CLOSED") from None

    def _run(self, operation: protocol.Operation) -> Any:
        try:
            effect = next(operation)
            while True:
                if isinstance(effect, protocol.Sleep):
                    time.sleep(effect.seconds)
                    effect = next(operation)
                    continue
                try:
                    response = self._send(effect.method, effect.request)
                except ServiceError as error:
                    known = self._access.explain(error) if self._access.explainable(error) else error
                    effect = operation.throw(known)
                else:
                    effect = operation.send(response)
        except StopIteration as end:
            return end.value

    def _call(self, method: str, request: Any) -> Any:
        return self._run(protocol.call(method, request, self._retry))


class SqlEnvClient(_Client):
    """A client of the environment service.

    `target` is "host:port" or "unix:/path". `timeout_s` bounds one try of a call, `retry` how long to keep trying.
    `stream`: send episodes' calls over one Play stream. `access`: TLS and token, see `calling.access.AccessOptions`.
    Raises ConfigError where they can't be used.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout_s: float = 30.0,
        retry: Retry | None = None,
        stream: bool = False,
        **access: Unpack[AccessOptions],
    ) -> None:
        super().__init__(target, timeout_s=timeout_s, retry=retry, **access)
        self._stream = PlayStream(self._channel, timeout_s, self._access.metadata) if stream else None

    def close(self) -> None:
        """Closes the channel; episodes that are open stay so on the server until they expire."""
        if self._stream:
            self._stream.close()
        super().close()

    def reset(
        self,
        *,
        task_id: str | None = None,
        split: str | None = None,
        db_id: str | None = None,
        difficulty: str | None = None,
        seed: int | None = None,
        rubric: str = "",
    ) -> Episode:
        """Starts an episode of `task_id`, or of a task that `seed` draws from those that fit the rest.

        Raises NotFound where there is no such task, Exhausted where the server stays full.
        """
        request = protocol.reset_request(task_id, split, db_id, difficulty, seed, rubric)
        return Episode(self, self._run(protocol.reset(request, self._retry)))

    def batch_reset(self, requests: Iterable[environment_pb2.ResetRequest]) -> list[Episode | ServiceError]:
        """Starts many episodes in one call; where one can't be started its place holds the error."""
        logs = self._run(batches.batch_reset(list(requests), self._retry))
        return [log if isinstance(log, ServiceError) else Episode(self, log) for log in logs]

    def batch_step(self, steps: Sequence[tuple[Episode, ActionLike]]) -> list[StepResult | ServiceError]:
        """Takes one step in each of many episodes in one call; where one failed its place holds the error."""
        pairs = [(episode.log, protocol.to_action(action)) for episode, action in steps]
        results: list[StepResult | ServiceError] = self._run(batches.batch_step(pairs, self._retry))
        return results

    def list_tasks(
        self, *, split: str | None = None, db_id: str | None = None, difficulty: str | None = None
    ) -> Iterator[environment_pb2.Task]:
        """The public part of each task that fits."""
        which = environment_pb2.TaskFilter(split=split, db_id=db_id, difficulty=difficulty)
        token = ""
        while True:
            request = environment_pb2.ListTasksRequest(filter=which, page_size=1_000, page_token=token)
            page = self._call("ListTasks", request)
            yield from page.tasks
            token = page.next_page_token
            if not token:
                return

    def get_task(self, task_id: str) -> environment_pb2.Task:
        """One task's public part. Raises NotFound."""
        task: environment_pb2.Task = self._call("GetTask", environment_pb2.GetTaskRequest(task_id=task_id)).task
        return task

    def list_databases(self) -> environment_pb2.ListDatabasesResponse:
        """The databases, and name and version of the data set."""
        response: environment_pb2.ListDatabasesResponse = self._call(
            "ListDatabases", environment_pb2.ListDatabasesRequest()
        )
        return response

    def get_episode(self, episode_id: str) -> environment_pb2.GetEpisodeResponse:
        """Where an episode stands on the server. Raises NotFound."""
        response: environment_pb2.GetEpisodeResponse = self._call(
            "GetEpisode", environment_pb2.GetEpisodeRequest(episode_id=episode_id)
        )
        return response

    def _send(self, method: str, request: Any) -> Any:
        if self._stream and method in PLAY_FIELDS:
            with suppress(StreamRefused):  # perhaps for another's sake: alone it gets an answer of its own
                return self._stream.send(method, request)
        return super()._send(method, request)


class Episode:
    """One episode. As a context manager it closes the episode at the end, which frees its session on the server."""

    def __init__(self, client: SqlEnvClient, log: EpisodeLog) -> None:
        self._client = client
        self.log = log

    @property
    def task(self) -> environment_pb2.Task:
        """The public part of its task."""
        return self.log.task

    @property
    def observation(self) -> Any:
        """What the agent sees now; its `text` is for a language model."""
        return self.log.observation

    @property
    def episode_return(self) -> float:
        """Sum of the rewards so far."""
        return self.log.episode_return

    @property
    def done(self) -> bool:
        """True where it takes no more steps."""
        return self.log.done

    def step(self, action: ActionLike) -> StepResult:
        """Takes one step, exactly once. Raises EpisodeFinished where it has ended."""
        result: StepResult = self._client._run(protocol.step(self.log, protocol.to_action(action), self._client._retry))
        return result

    def describe(self, table: str) -> StepResult:
        """Looks at a table's columns, types and keys."""
        return self.step(actions.Describe(table))

    def sample(self, table: str, rows: int = actions.DEFAULT_SAMPLE_ROWS) -> StepResult:
        """Looks at some rows of a table."""
        return self.step(actions.Sample(table, rows))

    def query(self, sql: str) -> StepResult:
        """Runs one SELECT."""
        return self.step(actions.Query(sql))

    def answer(self, value: str | None = None, *, sql: str | None = None) -> StepResult:
        """Answers with the value itself, as text, or with SQL that computes it. Ends the episode."""
        if (value is None) == (sql is None):
            raise ValueError("give either value or sql")
        return self.step(actions.AnswerSql(sql) if sql is not None else actions.AnswerValue(str(value)))

    def close(self) -> None:
        """Ends it on the server. May be called again."""
        self._client._run(protocol.close(self.log, self._client._retry))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # One try: a server that is away must not hold up the caller, or hide its error; the session expires anyway.
        with suppress(ServiceError):
            self._client._run(protocol.close(self.log, protocol.Retry(patience_s=0)))


class RewardClient(_Client):
    """A client of the reward service, for scoring SQL without episodes."""

    def __init__(self, target: str = DEFAULT_REWARD_TARGET, **options: Any) -> None:
        super().__init__(target, **options)

    def score_sql(self, task_id: str, sql: str) -> reward_pb2.ScoreSqlResponse:
        """Scores one SQL text as an answer to a task. Raises NotFound where there is no such task."""
        response: reward_pb2.ScoreSqlResponse = self._call(
            "ScoreSql", reward_pb2.ScoreSqlRequest(task_id=task_id, sql=sql)
        )
        return response

    def batch_score_sql(self, pairs: Iterable[tuple[str, str]]) -> list[reward_pb2.BatchScoreSqlResult]:
        """Scores many (task_id, SQL) in one call; each result holds a response or a status."""
        requests = [reward_pb2.ScoreSqlRequest(task_id=task_id, sql=sql) for task_id, sql in pairs]
        response = self._call("BatchScoreSql", reward_pb2.BatchScoreSqlRequest(requests=requests))
        return list(response.results)

    def describe_rubrics(self) -> reward_pb2.DescribeRubricsResponse:
        """The rubrics, and the versions of scorer and data set."""
        response: reward_pb2.DescribeRubricsResponse = self._call(
            "DescribeRubrics", reward_pb2.DescribeRubricsRequest()
        )
        return response
