"""The pure episode against a model: every step is taken exactly once, whatever callers send again or mix up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from env_service.episode import Admission, Episode, State
from sqlenv.actions import Action, AnswerSql, AnswerValue, Describe, InvalidAction, Query, Sample
from sqlenv.tasks import Task
from sqlenv.types import AnswerType
from sqlenv.v1 import types_pb2

TASK = Task("t", "db", "How many?", "train", "easy", AnswerType.INTEGER)
ACTIONS: list[Action] = [
    Describe("a"),
    Describe("b"),
    Sample("a", 3),
    Query("SELECT 1"),
    Query(""),
    InvalidAction("hello", "why"),
    AnswerValue("1"),
    AnswerSql("SELECT 1"),
]


def new(max_steps: int = 15) -> Episode:
    return Episode(TASK, ("a", "b"), 7, "dense", max_steps)


def name(action: Action) -> bytes:
    return repr(action).encode()


class ExactlyOnce(RuleBasedStateMachine):
    """The model is the plain list of the steps that were taken."""

    @initialize(max_steps=st.integers(1, 6))
    def start(self, max_steps: int) -> None:
        self.episode = new(max_steps)
        self.max_steps = max_steps
        self.log: list[tuple[Action, float]] = []

    def ended(self) -> bool:
        answered = any(isinstance(action, (AnswerValue, AnswerSql)) for action, _ in self.log)
        return answered or len(self.log) >= self.max_steps

    def expected(self, index: int, action: Action) -> Admission:
        if self.log and index == len(self.log) - 1:
            return Admission.REPEAT if action == self.log[-1][0] else Admission.CONFLICT
        if index != len(self.log):
            return Admission.OUT_OF_RANGE
        return Admission.FINISHED if self.ended() else Admission.EXECUTE

    @rule(offset=st.integers(-3, 3), action=st.sampled_from(ACTIONS), reward=st.floats(-1, 1), scored=st.booleans())
    def step(self, offset: int, action: Action, reward: float, scored: bool) -> None:
        index = len(self.log) + offset
        admission = self.episode.admit(index, name(action))
        assert admission is self.expected(index, action)
        assert self.episode.admit(index, name(action)) is admission
        if admission is Admission.EXECUTE and scored:  # where the reward service is away, the step is not consumed
            self.episode.commit(action, name(action), reward)
            self.log.append((action, reward))

    @rule(index=st.integers(-(2**31), 2**31 - 1), action=st.sampled_from(ACTIONS))
    def any_index(self, index: int, action: Action) -> None:
        assert self.episode.admit(index, name(action)) is self.expected(index, action)

    @rule()
    def send_the_last_again(self) -> None:
        if self.log:
            assert self.episode.admit(len(self.log) - 1, name(self.log[-1][0])) is Admission.REPEAT

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "episode"):
            return
        episode = self.episode
        assert episode.step_count == len(self.log) <= self.max_steps
        assert episode.episode_return == pytest.approx(sum(reward for _, reward in self.log))
        assert (episode.state is State.RUNNING) == (not self.ended())
        view = episode.view()
        assert view.step_count == len(self.log)
        assert view.steps_left == (0 if self.ended() else self.max_steps - len(self.log))
        assert view.state is episode.state
        if self.log and isinstance(self.log[-1][0], (AnswerValue, AnswerSql)):
            assert episode.state is State.TERMINATED
        elif self.ended():
            assert episode.state is State.TRUNCATED


TestExactlyOnce = ExactlyOnce.TestCase


@given(st.lists(st.sampled_from(ACTIONS), max_size=8), st.integers(1, 6))
def test_state_after_is_the_state_that_commit_leads_to(actions: list[Action], max_steps: int) -> None:
    episode = new(max_steps)
    for action in actions:
        if episode.state is not State.RUNNING:
            break
        after = episode.state_after(action)
        assert episode.state is State.RUNNING
        episode.commit(action, name(action), 0.0)
        assert episode.state is after


def test_an_answer_at_the_last_step_terminates() -> None:
    episode = new(1)
    episode.commit(AnswerValue("1"), b"h", 1.0)
    assert episode.state is State.TERMINATED


def test_the_budget_counts_what_could_not_be_read() -> None:
    episode = new(2)
    for _ in range(2):
        episode.commit(InvalidAction("x", "why"), b"h", 0.0)
    assert episode.state is State.TRUNCATED


def test_index_minus_one_at_the_start_is_no_repeat() -> None:
    for action_hash in (b"", b"h"):
        assert new().admit(-1, action_hash) is Admission.OUT_OF_RANGE


def test_view_shows_what_the_agent_may_know() -> None:
    view = new(4).view()
    assert (view.question, view.tables, view.answer_type) == ("How many?", ("a", "b"), AnswerType.INTEGER)
    assert (view.step_count, view.steps_left, view.state) == (0, 4, State.RUNNING)


def test_states_have_the_numbers_of_the_contract() -> None:
    for state in State:
        assert types_pb2.EpisodeState.Name(state.value) == f"EPISODE_STATE_{state.name}"
