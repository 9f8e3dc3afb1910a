"""How often scorers of SQL err, ours and the field's: `python -m benchmarks.scorer_fidelity [--quick] [--by-rule]`.

Runs the labelled pairs of `benchmarks/fidelity` through our reward service, in process and over gRPC, and through
peers re-implemented from their published rules. Before that each label is put to the test: a wrong candidate must
differ on the instance that the pair states, a right one must agree on random valid instances. The pairs are rich in
traps on purpose: these are not rates on ordinary model output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

import apsw
from rich.console import Console
from rich.table import Table

from benchmarks.fidelity import wire
from benchmarks.fidelity.corpus import Pair, ValueAnswer, load_pairs, load_values
from benchmarks.fidelity.ours import Golds, Scored, make_golds, score_in_process
from benchmarks.fidelity.peers import PEERS, prepare
from benchmarks.fidelity.reference import hidden, problem
from benchmarks.scorer_speed import Throughput, one_core, service

RESULTS = Path(__file__).parent / "results"
OURS = "ours, in process"
WIRE = "ours, BatchScoreSql"
VALUES = "ours, value answers"


@dataclass(frozen=True, slots=True)
class Row:
    """One scorer's figures. Times are of a pair, in milliseconds."""

    name: str
    precision: float
    recall: float
    false_accepts: int
    wrong: int
    false_refusals: int
    right: int
    median_ms: float
    mean_ms: float


def figures(name: str, items: Sequence[Pair | ValueAnswer], scored: Mapping[str, Scored]) -> Row:
    """A scorer's row."""
    accepted = [item for item in items if scored[item.id].right]
    good = sum(item.right for item in accepted)
    right = sum(item.right for item in items)
    seconds = [scored[item.id].seconds * 1_000 for item in items]
    return Row(
        name=name,
        precision=good / len(accepted) if accepted else 1.0,
        recall=good / right if right else 1.0,
        false_accepts=len(accepted) - good,
        wrong=len(items) - right,
        false_refusals=right - good,
        right=right,
        median_ms=median(seconds),
        mean_ms=mean(seconds),
    )


def score_by_peer(name: str, pairs: Sequence[Pair]) -> dict[str, Scored]:
    """A peer's verdicts by id."""
    found: dict[str, Scored] = {}
    for pair in pairs:
        before = time.perf_counter()
        right = PEERS[name](pair.db, pair.gold, pair.sql)
        found[pair.id] = Scored(right, "", time.perf_counter() - before)
    return found


def errors(items: Sequence[Pair | ValueAnswer], scored: Mapping[str, Scored]) -> list[dict[str, str]]:
    """The pairs on which a scorer errs, with what is needed to look into it."""
    found = []
    for item in items:
        if scored[item.id].right != item.right:
            given = item.sql if isinstance(item, Pair) else item.answer
            kind = "false refusal" if item.right else "false accept"
            about = {"id": item.id, "error": kind, "db": item.db, "gold": item.gold, "given": given, "why": item.why}
            found.append({**about, "reason": scored[item.id].reason})
    return found


def by_rule(pairs: Sequence[Pair], scored: Mapping[str, Mapping[str, Scored]]) -> dict[str, dict[str, str]]:
    """For each rule and scorer: false accepts and false refusals, as "accepts/refusals"."""
    found: dict[str, dict[str, str]] = {}
    for rule in dict.fromkeys(pair.rule for pair in pairs):
        mine = [pair for pair in pairs if pair.rule == rule]
        right = sum(pair.right for pair in mine)
        found[rule] = {"wrong": str(len(mine) - right), "right": str(right)}
        for name, verdicts in scored.items():
            accepts = sum(verdicts[pair.id].right and not pair.right for pair in mine)
            refusals = sum(pair.right and not verdicts[pair.id].right for pair in mine)
            found[rule][name] = f"{accepts}/{refusals}" if accepts or refusals else "·"
    return found


def check_labels(pairs: Sequence[Pair], tries: int) -> dict[str, str]:
    """The labels that don't stand, by id, each with what was found."""
    return {pair.id: found for pair in pairs if (found := problem(pair, tries)) is not None}


def table(title: str, rows: Sequence[Row]) -> Table:
    """The table of figures."""
    made = Table(title=title)
    for name in ("scorer", "precision", "recall", "false accepts", "false refusals", "median ms", "mean ms"):
        made.add_column(name, justify="left" if name == "scorer" else "right")
    for row in rows:
        accepts, refusals = f"{row.false_accepts} of {row.wrong}", f"{row.false_refusals} of {row.right}"
        times = (f"{row.median_ms:.2f}", f"{row.mean_ms:.2f}")
        made.add_row(row.name, f"{row.precision:.3f}", f"{row.recall:.3f}", accepts, refusals, *times)
    return made


def rule_table(rules: Mapping[str, Mapping[str, str]]) -> Table:
    """The breakdown by rule."""
    made = Table(title="By rule: false accepts/false refusals")
    made.add_column("rule")
    for name in next(iter(rules.values())):
        made.add_column(name, justify="right")
    for rule, cells in rules.items():
        made.add_row(rule, *cells.values())
    return made


def measure(golds: Golds, pairs: Sequence[Pair], rounds: int) -> tuple[dict[str, dict[str, Scored]], Throughput, str]:
    """All scorers' verdicts on the pairs, our throughput, and our scorer's version."""
    scored: dict[str, dict[str, Scored]] = {OURS: asyncio.run(score_in_process(golds, pairs))}
    with one_core(), service(golds.directory) as client:
        version: str = client.describe_rubrics().scorer_version
        scored[WIRE] = wire.score(client, golds, pairs)
        speed = wire.speed(client, golds, pairs, rounds)
    for db in {pair.db for pair in pairs}:
        prepare(db)
    for name in PEERS:
        scored[name] = score_by_peer(name, pairs)
    return scored, speed, version


def report_errors(console: Console, found: Sequence[Mapping[str, str]]) -> None:
    """Lists each of our errors."""
    for error in found:
        console.print(f"[bold]{error['id']}[/] {error['error']} ({error['db']}): {error['why']}", highlight=False)
        console.print(f"    gold   {error['gold']}\n    given  {error['given']}", markup=False, highlight=False)
        console.print(f"    said   {error['reason']}", markup=False, highlight=False)


def main() -> int:
    """Measures, prints, writes the JSON; 1 where a label does not stand."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scorer_fidelity", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every eighth pair, few tries, no instance suite")
    parser.add_argument("--by-rule", action="store_true", help="break the figures down by rule")
    parser.add_argument("--no-suite", action="store_true", help="our scorer with the shipped database only")
    parser.add_argument("--tries", type=int, default=60, help="random instances a right pair is tried on")
    parser.add_argument("--out", type=Path, default=RESULTS / "scorer_fidelity.json", help="where the JSON goes")
    options = parser.parse_args()
    step, tries, rounds = (8, 3, 1) if options.quick else (1, options.tries, 3)
    pairs, values = load_pairs()[::step], load_values()[::step]
    console = Console(width=None if sys.stdout.isatty() else 160)

    failed = check_labels(pairs, tries)
    for name, found in failed.items():
        console.print(f"label of {name} does not stand: {found}", markup=False)
    traps = sum(hidden(pair) for pair in pairs if not pair.right)
    with tempfile.TemporaryDirectory() as folder:
        golds = make_golds(Path(folder), [*pairs, *values], suite=not (options.quick or options.no_suite))
        scored, speed, version = measure(golds, pairs, rounds)
        answered = asyncio.run(score_in_process(golds, values))
    rows = [figures(name, pairs, verdicts) for name, verdicts in scored.items()]
    value_row = figures(VALUES, values, answered)
    wrong = sum(not pair.right for pair in pairs)
    mine = errors(pairs, scored[OURS]) + errors(values, answered)
    apart = [pair.id for pair in pairs if scored[OURS][pair.id].right != scored[WIRE][pair.id].right]
    rules = by_rule(pairs, {name: scored[name] for name in (OURS, "execution match, bag", *list(PEERS)[-2:])})

    console.print(table(f"{len(pairs)} labelled pairs, {len({pair.db for pair in pairs})} databases", [*rows]))
    console.print(table(f"{len(values)} value answers", [value_row]))
    if options.by_rule:
        console.print(rule_table(rules))
    report_errors(console, mine)
    used = "" if "suite" in version or "only" in golds.suite else " (but the service does not use it)"
    console.print(f"ours: scorer version {version}; {golds.suite}{used}, built in {golds.build_s:.1f} s")
    console.print(f"verdicts that differ between in process and gRPC: {', '.join(apart) or 'none'}")
    console.print(f"traps: {traps} of {wrong} wrong pairs agree with gold on the shipped database")
    console.print(
        f"labels: {len(pairs) - len(failed)} of {len(pairs)} stand, right ones on {tries} random instances each"
    )
    console.print(str(speed))
    about = {"quick": options.quick, "tries": tries, "scorer_version": version}
    about |= {"suite": golds.suite, "suite_build_s": golds.build_s}
    counts = {"pairs": len(pairs), "values": len(values), "traps": traps, "wrong": wrong, "labels_failed": failed}
    record = {
        **{**about, **counts, "sqlite": apsw.sqlite_lib_version(), "differ_over_grpc": apart},
        "rows": [asdict(row) for row in [*rows, value_row]],
        "throughput": asdict(speed),
        "by_rule": rules,
        "errors": mine,
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"written to {options.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
