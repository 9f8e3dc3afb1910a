"""Rubrics as data: the weights, the three that are shipped, and what `DescribeRubrics` says about one.

How the weights are applied is `rubric.py`'s job; that they keep right answers above wrong ones is `dominance.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Final, Literal, NamedTuple

Shaping = Literal["improvement", "potential", "none"]


class Component(IntEnum):
    """A part of the reward; numbers and meaning as `sqlenv.v1.Component`."""

    EXECUTION = 1
    CORRECTNESS = 2
    EFFICIENCY = 3


@dataclass(frozen=True, slots=True)
class Rubric:
    """The weights, signed: a cost is negative. All in units of reward, where a right answer is 1.

    `gamma` is used by `potential` shaping alone. The defaults are those of `DENSE`.
    """

    name: str
    description: str
    query_ran: float = 0.02  # a query (not an answer's SQL) ran
    failed: float = -0.02  # any action that gave an error, and an answer whose SQL failed
    new_information: float = 0.01  # first look at a table, or a query result not seen before
    new_information_cap: float = 0.10  # most that new_information gives in an episode
    repeat: float = -0.01  # an action taken before; answers end the episode and can't repeat
    step: float = -0.005  # every step, answers too
    progress: float = 0.15  # scale of progress or potential: all of Φ's way from 0 to 1
    correct: float = 1.0
    step_efficiency: float = 0.075  # times step_ratio, right answers only
    work_efficiency: float = 0.075  # times work_ratio, right answers only
    shaped_min: float = -0.20
    shaped_max: float = 0.40
    shaping: Shaping = "improvement"
    gamma: float = 1.0

    def weights(self) -> dict[str, float]:
        """All numbers by field name."""
        return {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), (int, float))}


DENSE: Final = Rubric(
    "dense",
    "Every step is rewarded: did it run, did it tell something new, did a result come closer to the right one. "
    "The default.",
)

SPARSE: Final = Rubric(
    "sparse",
    "The answer alone is rewarded: is it right, and how many steps and how much work it took.",
    query_ran=0.0,
    failed=0.0,
    new_information=0.0,
    new_information_cap=0.0,
    repeat=0.0,
    step=0.0,
    progress=0.0,
    shaped_min=0.0,
    shaped_max=0.0,
    shaping="none",
)
"""No shaping at all, the reference that shaped rubrics are judged against: its optimal policy is the task's own."""

POTENTIAL: Final = replace(
    DENSE,
    name="potential",
    description="As dense, with potential-based progress: what a good result earns is paid back when the next one is "
    "worse and at the end, so progress can't change which policy is best.",
    shaping="potential",
    gamma=1.0,
)
"""Progress as F(s, s') = γΦ(s') − Φ(s), scaled by 0.15.

A reward of this form leaves the set of optimal policies as it is, whatever Φ is: Ng, Harada and Russell, "Policy
invariance under reward transformations: theory and application to reward shaping", ICML 1999. In episodic tasks that
needs Φ = 0 in every state that ends the episode, one that spends the budget included: Grześ, "Reward shaping in
episodic reinforcement learning", AAMAS 2017. (The steps left are part of the observation, so truncation is an end of
the task.)

Φ(s) is the level, 0 to 1, of the last query that ran; describe, sample and failed actions leave it as it was. Summed
with weights γ^t over a finished episode the terms leave −Φ(s0) = 0. γ is 1 because an episode's return is an
undiscounted sum; with another γ that sum has no bound over long episodes and the dominance check refuses the rubric.
The invariance is that of the progress term; the small execution terms are those of dense.
"""

RUBRICS: Final[dict[str, Rubric]] = {rubric.name: rubric for rubric in (DENSE, SPARSE, POTENTIAL)}
"""By name, the default first."""


class TermInfo(NamedTuple):
    """A term that a rubric may give. `weight`: its value, or the most that it can be, in one step."""

    name: str
    component: Component
    weight: float
    description: str


def describe(rubric: Rubric) -> tuple[TermInfo, ...]:
    """The terms that the rubric may give, in the order in which scores list them; those of no weight are left out."""
    execution, correctness, efficiency = Component.EXECUTION, Component.CORRECTNESS, Component.EFFICIENCY
    improving, potential = rubric.shaping == "improvement", rubric.shaping == "potential"
    refund = -sum(min(0.0, cost) for cost in (rubric.failed, rubric.repeat, rubric.step))
    low, high = f"{rubric.shaped_min:+.2f}", f"{rubric.shaped_max:+.2f}"
    infos = (
        TermInfo("failed", execution, rubric.failed, "The action gave an error, or the answer's SQL failed."),
        TermInfo("query_ran", execution, rubric.query_ran, "The query ran."),
        TermInfo(
            "new_information",
            execution,
            rubric.new_information,
            "First look at a table, or a query result not seen before; "
            f"at most {rubric.new_information_cap:.2f} an episode.",
        ),
        TermInfo("repeat", execution, rubric.repeat, "The same action as before."),
        TermInfo("step", execution, rubric.step, "Each step, the answer too."),
        TermInfo(
            "clamp",
            execution,
            refund,
            f"Keeps the running sum of all but answers{' and potential' if potential else ''} in [{low}, {high}]: "
            "gives back up to its weight at the lower end, takes up to what the step gives at the upper.",
        ),
        TermInfo(
            "progress",
            correctness,
            rubric.progress if improving else 0.0,
            "Times the rise of the best progress so far, which is 0, 0.25, 0.5, 0.75 or 1.",
        ),
        TermInfo(
            "potential",
            correctness,
            rubric.progress * rubric.gamma if potential else 0.0,
            f"Times the change of the last result's progress (discount {rubric.gamma:g}); 0 at the end of the episode.",
        ),
        TermInfo("correct", correctness, rubric.correct, "The answer is right."),
        TermInfo(
            "step_efficiency",
            efficiency,
            rubric.step_efficiency,
            "Right answers: times the reference number of steps by the steps taken, at most 1.",
        ),
        TermInfo(
            "work_efficiency",
            efficiency,
            rubric.work_efficiency,
            "Right answers: times the VM steps of the reference SQL by those of the agent's, at most 1.",
        ),
    )
    return tuple(info for info in infos if info.weight != 0.0)
