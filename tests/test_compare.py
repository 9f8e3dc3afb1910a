"""Values, bags, ties, limits and column permutations, against brute force."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.bags import rows_fit
from reward_service.compare import Gold, agree, matches
from reward_service.values import Clusters, equal
from sqlenv.types import Row, SqlValue

NAN = float("nan")
INF = float("inf")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (10**7, 10**7 + 1, False),
        (10**7, 10**7 + 1.0, True),
        (2**53, 2**53 + 1, False),
        (10**400, 10**400, True),
        (10**400, 10**400 + 1, False),
        (10**400, 1.0, False),
        (10**400, INF, False),
        (1.0, 1.0000005, True),
        (1.0, 1.000002, False),
        (0.0, 1e-10, True),
        (0, 1e-10, True),
        (0.0, 1e-8, False),
        (-1e-10, 1e-10, True),
        (-1.0, 1.0, False),
        (INF, INF, True),
        (INF, -INF, False),
        (INF, 1e308, False),
        (NAN, float("nan"), True),
        (NAN, 0.0, False),
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        ("1", 1, False),
        ("a", "A", False),
        ("a", "a ", False),
        ("a", b"a", False),
        (b"a", b"a", True),
    ],
)
def test_values(a: SqlValue, b: SqlValue, same: bool) -> None:
    assert equal(a, b) is same
    assert equal(b, a) is same
    assert agree([([(a,)], Gold(((b,),), None))], width=1, gold_width=1) is same
    assert agree([([("x", a)], Gold(((b, "x"),), None))], width=2, gold_width=2) is same


# Few values, so that ties, duplicates and near misses are common; the floats form a chain that isn't transitive.
STEP = 0.8e-6
EXACT: list[SqlValue] = [None, 0, 1, 2, "", "a", "1", b"a"]
NEAR: list[SqlValue] = [1.0, 1.0 + STEP, 1.0 + 2 * STEP, 1, 10**7, 10**7 + 1, 10**7 + 0.5, None, "a", NAN]
exact_cells = st.sampled_from(EXACT)
near_cells = st.sampled_from(NEAR)


def rows_of(cells: st.SearchStrategy[SqlValue], width: int, most: int = 5) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.tuples(*[cells] * width), max_size=most)


@given(near_cells | exact_cells | st.floats() | st.integers(), near_cells | exact_cells | st.floats() | st.integers())
def test_equality_is_symmetric_and_implies_one_cluster(a: SqlValue, b: SqlValue) -> None:
    assert equal(a, b) == equal(b, a)
    assert equal(a, a)
    clusters = Clusters([a, b, *NEAR])
    (x,), (y,) = clusters.tokens([a]), clusters.tokens([b])
    if equal(a, b):
        assert x == y
    elif x == y:
        assert x in clusters.loose


def brute_fit(candidate: list[Row], gold: list[Row]) -> bool:
    """Whether some order of gold starts with the candidate."""
    if len(candidate) > len(gold):
        return False
    return any(
        all(all(map(equal, a, b)) for a, b in zip(candidate, order, strict=True))
        for order in permutations(gold, len(candidate))
    )


@settings(max_examples=400)
@given(st.integers(1, 3).flatmap(lambda w: st.tuples(rows_of(near_cells, w), rows_of(near_cells, w))))
def test_bags_with_tolerance_equal_brute_force(pair: tuple[list[Row], list[Row]]) -> None:
    candidate, gold = pair
    assert rows_fit(candidate, [0] * len(candidate), gold, [0] * len(gold)) == brute_fit(candidate, gold)


@settings(max_examples=300)
@given(st.integers(1, 3).flatmap(lambda w: rows_of(near_cells, w)), st.data())
def test_nudged_and_shuffled_bags_fit(gold: list[Row], data: st.DataObject) -> None:
    near = {cell: [other for other in NEAR if equal(cell, other)] for cell in NEAR}
    nudged = [tuple(data.draw(st.sampled_from(near[cell])) for cell in row) for row in gold]
    candidate = data.draw(st.permutations(nudged))
    assert rows_fit(candidate, [0] * len(gold), gold, [0] * len(gold))
    assert rows_fit(candidate[1:], [0] * len(gold[1:]), gold, [0] * len(gold))


def test_nudged_floats_before_another_column() -> None:
    gold: list[Row] = [(0.3, "b"), (0.1 + 0.2, "a")]
    assert agree([([(0.3, "a"), (0.3, "b")], Gold(tuple(gold), None))], width=2, gold_width=2)
    assert not agree([([(0.3, "a"), (0.3, "a")], Gold(tuple(gold), None))], width=2, gold_width=2)


def test_bucket_edges_do_not_matter() -> None:
    for exponent in range(-8, 9):
        for digit in (1, 15, 25, 35, 123456.5):
            x = digit * 10.0**exponent
            gold = Gold(((x, "a"), (x * 2, "b")), None)
            assert agree([([(x * 2 * (1 - 9e-7), "b"), (x * (1 + 9e-7), "a")], gold)], width=2, gold_width=2)


def brute_answers(gold: Gold) -> list[list[Row]]:
    """Every answer that is right: all orders of gold that keep the keys' order, then offset and limit."""
    start = max(gold.offset, 0)
    stop = None if gold.limit is None or gold.limit < 0 else start + gold.limit
    answers = []
    for order in permutations(range(len(gold.rows))):
        if gold.keys is None or all(gold.keys[order[i]] == gold.keys[i] for i in range(len(order))):
            answers.append([gold.rows[i] for i in order][start:stop])
    return answers


def brute_matches(candidate: list[Row], gold: Gold) -> bool:
    # As lists where order counts; where it doesn't, all orders of gold are among the answers anyway.
    return any(
        len(candidate) == len(answer)
        and all(len(a) == len(b) and all(map(equal, a, b)) for a, b in zip(candidate, answer, strict=True))
        for answer in brute_answers(gold)
    )


@st.composite
def golds(draw: st.DrawFn, cells: st.SearchStrategy[SqlValue], width: int) -> Gold:
    rows: list[Row] = draw(rows_of(cells, width))
    keys = None
    if draw(st.booleans()):
        keys = tuple(
            (key,) for key in sorted(draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))))
        )
    limit = draw(st.none() | st.integers(-1, 6))
    return Gold(tuple(rows), keys, draw(st.integers(-1, 4)), limit)


@st.composite
def golds_and_candidates(draw: st.DrawFn, cells: st.SearchStrategy[SqlValue]) -> tuple[Gold, list[Row]]:
    width = draw(st.integers(1, 2))
    gold = draw(golds(cells, width))
    if draw(st.booleans()):
        candidate = draw(st.sampled_from(brute_answers(gold)))
    else:  # near misses: rows of gold in any order, one cell changed perhaps
        candidate = draw(st.permutations(gold.rows))[: gold.row_count]
        change = draw(st.booleans())
        if candidate and change:
            at = draw(st.integers(0, len(candidate) - 1))
            candidate[at] = (*candidate[at][:-1], draw(cells))
    return gold, candidate


@settings(max_examples=600)
@given(golds_and_candidates(st.sampled_from([None, 0, 1, "a"])))
def test_ties_and_limits_equal_brute_force(pair: tuple[Gold, list[Row]]) -> None:
    gold, candidate = pair
    width = len(gold.rows[0]) if gold.rows else 1
    assert matches(candidate, gold, tuple(range(width))) == brute_matches(candidate, gold)


@settings(max_examples=400)
@given(golds_and_candidates(near_cells))
def test_ties_and_limits_with_tolerance_equal_brute_force(pair: tuple[Gold, list[Row]]) -> None:
    gold, candidate = pair
    width = len(gold.rows[0]) if gold.rows else 1
    assert matches(candidate, gold, tuple(range(width))) == brute_matches(candidate, gold)


def test_keys_tie_as_in_sqlite() -> None:
    rows: tuple[Row, ...] = (("a",), ("b",))
    assert matches([("b",), ("a",)], Gold(rows, ((1,), (1.0,))), (0,))
    assert matches([("b",), ("a",)], Gold(rows, ((None,), (None,))), (0,))
    assert not matches([("b",), ("a",)], Gold(rows, ((1.0,), (1.0000001,))), (0,))
    assert not matches([("b",), ("a",)], Gold(rows, (("1",), (1,))), (0,))
    with pytest.raises(ValueError, match="1 order keys for 2 rows"):
        Gold(rows, ((1,),))


def test_row_counts() -> None:
    rows: tuple[Row, ...] = tuple((i,) for i in range(5))
    for offset, limit, count in [
        (0, None, 5),
        (2, None, 3),
        (9, None, 0),
        (4, 3, 1),
        (0, 0, 0),
        (-2, -1, 5),
        (1, 2, 2),
    ]:
        assert Gold(rows, None, offset, limit).row_count == count


@st.composite
def pairs(draw: st.DrawFn, cells: st.SearchStrategy[SqlValue]) -> tuple[list[tuple[list[Row], Gold]], int]:
    """Instances of one query, and a candidate that is right up to a column order, or nearly."""
    width = draw(st.integers(1, 4))
    order = draw(st.permutations(range(width)))
    found: list[tuple[list[Row], Gold]] = []
    for _ in range(draw(st.integers(1, 2))):
        gold = draw(golds(cells, width))
        answer = draw(st.sampled_from(brute_answers(gold)))
        found.append(([tuple(row[i] for i in order) for row in answer], gold))
    if draw(st.booleans()):
        candidate = draw(st.sampled_from(found))[0]
        if candidate:
            at, column = draw(st.integers(0, len(candidate) - 1)), draw(st.integers(0, width - 1))
            row = candidate[at]
            candidate[at] = (*row[:column], draw(cells), *row[column + 1 :])
    return found, width


def brute_agree(given: list[tuple[list[Row], Gold]], width: int) -> bool:
    return any(
        all(brute_matches([tuple(row[i] for i in order) for row in rows], gold) for rows, gold in given)
        for order in permutations(range(width))
    )


@settings(max_examples=300, deadline=None)
@given(pairs(st.sampled_from([0, 1, "a"])))
def test_agree_equals_brute_force(given: tuple[list[tuple[list[Row], Gold]], int]) -> None:
    found, width = given
    assert agree(found, width=width, gold_width=width) == brute_agree(found, width)


@settings(max_examples=200, deadline=None)
@given(pairs(st.sampled_from(NEAR)))
def test_agree_with_tolerance_equals_brute_force(given: tuple[list[tuple[list[Row], Gold]], int]) -> None:
    found, width = given
    assert agree(found, width=width, gold_width=width) == brute_agree(found, width)


wide_cells = st.none() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=3)
wide_rows = st.integers(1, 8).flatmap(lambda w: st.lists(st.tuples(*[wide_cells] * w), min_size=1, max_size=30))


@given(wide_rows, st.data())
def test_permuting_rows_and_columns_keeps_agreement(rows: list[Row], data: st.DataObject) -> None:
    width = len(rows[0])
    order = data.draw(st.permutations(range(width)))
    candidate = [tuple(row[i] for i in order) for row in data.draw(st.permutations(rows))]
    assert agree([(candidate, Gold(tuple(rows), None))], width=width, gold_width=width)


@given(wide_rows, st.data())
def test_changing_one_cell_breaks_agreement(rows: list[Row], data: st.DataObject) -> None:
    at, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, len(rows[0]) - 1))
    candidate = list(rows)
    candidate[at] = (*rows[at][:column], "changed", *rows[at][column + 1 :])
    assert not agree([(candidate, Gold(tuple(rows), None))], width=len(rows[0]), gold_width=len(rows[0]))


def test_one_permutation_must_fit_all_instances() -> None:
    first = Gold(((1, 2),), None)
    second = Gold(((3, 4),), None)
    assert agree([([(2, 1)], first), ([(4, 3)], second)], width=2, gold_width=2)
    assert not agree([([(2, 1)], first), ([(3, 4)], second)], width=2, gold_width=2)


def test_pairing_within_rows_counts() -> None:
    gold = Gold(((1, 2), (2, 1), (1, 1)), None)
    assert not agree([([(1, 1), (2, 2), (1, 1)], gold)], width=2, gold_width=2)


def test_width_and_emptiness() -> None:
    empty = Gold((), None)
    assert agree([([], empty)], width=2, gold_width=2)
    assert not agree([([], empty)], width=1, gold_width=2)
    assert not agree([([(1,)], empty)], width=1, gold_width=1)
    assert not agree([([(1, 1)], Gold(((1,),), None))], width=2, gold_width=1)
    with pytest.raises(ValueError, match="nothing"):
        agree([], width=1, gold_width=1)


def seconds(found: list[tuple[list[Row], Gold]], width: int, expected: bool) -> float:
    best = INF
    for _ in range(3):
        start = time.perf_counter()
        assert agree(found, width=width, gold_width=width) is expected
        best = min(best, time.perf_counter() - start)
    return best


def shuffled(rows: list[Row], rng: random.Random) -> list[Row]:
    width = len(rows[0])
    order = rng.sample(range(width), width)
    return [tuple(row[i] for i in order) for row in rng.sample(rows, len(rows))]


@pytest.mark.parametrize("kind", ["distinct", "identical", "binary", "floats", "constant pairs"])
def test_thirty_columns_are_quick(kind: str) -> None:
    rng = random.Random(7)
    cells: dict[str, Callable[[int, int], SqlValue]] = {
        "distinct": lambda r, c: f"{c}-{r % 7}",
        "identical": lambda r, c: r,
        "binary": lambda r, c: rng.randrange(2),
        "floats": lambda r, c: rng.random() * c,
        "constant pairs": lambda r, c: c // 2,
    }
    cell = cells[kind]
    rows: list[Row] = [tuple(cell(r, c) for c in range(30)) for r in range(100)]
    gold = Gold(tuple(rows), None)
    assert seconds([(shuffled(rows, rng), gold)], 30, True) < 0.1
    wrong = shuffled(rows, rng)
    wrong[0] = ("wrong", *wrong[0][1:])
    assert seconds([(wrong, gold)], 30, False) < 0.1


def test_adversarial_columns_are_bounded() -> None:
    """Columns alike one by one and in pairs, and no permutation: a regular graph against another."""
    nodes = 24
    ring = [(i, (i + 1) % nodes) for i in range(nodes)] + [(i, (i + 2) % nodes) for i in range(nodes)]
    other = [(i, (i + 1) % nodes) for i in range(nodes)] + [(i, (i + 3) % nodes) for i in range(nodes)]

    def incidence(edges: list[tuple[int, int]]) -> list[Row]:
        return [tuple(int(node in edge) for node in range(nodes)) for edge in edges]

    gold = Gold(tuple(incidence(ring)), None)
    assert seconds([(shuffled(incidence(ring), random.Random(1)), gold)], nodes, True) < 2
    assert seconds([(incidence(other), gold)], nodes, False) < 2


def test_a_spent_budget_is_not_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(2)
    rows: list[Row] = list(zip(*[rng.sample(range(9), 9) for _ in range(5)], strict=True))
    turned = ([row[::-1] for row in rows], Gold(tuple(rows), None))
    chain: tuple[Row, ...] = tuple((1 + i * STEP, 1 - i * STEP) for i in range(30))
    nudged: tuple[list[Row], Gold] = ([(1 + i * STEP, 1 - i * STEP + 1e-9) for i in range(30)], Gold(chain, None))
    assert agree([turned], width=5, gold_width=5)
    assert agree([nudged], width=2, gold_width=2)
    monkeypatch.setattr("reward_service.permutation.SEARCH_BUDGET", 10)
    monkeypatch.setattr("reward_service.bags.MATCH_BUDGET", 10)
    assert not agree([turned], width=5, gold_width=5)
    assert not agree([nudged], width=2, gold_width=2)


def test_adversarial_floats_are_bounded() -> None:
    chain = [1 + i * STEP for i in range(3000)]
    rng = random.Random(3)
    rows: list[Row] = [(x, y) for x, y in zip(chain, rng.sample(chain, 3000), strict=True)]
    wrong: list[Row] = [(x, rng.choice(chain)) for x, _ in rows]
    assert seconds([(wrong, Gold(tuple(rows), None))], 2, False) < 3


def test_floats_computed_another_way_agree_at_size() -> None:
    rng = random.Random(5)
    cells = [(f"n{i % 40}", rng.randrange(5), rng.random(), rng.random() * 1e6, i / 7) for i in range(1000)]
    rows: list[Row] = list(cells)
    near: list[Row] = [(a, b, c * (1 + 1e-12), d * (1 - 1e-12), e) for a, b, c, d, e in cells]
    gold = Gold(tuple(rows), None)
    assert seconds([(near, gold)], 5, True) < 0.1
    assert seconds([(shuffled(near, rng), gold)], 5, True) < 0.1


def test_counting_is_by_multiplicity() -> None:
    rows: list[Row] = [(1,), (1,), (2,)]
    gold = Gold(tuple(rows), None)
    for candidate in permutations([(1,), (2,), (2,)]):
        assert Counter(candidate) != Counter(rows)
        assert not matches(candidate, gold, (0,))
