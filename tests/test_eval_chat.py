"""Models behind an API: what they may say, what may fail, what comes of it. The model is a stand-in, the rest real."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sqlenv import SqlEnvClient
from sqlenv.agents.chat import ChatPlayer
from sqlenv.agents.endpoint import Endpoint, make_endpoint
from sqlenv.agents.players import GREEDY, Plan, Way
from sqlenv.agents.rollout import Job, Trajectory, jobs
from sqlenv.cli import app
from sqlenv.errors import ConfigError, SqlEnvError
from sqlenv.gold import answer_text, load_gold
from sqlenv.tasks import BUNDLED, load
from tests.chat_server import ChatServer, Reply, called, question_in, refused, said, table_in, turns_so_far
from tests.eval_records import episode
from tests.live import LiveServices

KEY = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """The right answer to each question, for a stand-in that knows everything."""
    data, gold = load(BUNDLED), load_gold(BUNDLED)
    return {task.question: answer_text(gold[task.task_id].rows, task.answer_type) for task in data.tasks}


@pytest.fixture(scope="module")
def client(services: LiveServices) -> Iterator[SqlEnvClient]:
    with SqlEnvClient(services.env) as client:
        yield client


def plan_of(client: SqlEnvClient, count: int = 1) -> Plan:
    tasks = list(client.list_tasks(db_id="campus_pets"))[:count]
    return Plan(jobs(tasks, 0), {task.task_id: task for task in tasks})


def play(
    client: SqlEnvClient,
    url: str,
    count: int = 1,
    way: Way = GREEDY,
    endpoint: dict[str, Any] | None = None,
    **options: Any,
) -> list[Trajectory]:
    player = ChatPlayer("llm", Endpoint(url, "m", **{"retries": 2, **(endpoint or {})}), **options)
    return sorted(player.play(client, plan_of(client, count), way), key=lambda record: record.task_id)


def cli(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


def knowing(answers: dict[str, str]) -> Any:
    """Looks at a table, then answers right."""

    def brain(asked: dict[str, Any]) -> Reply:
        if turns_so_far(asked) == 0:
            return called(("describe", {"table": table_in(asked)}))
        return called(("answer", {"value": answers[question_in(asked)]}))

    return brain


def then_answer(first: Reply) -> Any:
    """Says `first`, then answers something."""
    return lambda asked: first if turns_so_far(asked) == 0 else called(("answer", {"value": "1"}))


def test_plays_by_tool_calls_many_at_once(client: SqlEnvClient, answers: dict[str, str]) -> None:
    brain = knowing(answers)

    def slow(asked: dict[str, Any]) -> Reply:
        time.sleep(0.05)
        return brain(asked)  # type: ignore[no-any-return]

    with ChatServer(slow) as server:
        played = play(client, server.url, 12, concurrency=4)
    assert [record.correct for record in played] == [True] * 12
    assert {(record.agent, record.state, record.failed, record.turns) for record in played} == {
        ("llm", "terminated", "", 2)
    }
    assert {(record.prompt_tokens, record.completion_tokens) for record in played} == {(20, 4)}
    assert 1 < server.busiest <= 4
    last = next(asked for asked in server.requests if turns_so_far(asked) == 1)
    assert [message["role"] for message in last["messages"]] == ["system", "user", "assistant", "tool"]
    assert last["messages"][3]["tool_call_id"] == last["messages"][2]["tool_calls"][0]["id"]
    assert "Steps left: 14" in last["messages"][3]["content"]
    assert [tool["function"]["name"] for tool in last["tools"]] == ["describe", "sample", "query", "answer"]
    assert (last["temperature"], last["max_tokens"]) == (0.0, 1024)


def test_plays_by_text_and_leaves_thoughts_out(client: SqlEnvClient, answers: dict[str, str]) -> None:
    def brain(asked: dict[str, Any]) -> Reply:
        action = f"ANSWER {answers[question_in(asked)]}" if turns_so_far(asked) else f"SAMPLE {table_in(asked)} 2"
        opened = "" if turns_so_far(asked) else "<think>"  # some templates open the thought in the prompt
        return said(f"{opened}\nDESCRIBE? No.\n</think>\n\n{action}")

    with ChatServer(brain) as server:
        (record,) = play(client, server.url, form="text")
    assert record.correct
    assert [step.action.split()[0] for step in record.steps] == ["SAMPLE", "ANSWER"]
    assert "tools" not in server.requests[0]
    assert [message["role"] for message in server.requests[-1]["messages"]] == ["system", "user", "assistant", "user"]
    assert "No." not in json.dumps(server.requests[-1]["messages"][2])


# Turns that models take, and what the first step's error then is
ODD = {
    "no text and no call": (said(""), "invalid_action"),
    "null content": (said(None), "invalid_action"),
    "chat": (said("Sure! Let me look."), "invalid_action"),
    "a refusal": (said(None, refusal="I can't help with that."), "invalid_action"),
    "a filter": (said("", "content_filter"), "invalid_action"),
    "cut in a call": (called(("query", '{"sql": "SELECT'), finish="length"), "invalid_action"),
    "cut in a thought": (said("<think>I wonder", "length"), "invalid_action"),
    "unknown tool": (called(("drop", {"table": "pet"})), "invalid_action"),
    "no arguments": (called(("describe", "")), "invalid_action"),
    "arguments that are a list": (called(("query", ["SELECT 1"])), "invalid_action"),
    "an argument of another type": (called(("sample", {"table": "pet", "rows": "five"})), "invalid_action"),
    "arguments that no text holds": (called(("query", '{"sql": "\\ud800"}')), "invalid_action"),
    "text that no message holds": (said("QUERY SELECT '\ud800'"), ""),
    "wrong SQL": (called(("query", {"sql": "SELECT a FROM nowhere"})), "no_such_table"),
    "text where tools were offered": (said("DESCRIBE pet"), ""),
    "content in parts": (Reply({"role": "assistant", "content": [{"type": "text", "text": "DESCRIBE pet"}]}), ""),
    "calls that are no list": (Reply({"role": "assistant", "content": "DESCRIBE pet", "tool_calls": 5}), ""),
    "a nameless call": (
        Reply({"role": "assistant", "content": None, "tool_calls": [{"id": None, "type": "x"}]}),
        "invalid_action",
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_whatever_a_model_says_the_episode_goes_on(client: SqlEnvClient, what: str) -> None:
    first, kind = ODD[what]
    with ChatServer(then_answer(first)) as server:
        (record,) = play(client, server.url)
    assert record.failed == ""
    assert record.state == "terminated"
    assert [step.error_kind for step in record.steps] == [kind, ""]
    assert record.turns == 2
    assert record.refusals == (what in ("a refusal", "a filter"))
    assert record.cut_turns == what.startswith("cut")
    # What is sent back can be read: servers parse arguments again.
    for call in server.requests[-1]["messages"][2].get("tool_calls", []):
        assert isinstance(json.loads(call["function"]["arguments"]), dict)


def test_several_calls_in_a_turn_are_several_steps(client: SqlEnvClient) -> None:
    first = called(("describe", {"table": "pet"}), ("query", "{"), ("sample", {"table": "pet", "rows": 1}))
    with ChatServer(then_answer(first)) as server:
        (record,) = play(client, server.url)
    assert [step.error_kind for step in record.steps] == ["", "invalid_action", "", ""]
    assert record.turns == 2
    told = [message for message in server.requests[-1]["messages"] if message["role"] == "tool"]
    assert [message["tool_call_id"] for message in told] == ["call_0", "call_1", "call_2"]
    assert "not valid JSON" in told[1]["content"]


def test_nothing_follows_an_answer(client: SqlEnvClient) -> None:
    both = called(("answer", {"value": "1"}), ("query", {"sql": "SELECT 1"}), ("answer", {"value": "2"}))
    with ChatServer(lambda asked: both) as server:
        (record,) = play(client, server.url)
    assert [step.action for step in record.steps] == ["ANSWER 1"]
    assert record.failed == ""


def test_a_bound_on_turns_and_the_budget_end_it(client: SqlEnvClient) -> None:
    with ChatServer(lambda asked: called(("describe", {"table": "pet"}))) as server:
        (bounded,) = play(client, server.url, max_turns=3)
        (spent,) = play(client, server.url)
    assert (bounded.state, len(bounded.steps), bounded.verdict) == ("stopped", 3, "")
    assert (spent.state, len(spent.steps), spent.failed) == ("truncated", 15, "")


TOO_LONG = {
    "vLLM": (400, "This model's maximum context length is 4096 tokens."),
    "llama.cpp": (400, "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it"),
    "llama.cpp, older": (500, "Context size has been exceeded."),
}


@pytest.mark.parametrize("who", TOO_LONG)
def test_a_conversation_that_grows_too_long_is_the_policys_own_bound(client: SqlEnvClient, who: str) -> None:
    status, words = TOO_LONG[who]

    def brain(asked: dict[str, Any]) -> Reply:
        return called(("describe", {"table": "pet"})) if turns_so_far(asked) < 2 else refused(status, words)

    with ChatServer(brain) as server:
        (record,) = play(client, server.url)
    assert (record.state, record.failed, len(record.steps), record.cut_turns) == ("stopped", "", 2, 1)


def test_a_first_turn_that_is_too_long_is_nobodys_doing(client: SqlEnvClient) -> None:
    words = "'max_tokens' is too large: 8192. This model's maximum context length is 4096 tokens."
    with ChatServer(lambda asked: refused(400, words)) as server:
        (record,) = play(client, server.url)
    assert (record.state, record.verdict) == ("failed", "")
    assert "is too large: 8192" in record.failed


# What fails, and is tried again


@pytest.mark.parametrize("status", [408, 429, 503])
def test_passing_trouble_changes_nothing(client: SqlEnvClient, answers: dict[str, str], status: int) -> None:
    tries = itertools.count()
    brain = knowing(answers)

    def troubled(asked: dict[str, Any]) -> Reply:
        return refused(status) if next(tries) % 2 == 0 else brain(asked)

    with ChatServer(troubled) as server:
        (record,) = play(client, server.url)
    assert record.correct
    assert len(record.steps) == 2
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refused(500, "on fire"), "HTTP 500: on fire"),
        (refused(429, "slow down"), "HTTP 429: slow down"),
        (refused(400, "bad template"), "HTTP 400: bad template"),
        (Reply(body="<html>hello</html>"), "does its address end in /v1?"),
        (Reply(body={"choices": []}), "does its address end in /v1?"),
        (Reply(body={"choices": [{"index": 0, "message": "hi"}]}), "does its address end in /v1?"),
        (Reply({"role": "assistant", "content": "x"}, delay_s=0.6), "timed out"),
        (Reply(body=b'{"choices": "\xff"}'), "codec can't decode"),
        (Reply(body="[" * 100_000), "recursion"),
        (Reply(body={"error": {"message": "Provider returned error", "code": 502}}), "502: Provider returned error"),
        (Reply(body={"error": "gone"}), "HTTP 200 with an error in it: gone"),
        (Reply({"role": "assistant", "content": ""}, "error"), "finish_reason is error"),
    ],
    ids=[
        *("500", "429", "400", "a page", "no choices", "a message of text", "slow", "bytes", "brackets"),
        *("502 in 200", "an error of text", "an error alone"),
    ],
)
def test_lasting_trouble_fails_the_episode_and_says_why(client: SqlEnvClient, reply: Reply, words: str) -> None:
    first = called(("describe", {"table": "pet"}))
    with ChatServer(lambda asked: reply if turns_so_far(asked) else first) as server:
        (record,) = play(client, server.url, endpoint={"retries": 0, "timeout_s": 0.3})
    assert record.state == "failed"
    assert words in record.failed
    assert len(record.steps) == 1
    assert not record.correct


def test_what_passes_behind_a_gateway_is_tried_again(
    client: SqlEnvClient, answers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqlenv.agents.endpoint.FIRST_WAIT_S", 0.001)
    tries = itertools.count()
    brain = knowing(answers)
    wrong = Reply(body={"error": {"message": "upstream is busy", "code": 429}})
    with ChatServer(lambda asked: wrong if next(tries) % 2 == 0 else brain(asked)) as server:
        (record,) = play(client, server.url)
    assert record.correct
    assert len(server.requests) == 4
    lasting = Reply(body={"error": {"message": "no such provider", "code": 400}})
    with ChatServer(lambda asked: lasting) as server:
        (record,) = play(client, server.url)
    assert "400: no such provider" in record.failed
    assert len(server.requests) == 1


def test_a_key_is_not_shown_in_part_either(client: SqlEnvClient) -> None:
    key = "sk-" + "0123456789" * 20
    reply = refused(400, "x" * 200 + f" your key is {key}")
    with ChatServer(lambda asked: reply) as server:
        (record,) = play(client, server.url, endpoint={"key": key, "retries": 0})
    assert record.failed.endswith("your key is …")


def test_what_ends_it_all_takes_no_ended_episode_with_it(client: SqlEnvClient, answers: dict[str, str]) -> None:
    """One episode comes to its end in the very round in which another is refused."""
    first = plan_of(client, 2).jobs[0].task_id
    player = ChatPlayer("llm", Endpoint("http://127.0.0.1:9/v1", "m"), concurrency=2)
    gate = asyncio.Barrier(2)

    async def play_one(api: Any, client: SqlEnvClient, plan: Plan, job: Job, way: Way) -> Trajectory:
        await gate.wait()
        if job.task_id != first:
            raise SqlEnvError("no more")
        return episode("llm", 1, True)

    player._play_one = play_one  # type: ignore[method-assign]
    seen: list[Trajectory] = []
    with pytest.raises(SqlEnvError, match="no more"):
        seen.extend(player.play(client, plan_of(client, 2), GREEDY))
    assert len(seen) == 1


def test_gives_up_where_everything_fails(client: SqlEnvClient) -> None:
    with ChatServer(lambda asked: refused(500, "on fire")) as server:
        player = ChatPlayer("llm", Endpoint(server.url, "m", retries=0), concurrency=3)
        seen = []
        with pytest.raises(SqlEnvError, match="episodes failed one after the other, the last with: HTTP 500: on fire"):
            seen.extend(player.play(client, plan_of(client, 60), GREEDY))
    assert len(server.requests) < 20


def test_no_server_at_all(client: SqlEnvClient) -> None:
    (record,) = play(client, "http://127.0.0.1:9/v1", endpoint={"retries": 0})
    assert record.state == "failed"
    assert "Connection" in record.failed


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refused(401, f"Incorrect API key provided: {KEY}"), "--api-key-file or OPENAI_API_KEY"),
        (refused(403, "not yours"), "not yours"),
        (refused(404, "no model m"), "Is --model right"),
        (refused(429, "pay first", "insufficient_quota"), "pay first"),
    ],
    ids=["401", "403", "404", "quota"],
)
def test_what_no_other_request_would_mend_ends_it_at_once(client: SqlEnvClient, reply: Reply, words: str) -> None:
    with ChatServer(lambda asked: reply) as server, pytest.raises(SqlEnvError) as raised:
        play(client, server.url, 40, endpoint={"key": KEY, "retries": 0}, concurrency=2)
    assert words in str(raised.value)
    assert KEY not in str(raised.value)
    assert len(server.requests) <= 4


def test_the_environment_away_fails_episodes(answers: dict[str, str]) -> None:
    from sqlenv.calling.protocol import Retry

    with ChatServer(knowing(answers)) as server, LiveServices() as live:
        with SqlEnvClient(live.env, retry=Retry(patience_s=0.2)) as client:
            plan = plan_of(client)
            live.run(live._stack.aclose())
            player = ChatPlayer("llm", Endpoint(server.url, "m"))
            (record,) = player.play(client, plan, GREEDY)
    assert record.state == "failed"
    assert record.question


# Requests


def test_samples_are_drawn_and_seeded(client: SqlEnvClient) -> None:
    with ChatServer(lambda asked: called(("answer", {"value": "1"}))) as server:
        for sample in (0, 1, 2, 1):
            (record,) = play(client, server.url, way=Way(sample, 0.7 if sample else 0.0))
            assert (record.sample, record.temperature) == (sample, 0.7 if sample else 0.0)
        again = Plan([Job(job.task_id, job.seed + 1) for job in plan_of(client).jobs], plan_of(client).tasks)
        list(ChatPlayer("llm", Endpoint(server.url, "m")).play(client, again, Way(1, 0.7)))
    assert [asked["temperature"] for asked in server.requests] == [0.0, 0.7, 0.7, 0.7, 0.7]
    seeds = [asked["seed"] for asked in server.requests]
    assert seeds[1] == seeds[3]
    assert len(set(seeds)) == 4  # the same task with another seed is another episode


def test_fields_of_requests(client: SqlEnvClient) -> None:
    request = {"temperature": None, "max_tokens": None, "max_completion_tokens": 99, "reasoning_effort": "low"}
    with ChatServer(lambda asked: called(("answer", {"value": "1"}))) as server:
        (record,) = play(client, server.url, endpoint={"request": request}, system="")
        (warm,) = play(client, server.url, endpoint={"request": {"temperature": 0.7}})
    asked = server.requests[0]
    assert record.temperature is None
    assert warm.temperature == server.requests[1]["temperature"] == 0.7
    assert "temperature" not in asked
    assert "max_tokens" not in asked
    assert (asked["max_completion_tokens"], asked["reasoning_effort"]) == (99, "low")
    assert asked["messages"][0]["role"] == "user"


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("ftp://x/v1", "", "wants a URL"),
        ("127.0.0.1:8000", "", "wants a URL"),
        ("http://[::1/v1", "", "wants a URL"),
        ("http://127.0.0.1:abc/v1", "", "wants a URL"),
        ("https://user:pw@host/v1", "", "no user, password or query"),
        ("https://host/v1?api-key=x", "", "no user, password or query"),
        ("http://example.org/v1", KEY, "in plain text"),
        ("https://example.org/v1", "two words", "characters that no key has"),
    ],
)
def test_endpoints_that_are_refused(url: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        make_endpoint(url, key)
    assert "pw" not in str(raised.value).replace("pw@", "")
    assert KEY not in str(raised.value)


def test_endpoints_that_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_endpoint("http://127.0.0.1:8000/v1", KEY).key == KEY
    assert make_endpoint("http://example.org/v1", KEY, insecure=True).key == KEY
    assert make_endpoint("http://example.org/v1").key == ""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    taken = make_endpoint("")
    assert (taken.url, taken.key) == ("https://api.openai.com/v1", KEY)
    assert KEY not in repr(taken)


# The command line


def test_eval_with_an_endpoint(services: LiveServices, answers: dict[str, str], tmp_path: Path) -> None:
    file, key = tmp_path / "x.jsonl", tmp_path / "key"
    key.write_text(f"{KEY}\n")
    options = ("--server", services.env, "--db", "campus_pets", "--episodes", 6, "--api-key-file", key, "--out", file)
    with ChatServer(knowing(answers)) as server:
        done = cli("eval", "--agent", "random", "--agent", f"bright=openai:{server.url}", *options, "--sample", 2)
    assert done.exit_code == 0, done.output
    assert server.keys == {f"Bearer {KEY}"}
    assert {asked["model"] for asked in server.requests} == {"stand-in"}
    row = next(line for line in done.stdout.splitlines() if line.startswith("bright"))
    assert row.split()[1:3] == ["6", "1.000"]
    assert row.split()[-1] == "1.000"
    assert "random → bright" in done.stdout
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert [record["sample"] for record in records if record["agent"] == "bright"].count(2) == 6
    assert len([record for record in records if record["agent"] == "random"]) == 6
    assert KEY not in done.output + file.read_text()


def test_eval_shows_failed_episodes_apart(services: LiveServices, answers: dict[str, str]) -> None:
    brain = knowing(answers)

    def troubled(asked: dict[str, Any]) -> Reply:
        return refused(500, "on fire") if "dogs" in question_in(asked) else brain(asked)

    options = ("--server", services.env, "--db", "campus_pets", "--difficulty", "easy", "--json")
    with ChatServer(troubled) as server:
        done = cli("eval", "--agent", f"openai:{server.url}#llm", *options, "--retries", 0)
    assert done.exit_code == 1
    found = json.loads(done.stdout)["agents"]["llm"]
    assert found["accuracy"] == 1.0
    assert found["failed"] > 0
    assert "are in no figure, the first with: HTTP 500: on fire" in done.stderr
    assert "Traceback" not in done.output


def test_eval_asks_which_model(services: LiveServices) -> None:
    with ChatServer(lambda asked: said("x"), models=("one", "two")) as server:
        done = cli("eval", "--agent", f"openai:{server.url}", "--server", services.env, "--episodes", 1)
    assert done.exit_code == 1
    assert "serves 2 models (one, two): name one with --model" in done.stderr
    away = cli("eval", "--agent", "openai:http://127.0.0.1:9/v1", "--retries", 0, "--server", services.env)
    assert "no model answers at http://127.0.0.1:9/v1: Connection error" in away.stderr
    with ChatServer(lambda asked: said("x")) as server:
        page = cli("eval", "--agent", f"openai:{server.url.removesuffix('/v1')}/web", "--server", services.env)
    assert "does not say which models it serves" in page.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--agent", "nobody"], "expected random, explorer, oracle, model:PATH or openai:URL"),
        (["--agent", "model:"], "wants a folder with a model"),
        (["--agent", "random:x"], "takes nothing behind it"),
        (["--agent", "a=random", "--agent", "a=explorer"], "two agents are called 'a'"),
        (["--agent", "random", "--no-greedy"], "say --sample N"),
        (["--agent", "openai:http://127.0.0.1:9/v1", "--request", "x"], "expected NAME=VALUE"),
        (["--agent", "random", "--server", "127.0.0.1:9", "--max-steps", "3"], "--server has its own budget"),
    ],
)
def test_eval_refuses_what_makes_no_sense(arguments: list[str], words: str) -> None:
    done = cli("eval", *arguments)
    assert done.exit_code == 1
    assert words in done.stderr.replace("\n", " ")


def test_ctrl_c_keeps_what_was_played(services: LiveServices, answers: dict[str, str], tmp_path: Path) -> None:
    brain = knowing(answers)
    enough = threading.Event()

    def ever_slower(asked: dict[str, Any]) -> Reply:
        if len(server.requests) > 12:
            enough.set()
            time.sleep(30)
        return brain(asked)  # type: ignore[no-any-return]

    with ChatServer(ever_slower) as server:
        command = [sys.executable, "-m", "sqlenv.cli", "eval", "--agent", f"openai:{server.url}", "--concurrency", "3"]
        command += ["--server", services.env, "--report", str(tmp_path / "report")]
        running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
        assert enough.wait(30)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "never retrieved" not in err
    kept = tmp_path / "report" / "episodes.partial.jsonl"
    records = [json.loads(line) for line in kept.read_text().splitlines()]
    assert f"{len(records)} episodes that were played are kept" in err
    assert len(records) >= 3
    assert all(record["correct"] for record in records)
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
