"""The real thing: the oracle plays every question of ten Spider databases, by value and by SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.spider import import_dataset
from sqlenv.actions import AnswerSql, AnswerValue, Query
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.gold import answer_text, load_gold
from sqlenv.tasks import load
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import types_pb2
from tests.live import LiveServices


@pytest.fixture(scope="module")
def imported(spider10: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("spider") / "set"
    import_dataset(spider10, out)
    return out


def test_the_oracle_is_right_on_every_question(imported: Path) -> None:
    data, gold = load(imported), load_gold(imported)
    assert len(data.tasks) == 676
    wrong = []
    with LiveServices(imported) as live, SqlEnvClient(live.env) as client:
        for form in ("value", "sql"):
            requests = [pb.ResetRequest(task=pb.TaskSelector(task_id=task.task_id), seed=0) for task in data.tasks]
            episodes = client.batch_reset(requests)
            assert all(isinstance(episode, Episode) for episode in episodes)
            playing = [(e, t, gold[t.task_id]) for e, t in zip(episodes, data.tasks, strict=True)]
            client.batch_step([(episode, Query(known.sql)) for episode, _, known in playing])
            answers = [
                (
                    episode,
                    AnswerSql(known.sql) if form == "sql" else AnswerValue(answer_text(known.rows, task.answer_type)),
                )
                for episode, task, known in playing
            ]
            for (_, task, _), result in zip(playing, client.batch_step(answers), strict=True):
                if result.score.verdict != types_pb2.VERDICT_CORRECT:
                    wrong.append((form, task.task_id, result.score.reason))
                assert result.score.progress == 1.0, task
    assert not wrong
