"""What a review broke: callers that give up, scorers that misbehave, large batches, odd databases."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from env_service.scorer import RewardScorer
from sqlenv import SqlEnvClient
from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.calling.protocol import Retry
from sqlenv.errors import DataSetError, InvalidArgument, NotFound, ServiceError, Unavailable, from_status
from sqlenv.sandbox import Sandbox
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import reward_pb2, reward_pb2_grpc, types_pb2
from tests.live import LiveServices

BIG = "SELECT hex(zeroblob(40000)) FROM pet LIMIT 3"


async def test_a_cancelled_step_breaks_nobody_elses_stream(services: LiveServices) -> None:
    async with AsyncSqlEnvClient(services.env, stream=True) as client:
        one, two = await client.reset(seed=0), await client.reset(seed=1)
        for number in range(5):
            doomed = asyncio.create_task(one.query("SELECT 1"))
            await asyncio.sleep(0)
            doomed.cancel()
            with pytest.raises(asyncio.CancelledError):
                await doomed
            assert (await two.query(f"SELECT {number}")).observation.step_count == number + 1


async def test_a_stream_to_a_server_that_says_nothing_is_closed_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connected to by the kernel, accepted by nobody
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        client = AsyncSqlEnvClient(target, stream=True, timeout_s=0.3, retry=Retry(patience_s=0))
        with pytest.raises(ServiceError):
            await client.reset(seed=0)
        started = time.monotonic()
        await client.close()
        assert time.monotonic() - started < 3


class Misbehaving(reward_pb2_grpc.RewardServiceServicer):
    """A reward service that gives whatever `respond` makes, to lone steps and to batches."""

    def __init__(self, respond: Callable[[Any], Awaitable[Any]]) -> None:
        self._respond = respond

    async def ScoreStep(self, request: Any, context: Any) -> Any:
        return await self._respond(context)


@asynccontextmanager
async def misbehaving(respond: Callable[[Any], Awaitable[Any]]) -> AsyncIterator[RewardScorer]:
    server = grpc.aio.server()
    reward_pb2_grpc.add_RewardServiceServicer_to_server(Misbehaving(respond), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    scorer = RewardScorer(f"127.0.0.1:{port}", 2_000, 8)
    try:
        yield scorer
    finally:
        await scorer.close()
        await server.stop(None)


async def empty(context: Any) -> Any:
    return reward_pb2.ScoreStepResponse()


async def not_a_number(context: Any) -> Any:
    score = types_pb2.Score(total=math.nan)
    return reward_pb2.ScoreStepResponse(score=score, state=reward_pb2.RewardState())


async def garbage_details(context: Any) -> Any:
    context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff\xff"),))
    await context.abort(grpc.StatusCode.INTERNAL, "x")


async def contradiction(context: Any) -> Any:
    status = status_pb2.Status(code=5, message="other").SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", status),))
    await context.abort(grpc.StatusCode.INTERNAL, "x")


@pytest.mark.parametrize("respond", [empty, not_a_number, garbage_details, contradiction])
async def test_a_scorer_that_gives_nonsense_is_away_and_nobody_hangs(respond: Any) -> None:
    async with misbehaving(respond) as scorer:
        with pytest.raises(Unavailable, match="not consumed"):
            await asyncio.wait_for(scorer.score(reward_pb2.ScoreStepRequest()), 5)


def test_a_status_with_a_corrupt_detail_is_read_as_far_as_it_goes() -> None:
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason="TASK_NOT_FOUND"))
    broken = any_pb2.Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff\xff")
    error = from_status(status_pb2.Status(code=5, message="m", details=[broken, info]))
    assert isinstance(error, NotFound)
    assert error.reason == "TASK_NOT_FOUND"


def test_batches_too_large_for_a_message_arrive_all_the_same() -> None:
    with LiveServices(max_message_bytes=2**20) as live, SqlEnvClient(live.env) as client:
        requests = [pb.ResetRequest(task=pb.TaskSelector(task_id="campus_pets-001"), seed=n) for n in range(32)]
        episodes = client.batch_reset(requests)
        for turn in range(2):  # 32 results of 240 kB: far more than a message, up or down
            results = client.batch_step([(episode, f"QUERY {BIG} OFFSET {turn}") for episode in episodes])
            assert {result.observation.step_count for result in results} == {turn + 1}
        assert {len(episode.log.taken) for episode in episodes} == {2}


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"query","arguments":"{\\"sql\\": \\"SELECT \'\\\\ud800\'\\"}"}',
        '{"name":"query","arguments":{"sql":"\\ud800"}}',
        "ANSWER \ud800",
        {"name": "query", "arguments": {"sql": "\ud800"}},
    ],
)
def test_no_text_of_an_agent_is_a_fault_of_the_server(services: LiveServices, text: Any) -> None:
    with SqlEnvClient(services.env) as client, client.reset(seed=0) as episode:
        assert episode.step(text).observation.step_count == 1


def test_an_episode_that_was_closed_is_not_brought_back(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client:
        episode = client.reset(seed=0)
        episode.close()
        with pytest.raises(NotFound):
            episode.query("SELECT 1")


def test_leaving_an_episode_hides_no_error_and_does_not_wait() -> None:
    with LiveServices() as live, SqlEnvClient(live.env) as client:
        episode = client.reset(seed=0)
    started = time.monotonic()
    with pytest.raises(KeyError), episode:
        raise KeyError("mine")
    assert time.monotonic() - started < 5


def test_an_episode_takes_one_step_in_a_batch(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client, client.reset(seed=0) as episode:
        with pytest.raises(ValueError, match="one step in a batch"):
            client.batch_step([(episode, "DESCRIBE a"), (episode, "DESCRIBE a")])


def test_a_broken_view_hides_itself_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE a (x); CREATE TABLE b (y); CREATE VIEW v AS SELECT y FROM b")
    connection.execute("PRAGMA legacy_alter_table = ON; DROP TABLE b")
    connection.close()
    assert Sandbox(path).schema.names == ("a",)
    path.write_bytes(b"no database" * 100)
    with pytest.raises(DataSetError, match="shop.sqlite"):
        Sandbox(path)


def test_progress_of_cut_results_depends_on_the_query_not_on_who_came_before(tmp_path: Path) -> None:
    """Two queries that share their first 200 rows, one equal to gold and one not."""
    from data.spider import import_dataset

    source = tmp_path / "source"
    (source / "database" / "n").mkdir(parents=True)
    connection = apsw.Connection(str(source / "database" / "n" / "n.sqlite"))
    connection.execute("CREATE TABLE n (x INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO n VALUES (?)", [(i,) for i in range(500)])
    connection.close()
    gold = "SELECT x FROM n ORDER BY x"
    (source / "questions.jsonl").write_text(f'{{"db_id": "n", "question": "Which numbers?", "sql": "{gold}"}}\n')
    import_dataset(source, tmp_path / "set")
    good, bad = "QUERY SELECT x FROM n", "QUERY SELECT CASE WHEN x < 300 THEN x ELSE 0 END FROM n"
    seen = []
    for order in ((good, bad), (bad, good)):
        with LiveServices(tmp_path / "set") as live, SqlEnvClient(live.env) as client:
            seen.append({text: client.reset(seed=0).step(text).score.progress for text in order})
    assert seen[0] == seen[1] == {good: 1.0, bad: 0.75}


def test_invalid_argument_is_what_it_is_called() -> None:
    assert InvalidArgument("x").reason == "FIELD_INVALID"
