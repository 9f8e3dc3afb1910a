"""What happens beside the steps: the log on disk, measurements, and Ctrl-C that saves instead of losing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from accelerate.utils import gather_object
from tqdm.auto import tqdm
from transformers import (
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from trainer.folder import last_checkpoint, write_json

Measure = Callable[[int], dict[str, float]]
"""What is to be logged about the policy as it is now; given the step."""


class History(TrainerCallback):
    """Writes everything that was logged to history.json, whole each time: a resumed run has its past in it too."""

    def __init__(self, stage: Path) -> None:
        self._file = stage / "history.json"

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """After each log."""
        if state.is_world_process_zero:
            write_json(self._file, state.log_history)


class Measuring(TrainerCallback):
    """Measures the policy before the first step, each `every` steps and after the last; `log` is the trainer's own.

    A resumed run does not measure again what it has measured: its log says so.
    """

    def __init__(self, measure: Measure, every: int, log: Callable[[dict[str, float]], None]) -> None:
        self._measure = measure
        self._every = every
        self._log = log

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The start."""
        if state.global_step == 0:
            self._note(state, control, kwargs["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Comes before the checkpoint of this step, which so holds the figures."""
        last = state.global_step >= state.max_steps
        if last or (self._every and state.global_step % self._every == 0):
            self._note(state, control, kwargs["model"])

    def _note(self, state: TrainerState, control: TrainerControl, model: Any) -> None:
        if any(entry.get("step") == state.global_step and _MEASURED in entry for entry in state.log_history):
            return
        training, should_log = model.training, control.should_log
        model.eval()
        try:
            self._log(self._measure(state.global_step))
        finally:
            model.train(training)
            control.should_log = should_log  # a log clears it, and the step's own is still to come


_MEASURED = "eval_greedy/accuracy"


class Told(TrainerCallback):
    """Says in one line what a log holds, and shows a bar where there is a terminal: instead of whole dicts."""

    def __init__(self, stage: str, say: Callable[[str], None], show: bool) -> None:
        self._stage = stage
        self._say = say
        self._show = show
        self._bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Starts the bar, where the run stands."""
        self._bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self._stage, disable=not self._show)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Moves the bar on."""
        self._bar.update(state.global_step - self._bar.n)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Says the figures that matter."""
        logs: dict[str, float] = kwargs.get("logs") or {}
        shown = [f"{word} {logs[key]:.3f}" for key, word in _SHOWN.items() if isinstance(logs.get(key), float)]
        if shown and "loss" in logs:
            self._say(f"{self._stage} {state.global_step}/{state.max_steps}: {', '.join(shown)}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Closes the bar."""
        self._bar.close()


_SHOWN = {
    "loss": "loss",
    "mean_token_accuracy": "token accuracy",
    "rollout/return": "return",
    "rollout/accuracy": "accuracy",
    "rollout/looks_first": "looks first",
    "rollout/steps": "steps",
    "rollout/tool_errors": "tool errors",
    "groups/constant": "constant groups",
    "rollout/failed": "failed",
    "step_time": "seconds",
}


def speak_plainly(trainer: Any, stage: str, say: Callable[[str], None], show: bool) -> None:
    """Puts `Told` in the place of the callbacks that print dicts."""
    for kind in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(kind)
    trainer.add_callback(Told(stage, say, show))


class StopOnSignal(TrainerCallback):
    """The first Ctrl-C or SIGTERM ends training after the step under way, with a checkpoint; a second ends at once."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, say: Callable[[str], None]) -> None:
        self.stopped = False
        self._say = say
        self._before: dict[int, Any] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Takes the signals over."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Saves and stops where asked to. Of several processes all stop, at the same step, where one was asked."""
        self.stopped = any(gather_object([self.stopped]))
        if self.stopped:
            control.should_save = True
            control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Gives the signals back."""
        self.release()

    def release(self) -> None:
        """Gives the signals back; also to be called where training failed."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        self._say("stopping after this step, with a checkpoint; once more to stop at once")


def train_to_end(trainer: Any, stage: str, folder: Path, say: Callable[[str], None], show: bool) -> Any:
    """Trains, from the newest checkpoint in `folder` on, and returns the model.

    Raises KeyboardInterrupt, with a checkpoint saved, where it was told to stop.
    """
    stop = StopOnSignal(say)
    trainer.add_callback(stop)
    speak_plainly(trainer, stage, say, show)
    checkpoint = last_checkpoint(folder)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        stop.release()
    if stop.stopped:
        raise KeyboardInterrupt
    return trainer.model
