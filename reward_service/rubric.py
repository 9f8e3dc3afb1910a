"""Rubrics: what a step is worth. Pure: facts about a step and the episode's state in, a score and the next state out.

The return of an episode is the undiscounted sum of its steps' totals. Three kinds of reward add up to it:

- **shaped**: execution terms and, in `improvement` shaping, progress, of every step that is no answer. Their running
  sum S stays in [shaped_min, shaped_max] at every step; what that cuts is the term `clamp`.
- **potential**: γΦ(s') − Φ(s), scaled (`potential` shaping only). It is outside the clamp: its terms cancel over an
  episode only if every one of them is paid in full, and one cut term would leave a remainder that shifts optimal
  policies.
- **the answer**: its step cost, −0.02 where its SQL failed, and what a right answer earns. It is outside the clamp
  too, so that an answer is worth the same after every history; inside, an agent at the floor would answer for free,
  and one at the ceiling would be refunded. Either choice keeps dominance; `dominance.bounds` shows it for this one.

Floats: a component is the left-to-right sum of its terms in the order given, and total = execution + correctness +
efficiency in that order, so that anyone who adds them again gets the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from reward_service.dominance import Bounds, RubricError, bounds, check_dominance, check_rubrics
from reward_service.weights import DENSE, POTENTIAL, RUBRICS, SPARSE, Component, Rubric, Shaping, TermInfo, describe

__all__ = [
    "DENSE",
    "POTENTIAL",
    "RUBRICS",
    "SPARSE",
    "TOP_LEVEL",
    "Bounds",
    "Component",
    "Kind",
    "Rubric",
    "RubricError",
    "Shaping",
    "State",
    "StepFacts",
    "StepScore",
    "Term",
    "TermInfo",
    "bounds",
    "check_dominance",
    "check_rubrics",
    "describe",
    "score_step",
]

Kind = Literal["describe", "sample", "query", "answer", "invalid"]

TOP_LEVEL: Final = 4
"""Progress is counted in quarters: 0 to 4."""

DUST: Final = 1e-15
"""A novelty or clamp term this small is rounding (ten times 0.01 is 0.0999…), and is not given."""


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What one step was and gave. Facts that the kind of action has no use for are ignored.

    kind: the action, "invalid" where it could not be parsed (such a step has failed, whatever `ran` says).
    ran: it gave a result; for an answer: False where its SQL failed (a value answer always ran).
    action_hash: of the parsed action; equal for the same action again.
    result_hash: of a query's result; None where there is none.
    table: of a describe or sample, in any case.
    level: progress of a query's result in quarters, 0 to 4; None where it is no query that ran.
    vm_steps: SQLite VM steps that the action's SQL took.
    step_count: steps taken, this one included. For the record: ratios arrive computed.
    truncates: this step spends the budget without an answer.
    correct: the verdict, answers only.
    step_ratio, work_ratio: in [0, 1], read for right answers only.
    """

    kind: Kind
    ran: bool
    action_hash: int
    result_hash: int | None = None
    table: str | None = None
    level: int | None = None
    vm_steps: int = 0
    step_count: int = 1
    truncates: bool = False
    correct: bool | None = None
    step_ratio: float = 0.0
    work_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered between steps; fields and meaning as `sqlenv.v1.RewardState`. `State()` starts an episode.

    `best_level_vm_steps` is what the query that first reached `best_level` cost: the work that a value answer is
    charged with, as it has no SQL of its own.
    """

    shaped_sum: float = 0.0
    novelty_sum: float = 0.0
    best_level: int = 0
    best_level_vm_steps: int | None = None
    seen_actions: tuple[int, ...] = ()
    seen_results: tuple[int, ...] = ()
    seen_tables: tuple[str, ...] = ()
    last_level: int = 0


class Term(NamedTuple):
    """One named part of a score."""

    name: str
    component: Component
    value: float


@dataclass(frozen=True, slots=True)
class StepScore:
    """The reward of one step. `terms` holds those that are not zero; `progress` is the best so far, 0 to 1."""

    total: float
    execution: float
    correctness: float
    efficiency: float
    terms: tuple[Term, ...]
    progress: float


def score_step(rubric: Rubric, state: State, facts: StepFacts) -> tuple[StepScore, State]:
    """Score one step and give the state to score the next one with.

    Raises ValueError where a level, a ratio or VM steps are out of range, or where the state can't be one of this
    rubric's.
    """
    _check(rubric, state, facts)
    answers = facts.kind == "answer"
    right = answers and facts.correct is True
    ran = facts.ran and facts.kind != "invalid"
    level = facts.level if ran and facts.kind == "query" else None
    repeated = not answers and facts.action_hash in state.seen_actions
    new_table, new_result = _news(state, facts, ran)
    best_level, best_work = _best(state, level, facts.vm_steps)

    terms: list[Term] = []
    execution = correctness = efficiency = 0.0

    if not ran and not right:  # a right answer ran, whatever the flag says
        execution = _give(terms, execution, "failed", Component.EXECUTION, rubric.failed)
    elif facts.kind == "query":
        execution = _give(terms, execution, "query_ran", Component.EXECUTION, rubric.query_ran)
    novelty = 0.0
    if not repeated and (new_table is not None or new_result is not None):
        room = rubric.new_information_cap - state.novelty_sum
        novelty = min(rubric.new_information, room) if room > DUST else 0.0
        execution = _give(terms, execution, "new_information", Component.EXECUTION, novelty)
    if repeated:
        execution = _give(terms, execution, "repeat", Component.EXECUTION, rubric.repeat)
    execution = _give(terms, execution, "step", Component.EXECUTION, rubric.step)

    shaped_sum = state.shaped_sum
    if not answers:
        gain = rubric.progress * (best_level - state.best_level) / TOP_LEVEL if rubric.shaping == "improvement" else 0.0
        unclamped = shaped_sum + (execution + gain)
        shaped_sum = min(max(unclamped, rubric.shaped_min), rubric.shaped_max)
        if abs(cut := shaped_sum - unclamped) > DUST:
            execution = _give(terms, execution, "clamp", Component.EXECUTION, cut)
        correctness = _give(terms, correctness, "progress", Component.CORRECTNESS, gain)

    ends = answers or facts.truncates
    last_level = 0 if ends else state.last_level if level is None else level
    if rubric.shaping == "potential":
        moved = rubric.progress * (rubric.gamma * last_level - state.last_level) / TOP_LEVEL
        correctness = _give(terms, correctness, "potential", Component.CORRECTNESS, moved)
    if right:
        step_part, work_part = rubric.step_efficiency * facts.step_ratio, rubric.work_efficiency * facts.work_ratio
        correctness = _give(terms, correctness, "correct", Component.CORRECTNESS, rubric.correct)
        efficiency = _give(terms, efficiency, "step_efficiency", Component.EFFICIENCY, step_part)
        efficiency = _give(terms, efficiency, "work_efficiency", Component.EFFICIENCY, work_part)

    total = execution + correctness + efficiency
    score = StepScore(total, execution, correctness, efficiency, tuple(terms), best_level / TOP_LEVEL)
    known = facts.action_hash in state.seen_actions
    return score, State(
        shaped_sum=shaped_sum,
        novelty_sum=state.novelty_sum + novelty,
        best_level=best_level,
        best_level_vm_steps=best_work,
        seen_actions=state.seen_actions if known else (*state.seen_actions, facts.action_hash),
        seen_results=state.seen_results if new_result is None else (*state.seen_results, new_result),
        seen_tables=state.seen_tables if new_table is None else (*state.seen_tables, new_table),
        last_level=last_level,
    )


def _give(terms: list[Term], so_far: float, name: str, component: Component, value: float) -> float:
    """Add a term, if it is not zero, to the list and to its component's sum so far."""
    if value == 0.0:
        return so_far
    terms.append(Term(name, component, value))
    return so_far + value


def _news(state: State, facts: StepFacts, ran: bool) -> tuple[str | None, int | None]:
    """The table looked at for the first time, and the query result seen for the first time."""
    if not ran:
        return None, None
    if facts.kind in ("describe", "sample") and facts.table is not None:
        table = facts.table.lower()
        return (table if table not in state.seen_tables else None), None
    if facts.kind == "query" and facts.result_hash is not None and facts.result_hash not in state.seen_results:
        return None, facts.result_hash
    return None, None


def _best(state: State, level: int | None, vm_steps: int) -> tuple[int, int | None]:
    """Best level so far and the work of the query that first reached it, after a query of this level.

    The first and not the cheapest: once the result is known, a query that only spells it out costs next to nothing.
    """
    if level is None or level < state.best_level:
        return state.best_level, state.best_level_vm_steps
    if level > state.best_level or state.best_level_vm_steps is None:
        return level, vm_steps
    return level, state.best_level_vm_steps


def _check(rubric: Rubric, state: State, facts: StepFacts) -> None:
    """Refuse what would break the bounds. Comparisons are written so that NaN fails them."""
    if facts.level is not None and not 0 <= facts.level <= TOP_LEVEL:
        raise ValueError(f"level {facts.level} is not in 0..{TOP_LEVEL}")
    if facts.vm_steps < 0 or (state.best_level_vm_steps or 0) < 0:
        raise ValueError(f"VM steps {facts.vm_steps}, {state.best_level_vm_steps} are not in 0 and up")
    if facts.correct and not (0.0 <= facts.step_ratio <= 1.0 and 0.0 <= facts.work_ratio <= 1.0):
        raise ValueError(f"ratios {facts.step_ratio}, {facts.work_ratio} are not in [0, 1]")
    if not rubric.shaped_min <= state.shaped_sum <= rubric.shaped_max:
        raise ValueError(f"shaped_sum {state.shaped_sum} is out of the range of rubric {rubric.name!r}")
    if not abs(state.novelty_sum) < float("inf"):
        raise ValueError("novelty_sum is not finite")
    if not (0 <= state.best_level <= TOP_LEVEL and 0 <= state.last_level <= TOP_LEVEL):
        raise ValueError(f"levels {state.best_level}, {state.last_level} are not in 0..{TOP_LEVEL}")
