"""Puts the reward service together."""

from __future__ import annotations

import sys
from functools import partial

from reward_service.config import RewardSettings
from reward_service.gold import GoldBook
from reward_service.instances import Suite
from reward_service.judge import Judge
from reward_service.metrics import RewardMetrics
from reward_service.rubric import RubricError, check_rubrics
from reward_service.scorer import Scorer
from reward_service.servicer import NAME, RewardServicer
from sqlenv.errors import ConfigError, SqlEnvError
from sqlenv.gold import gold_hash, load_gold
from sqlenv.server import Drain, Service, serve
from sqlenv.settings import ServerSettings, read_settings
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.tasks import DataSet, load
from sqlenv.telemetry.service import Telemetry
from sqlenv.v1 import reward_pb2_grpc


async def make(settings: ServerSettings, drain: Drain) -> list[Service]:
    """The services of a reward server. Raises DataSetError where the data set is broken, ConfigError for a rubric."""
    assert isinstance(settings, RewardSettings)
    try:
        check_rubrics()
    except RubricError as error:
        raise ConfigError(str(error)) from None
    data = load(settings.dataset_dir)
    telemetry = Telemetry.of("reward", settings)
    metrics = RewardMetrics(telemetry)
    executor = QueryExecutor(settings.query_processes, settings.query_inline_vm_steps)
    telemetry.metrics.watch_queries(executor)
    book, suite = open_gold(settings, data, executor)
    data.check_files()
    scorer = Scorer(
        book,
        Judge(executor),
        data.version,
        gold_hash(settings.dataset_dir),
        settings.score_cache_entries,
        suite.hash if suite is not None else None,
        metrics,
    )
    if suite is not None:
        suite.on_look_up = partial(metrics.looked_up, "instances")
    telemetry.metrics.build(dataset=data.name, dataset_version=data.version, scorer_version=scorer.version)
    add = partial(reward_pb2_grpc.add_RewardServiceServicer_to_server, RewardServicer(scorer, settings.max_batch))

    async def close() -> None:
        book.close()
        executor.close()

    return [Service(NAME, add, close, telemetry)]


def open_gold(settings: RewardSettings, data: DataSet, executor: QueryExecutor) -> tuple[GoldBook, Suite | None]:
    """Gold of a data set with its instance suite, if it has one. Raises DataSetError where one of them is broken."""
    suite = Suite.find(settings.dataset_dir, settings.limits(), settings.instance_cache_entries)
    return GoldBook(data, load_gold(settings.dataset_dir), settings.limits(), executor, suite), suite


def main() -> None:
    """Runs the service; exits with 1 and a sentence where it can't start."""
    try:
        serve("reward", read_settings(RewardSettings), make)
    except SqlEnvError as error:
        sys.exit(f"sqlenv reward: {error}")
