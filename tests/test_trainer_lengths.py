"""Micro-batches of rollouts of like length: nothing is lost, and what is learned is the same."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sqlenv import SqlEnvClient
from tests.live import LiveServices
from trainer.config import load_config
from trainer.worlds import WorldSize, build_worlds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: make train-demo installs it"),
    pytest.mark.filterwarnings("default"),  # of torch and TRL, which are not ours to mend
]


def batches() -> list[dict[str, Any]]:
    """Two micro-batches of three rollouts, as TRL pads them; a rollout's tokens all are its number."""
    import torch

    lengths, prompts = [5, 1, 3, 2, 4, 1], [1, 2, 2, 1, 2, 1]
    ids = torch.tensor([[number] * length + [0] * (5 - length) for number, length in enumerate(lengths, 1)])
    opening = torch.tensor([[0] * (2 - length) + [number] * length for number, length in enumerate(prompts, 1)])
    whole = {
        "prompt_ids": opening,
        "prompt_mask": (opening > 0).long(),
        "completion_ids": ids,
        "completion_mask": (ids > 0).long(),
        "tool_mask": (ids > 0).long(),
        "advantages": torch.arange(1.0, 7.0),
    }
    parts = [{key: value[start : start + 3] for key, value in whole.items()} for start in (0, 3)]
    return [part | {"num_items_in_batch": torch.tensor(16), "old": None} for part in parts]


def test_every_rollout_is_there_once_and_whole() -> None:
    from trainer.lengths import by_length

    short, long = by_length(batches())
    assert short["completion_ids"].tolist() == [[2, 0], [6, 0], [4, 4]]
    assert short["prompt_ids"].tolist() == [[2, 2], [0, 6], [0, 4]]
    assert short["advantages"].tolist() == [2, 6, 4]
    assert long["completion_ids"].tolist() == [[3, 3, 3, 0, 0], [5, 5, 5, 5, 0], [1, 1, 1, 1, 1]]
    assert long["tool_mask"].sum() == 12
    assert int(long["num_items_in_batch"]) == 16
    assert long["old"] is None


def test_padding_of_all_prompts_goes() -> None:
    from trainer.lengths import by_length

    for part in (given := batches()):
        part["prompt_ids"], part["prompt_mask"] = part["prompt_ids"][:, 1:], part["prompt_mask"][:, 1:]
    given[0]["prompt_mask"][:] = given[1]["prompt_mask"][:] = 1
    assert [part["prompt_ids"].shape for part in by_length(given)] == [(3, 1), (3, 1)]


def test_a_step_learns_what_it_learns_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from trl import GRPOTrainer

    from trainer import grpo
    from trainer.chat import Chat
    from trainer.policy import new_tiny
    from trainer.tiny import make_tokenizer

    build_worlds(tmp_path / "data", WorldSize(2, 1, 6, 2), 0)
    config = load_config("smoke", ["grpo.steps=1", "grpo.micro_batch=4", "report_to=[]", "grpo.options.loss_type=dapo"])
    gradients, widths = [], []
    with LiveServices(tmp_path / "data", max_steps=5) as live, SqlEnvClient(live.env) as client:
        texts = [task.question for task in client.list_tasks()]
        chat = Chat(make_tokenizer(texts, 300))
        for name in ("ByLength", "GRPOTrainer"):
            if name == "GRPOTrainer":
                monkeypatch.setattr(grpo, "ByLength", GRPOTrainer)
            model = new_tiny(chat.tokenizer, config.policy, 0)
            trainer = grpo.make_grpo(config, model, chat, client, tmp_path / name, "cpu")
            trainer.model.train()
            trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
            trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
            for inputs in trainer._buffered_inputs:
                trainer.compute_loss(trainer.model, inputs).backward()
            gradients.append([weight.grad.clone() for weight in model.parameters()])
            widths.append([inputs["completion_ids"].shape[1] for inputs in trainer._buffered_inputs])
    assert len(set(widths[0])) > 1
    assert len(set(widths[1])) == 1
    assert any(gradient.abs().max() > 0 for gradient in gradients[0])
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6, rtol=1e-4)
