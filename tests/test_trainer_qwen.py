"""The qwen profile, on models that are made here: small, random weights, the chat templates of Qwen's families."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from sqlenv import actions
from sqlenv.errors import ConfigError
from trainer.chat import Chat
from trainer.config import SftStage, load_config
from trainer.demos import Demo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs the train extra: make train-demo installs it"),
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),  # of torch, transformers and TRL, which are not ours to mend
]

FAMILIES = {"qwen2_5": "Qwen2", "qwen3": "Qwen3"}
"""Names of chat templates as TRL ships them, and the classes of their models."""

NO_THOUGHTS = {"enable_thinking": False}

SHORT = [
    "device=cpu",
    "report_to=[]",
    "policy.template_kwargs.enable_thinking=false",
    "sft.0.episodes=8",
    "sft.0.batch=4",
    "sft.0.micro_batch=2",
    "grpo.steps=2",
    "grpo.prompts=2",
    "grpo.generations=2",
    "grpo.vllm=null",
    "evaluation.episodes=2",
    "evaluation.every=0",
    "evaluation.baselines=false",
    "limits.turns=2",
    "limits.turn_tokens=16",
]

DROPS_ARGUMENTS = ("tool_call.arguments | tojson", "dict() | tojson")
UNKNOWN_TO_TRL = ("You may call one or more functions", "Call functions")


def make_qwen(place: Path, family: str = "qwen2_5", change: tuple[str, str] = ("", "")) -> Path:
    """A model folder with random weights and the family's own chat template, in which one text is put for another."""
    import transformers

    from trainer.tiny import make_tokenizer

    template = (files("trl") / "chat_templates" / f"{family}.jinja").read_text()
    texts = [json.dumps(tool) for tool in actions.TOOLS] + [template] * 3
    tokenizer = make_tokenizer(texts, 900)
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})
    assert change[0] in template
    tokenizer.chat_template = template.replace(*change) if change[0] else template
    del tokenizer.response_template
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    kind = FAMILIES[family]
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tokenizer), num_key_value_heads=1, max_position_embeddings=4096, **shape
    )
    config.eos_token_id = tokenizer.eos_token_id
    getattr(transformers, f"{kind}ForCausalLM")(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def make_tiny(place: Path) -> Path:
    """A model folder as the tiny profile has it."""
    from trainer.tiny import TinySize, make_model, make_tokenizer

    tokenizer = make_tokenizer([json.dumps(tool) for tool in actions.TOOLS], 400)
    make_model(tokenizer, TinySize(hidden=32, layers=1, heads=2, mlp=64)).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


@pytest.mark.parametrize(("family", "weights"), [("qwen2_5", "adapter"), ("qwen2_5", "all"), ("qwen3", "adapter")])
def test_the_profile_runs_end_to_end_on_a_model_made_here(tmp_path: Path, family: str, weights: str) -> None:
    """The same entry point as with the real model: random weights, tool calls."""
    from trainer.evaluate import load_player
    from trainer.prompting import read_prompting
    from trainer.run import run

    place = make_qwen(tmp_path / family, family)
    which = [] if weights == "adapter" else ["policy.lora=null"]
    config = load_config("qwen", [f"policy.model={place}", *SHORT, *which])
    result = run(config, tmp_path / "run", say=print)
    assert set(result.figures) == {"demonstrations", "grpo"}
    checkpoint = tmp_path / "run" / "grpo" / "checkpoint-2"
    assert (checkpoint / "adapter_model.safetensors").is_file() == (weights == "adapter")
    left = str(tmp_path / "run" / "grpo" / "model")
    prompting = read_prompting(left)
    assert prompting is not None
    player = load_player(left, "after", prompting, device="cpu")
    assert player.chat.template_kwargs == NO_THOUGHTS
    # What it was trained with is what it is asked with: saved and read again, the template stays.
    trained = Chat(load_tokenizer(place), "tool", "", NO_THOUGHTS).tokenizer.chat_template
    assert player.chat.tokenizer.chat_template == trained


@pytest.mark.parametrize("family", [*FAMILIES, "tiny"])
@pytest.mark.parametrize("form", ["tool", "text"])
def test_a_batch_of_sft_decoded_trains_on_what_was_said_alone(tmp_path: Path, family: str, form: Any) -> None:
    """Of a batch as it comes from TRL's own data loader: what trains is what the parser reads, and the end marks."""
    from trainer.policy import load_model
    from trainer.sft import make_sft

    place = make_tiny(tmp_path / family) if family == "tiny" else make_qwen(tmp_path / family, family)
    config = load_config("qwen", [f"policy.model={place}", *SHORT, "policy.lora=null"])
    chat = Chat(load_tokenizer(place), form, "system words", NO_THOUGHTS)
    said = (actions.Describe("pet"), actions.Sample("pet", 3), actions.Query("SELECT 1"), actions.AnswerValue("1"))
    seen = ("the question", "columns seen", "rows seen", "result seen")
    row = Demo("pets-1", "careful", True, 1.0, tuple(zip(seen, said, strict=True))).to_row(form)
    stage = SftStage(batch=2, micro_batch=2)
    model = load_model(place, config.policy, "cpu")
    trainer = make_sft(stage, config, model, chat, [row, row], tmp_path / "sft", "cpu")
    batch = next(iter(trainer.get_train_dataloader()))
    decode, end = chat.tokenizer.decode, chat.tokenizer.eos_token_id
    for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
        assert all(label in (-100, token) for token, label in zip(ids, labels, strict=True))
        runs = {True: [], False: []}  # type: ignore[var-annotated]
        for trains, pairs in groupby(zip(ids, labels, strict=True), lambda pair: pair[1] != -100):
            runs[trains].append([token for token, _ in pairs])
        assert tuple(actions.parse(chat.said(run)) for run in runs[True]) == said
        assert all(end in run for run in runs[True])
        assert "null" not in "".join(map(decode, runs[True]))
        told = [decode(run) for run in runs[False]]
        assert "system words" in told[0]
        assert all(words in text for words, text in zip(seen, told, strict=False))


@pytest.mark.parametrize("form", ["tool", "text"])
def test_qwen3_takes_nothing_out_of_earlier_turns(tmp_path: Path, form: Any) -> None:
    """Its own template does, and is refused; the one that its tokenizer is given here does not."""
    from transformers import AutoTokenizer

    place = make_qwen(tmp_path / "qwen3", "qwen3")
    with pytest.raises(ConfigError, match=r"The chat template (rewrites|drops)"):
        Chat(AutoTokenizer.from_pretrained(place), form, "", NO_THOUGHTS)
    chat = Chat(load_tokenizer(place), form, "", NO_THOUGHTS)
    before = chat.opening("the question")
    turn = [chat.turn(actions.Describe("pet")), chat.seen("columns seen", "describe")]
    first, second = chat.render(before, generation=True), chat.render([*before, *turn], generation=True)
    assert second.startswith(first)
    assert second.endswith(chat.tokenizer.decode(chat.between_ids("columns seen", ended=True)))


@pytest.mark.parametrize(
    ("family", "change", "words"),
    [
        ("qwen2_5", DROPS_ARGUMENTS, "The chat template drops an argument's value"),
        ("qwen2_5", UNKNOWN_TO_TRL, "The chat template does not mark what the assistant says"),
        ("qwen3", UNKNOWN_TO_TRL, "The chat template rewrites earlier turns"),
    ],
)
def test_templates_that_can_not_train_are_refused_before_anything_is_played(
    tmp_path: Path, family: str, change: tuple[str, str], words: str
) -> None:
    place = make_qwen(tmp_path / family, family, change)
    command = [sys.executable, "-m", "sqlenv.cli", "train", "run", "qwen", f"policy.model={place}", *SHORT]
    done = subprocess.run([*command, "--out", str(tmp_path / "run")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def load_tokenizer(place: Path) -> Any:
    """As the trainer loads it; torch comes with it, so not at the top."""
    from trainer.policy import load_tokenizer as load

    return load(place)
