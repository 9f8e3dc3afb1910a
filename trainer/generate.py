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

Ids = list[int]


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
    """Transformers' generate, `batch` conversations at once at most."""

    import torch

    def generate(conversations: Sequence[Ids], seed: int) -> Turns:
        ids: list[Ids] = []
        with seeded(seed, model.device), torch.no_grad():
            for start in range(0, len(conversations), batch):
                ids += _generate(model, tokenizer, sampling, conversations[start : start + batch])
        return Turns(ids)

    return generate


def of_trainer(trainer: Any, sampling: Sampling, batch: int = 256) -> Generate:
    """What a GRPOTrainer generates with: its vLLM, or its model in this process."""
    if trainer.use_vllm:

        def by_vllm(conversations: Sequence[Ids], seed: int) -> Turns:
            # The trainer has sent vLLM the newest weights before it asked for rollouts.
            _, ids, logprobs, _ = trainer.vllm_generation.generate(
                prompts=[list(one) for one in conversations], images=None, num_generations=1
            )
            return Turns(ids, [[float(token[0]) for token in turn] for turn in logprobs])

        return by_vllm

    from trl.models.utils import unwrap_model_for_generation

    def in_process(conversations: Sequence[Ids], seed: int) -> Turns:
        with unwrap_model_for_generation(
            trainer.model_wrapped,
            trainer.accelerator,
            gather_deepspeed3_params=trainer.args.ds3_gather_for_generation,
        ) as model:
            return local(model, trainer.processing_class, sampling, batch)(conversations, seed)

    return in_process


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


def _generate(model: Any, tokenizer: Any, sampling: Sampling, conversations: Sequence[Ids]) -> list[Ids]:
    import torch
    from transformers import GenerationConfig

    width = max(map(len, conversations))
    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    ids = torch.tensor([[pad] * (width - len(one)) + list(one) for one in conversations], device=model.device)
    mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in conversations], device=model.device)
    drawing = (
        {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
        if sampling.temperature > 0
        else {"do_sample": False}
    )
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens, pad_token_id=pad, eos_token_id=end, bos_token_id=None, **drawing
    )
    new = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[:, width:].tolist()
    return [turn[: turn.index(end) + 1] if end in turn else turn for turn in new]
