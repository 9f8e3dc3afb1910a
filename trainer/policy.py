"""Gets the policy: made on the spot, from a folder or from the Hub; whole or as an adapter; on a GPU or not."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from sqlenv.errors import ConfigError
from trainer.config import Policy, RunConfig
from trainer.tiny import TinySize, make_model

TINY = "tiny"


def device_of(config: RunConfig) -> str:
    """ "cuda" or "cpu". Raises ConfigError where a GPU is asked for and there is none."""
    if config.device == "cuda" and not torch.cuda.is_available():
        words = "device is cuda, but torch sees no GPU"
        build = "this is a CPU build of torch." if torch.version.cuda is None else "is the driver there (nvidia-smi)?"
        raise ConfigError(f"{words}: {build} The tiny profile trains on CPUs: sqlenv train run tiny.")
    if config.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.device


def load_tokenizer(source: str | Path) -> Any:
    """A tokenizer that pads on the left. Raises ConfigError where there is none.

    A chat template that changes earlier turns, as Qwen3's does, gives way to TRL's variant for training, with which the
    model is then saved, too. TRL knows templates by their exact text: one that it does not know stays, and
    `trainer.chat.check_template` says what is wrong with it.
    """
    from transformers import AutoTokenizer
    from trl.chat_template_utils import (
        get_training_chat_template,
        is_chat_template_prefix_preserving,
        supports_tool_calling,
    )

    tokenizer = _from(AutoTokenizer, source)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if supports_tool_calling(tokenizer) and not is_chat_template_prefix_preserving(tokenizer):
        with suppress(ValueError):
            tokenizer.chat_template = get_training_chat_template(tokenizer)
    return tokenizer


def check_marked(tokenizer: Any) -> None:
    """Raises ConfigError where SFT could not tell what the assistant says from what it is told.

    Templates mark it with `{% generation %}`, or TRL has a variant that does, which its SFTTrainer takes by itself.
    """
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return
    try:
        get_training_chat_template(tokenizer)
    except ValueError:
        words = "The chat template does not mark what the assistant says, and TRL has no variant of it that does"
        advice = "Put {% generation %} and {% endgeneration %} around it, or leave sft empty."
        raise ConfigError(f"{words}, so that SFT would train on the environment's words too. {advice}") from None


def load_model(source: str | Path, policy: Policy, device: str) -> Any:
    """The model's weights, on `device`. Raises ConfigError where there are none or they don't fit."""
    from transformers import AutoModelForCausalLM

    dtype = policy.dtype if policy.dtype != "auto" else ("bfloat16" if device == "cuda" else "float32")
    try:
        return _from(AutoModelForCausalLM, source, dtype=dtype).to(device)
    except torch.OutOfMemoryError as error:
        raise ConfigError(f"{source} does not fit into the GPU's memory: {error}") from None


def new_tiny(tokenizer: Any, policy: Policy, seed: int) -> Any:
    """The tiny model, with random weights."""
    size = TinySize(policy.hidden, policy.layers, policy.heads, policy.mlp)
    return make_model(tokenizer, size, seed)


def lora_config(policy: Policy) -> Any:
    """peft's configuration; None where all weights are trained. Raises ConfigError where peft is missing."""
    if policy.lora is None:
        return None
    try:
        from peft import LoraConfig
    except ImportError:
        raise ConfigError("policy.lora needs peft: pip install 'sqlenv[train]'") from None
    lora = policy.lora
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="CAUSAL_LM",
    )


def save_policy(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes model and tokenizer as transformers reads them; an adapter is merged into its model first."""
    whole = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    whole.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _from(kind: Any, source: str | Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(str(source), **options)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        words = f"{source}: no model could be loaded ({first})"
        advice = "Name a folder with a model, or a model on the Hub and have network; policy.model=tiny needs neither."
        raise ConfigError(f"{words}. {advice}") from None
