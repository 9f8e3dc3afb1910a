"""Puts the environment service together."""

from __future__ import annotations

import sys
from functools import partial

from env_service.config import EnvSettings
from env_service.engine import Engine
from env_service.explore import Explorer
from env_service.metrics import EnvMetrics
from env_service.reward_access import reward_access
from env_service.scorer import RewardScorer
from env_service.servicer import NAME, EnvironmentServicer
from sqlenv.errors import SqlEnvError
from sqlenv.server import Drain, Service, serve
from sqlenv.settings import ServerSettings, read_settings
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.tasks import load
from sqlenv.telemetry.service import Telemetry
from sqlenv.v1 import environment_pb2_grpc


async def make(settings: ServerSettings, drain: Drain) -> list[Service]:
    """The services of an environment server. Raises DataSetError where the data set is broken."""
    assert isinstance(settings, EnvSettings)
    data = load(settings.dataset_dir)
    telemetry = Telemetry.of("environment", settings)
    telemetry.metrics.build(dataset=data.name, dataset_version=data.version)
    metrics = EnvMetrics(telemetry)
    executor = QueryExecutor(settings.query_processes, settings.query_inline_vm_steps)
    telemetry.metrics.watch_queries(executor)
    explorer = Explorer(data.databases, settings.limits(), executor)
    data.check_files()
    scorer = RewardScorer(
        settings.reward_target,
        settings.reward_timeout_ms,
        settings.reward_batch_steps,
        reward_access(settings),
        metrics,
    )
    engine = Engine(settings, data, explorer, scorer, metrics)
    servicer = EnvironmentServicer(engine, drain, settings, telemetry)
    add = partial(environment_pb2_grpc.add_EnvironmentServiceServicer_to_server, servicer)

    async def close() -> None:
        await scorer.close()
        explorer.close()
        executor.close()

    return [Service(NAME, add, close, telemetry)]


def main() -> None:
    """Runs the service; exits with 1 and a sentence where it can't start."""
    try:
        serve("environment", read_settings(EnvSettings), make)
    except SqlEnvError as error:
        sys.exit(f"sqlenv environment: {error}")
