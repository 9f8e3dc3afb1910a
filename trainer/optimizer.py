"""Muon for the matrices of a model's layers, AdamW for the rest, as one optimizer.

A model that starts from nothing learns several times faster with it than with AdamW alone: `docs/training.md` has the
figures. See Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024
(https://kellerjordan.github.io/posts/muon/).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

BETAS = (0.9, 0.95)
MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon(torch.optim.Muon):
    """torch's, but for the precision: it orthogonalises in the weights' own, and torch's always in bfloat16.

    Many CPUs have no instructions for that, and emulate them: on one with AVX2 a step took 23 times as long.
    """

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step. As torch's with `nesterov=True`, `adjust_lr_fn="original"` and no weight decay."""
        loss = closure() if closure is not None else None
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        self._move(weight, group["lr"], group["momentum"])
        return loss

    def _move(self, weight: torch.Tensor, lr: float, share: float) -> None:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight.grad)
        momentum = state["momentum_buffer"].lerp_(weight.grad, 1 - share)
        update = orthogonal(weight.grad.lerp(momentum, share))  # Nesterov's
        tall = math.sqrt(max(1.0, weight.shape[0] / weight.shape[1]))
        weight.add_(update, alpha=-lr * tall)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix with its singular values brought near 1, by Newton and Schulz's iteration; same shape and type."""
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class MuonWithAdamW(torch.optim.Optimizer):
    """Both optimizers' groups in a row, so that one schedule drives both. `lr` is AdamW's, `muon_lr` Muon's."""

    def __init__(self, model: Any, lr: float, muon_lr: float) -> None:
        named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        inner = [weight for name, weight in named if _is_inner(name, weight)]
        outer = [weight for name, weight in named if not _is_inner(name, weight)]
        self._parts: list[Any] = [
            Muon(inner, lr=muon_lr, weight_decay=0.0, momentum=MOMENTUM),
            torch.optim.AdamW(outer, lr=lr, betas=BETAS, weight_decay=0.0),
        ]
        super().__init__([group for part in self._parts for group in part.param_groups], {})

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step of both."""
        loss = closure() if closure is not None else None
        for part in self._parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Of both."""
        for part in self._parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Of both, one after the other."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What `state_dict` gave. Groups are new objects then, and a schedule must see the new ones."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self._parts for group in part.param_groups]


class Maker:
    """How transformers' Trainer wants an optimizer that must see the model: a class whose instance makes it."""

    def __call__(self, model: Any, lr: float, muon_lr: float) -> MuonWithAdamW:
        """The optimizer of `model`."""
        return MuonWithAdamW(model, lr, muon_lr)


def _is_inner(name: str, weight: Any) -> bool:
    return weight.ndim == 2 and "embed" not in name and "lm_head" not in name
