"""A training run from end to end: services, then its stages (`trainer.stages`), then figures."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from accelerate import PartialState

from sqlenv.errors import ConfigError
from trainer.chat import Chat
from trainer.config import RunConfig
from trainer.folder import RunFolder
from trainer.policy import TINY, check_marked, device_of, load_tokenizer
from trainer.serving import serving
from trainer.stages import Say, Stages
from trainer.vllm import check_vllm


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to: figures by row of the table, in order; `seconds` of this call. `first`: this process is the
    only one, or the first of several, which alone has something to report."""

    figures: dict[str, dict[str, Any]]
    seconds: float
    first: bool


def run(config: RunConfig, out: Path, *, resume: bool = False, say: Say = print) -> Result:
    """Runs, or goes on with, the run in `out`.

    Raises ConfigError, DataSetError and SqlEnvError that say what to change; KeyboardInterrupt where it was stopped,
    after a checkpoint.
    """
    started = time.monotonic()
    with opened(config, out, resume=resume, say=say) as stages:
        figures = stages.all()
    return Result(figures, time.monotonic() - started, PartialState().is_main_process)


@contextmanager
def opened(config: RunConfig, out: Path, *, resume: bool = False, say: Say = print) -> Iterator[Stages]:
    """The run in `out`, for those who take its stages one by one, as the notebook does. Services that were started for
    it end with the block. Raises as `run`.
    """
    device = device_of(config)
    check_vllm(config, device)
    for name in config.report_to:
        if find_spec(name) is None:
            raise ConfigError(f"report_to: {name} is not here: pip install {name}, or leave it out, as report_to=[]")
    if config.policy.model != TINY:  # what its tokenizer can't do should be said before anything is played
        policy = config.policy
        chat = Chat(load_tokenizer(policy.model), policy.form, policy.system, policy.template_kwargs)
        if config.sft:
            check_marked(chat.tokenizer)
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    if config.threads:
        torch.set_num_threads(config.threads)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(out / "tensorboard")
    processes = PartialState(cpu=device == "cpu")
    if processes.num_processes > 1 and (not config.services.address or config.policy.model == TINY):
        words = "name running services (services.address, services.gold) and a model that is there"
        raise ConfigError(f"with {processes.num_processes} processes, {words}: each process is a client of its own")
    folder = RunFolder(out, processes.is_main_process)
    with processes.main_process_first():
        folder.open(config, resume)
    with serving(config.services, out) as served:
        folder.note(served.version, served.name)
        yield Stages(config, folder, served, device, say if folder.main else _silent, processes)


def _silent(text: str) -> None:
    """What processes beside the first say."""
