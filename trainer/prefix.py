"""Keeps what a model has read of its conversations from one turn to the next, as vLLM's prefix caching does.

A conversation grows by a turn and an observation; without this, transformers' generate reads the whole of it each time.
Kept are keys and values of the tokens of the last call; a conversation that begins with all tokens of a kept row goes
on from there. Keys carry their positions (they are rotated when they are made), so a row may be moved in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Ids = list[int]


class Known(NamedTuple):
    """What is kept of a batch of conversations: tensors of B × W (ids and mask), B conversations, W positions."""

    ids: Any
    mask: Any
    cache: Any


class PrefixCache:
    """Keys and values of the last batch. Holds for one state of the model's weights: make a new one for another."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, ...], int] = {}
        self._cache: Any = None

    def take(self, conversations: Sequence[Ids]) -> tuple[list[Ids], Known | None]:
        """What of each conversation is yet to be read, and what is known of the rest; None where one of them is new.

        What was kept is given away: `keep` what generate made of it.
        """
        import torch

        rows, cache = self._rows, self._cache
        self._rows, self._cache = {}, None
        found = [_longest(one, rows) for one in conversations]
        if cache is None or any(one is None for one in found):
            return [list(one) for one in conversations], None
        kept = [tuple(one[:length]) for one, length in zip(conversations, found, strict=True)]
        cache.batch_select_indices(torch.tensor([rows[one] for one in kept]))
        width = cache.get_seq_length()
        device = cache.layers[0].keys.device
        ids = torch.tensor([[0] * (width - len(one)) + list(one) for one in kept], device=device)
        mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in kept], device=device)
        rest = [list(one[length:]) for one, length in zip(conversations, found, strict=True)]
        return rest, Known(ids, mask, cache)

    def keep(self, ids: Any, mask: Any, cache: Any) -> None:
        """Keeps the tokens whose mask is 1 of B × W, moved to the right end; `cache` holds their keys and values."""
        import torch

        from trainer.roomy import RoomyLayer

        read = cache.get_seq_length()  # the last token of all was drawn, but not read
        ids, mask = ids[:, :read], mask[:, :read]
        if any(type(layer) is not RoomyLayer for layer in cache.layers):
            return  # a layer that forgets, or keeps something else than keys and values of every position
        wide = int(mask.sum(1).max())
        # A stable sort puts the positions that count last, in their order.
        order = torch.argsort(mask, dim=1, stable=True)[:, -wide:]
        for layer in cache.layers:
            at = order[:, None, :, None].expand(-1, layer.keys.shape[1], -1, layer.keys.shape[3])
            layer.keys, layer.values = layer.keys.gather(2, at), layer.values.gather(2, at)
        self._cache = cache
        self._rows = {
            tuple(row[-count:]): i
            for i, (row, count) in enumerate(zip(ids.gather(1, order).tolist(), mask.sum(1).tolist(), strict=True))
        }


def _longest(conversation: Ids, rows: dict[tuple[int, ...], int]) -> int | None:
    """The length of the longest row that the conversation begins with and goes on after; None where there is none."""
    lengths = sorted({len(row) for row in rows if len(row) < len(conversation)}, reverse=True)
    return next((length for length in lengths if tuple(conversation[:length]) in rows), None)
