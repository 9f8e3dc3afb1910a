"""Metrics: what is counted, that servers don't share it, and who may ask for it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import trustme
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from env_service import app as env_app
from env_service.config import EnvSettings
from env_service.metrics import ACTIONS
from reward_service.config import RewardSettings
from sqlenv import SqlEnvClient
from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.client import RewardClient
from sqlenv.errors import ConfigError, NotFound, ServiceError
from sqlenv.server import Drain, Service, running
from sqlenv.telemetry.metrics import OUTCOMES, Metrics
from sqlenv.types import ErrorKind
from sqlenv.v1 import environment_pb2 as pb
from tests.live import LiveServices

TASK = "campus_pets-001"
ROOT = Path(__file__).resolve().parent.parent

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Watched(LiveServices):
    """Services of which each is asked for its metrics by its registry."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.registries: dict[str, CollectorRegistry] = {}

    def value(self, service: str, name: str, **labels: str) -> float:
        """A sample; 0 where nothing was counted."""
        found = self.registries[service].get_sample_value(name, {"service": service, **labels})
        return found or 0.0


def eventually(holds: Callable[[], bool]) -> None:
    """Waits until it holds; fails where it doesn't within 5 s."""
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def live() -> Iterator[Watched]:
    """Both services, watched."""
    with pytest.MonkeyPatch.context() as patch:
        services = Watched()
        before = Metrics.__init__

        def init(self: Metrics, service: str) -> None:
            before(self, service)
            services.registries.setdefault(service, self.registry)

        patch.setattr(Metrics, "__init__", init)
        with services:
            yield services


def test_an_episode_is_counted_once_everywhere(live: Watched) -> None:
    def counts() -> dict[str, float]:
        return {
            "created": live.value("environment", "sqlenv_session_events_total", event="created"),
            "terminated": live.value("environment", "sqlenv_session_events_total", event="terminated"),
            "closed": live.value("environment", "sqlenv_session_events_total", event="closed"),
            "describe": live.value("environment", "sqlenv_steps_total", action="describe"),
            "query": live.value("environment", "sqlenv_steps_total", action="query"),
            "answer": live.value("environment", "sqlenv_steps_total", action="answer_sql"),
            "rpcs": live.value("environment", "sqlenv_rpcs_total", method="Step", code="OK"),
            "timed": live.value("environment", "sqlenv_rpc_seconds_count", method="Step"),
            "results": live.value("environment", "sqlenv_query_seconds_count", outcome="result", place="loop"),
            "no table": live.value("environment", "sqlenv_query_seconds_count", outcome="no_such_table", place="loop"),
            "calls": live.value("environment", "sqlenv_reward_calls_total", result="OK"),
            "carried": live.value("environment", "sqlenv_reward_call_steps_sum"),
            "waits": live.value("environment", "sqlenv_queue_seconds_count", queue="reward"),
            "scored": live.value("reward", "sqlenv_scored_steps_total", rubric="dense"),
            "verdicts": sum(live.value("reward", "sqlenv_verdicts_total", verdict=v) for v in ("correct", "incorrect")),
            "reward rpcs": live.value("reward", "sqlenv_rpcs_total", method="ScoreStep", code="OK"),
        }

    with SqlEnvClient(live.env) as client, client.reset(task_id=TASK, seed=0) as episode:
        episode.describe("pet")  # counts its rows, once
    before = counts()
    with SqlEnvClient(live.env) as client, client.reset(task_id=TASK, seed=0) as episode:
        episode.describe("pet")
        episode.query(f"SELECT count(*), {time.time_ns()} FROM pet")
        episode.query(f"SELECT count(*), {time.time_ns()} FROM no_such_pet")
        episode.answer(sql="SELECT 1")
    grown = {name: value - before[name] for name, value in counts().items()}
    assert grown == {
        **dict.fromkeys(("created", "terminated", "closed", "describe", "answer", "results", "no table"), 1),
        "query": 2,
        "verdicts": 1,
        **dict.fromkeys(("rpcs", "timed", "calls", "carried", "waits", "scored", "reward rpcs"), 4),
    }


def test_failures_are_counted_by_code(live: Watched) -> None:
    def failed(code: str) -> float:
        return live.value("environment", "sqlenv_rpcs_total", method="Reset", code=code)

    before = failed("NOT_FOUND"), failed("INVALID_ARGUMENT"), failed("OK")
    with SqlEnvClient(live.env) as client:
        with pytest.raises(NotFound):
            client.reset(task_id="no such task")
        with pytest.raises(ServiceError):
            client.reset(task_id=TASK, rubric="no such rubric")
    # A failure is counted when its handler has ended, which its caller need not wait for.
    eventually(lambda: (failed("NOT_FOUND"), failed("INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1))
    assert failed("OK") == before[2]


async def test_messages_of_a_stream_are_counted_each(live: Watched) -> None:
    def counted(method: str, code: str = "OK") -> float:
        return live.value("environment", "sqlenv_rpcs_total", method=method, code=code)

    before = counted("Play.step"), counted("Play.reset"), counted("Play.step", "NOT_FOUND"), counted("Play")
    async with AsyncSqlEnvClient(live.env, stream=True) as client:
        async with await client.reset(task_id=TASK, seed=0) as episode:
            await episode.describe("pet")
            await episode.describe("pet")
        async with grpc.aio.insecure_channel(live.env) as channel:
            stream = channel.stream_stream(
                "/sqlenv.v1.EnvironmentService/Play",
                pb.PlayRequest.SerializeToString,
                pb.PlayResponse.FromString,
            )()
            await stream.write(pb.PlayRequest(tag=1, step=pb.StepRequest(episode_id="none")))
            assert (await stream.read()).status.code == grpc.StatusCode.NOT_FOUND.value[0]
            await stream.done_writing()
            assert await stream.read() is grpc.aio.EOF
    # A stream is counted when it has ended, which its client need not wait for.
    await asyncio.to_thread(eventually, lambda: counted("Play") >= before[3] + 1)
    after = counted("Play.step"), counted("Play.reset"), counted("Play.step", "NOT_FOUND")
    assert after == (before[0] + 2, before[1] + 1, before[2] + 1)
    await asyncio.to_thread(eventually, lambda: live.value("environment", "sqlenv_rpcs_in_flight") == 0)


async def test_a_method_that_is_not_there_adds_no_label(live: Watched) -> None:
    before = live.value("environment", "sqlenv_rpcs_total", method="unknown", code="UNIMPLEMENTED")
    async with grpc.aio.insecure_channel(live.env) as channel:
        for number in range(3):
            with pytest.raises(grpc.RpcError):
                await channel.unary_unary(f"/sqlenv.v1.EnvironmentService/NoSuch{number}")(b"")
    assert live.value("environment", "sqlenv_rpcs_total", method="unknown", code="UNIMPLEMENTED") == before + 3
    assert not [labels for labels in label_values(live, "sqlenv_rpcs") if "NoSuch" in labels.get("method", "")]


def label_values(live: Watched, name: str) -> list[dict[str, str]]:
    families = {family.name: family for family in live.registries["environment"].collect()}
    return [sample.labels for sample in families[name].samples]


def test_what_became_of_sessions(live: Watched) -> None:
    def events(name: str) -> float:
        return live.value("environment", "sqlenv_session_events_total", event=name)

    before = {name: events(name) for name in ("resumed", "closed", "truncated")}
    open_before = live.value("environment", "sqlenv_sessions_running")
    with SqlEnvClient(live.env) as client:
        channel = grpc.insecure_channel(live.env)
        with channel:
            reset = channel.unary_unary(
                "/sqlenv.v1.EnvironmentService/Reset",
                pb.ResetRequest.SerializeToString,
                pb.ResetResponse.FromString,
            )
            request = pb.ResetRequest(task=pb.TaskSelector(task_id=TASK), seed=1)
            request.replay.add().describe.table = "pet"
            resumed = reset(request)
        assert live.value("environment", "sqlenv_sessions_running") == open_before + 1
        episode = client.reset(task_id=TASK, seed=2)
        while not episode.done:
            episode.describe("pet")
        assert live.value("environment", "sqlenv_sessions_finished") >= 1
        assert resumed.next_step_index == 1
    grown = {name: events(name) - count for name, count in before.items()}
    assert grown == {"resumed": 1, "closed": 0, "truncated": 1}


def test_expired_and_refused_sessions_are_counted() -> None:
    from env_service.episode import Episode
    from env_service.sessions import Session, SessionStore
    from sqlenv.errors import Exhausted
    from sqlenv.tasks import BUNDLED, load

    told: list[str] = []
    now = 0.0
    store = SessionStore(1, 1_000, 1_000, lambda: now, told.append)
    task = load(BUNDLED).tasks[0]
    store.reserve()
    store.add(Session("a", "", Episode(task, (), 0, "dense", 3)))
    with pytest.raises(Exhausted):
        store.reserve()
    now = 2.0
    store.reap()
    assert told == ["refused", "expired"]


def test_a_reward_service_that_is_away_is_counted_by_reason() -> None:
    with pytest.MonkeyPatch.context() as patch:
        made: list[Metrics] = []
        before = Metrics.__init__

        def init(self: Metrics, service: str) -> None:
            before(self, service)
            made.append(self)

        patch.setattr(Metrics, "__init__", init)

        async def play() -> None:
            settings = EnvSettings(port=0, reward_target="127.0.0.1:1", drain_ms=0, _env_file=None)
            drain = Drain()
            async with running(settings, await env_app.make(settings, drain), drain) as server:
                async with grpc.aio.insecure_channel(server.address) as channel:
                    reset = channel.unary_unary(
                        "/sqlenv.v1.EnvironmentService/Reset",
                        pb.ResetRequest.SerializeToString,
                        pb.ResetResponse.FromString,
                    )
                    request = pb.ResetRequest(task=pb.TaskSelector(task_id=TASK), seed=1)
                    request.replay.add().describe.table = "pet"
                    with pytest.raises(grpc.RpcError):
                        await reset(request)

        asyncio.run(play())
    value = made[0].registry.get_sample_value
    labels = {"service": "environment"}
    assert value("sqlenv_reward_calls_total", {**labels, "result": "UNAVAILABLE"}) == 1
    assert value("sqlenv_reward_failed_steps_total", {**labels, "reason": "REWARD_UNAVAILABLE"}) == 1
    assert value("sqlenv_session_events_total", {**labels, "event": "created"}) is None


def test_long_queries_are_timed_where_they_run(live: Watched) -> None:
    def counted(outcome: str) -> float:
        return live.value("environment", "sqlenv_query_seconds_count", outcome=outcome, place="process")

    before = counted("result"), counted("timeout")
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n {}) SELECT count(*) FROM n"
    with SqlEnvClient(live.env) as client, client.reset(task_id=TASK, seed=0) as episode:
        assert not episode.query(count.format("LIMIT 50000")).observation.error.message
        assert episode.query(count.format("")).observation.error.message
    assert (counted("result"), counted("timeout")) == (before[0] + 1, before[1] + 1)
    assert live.value("environment", "sqlenv_queue_seconds_count", queue="query") >= 2
    assert live.value("environment", "sqlenv_queries_running") == 0
    assert live.value("environment", "sqlenv_query_memory_peak_bytes") > 0


def test_scores_of_sql_are_counted_by_verdict(live: Watched) -> None:
    def verdicts(name: str) -> float:
        return live.value("reward", "sqlenv_verdicts_total", verdict=name)

    before = verdicts("sql_failed"), live.value("reward", "sqlenv_rpcs_total", method="ScoreSql", code="OK")
    with RewardClient(live.reward) as client:
        client.score_sql(TASK, "SELECT nothing FROM nowhere")
    assert verdicts("sql_failed") == before[0] + 1
    assert live.value("reward", "sqlenv_rpcs_total", method="ScoreSql", code="OK") == before[1] + 1
    assert live.value("reward", "sqlenv_cache_requests_total", cache="judgements", hit="false") >= 1


def test_every_kind_has_a_name() -> None:
    assert set(OUTCOMES) == {0, *ErrorKind}
    assert len(set(ACTIONS.values())) == 6


def test_two_servers_of_one_process_count_apart(live: Watched) -> None:
    with LiveServices() as other:
        before = live.value("environment", "sqlenv_session_events_total", event="created")
        with SqlEnvClient(other.env) as client:
            client.reset(task_id=TASK).close()
        assert live.value("environment", "sqlenv_session_events_total", event="created") == before


# The port


def fetch(url: str, **options: object) -> str:
    with urllib.request.urlopen(url, timeout=10, **options) as response:  # type: ignore[arg-type]
        assert response.headers["Content-Type"].startswith("text/plain")
        return str(response.read(), "utf-8")


@pytest.mark.parametrize("kind", ["environment", "reward"])
async def test_they_are_served_on_a_port_of_their_own(kind: str) -> None:
    from reward_service import app as reward_app

    app, settings = {
        "environment": (env_app, EnvSettings(port=0, metrics_port=0, _env_file=None)),
        "reward": (reward_app, RewardSettings(port=0, metrics_port=0, _env_file=None)),
    }[kind]
    drain = Drain()
    async with running(settings, await app.make(settings, drain), drain) as server:
        assert server.metrics_url.startswith("http://127.0.0.1:")
        text = await asyncio.to_thread(fetch, server.metrics_url)
        families = {family.name: family for family in text_string_to_metric_families(text)}
        (build,) = families["sqlenv_build_info"].samples
        assert build.value == 1
        assert build.labels["service"] == kind
        assert build.labels["dataset_version"]
        assert ("scorer_version" in build.labels) == (kind == "reward")
        assert families["process_resident_memory_bytes"].samples[0].value > 1e6
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(fetch, server.metrics_url)


async def test_none_are_served_where_no_port_is_set() -> None:
    settings = EnvSettings(port=0, _env_file=None)
    async with running(settings, [Service("x", lambda server: None)], Drain()) as server:
        assert server.metrics_url == ""


async def test_a_port_that_is_taken_is_said_in_words() -> None:
    settings = EnvSettings(port=0, metrics_port=0, _env_file=None)
    async with running(settings, [Service("x", lambda server: None)], Drain()) as server:
        taken = int(server.metrics_url.rpartition(":")[2].partition("/")[0])
        again = EnvSettings(port=0, metrics_port=taken, _env_file=None)
        with pytest.raises(ConfigError, match="can't serve metrics on"):
            async with running(again, [Service("x", lambda server: None)], Drain()):
                pass


def test_beyond_loopback_they_need_what_the_service_needs() -> None:
    with pytest.raises(ConfigError, match="metrics on 0.0.0.0 in plain text"):
        EnvSettings(metrics_port=0, metrics_host="0.0.0.0", _env_file=None)
    assert EnvSettings(metrics_host="0.0.0.0", _env_file=None).metrics_port is None
    assert EnvSettings(metrics_port=0, metrics_host="0.0.0.0", insecure=True, _env_file=None).insecure


async def test_they_speak_tls_where_the_service_does(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    import ssl

    context = ssl.create_default_context()
    authority.configure_trust(context)
    settings = EnvSettings(
        port=0,
        metrics_port=0,
        metrics_host="localhost",
        tls_cert_file=tmp_path / "cert.pem",
        tls_key_file=tmp_path / "key.pem",
        _env_file=None,
    )
    async with running(settings, [Service("x", lambda server: None)], Drain()) as server:
        assert server.metrics_url.startswith("https://localhost:")
        assert "sqlenv_rpcs" in await asyncio.to_thread(fetch, server.metrics_url, context=context)
        with pytest.raises(urllib.error.URLError):
            await asyncio.to_thread(fetch, server.metrics_url)


def test_the_documentation_lists_every_metric(live: Watched) -> None:
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = {
        family.name + ("_total" if family.type == "counter" else "")
        for registry in live.registries.values()
        for family in registry.collect()
        if family.name.startswith("sqlenv_")
    }
    assert len(names) > 20
    assert {name for name in names if f"`{name}`" not in told} == set()


def test_up_serves_both_services_metrics() -> None:
    command = [sys.executable, "-m", "sqlenv.cli", "up", "--port", "0", "--metrics-port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())["metrics"]
        services = [
            service for url in urls for service in ("environment", "reward") if f'service="{service}"' in fetch(url)
        ]
        assert services == ["environment", "reward"]
    finally:
        process.terminate()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
