"""The scorer as TRL calls it."""

from __future__ import annotations

from typing import Any

import pytest

from sqlenv.errors import InvalidArgument
from sqlenv.gold import load_gold
from sqlenv.rewards import Weights, async_sql_reward, extract_sql, sql_reward
from sqlenv.tasks import BUNDLED
from tests.live import LiveServices

TASK = "campus_pets-001"
RIGHT = load_gold(BUNDLED)[TASK].sql


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("SELECT 1", "SELECT 1"),
        ("I think it is select a\nfrom t", "select a\nfrom t"),
        ("```sql\nSELECT 1\n```\nor rather\n```sql\nSELECT 2\n```", "SELECT 2"),
        ("```\nWITH a AS (SELECT 1) SELECT * FROM a\n```", "WITH a AS (SELECT 1) SELECT * FROM a"),
        ("```sql\nSELECT 1", "SELECT 1"),
        ("Done.\nANSWER SQL: SELECT 3", "SELECT 3"),
        ("QUERY SELECT 4", "SELECT 4"),
        ("no idea", None),
        ("```sql\n\n```", None),
        ("", None),
    ],
)
def test_extract_sql(text: str, sql: str | None) -> None:
    assert extract_sql(text) == sql


def arguments(completions: list[Any], **more: Any) -> dict[str, Any]:
    """What TRL hands over, which is more than we need."""
    return {
        "prompts": ["?"] * len(completions),
        "completions": completions,
        "completion_ids": [[1]] * len(completions),
        "task_id": [TASK] * len(completions),
        "trainer_state": None,
        **more,
    }


COMPLETIONS = [
    f"```sql\n{RIGHT}\n```",
    [{"role": "assistant", "content": f"ANSWER SQL: {RIGHT}"}],
    "SELECT -1",
    "SELECT nothing FROM nowhere",
    "I don't know",
]


def test_right_is_one_and_anything_else_nothing(services: LiveServices) -> None:
    logged: dict[str, float] = {}
    reward = sql_reward(services.reward)
    assert reward.__name__ == "sql_reward"
    values = reward(**arguments(COMPLETIONS, log_metric=logged.__setitem__))
    assert values == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert logged == {"sql/correct": 0.4, "sql/incorrect": 0.2, "sql/sql_failed": 0.2, "sql/no_sql": 0.2}
    assert reward(**arguments([])) == []


async def test_asyncio_gives_the_same(services: LiveServices) -> None:
    weights = Weights(correct=1, efficiency=0.5, execution=0.1, progress=0.2, no_sql=-1)
    blocking = sql_reward(services.reward, weights=weights)(**arguments(COMPLETIONS))
    assert await async_sql_reward(services.reward, weights=weights)(**arguments(COMPLETIONS)) == blocking
    assert blocking[0] == pytest.approx(1.8)
    assert blocking[3:] == [0.0, -1]


def test_an_outage_is_no_reward_and_a_misfit_is_an_error(services: LiveServices) -> None:
    away = sql_reward("127.0.0.1:1", patience_s=0, timeout_s=1)
    assert away(**arguments(COMPLETIONS)) == [None] * len(COMPLETIONS)
    reward = sql_reward(services.reward)
    with pytest.raises(ValueError, match="column 'task_id'"):
        reward(completions=["SELECT 1"])
    with pytest.raises(InvalidArgument, match="no task"):
        reward(completions=["SELECT 1"], task_id=["elsewhere"])
