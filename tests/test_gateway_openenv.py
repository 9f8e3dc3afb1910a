"""OpenEnv's own client, validator and push checks against the gateway, and the patterns that its users follow."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openenv.cli._validation import validate_running_environment
from openenv.cli.commands.push import _prepare_staging_directory, _validate_openenv_directory
from openenv.cli.commands.validate import _render_report
from openenv.core.generic_client import GenericEnvClient
from openenv.core.mcp_client import MCPToolClient
from openenv.validation import Level, Verdict, run_validation
from openenv.validation.types import CheckStatus, ProviderCapability

from gateway.client import SQLAction, SQLEnv, SQLObservation, SQLState
from gateway.space import stage
from gateway.tools import NAMES
from sqlenv.errors import ConfigError
from sqlenv.tasks import BUNDLED, load
from tests.gateways import LiveGateway, gateway, gold_sql, http
from tests.live import LiveServices

ROOT = Path(__file__).resolve().parent.parent
TASK = "campus_pets-001"


@pytest.fixture(scope="module")
def live(services: LiveServices) -> Iterator[LiveGateway]:
    with gateway(services) as started:
        yield started


async def test_the_typed_client_plays_to_a_right_answer(live: LiveGateway) -> None:
    async with SQLEnv(base_url=live.url) as env:
        result = await env.reset(task_id=TASK, seed=7)
        assert isinstance(result.observation, SQLObservation)
        assert (result.reward, result.done) == (None, False)
        assert "dogs" in result.observation.question
        result = await env.step(SQLAction.describe("pet"))
        assert result.observation.result is not None
        assert "species" in result.observation.text
        result = await env.step(SQLAction.sample("pet", 2))
        assert len(result.observation.result.rows) == 2
        result = await env.step(SQLAction.query("SELECT no_such FROM pet"))
        assert result.observation.error.kind == "no_such_column"
        result = await env.step(SQLAction.query(gold_sql(TASK)))
        [[number]] = result.observation.result.rows
        state = await env.state()
        assert isinstance(state, SQLState)
        assert (state.step_count, state.task_id, state.status) == (4, TASK, "running")
        result = await env.step(SQLAction.answer(number))
        assert result.done
        assert result.observation.score.verdict == "correct"
        assert result.reward == result.observation.score.total > 1.0
        assert result.observation.status == "terminated"


def test_the_typed_client_without_asyncio(live: LiveGateway) -> None:
    with SQLEnv(base_url=live.url).sync() as env:
        env.reset(task_id=TASK)
        result = env.step(SQLAction.answer(sql=gold_sql(TASK)))
        assert result.done
        assert result.reward > 1.0
        env.reset(task_id=TASK)
        assert env.step(SQLAction.written("ANSWER 56")).observation.score.verdict == "incorrect"


def test_the_stock_client_plays_to_a_right_answer(live: LiveGateway) -> None:
    with GenericEnvClient(base_url=live.url).sync() as env:
        result = env.reset(task_id=TASK, episode_id="mine", seed=3)
        assert result.observation["tables"]
        result = env.step({"text": f"QUERY {gold_sql(TASK)}"})
        assert not result.done
        assert env.state()["episode_id"] == "mine"
        result = env.step({"tool": "answer", "value": result.observation["result"]["rows"][0][0]})
        assert result.done
        assert result.reward > 1.0
        with pytest.raises(RuntimeError, match="the episode ended"):
            env.step({"text": "QUERY SELECT 1"})
        assert not env.reset().done  # the session lives on


async def test_openenvs_mcp_client_shares_its_session_over_both_ways(live: LiveGateway) -> None:
    async with MCPToolClient(base_url=live.url) as env:
        assert [tool.name for tool in await env.list_tools()] == list(NAMES)
        result = await env.reset(task_id=TASK)
        assert "dogs" in result.observation.question
        told = await env.call_tool("query", sql=gold_sql(TASK))
        assert told["structuredContent"]["observation"]["step_count"] == 1
        assert (await env.state()).step_count == 1
        told = await env.call_tool("answer", sql=gold_sql(TASK))
        assert told["structuredContent"]["reward"] > 1.0
        with pytest.raises(RuntimeError, match="no tool 'nope'"):
            await env.call_tool("nope")


class TrlEnvironment:
    """As TRL's OpenEnv examples write one for `environment_factory`: reset, and tools with types and docstrings."""

    url = ""

    def __init__(self) -> None:
        self._env = SQLEnv(base_url=self.url).sync()
        self._reward = 0.0

    def reset(self, **row: Any) -> str:
        """Starts the row's task."""
        self._reward = 0.0
        result = self._env.reset(task_id=row["task_id"], seed=row.get("seed"))
        return str(result.observation.text)

    def query(self, sql: str) -> str:
        """
        Run one SELECT.

        Args:
            sql: The SELECT statement.

        Returns:
            The result, or an error that helps.
        """
        return self._take(SQLAction.query(sql))

    def answer(self, value: str) -> str:
        """
        Answer the question.

        Args:
            value: The answer itself.

        Returns:
            That it was recorded.
        """
        return self._take(SQLAction.answer(value))

    def get_reward(self) -> float:
        """The episode's return."""
        return self._reward

    def _take(self, action: SQLAction) -> str:
        result = self._env.step(action)
        self._reward += result.reward or 0.0
        return str(result.observation.text)


def test_trls_example_pattern(live: LiveGateway) -> None:
    TrlEnvironment.url = live.url
    pool = [TrlEnvironment() for _ in range(4)]
    for _ in range(2):  # TRL uses its environments again
        for environment in pool:
            assert "Question:" in environment.reset(task_id=TASK, prompt=[], seed=1)
        for environment in pool:
            assert "57" in environment.query(gold_sql(TASK))
        for number, environment in enumerate(pool):
            environment.answer("57" if number else "58")
        returns = [environment.get_reward() for environment in pool]
        assert returns[0] < 0.5 < 1.0 < min(returns[1:])
        assert len(set(returns[1:])) == 1
    for environment in pool:
        environment._env.close()


def test_many_typed_clients_at_once(live: LiveGateway) -> None:
    async def play(number: int) -> str:
        async with SQLEnv(base_url=live.url) as env:
            await env.reset(task_id=TASK, episode_id=f"e{number}")
            result = await env.step(SQLAction.query(f"SELECT {number}"))
            assert result.observation.result.rows == [[number]]
            return str((await env.state()).episode_id)

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(play(number) for number in range(64)))

    assert asyncio.run(all_of_them()) == [f"e{number}" for number in range(64)]


# The Task API and the oracle


def test_the_task_api(live: LiveGateway) -> None:
    counts = Counter(task.split for task in load(BUNDLED).tasks)
    with http(live) as client:
        assert client.get("/list_environments").json() == ["sqlenv"]
        splits = client.get("/sqlenv/splits").json()
        assert [split["name"] for split in splits] == list(counts)
        for split, count in counts.items():
            assert client.post("/sqlenv/num_tasks", json={"split": split}).json() == {"num_tasks": count}
            tasks = client.post("/SQLEnv/tasks", json={"split": split}).json()["tasks"]
            assert len(tasks) == count
            one = client.post("/sqlenv/task", json={"split": split, "index": 3}).json()["task"]
            some = client.post("/sqlenv/task_range", json={"split": split, "start": 2, "stop": 5}).json()["tasks"]
            assert (one, some) == (tasks[3], tasks[2:5])
            assert set(one) == {"task_id", "db_id", "question", "split", "difficulty", "answer_type"}
            payload = client.post("/reset", json={"task_id": one["task_id"]}).json()
            assert payload["observation"]["question"] == one["question"]
        wrong = client.post("/sqlenv/task", json={"split": "train", "index": counts["train"]})
        assert (wrong.status_code, wrong.json()["field"]) == (400, "index")
        wrong = client.post("/sqlenv/tasks", json={"split": "nope"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "split")
        assert client.post("/other/tasks", json={"split": "train"}).status_code == 404


def test_the_manifest_says_what_is_there() -> None:
    manifest = yaml.safe_load((ROOT / "openenv.yaml").read_text())
    declared = manifest["validation"]["capabilities"]
    assert tuple(declared["declared_tools"]) == NAMES
    assert declared["declared_task_count"] == dict(Counter(task.split for task in load(BUNDLED).tasks))
    assert (ROOT / declared["oracle"]["location"]).is_file()
    low, high = manifest["validation"]["reward"]["range"]
    assert low < -0.2 < 1.0 < high


def test_the_oracle_gets_what_the_manifest_declares(live: LiveGateway) -> None:
    command = [sys.executable, str(ROOT / "validation" / "oracle.py"), live.url, "--tasks", "25"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["tasks"] == 25


# openenv validate


def test_validate_url(live: LiveGateway) -> None:
    report = validate_running_environment(live.url)
    print(_render_report(report))
    assert report["passed"]
    assert all(criterion["passed"] for criterion in report["criteria"])


class Processes:
    """A provider for the validator that runs the staged package's services as processes, on loopback alone."""

    name = "processes"
    capabilities = frozenset({ProviderCapability.IMAGE_BUILD})
    supported_network_modes = frozenset({"no-network", "public"})

    def __init__(self, folder: Path) -> None:
        self._root = self._folder = folder
        self._started: list[subprocess.Popen[str]] = []
        self.base_url = ""

    def build(self, root: Path, execution: Any) -> str:
        self._root = root
        return "sha256:" + "0" * 64

    def start(self, spec: Any) -> Processes:
        common = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "PYTHONPATH": str(self._root)}
        reward = self._process("reward_service", {**common, "SQLENV_REWARD_PORT": "0"})
        env = self._process("env_service", {**common, "SQLENV_ENV_PORT": "0", "SQLENV_ENV_REWARD_TARGET": reward})
        targets = {"SQLENV_GATEWAY_ENV_TARGET": env, "SQLENV_GATEWAY_REWARD_TARGET": reward}
        self.base_url = "http://" + self._process("gateway", {**common, **targets, "PORT": "0"})
        with urllib.request.urlopen(self.base_url + "/health", timeout=10) as response:
            assert response.status == 200
        return self

    def _process(self, module: str, environment: dict[str, str]) -> str:
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            env=environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._started.append(started)
        assert started.stdout is not None
        return str(json.loads(started.stdout.readline())["address"])

    def inspect(self) -> dict[str, Any]:
        return {"processes": [one.pid for one in self._started]}

    def logs(self, max_bytes: int = 65536) -> str:
        return ""

    def stop(self) -> None:
        for one in reversed(self._started):
            one.terminate()
        for one in self._started:
            one.wait(20)
            assert one.stdout is not None
            one.stdout.close()
        assert [one.returncode for one in self._started] == [0, 0, 0]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "sqlenv"
    stage(folder)
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the validator's own use of websockets
def test_validate_local(staged: Path, tmp_path: Path) -> None:
    report = run_validation(staged, max_level=Level.RUNTIME, provider=Processes(tmp_path))
    print(_render_report(report))
    found = {result.check_id: result.status for result in report.results}
    assert CheckStatus.FAIL not in found.values()
    assert CheckStatus.ERROR not in found.values()
    for check in ("static.manifest", "runtime.startup", "runtime.reward_well_formed", "runtime.observation_schema"):
        assert found[check] is CheckStatus.PASS
    assert found["runtime.state_contract"] is CheckStatus.PASS
    assert report.verdict is not Verdict.FAIL


def test_push_takes_the_folder(staged: Path, tmp_path: Path) -> None:
    if not (staged / "Dockerfile").exists():
        (staged / "Dockerfile").write_text("FROM scratch\n")
    name, manifest = _validate_openenv_directory(staged)
    assert (name, manifest["type"]) == ("sqlenv", "space")
    _prepare_staging_directory(staged, name, tmp_path / "out", [".*", "__pycache__", "*.pyc"])
    readme = (tmp_path / "out" / "README.md").read_text()
    head = yaml.safe_load(readme.split("---")[1])
    assert (head["sdk"], head["base_path"], head["app_port"]) == ("docker", "/web", 7860)
    assert "openenv" in head["tags"]
    assert not any(path.is_symlink() for path in staged.rglob("*"))


def test_the_folder_is_a_package(staged: Path) -> None:
    program = "import sqlenv_space, sqlenv_space.client, sqlenv_space.models; print(sqlenv_space.SQLEnv.__name__)"
    alias = staged.parent / "elsewhere"
    shutil.copytree(staged, alias / "sqlenv_space", ignore=shutil.ignore_patterns("data"))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(alias)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "SQLEnv", done.stderr


def test_the_folder_is_not_made_over_others(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        stage(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_the_typed_client_comes_back_after_a_dropped_socket(live: LiveGateway) -> None:
    async def play() -> None:
        async with SQLEnv(base_url=live.url) as env:
            await env.reset(task_id=TASK)
            for number in range(1, 6):
                env._ws.transport.abort()
                result = await env.step(SQLAction.query(f"SELECT {number}"))
                assert result.observation.step_count == number
            assert (await env.state()).step_count == 5

    before = time.monotonic()
    asyncio.run(play())
    assert time.monotonic() - before < 10
