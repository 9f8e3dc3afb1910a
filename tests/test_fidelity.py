"""The labelled pairs of the fidelity benchmark: what they cover, that their labels stand, and what they say of ours."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.fidelity.corpus import RULES, Pair, Ties, load_pairs, load_values
from benchmarks.fidelity.instances import build, concerned, random_instance, schema
from benchmarks.fidelity.peers import PEERS, bag_match, bird_ex, list_match, set_match, suite_match
from benchmarks.fidelity.reference import fitting, hidden, problem, run, shipped
from benchmarks.scorer_fidelity import by_rule, errors, figures
from reward_service.compare import agree
from reward_service.ordering import plan

PAIRS = load_pairs()
VALUES = load_values()
REPOSITORY = Path(__file__).resolve().parent.parent


def test_the_corpus_is_large_and_has_both_verdicts() -> None:
    right = sum(pair.right for pair in PAIRS)
    assert len(PAIRS) >= 420
    assert right >= 180
    assert len(PAIRS) - right >= 180
    assert len({(pair.db, pair.gold, pair.sql) for pair in PAIRS}) == len(PAIRS)
    assert len({pair.db for pair in PAIRS}) == 10


def test_every_rule_is_exercised() -> None:
    assert {pair.rule for pair in PAIRS} == set(RULES)


def test_every_pair_is_justified() -> None:
    assert all(pair.why for pair in PAIRS)
    assert [pair.id for pair in PAIRS if not pair.right and not pair.rows] == []
    assert [pair.id for pair in PAIRS if pair.right and pair.rows] == []


def test_value_answers_have_both_verdicts_and_every_type() -> None:
    assert {value.type for value in VALUES} == {"integer", "float", "string", "list", "table"}
    assert min(Counter(value.right for value in VALUES).values()) >= 30


def test_wrong_candidates_differ_on_their_instances() -> None:
    assert {pair.id: found for pair in PAIRS if not pair.right and (found := problem(pair, 0))} == {}


def test_right_candidates_agree_on_random_instances() -> None:
    assert {pair.id: found for pair in PAIRS if pair.right and (found := problem(pair, 8))} == {}


def test_the_shipped_databases_hide_many_differences() -> None:
    wrong = [pair for pair in PAIRS if not pair.right]
    assert sum(map(hidden, wrong)) / len(wrong) >= 0.40


def test_random_instances_are_valid_and_would_find_most_false_labels() -> None:
    found = Counter[bool]()
    for pair in [pair for pair in PAIRS if not pair.right and pair.rule not in {"hostile", "dialect"}][::4]:
        rng = random.Random(pair.id)
        orders = fitting(shipped(pair.db), pair)
        for _ in range(40):
            instance = random_instance(pair.db, rng, pair.gold, pair.sql)
            assert instance.execute("PRAGMA foreign_key_check").fetchall() == []
            orders = fitting(instance, pair, orders)
            if not orders:
                break
        found[not orders] += 1
    assert found[True] / found.total() > 0.85


def test_our_comparison_agrees_with_the_plain_reference() -> None:
    differ = []
    for pair in PAIRS:
        names = {column.name.lower() for table in schema(pair.db).tables.values() for column in table}
        how = plan(pair.gold, names)
        strict = how.ordered and not how.key_positions  # documented: may refuse what ties allow
        if strict or pair.rule in {"hostile", "nondeterminism"}:
            continue
        rng = random.Random(f"compared on {pair.id}")
        instances = [random_instance(pair.db, rng, pair.gold, pair.sql) for _ in range(3)]
        for instance in [*instances, build(pair.db, pair.rows)]:
            candidate, gold, full = run(instance, pair.sql), run(instance, pair.gold), run(instance, how.sql)
            assert not isinstance(gold, str)
            assert not isinstance(full, str)
            ours = not isinstance(candidate, str) and agree(
                [(candidate.rows, how.gold(full.rows))], width=candidate.width, gold_width=gold.width
            )
            if ours != bool(fitting(instance, pair)):
                differ.append(pair.id)
    assert differ == []


def pair_of(gold: str, sql: str, *, right: bool = True, ties: Ties | None = None, **rows: object) -> Pair:
    stated = {table: list(some) for table, some in rows.items() if isinstance(some, list)}
    return Pair("a-pair", "order", "campus_pets", gold, sql, right, "why", stated, ties)


def test_a_false_label_is_found() -> None:
    equal = pair_of("SELECT full_name FROM vet", "SELECT v.full_name FROM vet AS v", right=False, vet=[{}])
    assert problem(equal, 0) == "its instance doesn't tell the two apart"
    differing = pair_of("SELECT full_name FROM vet", "SELECT DISTINCT full_name FROM vet")
    assert "random instance" in str(problem(differing, 60))
    visible = pair_of("SELECT full_name FROM vet", "SELECT clinic FROM vet")
    assert problem(visible, 0) == "the two differ on the shipped database"


def test_ties_that_do_not_describe_gold_are_refused() -> None:
    gold = "SELECT name FROM pet ORDER BY birth_date"
    wrong = pair_of(gold, gold, ties=Ties("SELECT name, name FROM pet ORDER BY name", 1))
    with pytest.raises(ValueError, match="don't describe gold"):
        problem(wrong, 0)


def test_the_reference_takes_ties_in_any_order() -> None:
    ties = Ties("SELECT name, species FROM pet ORDER BY species", 1, limit=2)
    rows = [{"name": "A", "species": "x"}, {"name": "B", "species": "y"}, {"name": "C", "species": "y"}]
    instance = build("campus_pets", {"pet": rows})

    def right(sql: str) -> bool:
        return bool(fitting(instance, pair_of("SELECT name FROM pet ORDER BY species LIMIT 2", sql, ties=ties)))

    assert right("SELECT name FROM pet ORDER BY species, name DESC LIMIT 2")
    assert not right("SELECT name FROM pet ORDER BY name DESC LIMIT 2")
    assert not right("SELECT name FROM pet ORDER BY species")


def test_stated_instances_are_filled_in_and_held_to_the_schema() -> None:
    instance = build("campus_pets", {"vet_visit": [{"fee_cents": 5, "pet_id": 7}, {"pet_id": 7}]})
    assert instance.execute("SELECT pet_id, fee_cents FROM vet_visit").fetchall() == [(7, 5), (7, 1)]
    assert instance.execute("SELECT pet_id FROM pet").fetchall() == [(7,)]
    with pytest.raises(ValueError, match="break a constraint"):
        build("campus_pets", {"pet": [{"sex": "?"}]})
    with pytest.raises(ValueError, match="no column wings"):
        build("campus_pets", {"pet": [{"wings": 2}]})


def test_only_the_tables_concerned_and_their_ancestors_are_filled() -> None:
    assert concerned("campus_pets", "SELECT 1 FROM vaccination") >= {"vaccination", "vet_visit", "vet", "pet"}
    assert "pet_owner" not in concerned("campus_pets", "SELECT 1 FROM vaccination")


def test_peers_follow_their_definitions() -> None:
    db, gold = "campus_pets", "SELECT DISTINCT species FROM pet"
    duplicates, turned = "SELECT species FROM pet", "SELECT DISTINCT species FROM pet ORDER BY species DESC"
    assert set_match(db, gold, duplicates)
    assert bird_ex(db, gold, duplicates)
    assert not bag_match(db, gold, duplicates)
    assert bag_match(db, gold, turned)
    assert not list_match(db, gold, turned)
    assert suite_match(db, gold, duplicates)
    assert not suite_match(db, gold, duplicates, keep_distinct=True)
    assert suite_match(db, "SELECT name, sex FROM pet", "SELECT sex, name FROM pet")
    assert not any(peer(db, gold, "SELECT no_such FROM pet") for peer in PEERS.values())


def test_figures_count_errors() -> None:
    from benchmarks.fidelity.ours import Scored

    some = [*[p for p in PAIRS if p.right][:2], *[p for p in PAIRS if not p.right][:3]]
    scored = {pair.id: Scored(at in {0, 2}, "said", 0.001) for at, pair in enumerate(some)}
    row = figures("scorer", some, scored)
    assert (row.false_accepts, row.false_refusals, row.precision, row.recall) == (1, 1, 0.5, 0.5)
    assert [found["error"] for found in errors(some, scored)] == ["false refusal", "false accept"]
    assert sum(cells["scorer"] != "·" for cells in by_rule(some, {"scorer": scored}).values()) >= 1


def test_the_benchmark_runs(tmp_path: Path) -> None:
    out = tmp_path / "fidelity.json"
    command = [sys.executable, "-m", "benchmarks.scorer_fidelity", "--quick", "--by-rule", "--out", str(out)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in found["rows"]}
    assert {"ours, in process", "ours, BatchScoreSql", "BIRD EX", "ours, value answers"} <= rows.keys()
    assert found["differ_over_grpc"] == []
    assert found["labels_failed"] == {}
    assert found["throughput"]["batch_pairs_per_s"] > 0
    assert "By rule" in done.stdout


@pytest.mark.slow
def test_the_speed_benchmark_runs(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    command = [sys.executable, "-m", "benchmarks.scorer_speed", "--mutants", "0", "--rounds", "1", "--out", str(out)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["pairs"] > 700
    assert min(found["batch_pairs_per_s"], found["single_p50_ms"], found["loop_pairs_per_s"]) > 0
