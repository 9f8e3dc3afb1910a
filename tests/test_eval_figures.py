"""Figures of evaluations: intervals, samples, differences, and what is in none of them."""

from __future__ import annotations

import json
import random
from itertools import combinations
from math import comb, sqrt
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlenv.agents.bootstrap import MIN_DATABASES, Point, bootstrap
from sqlenv.agents.figures import agent_figures, check_comparable, compare, counted, evaluation, pass_at, sampled
from sqlenv.errors import DataSetError
from tests.eval_records import episode

POINTS = st.lists(
    st.builds(Point, st.integers(0, 30), st.integers(0, 6), st.sampled_from([0.0, 1.0]), st.floats(-1, 2)), min_size=1
)


def points(count: int, share: float, databases: int = 6) -> list[Point]:
    rng = random.Random(3)
    return [Point(i, i % databases, float(rng.random() < share), rng.random()) for i in range(count)]


@settings(max_examples=40, deadline=None)
@given(POINTS, st.randoms())
def test_intervals_hold_what_was_seen_whatever_the_order(found: list[Point], rng: random.Random) -> None:
    accuracy, value = bootstrap(found, resamples=50)
    for intervals in (accuracy, value):
        assert intervals.tasks[0] <= intervals.tasks[1]
    assert 0 <= accuracy.tasks[0] <= accuracy.tasks[1] <= 1
    low, high = min(p.value for p in found), max(p.value for p in found)
    assert low - 1e-6 <= value.tasks[0] <= value.tasks[1] <= high + 1e-6
    mixed = found[:]
    rng.shuffle(mixed)
    assert bootstrap(mixed, resamples=50) == (accuracy, value)


def test_drawing_tasks_agrees_with_theory() -> None:
    found = points(400, 0.4)
    accuracy, value = bootstrap(found)
    for intervals, values in (
        (accuracy, [p.accuracy for p in found]),
        (value, [p.value for p in found]),
    ):
        half = 1.96 * stdev(values) / sqrt(len(values))
        assert intervals.tasks == pytest.approx((fmean(values) - half, fmean(values) + half), abs=0.05 * half + 0.002)


def test_the_seed_decides() -> None:
    found = points(60, 0.5)
    one = bootstrap(found, 500, seed=1)
    assert one == bootstrap(found, 500, seed=1)
    assert one != bootstrap(found, 500, seed=2)


def test_episodes_of_one_task_are_drawn_together() -> None:
    once = points(40, 0.5)
    many = [Point(p.task, p.database, p.accuracy, p.value) for p in once for _ in range(9)]
    assert bootstrap(many)[0].tasks == pytest.approx(bootstrap(once)[0].tasks, abs=1e-9)  # nothing new was learned


def test_databases_that_differ_make_intervals_wider() -> None:
    found = [Point(i, i // 20, float(i // 20 % 2), 0.0) for i in range(200)]  # right on every other database
    accuracy, _ = bootstrap(found)
    assert accuracy.databases is not None
    assert accuracy.databases[1] - accuracy.databases[0] > 3 * (accuracy.tasks[1] - accuracy.tasks[0])


def test_few_databases_have_no_interval() -> None:
    assert bootstrap(points(50, 0.5, MIN_DATABASES - 1))[0].databases is None
    assert bootstrap(points(50, 0.5, MIN_DATABASES))[0].databases is not None
    with pytest.raises(ValueError, match="no episodes"):
        bootstrap([])


def test_unequal_clusters_are_weighed_by_their_episodes() -> None:
    found = [Point(0, 0, 1.0, 1.0)] * 30 + [Point(1, 0, 0.0, 0.0)] * 10
    accuracy, _ = bootstrap(found, resamples=400)
    assert accuracy.tasks == (0.0, 1.0)
    figures = agent_figures([episode("a", 1, True, sample=s) for s in range(1, 31)])
    assert figures["accuracy"] == 1.0


# What counts


def test_failed_episodes_are_counted_and_in_no_figure() -> None:
    played = [episode("a", i, True) for i in range(4)] + [episode("a", 9, False, failed="HTTP 500", state="failed")]
    figures = agent_figures(played, resamples=20)
    assert (figures["episodes"], figures["failed"], figures["accuracy"]) == (4, 1, 1.0)
    nothing = agent_figures([episode("a", 9, False, failed="HTTP 500")])
    assert (nothing["episodes"], nothing["failed"], nothing["sampled"]) == (0, 1, None)


def test_episodes_of_one_task_are_no_independent_trials() -> None:
    once = agent_figures([episode("a", i, i % 2 == 0) for i in range(100)], resamples=20)
    many = agent_figures([episode("a", i, i % 2 == 0, sample=s) for i in range(100) for s in range(1, 9)], resamples=20)
    assert (once["episodes"], many["episodes"]) == (100, 800)
    assert (many["low"], many["high"]) == pytest.approx((once["low"], once["high"]))


def test_greedy_episodes_count_and_samples_beside_them() -> None:
    greedy = [episode("a", i, i < 6) for i in range(8)]
    drawn = [episode("a", i, i < s, sample=s, temperature=0.7) for i in range(8) for s in (1, 2)]
    assert counted(greedy + drawn) == greedy
    assert counted(drawn) == drawn == sampled(greedy + drawn)
    figures = agent_figures(greedy + drawn, resamples=20)
    assert (figures["greedy"], figures["accuracy"]) == (True, 0.75)
    assert figures["sampled"]["accuracy"] == pytest.approx(3 / 16)
    assert (figures["sampled"]["samples"], figures["sampled"]["temperature"]) == (2, 0.7)
    assert figures["sampled"]["pass_at"] == {"1": pytest.approx(3 / 16), "2": pytest.approx(2 / 8)}
    assert figures["by"]["database"]["d0"]["episodes"] == 8
    assert agent_figures(drawn, resamples=20)["greedy"] is False


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=4))
def test_pass_at_k_is_the_mean_over_all_subsets(tasks: list[list[bool]]) -> None:
    drawn = [episode("a", i, right, sample=s + 1) for i, tally in enumerate(tasks) for s, right in enumerate(tally)]
    found = pass_at(drawn)
    assert list(found) == [1, 2, 3]
    for k, value in found.items():
        subsets = [fmean(any(one) for one in combinations(tally, k)) for tally in tasks]
        assert value == pytest.approx(fmean(subsets))


def test_pass_at_known() -> None:
    drawn = [episode("a", 0, s < 3, sample=s + 1) for s in range(10)]
    assert pass_at(drawn)[4] == pytest.approx(1 - comb(7, 4) / comb(10, 4))
    assert list(pass_at(drawn)) == [1, 2, 4, 8, 10]
    assert pass_at([]) == {}


# Differences


def test_a_comparison_counts_pairs() -> None:
    before = [episode("b", i, i % 4 == 0) for i in range(80)] + [episode("b", 99, True)]
    after = [episode("a", i, i % 2 == 0 and i != 4) for i in range(80)] + [episode("a", 98, True)]
    found = compare("b", before, "a", after)
    assert found is not None
    assert (found.episodes, found.gained, found.lost, found.both_right, found.both_wrong) == (80, 20, 1, 19, 40)
    assert found.accuracy == pytest.approx(19 / 80)
    low, high = found.accuracy_intervals.tasks
    assert 0.1 < low < 19 / 80 < high < 0.35
    assert found.accuracy_intervals.databases is not None
    alone = agent_figures(before)["intervals"]["accuracy"]["tasks"]
    assert high - low < 1.2 * (alone[1] - alone[0])  # pairs tell more than two separate means
    assert compare("b", before, "x", [episode("x", 500, True)]) is None


def test_one_that_was_played_once_is_compared_with_each_sample() -> None:
    once = [episode("b", i, i < 20) for i in range(40)]
    drawn = [episode("a", i, i < 30 or s == 2, sample=s) for i in range(40) for s in (1, 2)]
    found = compare("b", once, "a", drawn)
    assert found is not None
    assert (found.episodes, found.gained, found.lost, found.both_wrong) == (80, 30, 0, 10)
    assert found.accuracy == pytest.approx(30 / 80)
    back = compare("a", drawn, "b", once)
    assert back is not None
    assert (back.episodes, back.gained, back.lost) == (80, 0, 30)


def test_an_agent_does_not_differ_from_itself() -> None:
    played = [episode("a", i, i % 3 == 0) for i in range(30)]
    found = compare("a", played, "b", played)
    assert found is not None
    assert (found.accuracy, found.accuracy_intervals.tasks, found.gained, found.lost) == (0.0, (0.0, 0.0), 0, 0)


def test_episodes_of_different_services_are_not_compared() -> None:
    for field in ("dataset_version", "rubric", "scorer_version"):
        with pytest.raises(DataSetError, match="can't be compared"):
            check_comparable([episode("a", 1, True), episode("b", 1, True, **{field: "other"})])
    check_comparable([episode("a", 1, True), episode("b", 1, False, scorer_version="")])  # it never got a score


def test_an_evaluation_is_json_and_in_the_order_given() -> None:
    runs = {name: [episode(name, i, i < 10 * n) for i in range(60)] for n, name in enumerate(("z", "m", "a"))}
    found = evaluation(runs, {"dataset": "d", "seed": 0}, resamples=50)
    assert json.loads(json.dumps(found)) == found
    assert list(found["agents"]) == ["z", "m", "a"]
    assert [(one["before"], one["after"]) for one in found["comparisons"]] == [("z", "m"), ("m", "a")]
    assert found["agents"]["a"]["intervals"]["accuracy"]["databases"] is not None
    assert found["min_correct_return"] > found["max_incorrect_return"]
    assert set(found["agents"]["a"]["by"]) == {"difficulty", "answer_type", "split", "database"}


def test_ten_thousand_draws_take_a_second_or_two() -> None:
    import time

    started = time.process_time()
    bootstrap(points(742, 0.4, 12))
    assert time.process_time() - started < 4  # 0.6 s on the machine where it was written
