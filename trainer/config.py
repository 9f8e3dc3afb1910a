"""The configuration of a training run: what a YAML file may say, checked before anything is loaded.

    seed: 0
    services: {worlds: {train_databases: 160}}
    policy: {model: tiny}
    sft: [{name: skills, episodes: 8000, mix: {careful: 1}}]
    grpo: {steps: 30}

`key=value` on the command line overrides: `grpo.steps=10`, `sft.0.epochs=1`, `policy.model=Qwen/Qwen3-0.6B`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sqlenv.errors import ConfigError
from sqlenv.types import RUBRICS
from trainer.chat import Form
from trainer.demonstrators import DEMONSTRATORS
from trainer.view import ViewName

CONFIGS = Path(__file__).parent / "configs"

Positive = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Worlds(_Section):
    """Procedural databases (see `trainer.worlds`), made in the run folder and served from there."""

    train_databases: Positive = 160
    eval_databases: Positive = 12
    train_questions: Positive = 20
    eval_questions: Positive = 30
    seed: int = 0


class Services(_Section):
    """Where episodes are played. `address`: services that run already; else they are started here, on `dataset` (a
    folder; "bundled" for the set that comes with SQLEnv) or on procedural `worlds`.

    `gold`: folder of the data set that a server at `address` plays, for demonstrations. `max_steps`: step budget of
    services that are started here. `patience_s`: how long a service may be away before episodes count as failed.
    """

    address: str = ""
    ca_file: Path | None = None
    dataset: str = ""
    worlds: Worlds | None = None
    gold: Path | None = None
    max_steps: Positive = 15
    patience_s: Annotated[float, Field(gt=0)] = 300.0
    rubric: str = RUBRICS[0]

    @model_validator(mode="after")
    def _one_source(self) -> Services:
        given = [name for name in ("address", "dataset", "worlds") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"give exactly one of address, dataset and worlds, not {given or 'none'}")
        if self.rubric not in RUBRICS:
            raise ValueError(f"no rubric {self.rubric!r}; there are {', '.join(RUBRICS)}")
        return self


class Lora(_Section):
    """Train an adapter instead of all weights. Needs peft."""

    rank: Positive = 16
    alpha: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: str | list[str] = "all-linear"


class Policy(_Section):
    """The model. `model`: "tiny" is made on the spot; else a folder or a name on the Hub.

    `form`: how actions are written; `view`: how observations are shown (see `trainer.view`). Sizes are the tiny one's.
    """

    model: str = "tiny"
    form: Form = "text"
    view: ViewName = "text"
    system: str = ""
    template_kwargs: dict[str, Any] = {}
    lora: Lora | None = None
    dtype: Literal["float32", "bfloat16", "auto"] = "auto"
    hidden: Positive = 192
    layers: Positive = 4
    heads: Positive = 6
    mlp: Positive = 512
    vocabulary: Positive = 1_200


class Limits(_Section):
    """Bounds of one rollout, in turns and tokens."""

    turns: Positive = 15
    completion_tokens: Positive = 2_048
    turn_tokens: Positive = 128


class SftStage(_Section):
    """One stage of supervised fine-tuning on demonstrations. `mix`: demonstrators by weight.

    `batch`: episodes an optimizer step, `micro_batch` of them at once. `only_correct`: leave out what ended wrong.
    `muon_lr`: train the layers' matrices with Muon at this rate, and the rest with AdamW at `lr`; not with an adapter.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")] = "skills"
    mix: dict[str, float] = {"careful": 1.0}
    episodes: Positive = 1_000
    epochs: Annotated[float, Field(gt=0)] = 1.0
    lr: Annotated[float, Field(gt=0)] = 1e-4
    muon_lr: Annotated[float, Field(gt=0)] | None = None
    batch: Positive = 32
    micro_batch: Positive | None = None
    warmup: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    only_correct: bool = False
    save_steps: Positive = 200

    @model_validator(mode="after")
    def _known(self) -> SftStage:
        unknown = sorted(set(self.mix) - set(DEMONSTRATORS))
        if unknown or not any(weight > 0 for weight in self.mix.values()):
            raise ValueError(f"no demonstrator {unknown or self.mix}; there are {', '.join(DEMONSTRATORS)}")
        return self


class Vllm(_Section):
    """Generate with vLLM: in the trainer's own process, or on a server at `url`."""

    mode: Literal["colocate", "server"] = "colocate"
    url: str = ""
    gpu_memory: Annotated[float, Field(gt=0, le=1)] = 0.3


class Grpo(_Section):
    """GRPO. A step plays `prompts` tasks `generations` times each; `micro_batch` rollouts go through the model at once.

    `beta` is the weight of the KL to the start. `options` go to `trl.GRPOConfig` as they are.
    """

    steps: Annotated[int, Field(ge=0)] = 30
    prompts: Positive = 16
    generations: Annotated[int, Field(ge=2)] = 8
    micro_batch: Positive | None = None
    lr: Annotated[float, Field(gt=0)] = 1e-6
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    beta: Annotated[float, Field(ge=0)] = 0.0
    loss: str = "dapo"
    save_steps: Positive = 10
    keep_checkpoints: Positive = 3
    split: str = "train"
    max_failed: Annotated[float, Field(ge=0, le=1)] = 0.5
    vllm: Vllm | None = None
    options: dict[str, Any] = {}


class Evaluation(_Section):
    """What is measured, at the start and the end of every stage and each `every` GRPO steps (0: only then).

    `episodes`: None plays every task of the split once.
    """

    split: str = "eval"
    episodes: Positive | None = None
    every: Annotated[int, Field(ge=0)] = 10
    batch: Positive = 256
    temperature: Annotated[float, Field(gt=0)] = 1.0
    baselines: bool = True


class RunConfig(_Section):
    """A whole run. `device`: auto takes a GPU where there is one. `threads`: of torch on CPUs."""

    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Positive | None = None
    report_to: list[Literal["tensorboard", "trackio", "wandb"]] = ["tensorboard"]
    services: Services
    policy: Policy = Policy()
    limits: Limits = Limits()
    sft: list[SftStage] = []
    grpo: Grpo | None = None
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _sound(self) -> RunConfig:
        names = [stage.name for stage in self.sft]
        if len(set(names)) < len(names) or "grpo" in names:
            raise ValueError(f"stages need different names, and none may be called grpo: {names}")
        if self.limits.turn_tokens > self.limits.completion_tokens:
            raise ValueError("limits.turn_tokens can't be more than limits.completion_tokens")
        if self.policy.lora and any(stage.muon_lr for stage in self.sft):
            raise ValueError("sft.muon_lr is for all weights, and policy.lora trains few: leave one of them out")
        return self


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a YAML file, or the profile of that name in `trainer/configs`, and applies `key=value` overrides.

    Raises ConfigError that says which key is at fault, and how.
    """
    path = Path(source)
    if not path.is_file() and (CONFIGS / f"{source}.yaml").is_file():
        path = CONFIGS / f"{source}.yaml"
    if not path.is_file():
        profiles = ", ".join(sorted(one.stem for one in CONFIGS.glob("*.yaml")))
        raise ConfigError(f"{source}: no such file, and no profile of that name; profiles are {profiles}")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected keys and values at the top, like `seed: 0`")
    for override in overrides:
        apply_override(value, override)
    try:
        return RunConfig.model_validate(value)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"{path}: " + "; ".join(faults)) from None


def apply_override(value: dict[str, Any], override: str) -> None:
    """Sets `a.b.0.c=value` in nested dicts and lists; the value is read as YAML. Raises ConfigError."""
    key, sign, text = override.partition("=")
    if not sign or not key:
        raise ConfigError(f"{override!r} is no override; write key=value, as grpo.steps=10")
    at: Any = value
    parts = key.split(".")
    for part in parts[:-1]:
        if isinstance(at, dict):
            if not isinstance(at.get(part), (dict, list)):
                at[part] = {}
            at = at[part]
        else:
            at = _item(at, part, override)
    try:
        read = yaml.safe_load(text) if text else ""
        # YAML takes 1e-5 for text: it wants 1.0e-5.
        if isinstance(read, str) and _is_number(read):
            read = float(read)
    except yaml.YAMLError as error:
        raise ConfigError(f"{override!r}: the value is not valid YAML: {error}") from None
    if isinstance(at, list):
        _item(at, parts[-1], override)
        at[int(parts[-1])] = read
    else:
        at[parts[-1]] = read


def _item(at: Any, part: str, override: str) -> Any:
    if not isinstance(at, list) or not part.isdigit() or int(part) >= len(at):
        raise ConfigError(f"{override!r}: there is no {part!r} there")
    return at[int(part)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
