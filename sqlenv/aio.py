"""The asyncio client: `sqlenv.client`'s twin, one method for one, with the same retries and the same resume.

async with AsyncSqlEnvClient("localhost:50051", stream=True) as client:
    async with await client.reset(split="train", seed=0) as episode:
        result = await episode.query("SELECT count(*) FROM singer")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any, Self, Unpack

import grpc

from sqlenv import actions
from sqlenv.calling import batches, protocol
from sqlenv.calling.access import Access, AccessOptions
from sqlenv.calling.protocol import ActionLike, EpisodeLog, Retry, StepResult
from sqlenv.calling.streams import AsyncPlayStream, StreamRefused
from sqlenv.calling.transport import METHODS, OPTIONS, PLAY_FIELDS
from sqlenv.client import DEFAULT_REWARD_TARGET, DEFAULT_TARGET
from sqlenv.errors import ServiceError, from_rpc_error
from sqlenv.v1 import environment_pb2, reward_pb2


class _AsyncClient:
    """A channel and what drives operations over it. To be used on one event loop."""

    def __init__(
        self, target: str, *, timeout_s: float = 30.0, retry: Retry | None = None, **access: Unpack[AccessOptions]
    ) -> None:
        self._access = Access(target, access)
        self._channel = self._access.aio_channel(OPTIONS)
        self._timeout_s = timeout_s
        self._retry = retry or Retry()
        self._calls = {
            name: self._channel.unary_unary(method.path, method.serialize, method.deserialize)
            for name, method in METHODS.items()
        }

    async def close(self) -> None:
        """Closes the channel; episodes that are open stay so on the server until they expire."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _send(self, method: str, request: Any) -> Any:
        try:
            return await self._calls[method](request, timeout=self._timeout_s, metadata=self._access.metadata)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

    async def _run(self, operation: protocol.Operation) -> Any:
        try:
            effect = next(operation)
            while True:
                if isinstance(effect, protocol.Sleep):
                    await asyncio.sleep(effect.seconds)
                    effect = next(operation)
                    continue
                try:
                    response = await self._send(effect.method, effect.request)
                except ServiceError as error:
                    if self._access.explainable(error):
                        effect = operation.throw(await asyncio.to_thread(self._access.explain, error))
                    else:
                        effect = operation.throw(error)
                else:
                    effect = operation.send(response)
        except StopIteration as end:
            return end.value

    async def _call(self, method: str, request: Any) -> Any:
        return await self._run(protocol.call(method, request, self._retry))


class AsyncSqlEnvClient(_AsyncClient):
    """A client of the environment service; arguments as `sqlenv.client.SqlEnvClient`."""

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
        self._stream = AsyncPlayStream(self._channel, timeout_s, self._access.metadata) if stream else None

    async def close(self) -> None:
        """Closes the channel; episodes that are open stay so on the server until they expire."""
        if self._stream:
            await self._stream.close()
        await super().close()

    async def reset(
        self,
        *,
        task_id: str | None = None,
        split: str | None = None,
        db_id: str | None = None,
        difficulty: str | None = None,
        seed: int | None = None,
        rubric: str = "",
    ) -> AsyncEpisode:
        """Starts an episode; see `SqlEnvClient.reset`."""
        request = protocol.reset_request(task_id, split, db_id, difficulty, seed, rubric)
        return AsyncEpisode(self, await self._run(protocol.reset(request, self._retry)))

    async def batch_reset(self, requests: Iterable[environment_pb2.ResetRequest]) -> list[AsyncEpisode | ServiceError]:
        """Starts many episodes in one call; where one can't be started its place holds the error."""
        logs = await self._run(batches.batch_reset(list(requests), self._retry))
        return [log if isinstance(log, ServiceError) else AsyncEpisode(self, log) for log in logs]

    async def batch_step(self, steps: Sequence[tuple[AsyncEpisode, ActionLike]]) -> list[StepResult | ServiceError]:
        """Takes one step in each of many episodes in one call; where one failed its place holds the error."""
        pairs = [(episode.log, protocol.to_action(action)) for episode, action in steps]
        results: list[StepResult | ServiceError] = await self._run(batches.batch_step(pairs, self._retry))
        return results

    async def list_tasks(
        self, *, split: str | None = None, db_id: str | None = None, difficulty: str | None = None
    ) -> AsyncIterator[environment_pb2.Task]:
        """The public part of each task that fits."""
        which = environment_pb2.TaskFilter(split=split, db_id=db_id, difficulty=difficulty)
        token = ""
        while True:
            request = environment_pb2.ListTasksRequest(filter=which, page_size=1_000, page_token=token)
            page = await self._call("ListTasks", request)
            for task in page.tasks:
                yield task
            token = page.next_page_token
            if not token:
                return

    async def get_task(self, task_id: str) -> environment_pb2.Task:
        """One task's public part. Raises NotFound."""
        response = await self._call("GetTask", environment_pb2.GetTaskRequest(task_id=task_id))
        task: environment_pb2.Task = response.task
        return task

    async def list_databases(self) -> environment_pb2.ListDatabasesResponse:
        """The databases, and name and version of the data set."""
        response: environment_pb2.ListDatabasesResponse = await self._call(
            "ListDatabases", environment_pb2.ListDatabasesRequest()
        )
        return response

    async def get_episode(self, episode_id: str) -> environment_pb2.GetEpisodeResponse:
        """Where an episode stands on the server. Raises NotFound."""
        response: environment_pb2.GetEpisodeResponse = await self._call(
            "GetEpisode", environment_pb2.GetEpisodeRequest(episode_id=episode_id)
        )
        return response

    async def _send(self, method: str, request: Any) -> Any:
        if self._stream and method in PLAY_FIELDS:
            with suppress(StreamRefused):  # perhaps for another's sake: alone it gets an answer of its own
                return await self._stream.send(method, request)
        return await super()._send(method, request)


class AsyncEpisode:
    """One episode; see `sqlenv.client.Episode`. Given another `client` it goes on there, by replay."""

    def __init__(self, client: AsyncSqlEnvClient, log: EpisodeLog) -> None:
        self.client = client
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

    async def step(self, action: ActionLike) -> StepResult:
        """Takes one step, exactly once. Raises EpisodeFinished where it has ended."""
        result: StepResult = await self.client._run(
            protocol.step(self.log, protocol.to_action(action), self.client._retry)
        )
        return result

    async def describe(self, table: str) -> StepResult:
        """Looks at a table's columns, types and keys."""
        return await self.step(actions.Describe(table))

    async def sample(self, table: str, rows: int = actions.DEFAULT_SAMPLE_ROWS) -> StepResult:
        """Looks at some rows of a table."""
        return await self.step(actions.Sample(table, rows))

    async def query(self, sql: str) -> StepResult:
        """Runs one SELECT."""
        return await self.step(actions.Query(sql))

    async def answer(self, value: str | None = None, *, sql: str | None = None) -> StepResult:
        """Answers with the value itself, as text, or with SQL that computes it. Ends the episode."""
        if (value is None) == (sql is None):
            raise ValueError("give either value or sql")
        return await self.step(actions.AnswerSql(sql) if sql is not None else actions.AnswerValue(str(value)))

    async def close(self) -> None:
        """Ends it on the server. May be called again."""
        await self.client._run(protocol.close(self.log, self.client._retry))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        # One try: a server that is away must not hold up the caller, or hide its error; the session expires anyway.
        with suppress(ServiceError):
            await self.client._run(protocol.close(self.log, protocol.Retry(patience_s=0)))


class AsyncRewardClient(_AsyncClient):
    """A client of the reward service; see `sqlenv.client.RewardClient`."""

    def __init__(self, target: str = DEFAULT_REWARD_TARGET, **options: Any) -> None:
        super().__init__(target, **options)

    async def score_sql(self, task_id: str, sql: str) -> reward_pb2.ScoreSqlResponse:
        """Scores one SQL text as an answer to a task. Raises NotFound where there is no such task."""
        response: reward_pb2.ScoreSqlResponse = await self._call(
            "ScoreSql", reward_pb2.ScoreSqlRequest(task_id=task_id, sql=sql)
        )
        return response

    async def batch_score_sql(self, pairs: Iterable[tuple[str, str]]) -> list[reward_pb2.BatchScoreSqlResult]:
        """Scores many (task_id, SQL) in one call; each result holds a response or a status."""
        requests = [reward_pb2.ScoreSqlRequest(task_id=task_id, sql=sql) for task_id, sql in pairs]
        response = await self._call("BatchScoreSql", reward_pb2.BatchScoreSqlRequest(requests=requests))
        return list(response.results)
