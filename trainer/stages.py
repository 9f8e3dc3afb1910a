"""The stages of a training run: baselines, demonstrations, SFT, GRPO. See `trainer.folder` for what each leaves.

Each stage starts from the model that the stage before has left on disk, so a run that was broken off goes on where it
was: stages that have ended are not run again, and the one under way continues from its newest checkpoint.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import set_seed

from sqlenv import actions
from sqlenv.agents.explorer import Explorer
from sqlenv.agents.random_agent import RandomAgent
from sqlenv.agents.rollout import Trajectory, play
from sqlenv.errors import ConfigError, SqlEnvError
from trainer.callbacks import train_to_end
from trainer.chat import Chat
from trainer.config import RunConfig, SftStage
from trainer.demos import Demo, demonstrate
from trainer.folder import RunFolder, write_lines
from trainer.generate import Sampling, local
from trainer.grpo import run_grpo
from trainer.measure import Measured, eval_jobs, measure
from trainer.policy import TINY, load_model, load_tokenizer, new_tiny, save_policy
from trainer.prompting import Prompting
from trainer.rollout import Bounds
from trainer.serving import Served
from trainer.sft import make_sft
from trainer.tiny import make_tokenizer

Say = Callable[[str], None]


class Stages:
    """The stages of one run. Each is run once: where it has ended already, its figures are read from the run folder."""

    def __init__(
        self, config: RunConfig, folder: RunFolder, served: Served, device: str, say: Say, processes: PartialState
    ) -> None:
        self.client = served.client
        self._started = time.monotonic()
        self._processes = processes
        self._config = config
        self._folder = folder
        self._served = served
        self._device = device
        self._say = say
        self._show = sys.stderr.isatty() and folder.main
        self._bounds = Bounds(config.limits.turns, config.limits.completion_tokens, config.limits.turn_tokens)
        self._eval = eval_jobs(served.client, config.evaluation.split, config.evaluation.episodes, config.seed)
        self._played: dict[str, list[Demo]] = {}

    def all(self) -> dict[str, dict[str, Any]]:
        """Every stage, in order; returns the figures of all and writes summary.json."""
        config = self._config
        figures = self.baselines() if config.evaluation.baselines else {}
        for stage in config.sft:
            figures[stage.name] = self.sft(stage.name)
        if config.grpo is not None and config.grpo.steps:
            figures["grpo"] = self.grpo()
        seconds = time.monotonic() - self._started
        self._folder.write("summary.json", {"figures": figures, "seconds": round(seconds, 1)})
        return figures

    def baselines(self) -> dict[str, dict[str, Any]]:
        """Random and explorer on the held-out episodes, by name."""
        done = self._folder.done("baselines")
        if done is None:
            done = {}
            self._folder.stage("baselines")
            for name, make in (("random", RandomAgent), ("explorer", Explorer)):
                played = list(play(self._served.client, self._eval, make, agent=name))
                done[name] = {"greedy": Measured(played).figures}
                self._say(f"{name}: accuracy {done[name]['greedy']['accuracy']:.3f}")
            if self._folder.main:
                self._folder.finish("baselines", done)
        return done

    def demonstrations(self, name: str) -> list[Demo]:
        """What the SFT stage `name` learns from, played at the first call. Raises ConfigError where gold is missing."""
        if name not in self._played:
            self._played[name] = self._demos(self._stage(name))
        return self._played[name]

    def sft(self, name: str) -> dict[str, Any]:
        """The SFT stage of that name; the stages before it must have ended."""
        stage = self._stage(name)
        done = self._folder.done(name)
        with _memory():
            return done if done is not None else self._sft(stage, self._start(name))

    def grpo(self) -> dict[str, Any]:
        """GRPO, after all SFT stages. Raises ConfigError where the configuration has none."""
        if self._config.grpo is None:
            raise ConfigError("the configuration has no grpo section")
        done = self._folder.done("grpo")
        with _memory():
            return done if done is not None else self._grpo(self._start("grpo"))

    def _stage(self, name: str) -> SftStage:
        for stage in self._config.sft:
            if stage.name == name:
                return stage
        raise ConfigError(
            f"no SFT stage {name!r}; there are {', '.join(one.name for one in self._config.sft) or 'none'}"
        )

    def _start(self, name: str) -> Path | None:
        """The model that a stage starts from: what the one before has left; None for the first."""
        names = [*(stage.name for stage in self._config.sft), "grpo"]
        before = names[: names.index(name)]
        if not before:
            return None
        if self._folder.done(before[-1]) is None:
            raise ConfigError(
                f"stage {name} starts from what {before[-1]} leaves, and that has not ended: run it first"
            )
        return self._folder.path / before[-1] / "model"

    def _sft(self, stage: SftStage, model_at: Path | None) -> dict[str, Any]:
        folder = self._folder.stage(stage.name)
        demos = self.demonstrations(stage.name)
        chat = self._chat(demos)
        set_seed(self._config.seed)
        model = self._model(chat, model_at)
        rows = [demo.to_row(chat.form) for demo in demos]
        if self._folder.main:
            write_lines(folder / "demos.jsonl", rows)
        self._say(f"{stage.name}: SFT on {len(rows)} demonstrations, {stage.epochs:g} epochs")
        started = time.monotonic()
        trainer = make_sft(stage, self._config, model, chat, rows, folder, self._device)
        model = train_to_end(trainer, stage.name, folder, self._say, self._show)
        seconds = time.monotonic() - started
        return self._end(stage.name, folder, model, chat, seconds)

    def _grpo(self, model_at: Path | None) -> dict[str, Any]:
        config = self._config
        folder = self._folder.stage("grpo")
        chat = self._chat([])
        set_seed(config.seed)
        model = self._model(chat, model_at)
        assert config.grpo is not None
        count = config.grpo.prompts * config.grpo.generations
        self._say(f"grpo: {config.grpo.steps} steps of {count} rollouts")
        started = time.monotonic()

        before = self._folder.done(config.sft[-1].name) if config.sft else None
        last: dict[str, Any] = {}

        def measured(current: Any, step: int) -> dict[str, float]:
            # The start is the end of the stage before, which was measured then; the end is measured once, here.
            ends = config.grpo is not None and step >= config.grpo.steps
            found = before if step == 0 and before else self._measure(current, chat, folder if ends else None)
            if ends:
                last.update(found)
            self._say(_line(f"grpo {step}", found))
            found = {how: found[how] for how in ("greedy", "sampled")}
            return {f"eval_{how}/{name}": value for how in found for name, value in found[how].items()}

        model = run_grpo(
            config, model, chat, self._served.client, folder, self._device, measured, self._say, self._show
        )
        seconds = time.monotonic() - started
        return self._end("grpo", folder, model, chat, seconds, last)

    def _end(
        self, name: str, folder: Path, model: Any, chat: Chat, seconds: float, found: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Measures the stage's model where `found` does not have it yet, and puts it on disk."""
        model.eval()
        figures: dict[str, Any] = {**(found or self._measure(model, chat, folder)), "seconds": round(seconds, 1)}
        if self._folder.main:
            save_policy(model, chat.tokenizer, folder / "model")
            Prompting.of(self._config).write(folder / "model")
            self._folder.finish(name, figures)
        self._processes.wait_for_everyone()  # the next stage starts from what the first process has written
        if not found:
            self._say(_line(name, figures))
        return figures

    def _measure(self, model: Any, chat: Chat, keep: Path | None = None) -> dict[str, dict[str, float]]:
        """Greedy and sampled. `keep`: a folder to write the episodes to."""
        config = self._config
        found = {}
        for how, temperature in (("greedy", 0.0), ("sampled", config.evaluation.temperature)):
            sampling = Sampling(config.limits.turn_tokens, temperature)
            measured = measure(
                self._served.client,
                self._eval,
                chat,
                config.policy.view,
                local(model, chat.tokenizer, sampling, config.evaluation.batch),
                self._bounds,
                seed=config.seed,
                rubric=config.services.rubric,
                batch=config.evaluation.batch,
            )
            for record in measured.played:
                record.sample, record.temperature = int(temperature > 0), temperature
            if keep is not None and self._folder.main:
                _keep(keep / f"episodes-{how}.jsonl", measured.played)
            found[how] = measured.figures
        return found

    def _demos(self, stage: SftStage) -> list[Demo]:
        gold = self._served.folder
        if gold is None:
            raise ConfigError(
                "Demonstrations need gold: name the folder of the served data set as services.gold, or leave sft empty."
            )
        config = self._config
        self._say(f"{stage.name}: playing {stage.episodes} demonstrations")
        return list(
            demonstrate(
                self._served.client,
                gold,
                stage.mix,
                stage.episodes,
                seed=config.seed * 1_000 + [one.name for one in config.sft].index(stage.name),
                view=config.policy.view,
                only_correct=stage.only_correct,
            )
        )

    def _chat(self, demos: list[Demo]) -> Chat:
        """The tokenizer's chat; the tiny tokenizer is trained on the first stage's demonstrations."""
        policy = self._config.policy
        at = self._folder.path / "tokenizer"
        if policy.model == TINY and not at.is_dir():
            if not demos:
                raise ConfigError(
                    "policy.model=tiny learns its tokens from demonstrations: give at least one sft stage"
                )
            make_tokenizer(_texts(demos), policy.vocabulary).save_pretrained(at)
        tokenizer = load_tokenizer(at if policy.model == TINY else policy.model)
        return Chat(tokenizer, policy.form, policy.system, policy.template_kwargs)

    def _model(self, chat: Chat, model_at: Path | None) -> Any:
        policy = self._config.policy
        if model_at is None and policy.model == TINY:
            return new_tiny(chat.tokenizer, policy, self._config.seed).to(self._device)
        return load_model(model_at or policy.model, policy, self._device)


def _texts(demos: list[Demo]) -> list[str]:
    texts = [text for demo in demos for seen, action in demo.turns for text in (seen, actions.to_text(action))]
    return [*texts, *(json.dumps(tool["function"]) for tool in actions.TOOLS)]


def _keep(path: Path, played: list[Trajectory]) -> None:
    path.write_text("".join(f"{record.to_json()}\n" for record in played), encoding="utf-8")


def _line(name: str, found: dict[str, Any]) -> str:
    greedy, sampled = found["greedy"], found["sampled"]
    words = f"greedy {greedy['accuracy']:.3f} ({greedy['low']:.3f}–{greedy['high']:.3f})"
    return f"{name}: {words}, sampled {sampled['accuracy']:.3f}, looks first {greedy['looks_first']:.0%}"


@contextmanager
def _memory() -> Iterator[None]:
    """Says in words what to do where memory does not suffice."""
    advice = "lower sft.0.micro_batch, grpo.micro_batch or grpo.vllm.gpu_memory and --resume, or start a smaller run"
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SqlEnvError(f"out of GPU memory: {advice} ({error})") from None
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # torch has no class of its own for a CPU's memory
            raise
        raise SqlEnvError(f"out of memory: {advice} ({error})") from None
