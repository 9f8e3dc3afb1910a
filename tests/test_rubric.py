"""Rubrics: each term's rule, and properties over random and adversarial episodes, dominance above all."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reward_service.rubric import (
    DENSE,
    POTENTIAL,
    RUBRICS,
    SPARSE,
    TOP_LEVEL,
    Component,
    Kind,
    Rubric,
    RubricError,
    State,
    StepFacts,
    StepScore,
    bounds,
    check_dominance,
    check_rubrics,
    describe,
    score_step,
)

ROUNDING = 1e-9
"""What floats may add up to over the longest episode here; a thousandth of the margin that the check asks for."""

ALL = pytest.mark.parametrize("rubric", list(RUBRICS.values()), ids=list(RUBRICS))


# Episodes


def play(rubric: Rubric, steps: Iterable[StepFacts]) -> tuple[list[StepScore], list[State]]:
    """Scores and states of an episode; it ends with the first answer or truncation, as the environment ends it."""
    scores: list[StepScore] = []
    states = [State()]
    for facts in steps:
        score, state = score_step(rubric, states[-1], facts)
        scores.append(score)
        states.append(state)
        if facts.kind == "answer" or facts.truncates:
            break
    return scores, states


def total(scores: Iterable[StepScore]) -> float:
    return math.fsum(score.total for score in scores)


def is_right(facts: StepFacts) -> bool:
    return facts.kind == "answer" and facts.correct is True


def ended(steps: Sequence[StepFacts]) -> list[StepFacts]:
    """The steps up to the one that ends the episode, for what `play` scored."""
    for i, facts in enumerate(steps):
        if facts.kind == "answer" or facts.truncates:
            return list(steps[: i + 1])
    return list(steps)


unit = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
any_facts = st.builds(
    StepFacts,
    kind=st.sampled_from(get_args(Kind)),
    ran=st.booleans(),
    action_hash=st.integers(0, 6),
    result_hash=st.none() | st.integers(0, 6),
    table=st.none() | st.sampled_from(["a", "A", "b", "c"]),
    level=st.none() | st.integers(0, TOP_LEVEL),
    vm_steps=st.integers(0, 10**6),
    step_count=st.integers(1, 30),
    truncates=st.sampled_from([False, False, False, True]),
    correct=st.none() | st.booleans(),
    step_ratio=unit,
    work_ratio=unit,
)
exploring = any_facts.map(lambda f: replace(f, kind="query" if f.kind == "answer" else f.kind, truncates=False))
answering = any_facts.map(lambda f: replace(f, kind="answer"))
truncating = exploring.map(lambda f: replace(f, truncates=True))


@st.composite
def episodes(draw: st.DrawFn, last: st.SearchStrategy[StepFacts] | None = None) -> list[StepFacts]:
    """Exploring steps, some of them over and over, and one that ends the episode (or none where `last` gives none)."""
    steps: list[StepFacts] = []
    for facts, times, fresh in draw(
        st.lists(st.tuples(exploring, st.sampled_from([1, 1, 1, 5, 60]), st.booleans()), max_size=10)
    ):
        for i in range(times):
            number = len(steps) + 100
            steps.append(replace(facts, action_hash=number, result_hash=number) if fresh and i else facts)
    ending = draw(st.one_of(answering, truncating, st.none()) if last is None else last)
    return steps if ending is None else [*steps, ending]


def fact(kind: Kind, number: int = 0, *, ran: bool = True, **more: Any) -> StepFacts:
    return StepFacts(kind, ran, number, **more)


def query(number: int, level: int = 0, **more: Any) -> StepFacts:
    return StepFacts("query", True, number, result_hash=number, level=level, **more)


def answer(correct: bool, *, ran: bool = True, step_ratio: float = 1.0, work_ratio: float = 1.0) -> StepFacts:
    return StepFacts("answer", ran, 999, correct=correct, step_ratio=step_ratio, work_ratio=work_ratio)


def names(score: StepScore) -> dict[str, float]:
    return {term.name: term.value for term in score.terms}


# The terms, one by one


def test_first_look_at_a_table_whatever_its_case() -> None:
    steps = [fact("describe", 1, table="Pets"), fact("sample", 2, table="pets"), fact("sample", 3, table="Dogs")]
    scores, states = play(DENSE, steps)
    assert [names(s) for s in scores] == [
        {"new_information": 0.01, "step": -0.005},
        {"step": -0.005},
        {"new_information": 0.01, "step": -0.005},
    ]
    assert states[-1].seen_tables == ("pets", "dogs")


def test_a_query_that_ran_and_one_whose_result_is_known() -> None:
    scores, states = play(DENSE, [query(1), replace(query(1), action_hash=2)])
    assert names(scores[0]) == {"query_ran": 0.02, "new_information": 0.01, "step": -0.005}
    assert names(scores[1]) == {"query_ran": 0.02, "step": -0.005}
    assert states[-1].seen_results == (1,)
    assert states[-1].seen_actions == (1, 2)


@pytest.mark.parametrize("kind", ["describe", "sample", "query"])
def test_a_failed_action_costs_and_tells_nothing(kind: Kind) -> None:
    scores, states = play(DENSE, [fact(kind, 1, ran=False, table="t", result_hash=1, level=3)])
    assert names(scores[0]) == {"failed": -0.02, "step": -0.005}
    assert states[-1] == State(shaped_sum=scores[0].total, seen_actions=(1,))


def test_an_action_that_could_not_be_parsed_has_failed_whatever_the_flag_says() -> None:
    for ran in (False, True):
        scores, _ = play(DENSE, [fact("invalid", 1, ran=ran)])
        assert names(scores[0]) == {"failed": -0.02, "step": -0.005}


def test_the_same_action_again_has_no_new_information() -> None:
    scores, _ = play(DENSE, [fact("sample", 1, ran=False, table="t"), fact("sample", 1, table="t")])
    assert names(scores[1]) == {"repeat": -0.01, "step": -0.005}


def test_new_information_stops_at_its_cap() -> None:
    steps = [fact("describe", i, table=f"t{i}") for i in range(15)]
    scores, states = play(DENSE, steps)
    given_terms = [names(s).get("new_information", 0.0) for s in scores]
    assert given_terms == [0.01] * 10 + [0.0] * 5  # no eleventh term made of rounding
    assert states[-1].novelty_sum == pytest.approx(0.10)


def test_progress_pays_improvement_only() -> None:
    scores, states = play(DENSE, [query(1, 2), query(2, 1), query(3, 2), query(4, 4)])
    assert [names(s).get("progress", 0.0) for s in scores] == pytest.approx([0.075, 0.0, 0.0, 0.075])
    assert [s.progress for s in scores] == [0.5, 0.5, 0.5, 1.0]
    assert [s.last_level for s in states] == [0, 2, 1, 2, 4]


def test_potential_takes_back_what_a_worse_result_loses_and_all_at_the_end() -> None:
    steps = [query(1, 2), query(2, 1), fact("describe", 3, table="t"), fact("query", 4, ran=False), answer(False)]
    scores, states = play(POTENTIAL, steps)
    assert [names(s).get("potential", 0.0) for s in scores] == pytest.approx([0.075, -0.0375, 0.0, 0.0, -0.0375])
    assert [s.progress for s in scores] == [0.5] * 5
    assert states[-1].last_level == 0


def test_truncation_ends_the_potential() -> None:
    scores, states = play(POTENTIAL, [query(1, 3), query(2, 4, truncates=True)])
    assert [names(s).get("potential") for s in scores] == pytest.approx([0.1125, -0.1125])
    assert (states[-1].best_level, states[-1].last_level) == (4, 0)


def test_a_right_answer_dense() -> None:
    scores, _ = play(DENSE, [answer(True, step_ratio=0.5, work_ratio=0.25)])
    assert names(scores[0]) == {"step": -0.005, "correct": 1.0, "step_efficiency": 0.0375, "work_efficiency": 0.01875}
    assert (scores[0].execution, scores[0].correctness, scores[0].efficiency) == (-0.005, 1.0, 0.0375 + 0.01875)


def test_a_right_answer_sparse_and_nothing_else() -> None:
    scores, _ = play(SPARSE, [query(1, 4), fact("query", 2, ran=False), query(1, 4), answer(True)])
    assert [s.total for s in scores] == [0.0, 0.0, 0.0, 1.15]
    assert [s.terms for s in scores[:3]] == [(), (), ()]
    assert scores[0].progress == 1.0


@pytest.mark.parametrize(("ran", "expected"), [(True, {"step": -0.005}), (False, {"failed": -0.02, "step": -0.005})])
def test_a_wrong_answer(ran: bool, expected: dict[str, float]) -> None:
    scores, _ = play(DENSE, [answer(False, ran=ran)])
    assert names(scores[0]) == expected


def test_an_answer_costs_the_same_at_either_end_of_the_clamp() -> None:
    low = [fact("invalid", 1, ran=False)] * 50
    high = [query(i, min(i, 4)) for i in range(50)]
    for before in (low, high):
        scores, states = play(DENSE, [*before, answer(False)])
        assert scores[-1].total == -0.005
        assert states[-1].shaped_sum == states[-2].shaped_sum


def test_the_clamp_shows_what_it_cut() -> None:
    scores, states = play(DENSE, [fact("invalid", 1, ran=False)] * 20)
    assert states[-1].shaped_sum == DENSE.shaped_min
    assert names(scores[-1]) == {"failed": -0.02, "repeat": -0.01, "step": -0.005, "clamp": pytest.approx(0.035)}
    assert scores[-1].total == pytest.approx(0.0, abs=ROUNDING)
    assert total(scores) == pytest.approx(DENSE.shaped_min)
    scores, states = play(DENSE, [query(i) for i in range(60)])
    assert states[-1].shaped_sum == DENSE.shaped_max
    assert total(scores) == pytest.approx(DENSE.shaped_max)


def test_the_clamp_runs_so_a_step_away_from_an_end_counts_at_once() -> None:
    scores, states = play(DENSE, [*[fact("invalid", 1, ran=False)] * 20, query(2)])
    assert names(scores[-1]) == {"query_ran": 0.02, "new_information": 0.01, "step": -0.005}
    assert states[-1].shaped_sum == pytest.approx(DENSE.shaped_min + 0.025)


def test_the_potential_term_is_outside_the_clamp() -> None:
    filled = [query(i) for i in range(60)]
    scores, states = play(POTENTIAL, [*filled, query(100, 4)])
    assert states[-1].shaped_sum == POTENTIAL.shaped_max
    assert names(scores[-1])["potential"] == pytest.approx(0.15)
    assert scores[-1].total == pytest.approx(0.15)


def test_work_of_the_first_query_at_the_best_level() -> None:
    steps = [
        query(1, 0, vm_steps=50),
        query(2, 0, vm_steps=90),
        query(3, 2, vm_steps=700),
        query(4, 1, vm_steps=10),
        query(5, 2, vm_steps=600),
        query(6, 2, vm_steps=800),
        fact("query", 7, ran=False, level=2, vm_steps=1),
        fact("describe", 8, level=2, vm_steps=1),
    ]
    _, states = play(DENSE, steps)
    assert [s.best_level_vm_steps for s in states] == [None, 50, 50, 700, 700, 700, 700, 700, 700]
    assert [s.best_level for s in states] == [0, 0, 0, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        (State(), query(1, 5)),
        (State(), query(1, -1)),
        (State(), query(1, vm_steps=-1)),
        (State(best_level_vm_steps=-1), query(1)),
        (State(), answer(True, step_ratio=1.01)),
        (State(), answer(True, work_ratio=-0.01)),
        (State(), answer(True, step_ratio=math.nan)),
        (State(shaped_sum=0.41), query(1)),
        (State(shaped_sum=-0.21), query(1)),
        (State(shaped_sum=math.nan), query(1)),
        (State(novelty_sum=math.nan), query(1)),
        (State(novelty_sum=-math.inf), query(1)),
        (State(best_level=5), query(1)),
        (State(last_level=-1), query(1)),
    ],
)
def test_what_would_break_the_bounds_is_refused(state: State, facts: StepFacts) -> None:
    with pytest.raises(ValueError, match=r"not in|out of the range|not finite"):
        score_step(DENSE, state, facts)


# Properties of every episode


@ALL
@settings(max_examples=200, deadline=None)
@given(steps=episodes())
def test_sums_clamp_and_names(rubric: Rubric, steps: list[StepFacts]) -> None:
    known = {info.name: info for info in describe(rubric)}
    scores, states = play(rubric, steps)
    for score, state in zip(scores, states[1:], strict=True):
        sums = dict.fromkeys(Component, 0.0)
        for name, component, value in score.terms:
            assert value != 0.0
            assert known[name].component is component
            assert abs(value) <= abs(known[name].weight) + ROUNDING or name in ("clamp", "potential")
            sums[component] += value  # left to right, as a reader of the message would
        assert tuple(sums.values()) == (score.execution, score.correctness, score.efficiency)
        assert score.total == score.execution + score.correctness + score.efficiency
        assert rubric.shaped_min <= state.shaped_sum <= rubric.shaped_max
        assert -ROUNDING <= state.novelty_sum <= rubric.new_information_cap + ROUNDING
        assert score.progress == state.best_level / TOP_LEVEL
    done = ended(steps)
    unclamped = ("potential",)
    shaped = math.fsum(
        term.value
        for facts, score in zip(done, scores, strict=True)
        for term in score.terms
        if facts.kind != "answer" and term.name not in unclamped
    )
    assert shaped == pytest.approx(states[-1].shaped_sum, abs=ROUNDING)


@ALL
@settings(max_examples=50, deadline=None)
@given(steps=episodes())
def test_the_same_facts_give_the_same_bits(rubric: Rubric, steps: list[StepFacts]) -> None:
    assert play(rubric, steps) == play(rubric, steps)


@settings(max_examples=300, deadline=None)
@given(episodes(st.one_of(answering, truncating)), st.one_of(st.just(1.0), st.floats(0, 2)))
def test_discounted_potential_telescopes_to_nothing(steps: list[StepFacts], gamma: float) -> None:
    """Σ γ^t F_t = −Φ(s0) = 0 over every finished episode, for every γ."""
    assume(gamma <= 1 or len(steps) <= 30)  # 2^300 leaves nothing of a float's digits
    scores, _ = play(replace(POTENTIAL, gamma=gamma), steps)
    terms = [gamma**t * names(score).get("potential", 0.0) for t, score in enumerate(scores)]
    assert math.fsum(terms) == pytest.approx(0.0, abs=1e-12 * max(1.0, gamma ** len(terms)))


@settings(max_examples=300, deadline=None)
@given(episodes(st.one_of(answering, truncating)))
def test_potential_changes_no_return(steps: list[StepFacts]) -> None:
    """A finished episode returns what it would without any progress term: shaping can't reorder policies."""
    without = replace(POTENTIAL, shaping="none", progress=0.0)
    assert total(play(POTENTIAL, steps)[0]) == pytest.approx(total(play(without, steps)[0]), abs=ROUNDING)


# Dominance


def assert_within_bounds(rubric: Rubric, steps: Sequence[StepFacts]) -> None:
    """The episode and, as an agent may stop anywhere, every beginning of it."""
    least, most = bounds(rubric)
    scores, _ = play(rubric, steps)
    so_far = 0.0
    for facts, score in zip(ended(steps), scores, strict=True):
        so_far += score.total
        if is_right(facts):
            assert so_far >= least - ROUNDING
            assert so_far > most
        else:
            assert so_far <= most + ROUNDING


@settings(max_examples=1200, deadline=None)
@given(episodes())
def test_no_episode_breaks_dominance(steps: list[StepFacts]) -> None:
    for rubric in RUBRICS.values():
        assert_within_bounds(rubric, steps)


@ALL
def test_no_long_episode_breaks_dominance(rubric: Rubric) -> None:
    rng = random.Random(20240607)
    kinds: list[Kind] = ["describe", "sample", "query", "query", "query", "invalid"]
    for _ in range(600):
        lucky = rng.random()
        steps = [
            StepFacts(
                rng.choice(kinds),
                rng.random() < lucky,
                rng.randrange(60),
                rng.randrange(60),
                rng.choice("abcdefgh"),
                rng.randrange(5),
                rng.randrange(1000),
            )
            for _ in range(rng.randrange(120))
        ]
        for ending in (answer(True, step_ratio=0.0, work_ratio=0.0), answer(False, ran=rng.random() < 0.5)):
            assert_within_bounds(rubric, [*steps, ending])


@ALL
def test_the_best_wrong_episode_returns_less_than_the_worst_right_one(rubric: Rubric) -> None:
    """Greedy adversaries: each step is the one of a menu that makes the return so far greatest, or least."""

    def greedy(pick: Callable[[Iterable[StepFacts], Callable[[StepFacts], float]], StepFacts]) -> list[StepFacts]:
        steps: list[StepFacts] = []
        state = State()
        for i in range(200):
            menu = [query(i, level) for level in range(TOP_LEVEL + 1)]
            menu += [fact("describe", i, table=f"t{i}"), fact("invalid", 0), fact("query", 0, ran=False), query(0, 0)]
            here = state
            steps.append(pick(menu, lambda f, here=here: score_step(rubric, here, f)[0].total))  # type: ignore[misc]
            state = score_step(rubric, state, steps[-1])[1]
        return steps

    best = greedy(lambda menu, key: max(menu, key=key))
    worst = greedy(lambda menu, key: min(menu, key=key))
    right = total(play(rubric, [*worst, answer(True, step_ratio=0.0, work_ratio=0.0)])[0])
    found = bounds(rubric)
    assert right == pytest.approx(found.min_correct)  # the bounds are reached, so they are not merely safe
    assert total(play(rubric, best)[0]) == pytest.approx(found.max_incorrect)
    assert right > found.max_incorrect


weight = st.floats(-1, 1)
some_rubric = st.builds(
    Rubric,
    name=st.just("some"),
    description=st.just(""),
    **{
        field.name: weight
        for field in dataclasses.fields(Rubric)
        if field.name not in ("name", "description", "shaped_min", "shaped_max", "shaping", "gamma", "correct")
    },
    correct=st.floats(-1, 4),
    shaped_min=st.floats(-1, 0),
    shaped_max=st.floats(0, 1),
    shaping=st.sampled_from(["improvement", "potential", "none"]),
    gamma=st.sampled_from([1.0, 1.0, 0.9, 1.1]),
)


@settings(max_examples=500, deadline=None)
@given(some_rubric, episodes())
def test_the_bounds_hold_for_any_weights(rubric: Rubric, steps: list[StepFacts]) -> None:
    """Also for rubrics that are refused: the analysis itself is what is tested."""
    least, most = bounds(rubric)
    scores, _ = play(rubric, steps)
    last = ended(steps)[-1:]
    if last and is_right(last[0]):
        assert total(scores) >= least - ROUNDING
    else:
        assert total(scores) <= most + ROUNDING


@settings(max_examples=200, deadline=None)
@given(some_rubric, episodes(), episodes(), unit, unit)
def test_a_rubric_that_passes_the_check_is_not_broken(
    rubric: Rubric, good: list[StepFacts], bad: list[StepFacts], step_ratio: float, work_ratio: float
) -> None:
    rubric = replace(rubric, correct=abs(rubric.correct) + 3.0, gamma=1.0)  # so that many do pass
    try:
        check_dominance(rubric)
    except RubricError:
        assume(False)
    good = [f for f in good if f.kind != "answer" and not f.truncates]
    bad = [replace(f, correct=False) for f in bad]
    right = play(rubric, [*good, answer(True, step_ratio=step_ratio, work_ratio=work_ratio)])[0]
    assert total(right) > total(play(rubric, bad)[0])


def test_shipped_rubrics_pass_with_these_bounds() -> None:
    assert list(RUBRICS) == ["dense", "sparse", "potential"]
    found = check_rubrics()
    assert list(found) == list(RUBRICS)
    assert found["dense"] == pytest.approx((0.795, 0.40))
    assert found["sparse"] == (1.0, 0.0)
    assert found["potential"] == pytest.approx((0.795, 0.55))  # 0.55: given up right after a result that equals gold's


def test_a_rubric_that_breaks_dominance_is_refused_and_can_be_broken() -> None:
    weak = replace(DENSE, name="weak", correct=0.5)
    with pytest.raises(RubricError, match=r"'weak' breaks dominance.*0\.295.*0\.4"):
        check_dominance(weak)
    clumsy = [*[fact("invalid", 1)] * 40, answer(True, step_ratio=0.0, work_ratio=0.0)]
    busy = [query(i) for i in range(60)]
    assert total(play(weak, clumsy)[0]) < total(play(weak, busy)[0])
    with pytest.raises(RubricError, match="weak"):
        check_rubrics([DENSE, weak])


@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.999, 1.001, 2.0])
def test_another_discount_is_refused_because_a_long_episode_breaks_it(gamma: float) -> None:
    rubric = replace(POTENTIAL, gamma=gamma)
    with pytest.raises(RubricError, match=r"breaks dominance.*inf"):
        check_dominance(rubric)
    held = [query(0, 4)] * 20_000  # Φ stays at 1, and every step pays (γ − 1)Φ
    returned = total(play(rubric, held)[0])
    right = total(play(rubric, [*held, answer(True)])[0])
    assert right < bounds(DENSE).max_incorrect if gamma < 1 else returned > 1.15


@pytest.mark.parametrize(
    "change",
    [
        {"correct": math.inf},
        {"step": math.nan},
        {"gamma": math.nan},
        {"new_information_cap": -math.inf},
        {"shaped_min": 0.1},
        {"shaped_max": -0.1},
        {"gamma": -1.0},
        {"shaping": "other"},
        {"correct": 0.605},
        {"shaped_max": 0.795},
        {"shaped_min": -1.0},
        {"step_efficiency": -0.5},
        {"failed": 5.0},
        {"step": -math.inf},
    ],
)
def test_rubrics_that_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RubricError, match="rubric 'dense'"):
        check_dominance(replace(DENSE, **change))


def test_rubric_error_is_a_value_error() -> None:
    assert issubclass(RubricError, ValueError)


# Description


def test_description_lists_what_a_rubric_may_give() -> None:
    listed = {name: [info.name for info in describe(rubric)] for name, rubric in RUBRICS.items()}
    shaped = ["failed", "query_ran", "new_information", "repeat", "step", "clamp"]
    earned = ["correct", "step_efficiency", "work_efficiency"]
    assert listed == {
        "dense": [*shaped, "progress", *earned],
        "sparse": earned,
        "potential": [*shaped, "potential", *earned],
    }
    for rubric in RUBRICS.values():
        assert rubric.description
        for info in describe(rubric):
            assert info.description.endswith(".")
            assert math.isfinite(info.weight)


def test_rubrics_are_values() -> None:
    for thing, name in ((DENSE, "step"), (State(), "shaped_sum"), (query(1), "level")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, 0)
