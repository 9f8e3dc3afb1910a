"""The services of a run: those at an address, or ones that are started for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlenv.calling.access import NO_ACCESS
from sqlenv.calling.protocol import Retry
from sqlenv.client import SqlEnvClient
from sqlenv.errors import (
    ConfigError,
    DeadlineExceeded,
    HandshakeFailed,
    ServiceError,
    SqlEnvError,
    Unauthenticated,
    Unavailable,
)
from sqlenv.launch import launch
from sqlenv.tasks import BUNDLED
from trainer.config import Services
from trainer.worlds import WorldSize, build_worlds

REACH_S = 5.0


@dataclass(frozen=True, slots=True)
class Served:
    """What a run plays. `folder` holds the data set with its gold; None where only a server's owner has it."""

    client: SqlEnvClient
    name: str
    version: str
    folder: Path | None


@contextmanager
def serving(services: Services, run_folder: Path) -> Iterator[Served]:
    """A client whose patience is the configuration's. Services that are started here end with the block.

    Raises SqlEnvError where nothing answers at the address, or what answers is no server of ours.
    """
    retry = Retry(patience_s=services.patience_s)
    if services.address:
        _reach(services)
        with SqlEnvClient(services.address, retry=retry, ca_file=services.ca_file) as client:
            yield _served(client, services.gold)
        return
    folder = _folder(services, run_folder)
    settings = {
        "SQLENV_ENV_MAX_STEPS": str(services.max_steps),
        "SQLENV_ENV_DRAIN_MS": "0",
        "SQLENV_REWARD_DRAIN_MS": "0",
    }
    with (
        launch(folder, settings=settings) as launched,
        SqlEnvClient(launched.env_target, retry=retry, **NO_ACCESS) as client,
    ):
        yield _served(client, folder)


def _served(client: SqlEnvClient, folder: Path | None) -> Served:
    about = client.list_databases()
    return Served(client, about.dataset, about.dataset_version, folder)


def _reach(services: Services) -> None:
    """A wrong address, or a server of another version, should be said at once and not after all of the patience."""
    quick = Retry(patience_s=REACH_S)
    try:
        with SqlEnvClient(services.address, timeout_s=REACH_S, retry=quick, ca_file=services.ca_file) as probe:
            about = probe.list_databases()
    except (Unavailable, DeadlineExceeded) as error:
        words = f"no service answers at {services.address}; is it running? `sqlenv up` starts one ({error.message})"
        raise SqlEnvError(words) from None
    except (HandshakeFailed, Unauthenticated):
        raise  # they say themselves what is wrong
    except ServiceError as error:
        words = f"what answers at {services.address} does not know our calls ({error.message})"
        raise SqlEnvError(f"{words}: is it an environment service, and of this version?") from None
    if not about.dataset_version:
        raise SqlEnvError(f"the service at {services.address} names no data set version: it is of another version")


def _folder(services: Services, run_folder: Path) -> Path:
    if services.worlds is not None:
        folder = run_folder / "data"
        if not (folder / "gold.jsonl").is_file():
            worlds = services.worlds
            size = WorldSize(
                worlds.train_databases, worlds.eval_databases, worlds.train_questions, worlds.eval_questions
            )
            build_worlds(folder, size, worlds.seed)
        return folder
    folder = BUNDLED if services.dataset == "bundled" else Path(services.dataset).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"services.dataset: {folder} is no folder")
    return folder
