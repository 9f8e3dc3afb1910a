"""What a server does with bytes that are no good request, with health and reflection, and with two clients at once."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from sqlenv.actions import Query
from sqlenv.client import RewardClient, SqlEnvClient
from sqlenv.convert import action_to_proto
from sqlenv.errors import Exhausted, InvalidArgument, NotFound, StepConflict, VersionMismatch, from_rpc_error
from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import reward_pb2, types_pb2
from tests.live import LiveServices

ENVIRONMENT, REWARD = "sqlenv.v1.EnvironmentService", "sqlenv.v1.RewardService"


def call_raw(target: str, path: str, data: bytes) -> bytes:
    with grpc.insecure_channel(target) as channel:
        try:
            response: bytes = channel.unary_unary(path)(data, timeout=10)
            return response
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None


def with_bad_utf8(message: Any, marker: str) -> bytes:
    data: bytes = message.SerializeToString()
    assert marker.encode() in data
    return data.replace(marker.encode(), b"\xff" * len(marker))


def test_text_that_is_not_utf8_is_refused_in_words(services: LiveServices) -> None:
    step = pb.StepRequest(episode_id="x", action=types_pb2.Action(query=types_pb2.Query(sql="MARK")))
    score = reward_pb2.ScoreSqlRequest(task_id="x", sql="MARK")
    play = pb.PlayRequest(tag=1, step=step)
    for target, path, message in (
        (services.env, f"/{ENVIRONMENT}/Step", step),
        (services.reward, f"/{REWARD}/ScoreSql", score),
    ):
        with pytest.raises(InvalidArgument, match="not UTF-8") as caught:
            call_raw(target, path, with_bad_utf8(message, "MARK"))
        assert caught.value.reason == "BAD_MESSAGE"
    with grpc.insecure_channel(services.env) as channel:
        stream = channel.stream_stream(f"/{ENVIRONMENT}/Play")(iter([with_bad_utf8(play, "MARK")]), timeout=10)
        with pytest.raises(grpc.RpcError) as broken:
            list(stream)
    assert from_rpc_error(broken.value).reason == "BAD_MESSAGE"


@pytest.mark.parametrize("data", [b"\x00", b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\x1a\x05abc"])
def test_bytes_that_are_no_message_are_refused(services: LiveServices, data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        call_raw(services.env, f"/{ENVIRONMENT}/Step", data)


def test_a_message_over_size_is_refused_and_the_server_serves_on(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client, client.reset(seed=1) as episode:
        with pytest.raises(Exhausted) as caught:
            episode.query("SELECT '" + "x" * (17 * 2**20) + "'")
        assert caught.value.reason == "MESSAGE_TOO_LARGE"
        assert episode.query("SELECT 1").observation.step_count == 1


def test_health_answers_for_each_service_by_name(services: LiveServices) -> None:
    for target, name in ((services.env, ENVIRONMENT), (services.reward, REWARD), (services.env, "")):
        with grpc.insecure_channel(target) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            status = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status
        assert status == health_pb2.HealthCheckResponse.SERVING
    with grpc.insecure_channel(services.env) as channel, pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="nope"), timeout=5)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_describes_the_contract(services: LiveServices) -> None:
    for target, name, method in ((services.env, ENVIRONMENT, "Play"), (services.reward, REWARD, "ScoreSql")):
        with grpc.insecure_channel(target) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            assert set(database.get_services()) >= {name, "grpc.health.v1.Health"}
            described = DescriptorPool(database).FindServiceByName(name)
            assert described.FindMethodByName(method) is not None


def test_unknown_methods_are_unimplemented(services: LiveServices) -> None:
    with grpc.insecure_channel(services.env) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{ENVIRONMENT}/Peek")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_two_clients_on_one_episode_get_one_step(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as one, SqlEnvClient(services.env, stream=True) as two:
        episode = one.reset(seed=3)
        slow = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 200000) SELECT max(n) FROM r"
        request = pb.StepRequest(episode_id=episode.log.episode_id, step_index=0, action=action_to_proto(Query(slow)))
        outcomes: list[Any] = []

        def send(client: SqlEnvClient) -> None:
            outcomes.append(client._send("Step", request))

        threads = [threading.Thread(target=send, args=(client,)) for client in (one, two) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 8
        assert all(outcome == outcomes[0] for outcome in outcomes)
        assert one.get_episode(episode.log.episode_id).next_step_index == 1
        other = pb.StepRequest(
            episode_id=episode.log.episode_id, step_index=0, action=action_to_proto(Query("SELECT 2"))
        )
        with pytest.raises(StepConflict):
            two._send("Step", other)


def test_play_answers_many_requests_at_once_by_their_tags(services: LiveServices) -> None:
    with SqlEnvClient(services.env) as client, grpc.insecure_channel(services.env) as channel:
        episodes = [client.reset(seed=seed) for seed in range(100)]
        requests = [
            pb.PlayRequest(
                tag=1000 + i,
                step=pb.StepRequest(episode_id=episode.log.episode_id, action=action_to_proto(Query(f"SELECT {i}"))),
            )
            for i, episode in enumerate(episodes)
        ]
        requests.append(pb.PlayRequest(tag=7))
        play = channel.stream_stream(
            f"/{ENVIRONMENT}/Play", pb.PlayRequest.SerializeToString, pb.PlayResponse.FromString
        )
        responses = {response.tag: response for response in play(iter(requests), timeout=30)}
    assert len(responses) == 101
    assert responses[7].status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    for i in range(100):
        assert responses[1000 + i].step.observation.result.rows[0].values[0].integer == i


def test_a_fault_of_ours_is_internal_and_says_nothing(
    services: LiveServices, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> str:
        raise RuntimeError("secret /etc/passwd")

    monkeypatch.setattr("env_service.episode.Episode.view", broken)
    with SqlEnvClient(services.env) as client, pytest.raises(Exception, match="incident") as caught:
        client.reset(seed=1)
    assert "secret" not in str(caught.value)
    assert "INTERNAL" in str(caught.value)
    assert any("secret" in str(record.exc_info) for record in caplog.records)


def test_the_reward_service_refuses_what_it_cannot_score(services: LiveServices) -> None:
    with RewardClient(services.reward) as client:
        with pytest.raises(NotFound):
            client.score_sql("no-such-task", "SELECT 1")
        action = types_pb2.Action(text="QUERY SELECT 1")
        good = reward_pb2.Transition(action=action, step_count=1, result=types_pb2.Result(columns=["1"]))
        for request, kind in (
            (reward_pb2.ScoreStepRequest(task_id="campus_pets-001"), InvalidArgument),
            (reward_pb2.ScoreStepRequest(task_id="campus_pets-001", transition=good, rubric="x"), InvalidArgument),
            (reward_pb2.ScoreStepRequest(task_id="x", transition=good), NotFound),
            (reward_pb2.ScoreStepRequest(task_id="x", transition=good, dataset_version="other"), VersionMismatch),
            (
                reward_pb2.ScoreStepRequest(
                    task_id="campus_pets-001", transition=good, state=reward_pb2.RewardState(shaped_sum=float("nan"))
                ),
                InvalidArgument,
            ),
            (
                reward_pb2.ScoreStepRequest(
                    task_id="campus_pets-001", transition=good, state=reward_pb2.RewardState(best_level=77)
                ),
                InvalidArgument,
            ),
        ):
            with pytest.raises(kind):
                client._call("ScoreStep", request)
        described = client.describe_rubrics()
        assert [rubric.name for rubric in described.rubrics] == ["dense", "sparse", "potential"]
        assert all(rubric.min_correct_return > rubric.max_incorrect_return for rubric in described.rubrics)
