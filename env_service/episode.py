"""An episode as a pure state machine: which step index may run, what the agent sees, when it ends. No gRPC, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from sqlenv.actions import Action, AnswerSql, AnswerValue
from sqlenv.tasks import Task
from sqlenv.types import AnswerType


class State(IntEnum):
    """Where an episode stands; numbers as `sqlenv.v1.EpisodeState`."""

    RUNNING = 1
    TERMINATED = 2
    TRUNCATED = 3


class Admission(Enum):
    """What is to be done with a step that carries some index."""

    EXECUTE = "execute"
    REPEAT = "give the last response again"
    CONFLICT = "this index was taken by another action"
    OUT_OF_RANGE = "neither the last index nor the next"
    FINISHED = "the episode has ended"


@dataclass(frozen=True, slots=True)
class View:
    """What the agent is told about the episode itself, whatever its last action gave."""

    question: str
    tables: tuple[str, ...]
    answer_type: AnswerType
    step_count: int
    steps_left: int
    state: State


@dataclass(slots=True)
class Episode:
    """One episode. `step_count` steps were taken, each scored; `last_hash` names the action of the last one."""

    task: Task
    tables: tuple[str, ...]
    seed: int
    rubric: str
    max_steps: int
    step_count: int = 0
    state: State = State.RUNNING
    episode_return: float = 0.0
    last_hash: bytes = b""

    def admit(self, step_index: int, action_hash: bytes) -> Admission:
        """Says what is to be done with a step; changes nothing."""
        if step_index == self.step_count - 1 and self.step_count > 0:
            return Admission.REPEAT if action_hash == self.last_hash else Admission.CONFLICT
        if step_index != self.step_count:
            return Admission.OUT_OF_RANGE
        return Admission.EXECUTE if self.state is State.RUNNING else Admission.FINISHED

    def state_after(self, action: Action) -> State:
        """The state that taking `action` now leads to."""
        if isinstance(action, (AnswerValue, AnswerSql)):
            return State.TERMINATED
        return State.TRUNCATED if self.step_count + 1 >= self.max_steps else State.RUNNING

    def commit(self, action: Action, action_hash: bytes, reward: float) -> None:
        """Takes a step that was executed and scored."""
        self.state = self.state_after(action)
        self.step_count += 1
        self.episode_return += reward
        self.last_hash = action_hash

    def view(self) -> View:
        """What the agent is told now."""
        return View(
            question=self.task.question,
            tables=self.tables,
            answer_type=self.task.answer_type,
            step_count=self.step_count,
            steps_left=0 if self.state is not State.RUNNING else self.max_steps - self.step_count,
            state=self.state,
        )
