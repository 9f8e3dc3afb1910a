"""A small policy made on the spot, without any download: tokenizer, chat template, a Qwen3 model of 1 to 2M weights.

The tokenizer is a BPE trained on dialogues. Words never carry a blank in front, so that a name is the same token in a
question, in a table and in SQL: a small model learns to copy names long before it learns to respell them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

PAD, SEE, ACT, END = "<|pad|>", "<|see|>", "<|act|>", "<|end|>"

TEMPLATE = """\
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{- '<|act|>' -}}
{%- generation -%}
{{- message.content or '' -}}
{%- for call in message.tool_calls or [] -%}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' -}}
{{- (call.function.arguments | tojson) + '}</tool_call>' -}}
{%- endfor -%}
{{- '<|end|>' -}}
{%- endgeneration -%}
{%- else -%}
{{- '<|see|>' + message.content -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|act|>' -}}{%- endif -%}
"""
"""Two marks a turn. Tool calls are JSON, as `sqlenv.actions` reads it; the tools' schemas are not told."""

RESPONSE = {
    "defaults": {"role": "assistant"},
    "start_anchor": ACT,
    "fields": {
        "tool_calls": {
            "open": "<tool_call>",
            "close_pattern": r"</tool_call>",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|end\|>\s*", "content": "text"},
    },
}
"""How TRL's environment_factory reads a turn back; see transformers' response templates."""

# Runs of capitals (SQL's words, our actions) take the blanks beside them; other words and single digits stand alone.
WORDS = r" ?\b[A-Z]{2,}\b ?|[A-Za-z]+|[0-9]|[^A-Za-z0-9]+"


@dataclass(frozen=True, slots=True)
class TinySize:
    """The model's shape. Defaults: about 2.0M weights."""

    hidden: int = 192
    layers: int = 4
    heads: int = 6
    mlp: int = 512
    vocabulary: int = 1_200
    context: int = 1_024


def make_tokenizer(texts: Iterable[str], vocabulary: int = 1_200) -> PreTrainedTokenizerFast:
    """A byte-level BPE of at most `vocabulary` tokens, trained on `texts`; the same texts give the same tokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, SEE, ACT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, additional_special_tokens=[SEE, ACT], padding_side="left"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.response_template = RESPONSE
    return tokenizer


def make_model(tokenizer: Any, size: TinySize | None = None, seed: int = 0) -> Qwen3ForCausalLM:
    """A Qwen3 model with random weights that `seed` decides."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    size = size or TinySize()
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        intermediate_size=size.mlp,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        head_dim=size.hidden // size.heads,
        max_position_embeddings=size.context,
        rope_theta=10_000.0,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config)
