"""Gold whose result is too large to be kept: nothing can be said about answers, and that is what is said."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from data.check import check
from data.spider import import_dataset
from sqlenv.client import RewardClient, SqlEnvClient
from sqlenv.v1 import types_pb2
from tests.live import LiveServices

GOLD = "SELECT a.x, b.x FROM n a, n b LIMIT {rows}"


def dataset(folder: Path, rows: int) -> Path:
    source = folder / "source"
    (source / "database" / "n").mkdir(parents=True)
    connection = apsw.Connection(str(source / "database" / "n" / "n.sqlite"))
    connection.execute("CREATE TABLE n (x INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO n VALUES (?)", [(i,) for i in range(400)])
    connection.close()
    gold = GOLD.format(rows=rows)
    (source / "questions.jsonl").write_text(f'{{"db_id": "n", "question": "Which pairs?", "sql": "{gold}"}}\n')
    import_dataset(source, folder / "set")
    return folder / "set"


@pytest.mark.parametrize("rows", [20_001, pytest.param(100_001, marks=pytest.mark.slow)])
def test_a_check_refuses_it(tmp_path: Path, rows: int) -> None:
    problems = [problem for problem in check(dataset(tmp_path, rows)) if problem.severity == "error"]
    (problem,) = problems
    assert f"gold gives {rows:,} rows" in problem.what
    assert "leave the task out" in problem.what


@pytest.mark.slow
def test_answers_to_it_are_not_right_and_the_score_says_why(tmp_path: Path) -> None:
    with LiveServices(dataset(tmp_path, 100_001)) as live:
        with SqlEnvClient(live.env) as client, RewardClient(live.reward) as rewards:
            (task,) = client.list_tasks()
            for answer in ({"value": "[[0, 0]]"}, {"sql": "SELECT x, x FROM n"}):
                episode = client.reset(task_id=task.task_id, seed=0)
                looked = episode.query(GOLD.format(rows=100_001))
                assert looked.score.progress == 0
                answered = episode.answer(**answer)
                assert answered.terminated
                assert answered.score.verdict == types_pb2.VERDICT_LIMIT_EXCEEDED
                assert "reference result of this task is too large" in answered.score.reason
            scored = rewards.score_sql(task.task_id, "SELECT 1, 2").score
            assert scored.total == 0
            assert "too large" in scored.reason
