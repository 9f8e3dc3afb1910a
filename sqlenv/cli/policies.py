"""What `--agent` may name, and how to get from the name to something that plays.

random, explorer, oracle     the baselines
model:PATH                   a transformers model on this machine: a folder, or a name on the Hub
openai:URL[#MODEL]           a model behind an OpenAI-compatible endpoint; without URL OpenAI's own

NAME=… before any of them is what tables call it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urldefrag

from sqlenv.agents.chat import CONCURRENCY as CHAT_CONCURRENCY
from sqlenv.agents.chat import ChatPlayer, View, whole_text
from sqlenv.agents.endpoint import make_endpoint
from sqlenv.agents.oracle import AnswerWith
from sqlenv.agents.players import Player, Scripted
from sqlenv.agents.rollout import CONCURRENCY
from sqlenv.agents.turns import SYSTEM
from sqlenv.cli.baselines import AgentName, baseline
from sqlenv.cli.common import err
from sqlenv.errors import ConfigError
from sqlenv.serving.certificates import read_file

MODEL_BATCH = 64
STRANGERS = {"turns": 15, "completion_tokens": 16_384, "turn_tokens": 1_024}
"""Bounds of models that we have not trained."""

_SPEC = re.compile(
    r"(?:(?P<name>[^\W_][\w .+-]{0,39})=)?(?P<kind>random|explorer|oracle|model|openai)(?P<rest>:(?P<where>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Spec:
    """An `--agent`, taken apart."""

    name: str
    kind: str
    where: str

    @property
    def is_baseline(self) -> bool:
        """True for agents that are code."""
        return self.kind not in ("model", "openai")


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """What the command was told about language models. None and "" leave it to the model's own settings."""

    model: str = ""
    api_key_file: Path | None = None
    insecure: bool = False
    form: Literal["text", "tool"] | None = None
    view: Literal["text", "compact"] | None = None
    system_file: Path | None = None
    max_turns: int | None = None
    max_tokens: int | None = None
    request: Sequence[str] = ()
    timeout_s: float = 120.0
    retries: int = 6
    device: str = "auto"
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """All that play. `max_steps`: the step budget that their models were trained on; None where nobody says."""

    players: list[Player] = field(default_factory=list)
    max_steps: int | None = None


def parse_spec(text: str) -> Spec:
    """Takes an `--agent` apart. Raises ConfigError that says what may be named."""
    found = _SPEC.fullmatch(text)
    if not found:
        raise ConfigError(f"--agent {text!r}: expected random, explorer, oracle, model:PATH or openai:URL")
    kind, where = found["kind"], found["where"] or ""
    if kind == "model" and not where:
        raise ConfigError(
            "--agent model: wants a folder with a model, or a name on the Hub, as model:runs/tiny/grpo/model"
        )
    if kind not in ("model", "openai") and found["rest"]:
        raise ConfigError(f"--agent {text!r}: {kind} takes nothing behind it")
    return Spec(found["name"] or "", kind, where)


def make_players(specs: Sequence[Spec], dataset: Path, answer_with: AnswerWith, options: PolicyOptions) -> Cast:
    """Loads and connects what was named. Raises ConfigError where it can't be had, or two have one name."""
    players: list[Player] = []
    budgets: dict[str, int] = {}
    for spec in specs:
        if spec.kind == "model":
            player, budget = _model(spec, options)
            if budget is not None:
                budgets[player.label] = budget
        elif spec.kind == "openai":
            player = _endpoint(spec, options)
        else:
            label, make = baseline(AgentName(spec.kind), dataset, answer_with)
            player = Scripted(spec.name or label, make, options.concurrency or CONCURRENCY)
        players.append(player)
    labels = [player.label for player in players]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(f"two agents are called {label!r}; name them, as --agent before=… --agent after=…")
    if len(set(budgets.values())) > 1:
        said = ", ".join(f"{label}: {steps}" for label, steps in budgets.items())
        raise ConfigError(f"the models were trained on different step budgets ({said}): say which with --max-steps")
    return Cast(players, next(iter(budgets.values()), None))


def _model(spec: Spec, options: PolicyOptions) -> tuple[Player, int | None]:
    _check_train_extra()
    from trainer.config import Limits
    from trainer.evaluate import load_player
    from trainer.prompting import Prompting, read_prompting

    known = read_prompting(spec.where)
    if known is None:
        _say(f"{spec.where} has no sqlenv.json: it is asked as instruct models are, with our system prompt")
        form = options.form or "tool"
        prompting = Prompting(form=form, system=SYSTEM[form], limits=Limits.model_validate(STRANGERS))
    else:
        prompting = known
    given: dict[str, Any] = {"form": options.form, "view": options.view, "system": _system(options)}
    limits: dict[str, Any] = {"turns": options.max_turns, "turn_tokens": options.max_tokens}
    limits["completion_tokens"] = max(prompting.limits.completion_tokens, options.max_tokens or 0)
    prompting = prompting.model_copy(
        update={name: value for name, value in given.items() if value is not None}
        | {"limits": prompting.limits.model_copy(update={k: v for k, v in limits.items() if v is not None})}
    )
    label = spec.name or _short(spec.where)
    batch = options.concurrency or MODEL_BATCH
    return load_player(spec.where, label, prompting, device=options.device, batch=batch), prompting.max_steps


def _endpoint(spec: Spec, options: PolicyOptions) -> Player:
    url, fragment = urldefrag(spec.where)
    model = fragment or options.model
    key = read_file(options.api_key_file).decode("utf-8", "replace").strip() if options.api_key_file else ""
    bounds = {} if options.max_tokens is None else {"max_tokens": options.max_tokens}
    endpoint = make_endpoint(
        url,
        key,
        insecure=options.insecure,
        model=model,
        timeout_s=options.timeout_s,
        retries=options.retries,
        request=dict(map(_field, options.request)),
        **bounds,
    )
    return ChatPlayer(
        spec.name or model or "openai",
        endpoint,
        form=options.form or "tool",
        system=_system(options),
        view=_view(options),
        max_turns=options.max_turns,
        concurrency=options.concurrency or CHAT_CONCURRENCY,
    )


def _view(options: PolicyOptions) -> View:
    if options.view in (None, "text"):
        return whole_text
    from trainer.view import compact  # lazily: of the trainer, but without torch

    return compact


def _system(options: PolicyOptions) -> str | None:
    if options.system_file is None:
        return None
    return read_file(options.system_file).decode("utf-8", "replace").strip()


def _field(text: str) -> tuple[str, Any]:
    """A field of requests, NAME=JSON; what is no JSON is a string."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ConfigError(f"--request {text!r}: expected NAME=VALUE, as top_p=0.9 or reasoning_effort=low")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _short(source: str) -> str:
    """What to call a model: a run's stage for …/STAGE/model, else the last part of its path or name."""
    parts = [part for part in Path(source).parts if part not in ("/", ".", "..")]
    if len(parts) > 1 and parts[-1] == "model":
        return parts[-2]
    return parts[-1] if parts else "model"


def _check_train_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl", "yaml") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"model:PATH needs {', '.join(missing)}: pip install 'sqlenv[train]'")


def _say(text: str) -> None:
    from sqlenv.cli.common import safe

    err.print(safe(text), markup=False, highlight=False, soft_wrap=True)
