"""A tokenizer of single characters and a scripted policy, for tests of the trainer without torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from trainer.generate import Ids, Turns

END = "\x03"


class CharTokenizer:
    """One token a character. `render` is its chat template, in Python."""

    chat_template = "chars"
    eos_token = END
    eos_token_id = ord(END)
    pad_token_id = 0

    def __call__(self, text: str, add_special_tokens: bool = False) -> dict[str, Ids]:
        return {"input_ids": [ord(char) for char in text]}

    def decode(self, ids: Ids, skip_special_tokens: bool = False) -> str:
        text = "".join(map(chr, ids))
        return text.replace(END, "") if skip_special_tokens else text

    def apply_chat_template(
        self,
        messages: list[dict[str, Any]],
        tools: Any = None,
        tokenize: bool = False,
        add_generation_prompt: bool = False,
        **kwargs: Any,
    ) -> str:
        assert not tokenize
        return "".join(map(self.render, messages)) + ("[a]" if add_generation_prompt else "")

    def render(self, message: dict[str, Any]) -> str:
        if message["role"] != "assistant":
            return f"[{message['role'][0]}]{message['content']}"
        calls = [self.call(call["function"]) for call in message.get("tool_calls", [])]
        return f"[a]{message['content']}{''.join(calls)}{END}"

    def call(self, function: dict[str, Any]) -> str:
        return json.dumps({"name": function["name"], "arguments": function["arguments"]})


def scripted(say: Callable[[str], str]) -> Callable[[Sequence[Ids], int], Turns]:
    """A policy that says `say(conversation)`, and closes its turn where that ends in END."""

    def generate(conversations: Sequence[Ids], seed: int) -> Turns:
        texts = [say("".join(map(chr, ids))) for ids in conversations]
        return Turns([[ord(char) for char in text] for text in texts], [[-0.5] * len(text) for text in texts])

    return generate
