"""Muon as we have it: what torch's does, in the weights' own precision."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: make train-demo installs it"),
    pytest.mark.filterwarnings("default"),  # of torch, which are not ours to mend
]


@pytest.mark.parametrize("shape", [(24, 24), (64, 24), (24, 64)])
def test_a_step_is_torchs_but_for_its_precision(shape: tuple[int, int]) -> None:
    import torch

    from trainer.optimizer import MOMENTUM, Muon

    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.zeros(shape)) for _ in range(2))
    mine = Muon([ours], lr=0.1, weight_decay=0.0, momentum=MOMENTUM)
    reference = torch.optim.Muon([theirs], lr=0.1, weight_decay=0.0, momentum=MOMENTUM, adjust_lr_fn="original")
    for _ in range(5):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    # bfloat16 has three digits; five steps of 0.1 are compared.
    assert torch.allclose(ours, theirs, atol=0.01)
    assert ours.abs().max() > 0.1


def test_singular_values_come_near_one() -> None:
    import torch

    from trainer.optimizer import orthogonal

    torch.manual_seed(0)
    for shape in ((40, 40), (100, 40), (40, 100)):
        found = orthogonal(torch.randn(shape))
        assert found.shape == shape
        assert found.dtype == torch.float32
        values = torch.linalg.svdvals(found)
        assert values.max() < 1.3
        assert values.median() > 0.6
    assert not orthogonal(torch.zeros(3, 3)).any()


def test_both_parts_go_on_from_what_was_saved() -> None:
    import torch

    from trainer.optimizer import MuonWithAdamW

    def net() -> torch.nn.Module:
        torch.manual_seed(1)
        return torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Linear(6, 6))

    def step(model: torch.nn.Module, optimizer: MuonWithAdamW, seed: int) -> None:
        torch.manual_seed(seed)
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().sum().backward()
        optimizer.step()

    whole = net()
    optimizer = MuonWithAdamW(whole, 0.01, 0.02)
    for seed in range(4):
        step(whole, optimizer, seed)
    half = net()
    optimizer = MuonWithAdamW(half, 0.01, 0.02)
    for seed in range(2):
        step(half, optimizer, seed)
    saved = optimizer.state_dict()
    optimizer = MuonWithAdamW(half, 0.5, 0.5)
    optimizer.load_state_dict(saved)
    for seed in range(2, 4):
        step(half, optimizer, seed)
    pairs = zip(whole.parameters(), half.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
