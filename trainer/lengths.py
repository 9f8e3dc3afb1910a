"""Rollouts of like length go through the model together, each micro-batch only as wide as its longest.

TRL pads a step's rollouts to the longest of all and mixes them before it cuts micro-batches, so that most of what a
model is given is padding. All micro-batches of a step count for one update of the weights: which rollouts are together
in one changes neither the loss nor its gradient, but for rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from trl import GRPOTrainer

Inputs = dict[str, Any]
"""What TRL trains on: tensors of B × T, of B, or of no dimension, and None."""


class ByLength(GRPOTrainer):
    """A GRPOTrainer whose micro-batches are `by_length`."""

    _buffered_inputs: Any

    def _prepare_inputs(self, generation_batch: Any) -> Inputs:
        before = self._buffered_inputs
        inputs: Inputs = super()._prepare_inputs(generation_batch)
        # Where a batch of rollouts is for more than one update, each must get its share of short and long ones.
        one_update = self.args.steps_per_generation == self.args.gradient_accumulation_steps
        if one_update and self._buffered_inputs is not before:
            self._buffered_inputs = by_length(self._buffered_inputs)
            inputs = self._buffered_inputs[self._step % self.args.steps_per_generation]
        return inputs


def by_length(batches: list[Inputs]) -> list[Inputs]:
    """The rollouts of all batches, sorted by their length and cut into as many batches, without common padding."""
    lengths = torch.cat([one["completion_mask"].sum(1) for one in batches])
    order = torch.argsort(lengths, stable=True)
    whole = {key: _joined([one[key] for one in batches]) for key in batches[0]}
    return [_trimmed({key: _rows(value, part) for key, value in whole.items()}) for part in order.chunk(len(batches))]


def _joined(values: list[Any]) -> Any:
    first = values[0]
    return torch.cat(values) if isinstance(first, torch.Tensor) and first.ndim else first


def _rows(value: Any, which: torch.Tensor) -> Any:
    return value[which] if isinstance(value, torch.Tensor) and value.ndim else value


def _trimmed(inputs: Inputs) -> Inputs:
    """Without the columns that are padding in all rows: prompts are padded at the left, completions at the right."""
    prompt = int(inputs["prompt_mask"].sum(1).max())
    completion = int(inputs["completion_mask"].sum(1).max())
    wide = inputs["completion_mask"].shape[1]
    trimmed = dict(inputs)
    for key, value in inputs.items():
        if key in ("prompt_ids", "prompt_mask"):
            trimmed[key] = value[:, -prompt:]
        elif isinstance(value, torch.Tensor) and value.ndim == 2 and value.shape[1] == wide:
            trimmed[key] = value[:, :completion]
    return trimmed
