"""A model on this machine as a player for `sqlenv eval`: episodes in batches, as in training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from sqlenv.agents.players import Plan, Way, failed_record, mark_failed
from sqlenv.agents.rollout import Trajectory
from sqlenv.client import SqlEnvClient
from sqlenv.errors import ConfigError, SqlEnvError
from trainer.chat import Chat
from trainer.config import Policy
from trainer.generate import Sampling, local, seed_of
from trainer.policy import load_model, load_tokenizer
from trainer.prompting import Prompting
from trainer.rollout import Bounds, Rollout, roll_out


@dataclass
class ModelPlayer:
    """A transformers model; `batch` episodes are played at once. What is sampled depends on the batch, too."""

    label: str
    source: str
    model: Any
    chat: Chat
    prompting: Prompting
    batch: int
    drawn: bool = field(default=True, init=False)

    def play(self, client: SqlEnvClient, plan: Plan, way: Way) -> Iterator[Trajectory]:
        """As `Player.play`. Raises SqlEnvError where the model runs out of memory."""
        limits = self.prompting.limits
        bounds = Bounds(limits.turns, limits.completion_tokens, limits.turn_tokens)
        sampling = Sampling(limits.turn_tokens, way.temperature if way.sample else 0.0)
        generate = local(self.model, self.chat.tokenizer, sampling, self.batch)
        # The first sample draws as a training run of this seed does when it measures.
        seed = plan.seed if way.sample <= 1 else seed_of(plan.seed, way.sample)
        for start in range(0, len(plan.jobs), self.batch):
            jobs = plan.jobs[start : start + self.batch]
            try:
                played = roll_out(
                    client,
                    jobs,
                    self.chat,
                    self.prompting.view,
                    generate,
                    bounds,
                    seed=seed + start,
                    agent=self.label,
                    rubric=plan.rubric,
                )
            except torch.OutOfMemoryError as error:
                raise SqlEnvError(f"{self.label}: out of GPU memory; lower --concurrency ({error})") from None
            for job, rollout in zip(jobs, played, strict=True):
                record = self._record(rollout) or failed_record(self.label, plan, job, _failure(rollout))
                record.sample, record.temperature = way.sample, way.temperature
                yield record

    def _record(self, rollout: Rollout) -> Trajectory | None:
        """The episode's record, with what the model wrote counted; None where it was never started."""
        played = rollout.played
        if played is None or played.record is None:
            return None
        record = played.record
        record.turns = rollout.turns
        # Each token once: what an earlier turn has read is not counted again.
        record.completion_tokens = sum(rollout.mask) if not played.failed else 0
        record.prompt_tokens = len(rollout.prompt) + rollout.mask.count(0) if not played.failed else 0
        if played.failed:
            mark_failed(record, played.failed)
        elif record.state == "running":
            record.state = "stopped"
        record.cut_turns = _cut_turns(rollout, self.chat.tokenizer.eos_token_id)
        return record


def load_player(
    source: str, label: str, prompting: Prompting, *, device: str = "auto", dtype: str = "auto", batch: int = 64
) -> ModelPlayer:
    """Loads a model from a folder or the Hub. Raises ConfigError where there is none, it does not fit, or its chat
    template can't hold our conversations."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda, but torch sees no GPU: say --device cpu, or leave it out")
    where = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = load_tokenizer(source)
    chat = Chat(tokenizer, prompting.form, prompting.system, prompting.template_kwargs)
    model = load_model(source, Policy(model=source, dtype=dtype), where)
    model.eval()
    return ModelPlayer(label, source, model, chat, prompting, batch)


def _failure(rollout: Rollout) -> str:
    return rollout.played.failed if rollout.played is not None and rollout.played.failed else "it was never started"


def _cut_turns(rollout: Rollout, end: int) -> int:
    """Turns that do not close themselves: the bound on a turn's tokens came first."""
    cut = 0
    for i, mask in enumerate(rollout.mask):
        last = mask and (i + 1 == len(rollout.mask) or not rollout.mask[i + 1])
        cut += bool(last) and rollout.completion[i] != end
    return cut
