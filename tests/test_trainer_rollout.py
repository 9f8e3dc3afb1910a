"""Rollouts without torch: tokens and masks, ends and bounds, failures that are no training data, tools, rewards."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from sqlenv import SqlEnvClient, actions
from sqlenv.agents.rollout import Job
from sqlenv.calling.protocol import Retry
from sqlenv.errors import ConfigError, NotFound
from tests.live import LiveServices
from tests.trainer_chars import END, CharTokenizer, scripted
from trainer.chat import Chat, check_template
from trainer.measure import eval_jobs, looks_first, measure
from trainer.rewards import extras, make_reward, metrics
from trainer.rollout import Bounds, Rollout, roll_out
from trainer.tools import OVER, SQLEnvTools, factory

TASK = "campus_pets-001"


def play(client: SqlEnvClient, say: Callable[[str], str], jobs: int = 1, **bounds: int) -> list[Rollout]:
    chat = Chat(CharTokenizer())
    limits = Bounds(**({"turns": 15, "completion_tokens": 20_000, "turn_tokens": 100} | bounds))
    work = [Job(TASK, seed) for seed in range(jobs)]
    return roll_out(client, work, chat, "text", scripted(say), limits, seed=0)


def text_of(rollout: Rollout, mask: int) -> str:
    return "".join(chr(token) for token, one in zip(rollout.completion, rollout.mask, strict=True) if one == mask)


def look_query_answer(conversation: str) -> str:
    turns = conversation.count("[a]")
    return ["DESCRIBE student", "QUERY SELECT count(*) FROM student", "ANSWER 1"][turns - 1] + END


def test_the_mask_is_what_the_policy_wrote_and_nothing_else(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client:
        for rollout in play(client, look_query_answer, jobs=3):
            wrote, told = text_of(rollout, 1), text_of(rollout, 0)
            assert wrote == f"DESCRIBE student{END}QUERY SELECT count(*) FROM student{END}ANSWER 1{END}"
            assert told.count("Steps left") == 2
            assert END not in told
            assert rollout.completion[-1] == ord(END)  # nothing after the answer
            assert len(rollout.completion) == len(rollout.mask) == len(rollout.logprobs)
            assert {p for p, one in zip(rollout.logprobs, rollout.mask, strict=True) if one} == {-0.5}
            assert {p for p, one in zip(rollout.logprobs, rollout.mask, strict=True) if not one} == {0.0}
            assert rollout.played is not None
            assert rollout.played.kinds == ["describe", "query", "answer"]


def test_a_turn_that_was_cut_is_closed_for_it_and_the_mark_does_not_train(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client:
        (rollout,) = play(client, lambda text: "DESCRIBE student" if text.count("[a]") == 1 else f"ANSWER 1{END}")
    assert text_of(rollout, 1) == f"DESCRIBE studentANSWER 1{END}"
    assert text_of(rollout, 0).startswith(END)


def test_budget_turns_and_tokens_end_an_episode_unanswered(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client:
        (spent,) = play(client, lambda text: f"DESCRIBE student{END}", turns=99)
        (turns,) = play(client, lambda text: f"DESCRIBE student{END}", turns=4)
        (tokens,) = play(client, lambda text: f"DESCRIBE student{END}", completion_tokens=2_000, turn_tokens=20)
    assert spent.turns == 15
    assert turns.turns == 4
    assert 1 < tokens.turns < 15
    assert len(tokens.completion) <= 2_000
    for rollout in (spent, turns, tokens):
        assert rollout.played is not None
        assert rollout.played.record is not None
        assert rollout.played.record.verdict == ""
        assert rollout.reward is not None
        assert rollout.completion[-1] == ord(END)
        assert rollout.mask[-1] == 1


def test_what_the_services_failed_trains_nothing() -> None:
    with LiveServices() as live:
        client = SqlEnvClient(live.env, timeout_s=1, retry=Retry(patience_s=0.1))
        asked = 0

        def say(conversation: str) -> str:
            nonlocal asked
            asked += 1
            if asked == 3:
                live.run(live._stack.aclose())
            return f"DESCRIBE student{END}"

        rollouts = play(client, say, jobs=2)
        client.close()
    assert [one.reward for one in rollouts] == [None, None]
    assert all(sum(one.mask) == 0 for one in rollouts)
    assert all("UNAVAILABLE" in one.played.failed for one in rollouts if one.played)
    columns = extras(rollouts)
    assert columns["episode_return"] == [None, None]
    assert metrics(columns, 2)["rollout/failed"] == 1.0
    assert math.isnan(metrics(columns, 2)["rollout/accuracy"])


def test_services_that_never_answer_fail_all_rollouts() -> None:
    with SqlEnvClient("127.0.0.1:1", timeout_s=0.5, retry=Retry(patience_s=0)) as client:
        rollouts = play(client, look_query_answer, jobs=2)
    assert [(one.reward, sum(one.mask), len(one.completion)) for one in rollouts] == [(None, 0, 1)] * 2


def test_rewards_are_returns_and_the_rest_is_logged(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client:
        rollouts = play(client, look_query_answer, jobs=4)
    logged: dict[str, float] = {}
    columns = extras(rollouts)
    returns = make_reward(2)(log_metric=logged.__setitem__, prompts=[], **columns)
    assert returns == [one.reward for one in rollouts]
    parts = sum(logged[f"reward/{name}"] for name in ("execution", "correctness", "efficiency"))
    assert logged["rollout/return"] == pytest.approx(parts)
    assert logged["groups/constant"] == 1.0  # the same actions: a group from which nothing can be learned
    assert logged["actions/describe"] == pytest.approx(1 / 3)
    assert logged["rollout/looks_first"] == 1.0


def test_measuring_is_deterministic_and_complete(services: LiveServices) -> None:
    chat = Chat(CharTokenizer())
    with SqlEnvClient(services.env) as client:
        jobs = eval_jobs(client, "eval", 20, 0)
        bounds = Bounds(15, 20_000, 100)
        runs = [
            measure(client, jobs, chat, "text", scripted(look_query_answer), bounds, seed=1, batch=7) for _ in range(2)
        ]
    assert runs[0].figures == runs[1].figures
    assert runs[0].figures["episodes"] == 20
    assert runs[0].figures["looks_first"] == looks_first(runs[0].played) == 1.0


class Drops(CharTokenizer):
    def call(self, function: dict[str, Any]) -> str:
        return f'{{"name": "{function["name"]}"}}'


class Nulls(CharTokenizer):
    def call(self, function: dict[str, Any]) -> str:
        return super().call({**function, "arguments": {"sql": None, **function["arguments"]}})


class Forgets(CharTokenizer):
    def render(self, message: dict[str, Any]) -> str:
        return "" if message["role"] == "tool" else super().render(message)


class Rewrites(CharTokenizer):
    def apply_chat_template(self, messages: list[dict[str, Any]], *rest: Any, **kwargs: Any) -> str:
        return f"{len(messages)}{super().apply_chat_template(messages, *rest, **kwargs)}"


class NeverStops(CharTokenizer):
    eos_token = "</s>"


@pytest.mark.parametrize(
    ("tokenizer", "form", "words"),
    [
        (Drops(), "tool", "drops an argument's value"),
        (Nulls(), "tool", "not given as null"),
        (Forgets(), "tool", "drops what the environment said"),
        (Rewrites(), "text", "rewrites earlier turns"),
        (NeverStops(), "text", "does not close an assistant's turn"),
    ],
)
def test_templates_that_would_teach_nonsense_are_refused(tokenizer: Any, form: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Chat(tokenizer, form)


def test_a_template_that_keeps_everything_is_taken() -> None:
    for form in ("text", "tool"):
        chat = Chat(CharTokenizer(), form)  # type: ignore[arg-type]
        check_template(chat)
        assert chat.said([ord(c) for c in f"<think>hm</think>\nANSWER 1{END}"]) == "ANSWER 1"


def test_tools_play_an_episode(services: LiveServices) -> None:
    make = factory(services.env)
    tools = make()
    assert "Question" in str(tools.reset(task_id=TASK, seed=0, prompt=[{"role": "user", "content": "x"}]))
    assert "student_id" in tools.describe("student") or "column" in tools.describe("student")
    assert "Error" in tools.sample("student", 99)
    assert "Error" in tools.query("SELECT nothing")
    assert "over" in tools.answer(value="1")
    assert tools.answer(value="2") == OVER
    reward = tools.get_reward()
    assert reward is not None
    assert reward < 1
    assert make().get_reward() is None
    with pytest.raises(NotFound):
        tools.reset(task_id="no such task")


def test_tools_describe_themselves_as_our_schemas_do() -> None:
    import inspect

    public = {name for name, _ in inspect.getmembers(SQLEnvTools, inspect.isfunction) if not name.startswith("_")}
    assert public - {"reset", "get_reward"} == {tool["function"]["name"] for tool in actions.TOOLS}
    for tool in actions.TOOLS:
        method = getattr(SQLEnvTools, tool["function"]["name"])
        assert set(inspect.signature(method).parameters) - {"self"} == set(tool["function"]["parameters"]["properties"])
        assert "Args:" in (method.__doc__ or "")


def test_an_outage_is_no_observation_but_no_reward() -> None:
    with LiveServices() as live:
        tools = factory(live.env, patience_s=0.1, timeout_s=1)()
        tools.reset(task_id=TASK, seed=0)
        tools.describe("student")
        live.run(live._stack.aclose())
        assert tools.describe("student") == OVER
        assert tools.get_reward() is None
