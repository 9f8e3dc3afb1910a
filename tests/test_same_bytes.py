"""Scores as bytes: the same from every reward process, and the same for golds that a level can't tell apart."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from data.spider import import_dataset
from sqlenv.convert import result_to_proto
from sqlenv.gold import load_gold
from sqlenv.tasks import BUNDLED, load
from sqlenv.types import Result
from sqlenv.v1 import reward_pb2 as pb
from sqlenv.v1 import types_pb2
from tests.live import LiveServices, process
from tests.spiders import database

REQUESTS = 1_000
REPEATS = 100
SERVICE = "/sqlenv.v1.RewardService/"
WORDS = ("Graz", "42", "3.50", "NULL", "['a', 'b']", "a,b\n1,2", "about 7", "", "1,234", "-0.0", "true")
BROKEN = ("SELECT", "SELECT nope FROM pet", "DROP TABLE pet", "SELECT 1; SELECT 2", "SELECT sqlite_version()", "\ufeff")

Request = tuple[str, bytes]


def random_requests(rng: random.Random) -> list[Request]:
    """Method names and request messages: SQL right, wrong and broken, steps of every action, states, batches."""
    gold = load_gold(BUNDLED)
    by_database: dict[str, list[str]] = {}
    for task in load(BUNDLED).tasks:
        by_database.setdefault(task.db_id, []).append(task.task_id)

    def task_and_sql() -> tuple[str, str]:
        tasks = by_database[rng.choice(sorted(by_database))]
        task_id, other = rng.choice(tasks), rng.choice(tasks)
        sql = rng.choice([gold[task_id].sql, gold[other].sql, rng.choice(BROKEN)])
        return task_id, rng.choice([sql, sql, f"SELECT * FROM ({sql}) LIMIT {rng.randrange(4)}", f"{sql} -- {other}"])

    def score_sql() -> pb.ScoreSqlRequest:
        task_id, sql = task_and_sql()
        return pb.ScoreSqlRequest(task_id=rng.choice([task_id] * 30 + ["none"]), sql=sql)

    def score_step() -> pb.ScoreStepRequest:
        task_id, sql = task_and_sql()
        action = rng.choice(
            [
                types_pb2.Action(describe=types_pb2.Describe(table="pet")),
                types_pb2.Action(sample=types_pb2.Sample(table="pet", rows=3)),
                types_pb2.Action(query=types_pb2.Query(sql=sql)),
                types_pb2.Action(query=types_pb2.Query(sql=sql)),
                types_pb2.Action(answer=types_pb2.Answer(sql=sql)),
                types_pb2.Action(answer=types_pb2.Answer(value=rng.choice(WORDS))),
            ]
        )
        transition = pb.Transition(action=action, step_count=rng.randrange(1, 16), vm_steps=rng.randrange(5_000))
        if rng.random() < 0.2:
            transition.error.message = "no such table"
        else:
            answer = rng.choice(list(gold.values()))
            rows = [list(row) for row in answer.rows[: rng.randrange(6)]]
            transition.result.CopyFrom(as_result(answer.columns, rows))
        state = pb.RewardState(
            shaped_sum=rng.uniform(-0.2, 0.4),
            novelty_sum=rng.choice([0.0, 0.05, 0.1]),
            best_level=rng.randrange(4),
            seen_actions=[rng.getrandbits(64) for _ in range(rng.randrange(4))],
            seen_tables=rng.sample(["pet", "vet"], rng.randrange(3)),
        )
        rubric = rng.choice(["", "dense", "sparse", "potential", "unknown"])
        return pb.ScoreStepRequest(task_id=task_id, rubric=rubric, state=state, transition=transition)

    def request() -> Request:
        match rng.randrange(5):
            case 0 | 1:
                return "ScoreSql", score_sql().SerializeToString()
            case 2:
                return "ScoreStep", score_step().SerializeToString()
            case 3:
                several = pb.BatchScoreSqlRequest(requests=[score_sql() for _ in range(rng.randrange(4))])
                return "BatchScoreSql", several.SerializeToString()
            case _:
                steps = pb.BatchScoreStepRequest(requests=[score_step() for _ in range(rng.randrange(4))])
                return "BatchScoreStep", steps.SerializeToString()

    return [("DescribeRubrics", b""), *(request() for _ in range(REQUESTS - 1))]


def as_result(columns: tuple[str, ...], rows: list[list[Any]]) -> types_pb2.Result:
    return result_to_proto(Result(columns, tuple(map(tuple, rows)), len(rows)))


def ask(channel: grpc.Channel, request: Request) -> tuple[str, bytes]:
    """The reply's bytes as they came, or the error's."""
    method, data = request
    try:
        return "OK", channel.unary_unary(SERVICE + method)(data, timeout=20)
    except grpc.RpcError as error:
        trailing = dict(error.trailing_metadata() or ())
        return error.code().name, trailing.get("grpc-status-details-bin", error.details())


@contextmanager
def surroundings(
    monkeypatch: pytest.MonkeyPatch, folder: Path, locale: str, hash_seed: str, zone: str, **settings: object
) -> Iterator[grpc.Channel]:
    """A reward service in a process with a working directory, locale, hash seed and time zone of its own."""
    root = Path(__file__).resolve().parents[1]
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        for name, value in (("LC_ALL", locale), ("LANG", locale), ("PYTHONHASHSEED", hash_seed), ("TZ", zone)):
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", str(root))
        with process("reward_service", port=0, **settings) as (_, address), grpc.insecure_channel(address) as channel:
            yield channel


@contextmanager
def two_processes(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[tuple[grpc.Channel, grpc.Channel]]:
    root = Path(__file__).resolve().parents[1]
    # The second keeps no scores and has few instances open: what is asked before must not show.
    with (
        surroundings(monkeypatch, root, "C", "1", "UTC") as one,
        surroundings(
            monkeypatch, folder, "tr_TR.UTF-8", "77", "Pacific/Apia", score_cache_entries=1, instance_cache_entries=3
        ) as two,
    ):
        yield one, two


def test_two_processes_give_the_same_bytes_for_the_same_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rng = random.Random(20261121)
    requests = random_requests(rng)
    with two_processes(monkeypatch, tmp_path) as (one, two):
        first = [ask(one, request) for request in requests]
        order = rng.sample(range(len(requests)), len(requests))
        second = {number: ask(two, requests[number]) for number in order}
    assert len(first) == REQUESTS
    assert [second[number] for number in range(len(requests))] == first
    codes = {code for code, _ in first}
    assert codes == {"OK", "NOT_FOUND", "INVALID_ARGUMENT"}, codes
    verdicts = {
        pb.ScoreSqlResponse.FromString(data).score.verdict
        for (method, _), (code, data) in zip(requests, first, strict=True)
        if method == "ScoreSql" and code == "OK"
    }
    assert {types_pb2.VERDICT_CORRECT, types_pb2.VERDICT_INCORRECT, types_pb2.VERDICT_SQL_FAILED} <= verdicts


def test_efficiency_is_the_same_number_on_100_runs_in_two_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gold = load_gold(BUNDLED)
    tasks = random.Random(7).sample(sorted(gold), 4)
    requests = []
    for task in tasks:
        # More work than gold needs for the same rows, so that the ratio is below 1.
        sql = f'SELECT * FROM ({gold[task].sql}) WHERE (SELECT count(*) FROM "{gold[task].tables[0]}") > 0'
        requests.append(("ScoreSql", pb.ScoreSqlRequest(task_id=task, sql=sql).SerializeToString()))
    with two_processes(monkeypatch, tmp_path) as channels:
        # In turn, so that the second process, which keeps one score only, runs the SQL each time.
        seen = {ask(channel, request) for _ in range(REPEATS) for request in requests for channel in channels}
    assert len(seen) == len(requests)
    assert {code for code, _ in seen} == {"OK"}
    scores = [pb.ScoreSqlResponse.FromString(data) for _, data in seen]
    right = [score.score.efficiency for score in scores if score.score.correctness]
    assert right
    assert all(0 < efficiency < 1 for efficiency in right)


# No leak: what the response tells of gold is the level, and nothing else.


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServices]:
    """Two tasks in the same words' shape whose golds differ."""
    source = tmp_path_factory.mktemp("twins")
    database(source / "database" / "shop" / "shop.sqlite")
    golds = ("SELECT name FROM shop WHERE shop_id < 3", "SELECT name FROM shop WHERE shop_id > 1")
    lines = [json.dumps({"db_id": "shop", "question": f"Which, {n}?", "sql": sql}) for n, sql in enumerate(golds)]
    (source / "questions.jsonl").write_text("\n".join(lines) + "\n")
    import_dataset(source, source / "set", "twins")
    with LiveServices(source / "set") as services:
        yield services


def test_golds_that_give_the_same_level_are_indistinguishable(twins: LiveServices) -> None:
    names = ["Corner", "Mill", "Café Ünal", "Corner ", "mill", "x", None, 3]
    rng = random.Random(3)
    same = different = 0
    one, two = [task.task_id for task in load(twins.dataset).tasks]
    with grpc.insecure_channel(twins.reward) as channel:
        for _ in range(300):
            rows = [[rng.choice(names)] for _ in range(rng.randrange(5))]
            action = types_pb2.Action(query=types_pb2.Query(sql=f"SELECT {rng.random()}"))
            replies = []
            for task_id in (one, two):
                request = pb.ScoreStepRequest(task_id=task_id, transition=pb.Transition(action=action, step_count=1))
                request.transition.result.CopyFrom(as_result(("name",), rows))
                code, data = ask(channel, ("ScoreStep", request.SerializeToString()))
                assert code == "OK"
                replies.append(data)
            first, second = (pb.ScoreStepResponse.FromString(data) for data in replies)
            if first.score.progress == second.score.progress:
                same += 1
                assert replies[0] == replies[1]
            else:
                different += 1
    assert same > 50
    assert different > 50


@pytest.mark.parametrize(
    "answer",
    [
        types_pb2.Answer(value="Nobody"),
        types_pb2.Answer(value="['Corner', 'Mill', 'Café Ünal']"),
        types_pb2.Answer(value="three of them"),
        types_pb2.Answer(sql="SELECT name FROM shop"),
        types_pb2.Answer(sql="SELECT name, city FROM shop WHERE shop_id < 3"),
        types_pb2.Answer(sql="SELECT 'Corner'"),
        types_pb2.Answer(sql="SELECT nope FROM shop"),
    ],
)
def test_wrong_answers_are_told_in_the_same_bytes(twins: LiveServices, answer: types_pb2.Answer) -> None:
    replies = set()
    with grpc.insecure_channel(twins.reward) as channel:
        for task_id in [task.task_id for task in load(twins.dataset).tasks]:
            transition = pb.Transition(action=types_pb2.Action(answer=answer), step_count=2)
            request = pb.ScoreStepRequest(task_id=task_id, transition=transition)
            replies.add(ask(channel, ("ScoreStep", request.SerializeToString())))
    assert len(replies) == 1
    ((code, data),) = replies
    assert code == "OK"
    assert pb.ScoreStepResponse.FromString(data).score.verdict != types_pb2.VERDICT_CORRECT
