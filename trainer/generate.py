"""One turn for many conversations at once: from token ids to the ids that a model adds, whatever runs the model.

`local` uses transformers' generate on a model in this process; `of_trainer` what the TRL trainer was set up with, vLLM
included. Sampling draws from a generator that is seeded for each turn and leaves the process's own random state as it
was: training can be broken off, resumed or evaluated in between, and draws the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from trainer.prefix import Ids, PrefixCache


@dataclass(frozen=True, slots=True)
class Turns:
    """What a model wrote: ids of each turn, the end mark included where it came; log-probabilities where known."""

    ids: list[Ids]
    logprobs: list[list[float]] | None = None


Generate = Callable[[Sequence[Ids], int], Turns]
"""One turn after each conversation; the integer seeds the sampling."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. `temperature` 0 is greedy. `max_new_tokens` bounds one turn."""

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


def local(model: Any, tokenizer: Any, sampling: Sampling, batch: int = 256) -> Generate:
    """Transformers' generate, `batch` conversations at once at most, for a model whose weights stay as they are."""

    import torch

    prefixes = PrefixCache()

    def generate(conversations: Sequence[Ids], seed: int) -> Turns:
        ids: list[Ids] = []
        with seeded(seed, model.device), torch.no_grad():
            for start in range(0, len(conversations), batch):
                ids += _generate(model, tokenizer, sampling, conversations[start : start + batch], prefixes)
        return Turns(ids)

    return generate


@contextmanager
def of_trainer(trainer: Any, sampling: Sampling, batch: int = 256) -> Iterator[Generate]:
    """What a GRPOTrainer generates with, for one batch of rollouts: its vLLM, or its model in this process."""
    if trainer.use_vllm:
        from trainer.vllm import vllm_turns

        with vllm_turns(trainer) as by_vllm:
            yield by_vllm
        return

    from trl.models.utils import unwrap_model_for_generation

    with unwrap_model_for_generation(
        trainer.model_wrapped,
        trainer.accelerator,
        gather_deepspeed3_params=trainer.args.ds3_gather_for_generation,
        gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs,
    ) as model:
        yield local(model, trainer.processing_class, sampling, batch)


def seed_of(*parts: object) -> int:
    """A seed that depends on all parts and nothing else."""
    text = ":".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")


@contextmanager
def seeded(seed: int, device: Any) -> Iterator[None]:
    """Draws in the block follow from `seed`; the process's random state is afterwards what it was before."""
    import torch

    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _generate(
    model: Any, tokenizer: Any, sampling: Sampling, conversations: Sequence[Ids], prefixes: PrefixCache
) -> list[Ids]:
    import torch
    from transformers import GenerationConfig

    from trainer.roomy import roomy_cache

    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    unread, known = prefixes.take(conversations)
    wide = max(map(len, unread))
    ids = torch.tensor([[pad] * (wide - len(one)) + one for one in unread], device=model.device)
    mask = torch.tensor([[0] * (wide - len(one)) + [1] * len(one) for one in unread], device=model.device)
    if known is not None:
        ids, mask = torch.cat([known.ids, ids], dim=1), torch.cat([known.mask, mask], dim=1)
    drawing = (
        {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
        if sampling.temperature > 0
        else {"do_sample": False}
    )
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        pad_token_id=pad,
        eos_token_id=end,
        bos_token_id=None,
        return_dict_in_generate=True,
        **drawing,
    )
    cache = known.cache if known is not None else roomy_cache(model.config)
    wrote = model.generate(input_ids=ids, attention_mask=mask, generation_config=config, past_key_values=cache)
    new = wrote.sequences[:, ids.shape[1] :]
    turns = [turn[: turn.index(end) + 1] if end in turn else turn for turn in new.tolist()]
    written = torch.tensor([[1] * len(turn) + [0] * (new.shape[1] - len(turn)) for turn in turns], device=mask.device)
    prefixes.keep(wrote.sequences, torch.cat([mask, written], dim=1), wrote.past_key_values)
    return turns
