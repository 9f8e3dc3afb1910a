"""What a model has read is kept between turns, and changes nothing but the time."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: make train-demo installs it"),
    pytest.mark.filterwarnings("default"),  # of torch and transformers, which are not ours to mend
]


@pytest.fixture(scope="module")
def policy() -> tuple[Any, Any]:
    """Tokenizer and a random model."""
    from trainer.tiny import TinySize, make_model, make_tokenizer

    tokenizer = make_tokenizer(["the quick brown fox jumps over the lazy dog " * 3], 300)
    model = make_model(tokenizer, TinySize(hidden=32, layers=2, heads=4, mlp=64)).eval()
    return tokenizer, model


def conversation(tokenizer: Any, number: int) -> list[int]:
    ids: list[int] = tokenizer("fox " * (number + 1) + f"dog {number}", add_special_tokens=False)["input_ids"]
    return ids


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_turns_are_the_same_with_what_was_kept_and_without(policy: tuple[Any, Any], temperature: float) -> None:
    from trainer.generate import Sampling, local

    tokenizer, model = policy
    sampling = Sampling(24, temperature)
    keeping = local(model, tokenizer, sampling)
    live = {number: conversation(tokenizer, number) for number in range(20)}
    lengths = set()
    for turn in range(5):
        conversations = list(live.values())
        kept = keeping(conversations, turn).ids
        assert kept == local(model, tokenizer, sampling)(conversations, turn).ids
        lengths |= set(map(len, kept))
        live = {
            number: [*ids, *new, *conversation(tokenizer, number + turn)]
            for (number, ids), new in zip(live.items(), kept, strict=True)
            if number != turn  # one leaves each turn, as episodes end
        }
    if temperature:
        assert len(lengths) > 1, "turns of one length do not test what was made for several"


def test_room_changes_nothing_but_the_time(policy: tuple[Any, Any]) -> None:
    """More tokens than a layer grows by, against transformers' own cache."""
    import torch
    from transformers import GenerationConfig

    from trainer.roomy import ROOM, RoomyLayer, roomy_cache

    tokenizer, model = policy
    conversations = [conversation(tokenizer, number) for number in range(6)]
    wide = max(map(len, conversations))
    ids = torch.tensor([[0] * (wide - len(one)) + one for one in conversations])
    mask = torch.tensor([[0] * (wide - len(one)) + [1] * len(one) for one in conversations])
    count = 2 * ROOM + 5
    config = GenerationConfig(
        max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0, eos_token_id=3, bos_token_id=None
    )
    given = {"input_ids": ids, "attention_mask": mask, "generation_config": config}
    cache = roomy_cache(model.config)
    assert torch.equal(model.generate(**given, past_key_values=cache), model.generate(**given))
    layer = cache.layers[0]
    assert isinstance(layer, RoomyLayer)
    assert layer.keys.shape[2] == wide + count - 1
    assert layer._room is not None
    assert layer.keys.data_ptr() == layer._room[0].data_ptr()


def test_little_is_read_again(policy: tuple[Any, Any]) -> None:
    from trainer.generate import Sampling, local

    tokenizer, model = policy
    read: list[int] = []
    hook = model.model.embed_tokens.register_forward_pre_hook(lambda module, given: read.append(given[0].shape[1]))
    try:
        generate = local(model, tokenizer, Sampling(4, 0.0))
        first = [conversation(tokenizer, 3)] * 2
        wrote = generate(first, 0).ids
        before = len(read)
        generate([[*ids, *new, 5, 6, 7] for ids, new in zip(first, wrote, strict=True)], 1)
    finally:
        hook.remove()
    assert read[0] == len(first[0])
    # The last token that was drawn had not been read, and three are new.
    assert read[before] <= 4


def test_a_conversation_that_nobody_knows_starts_afresh(policy: tuple[Any, Any]) -> None:
    from trainer.generate import Sampling, local

    tokenizer, model = policy
    sampling = Sampling(6, 0.0)
    generate = local(model, tokenizer, sampling)
    generate([conversation(tokenizer, 1), conversation(tokenizer, 2)], 0)
    others = [conversation(tokenizer, 5), conversation(tokenizer, 1)]
    assert generate(others, 1).ids == local(model, tokenizer, sampling)(others, 1).ids
