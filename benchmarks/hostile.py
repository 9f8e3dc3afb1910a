"""The hostile corpus against both services over gRPC, beside an honest neighbour: `python -m benchmarks.hostile`.

For each family: how many cases, how many answered as expected within 2 s and without a leak, the slowest answer, how
far the service's memory rose above what it had before a case, and the neighbour's p99 over its quiet p99. `--service`
takes one of the two services, `--quick` every eighth case.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.hostile import corpus
from tests.hostile.attack import MAX_GROWTH_BYTES, MAX_P99_RATIO, Attack, verdicts

RESULTS = Path(__file__).parent / "results"


def run(service: str, quick: bool) -> dict[str, Any]:
    """Attacks one service and prints its table."""
    cases = corpus()[:: 8 if quick else 1]
    open_attack = Attack.on_environment if service == "environment" else Attack.on_reward
    with open_attack() as attack:
        attack.quiet(4 if quick else 15)
        for case in cases:
            attack.send(case if service == "environment" else verdicts(case))
        attack.quiet(2 if quick else 15)
    table = Table(title=f"{len(cases)} hostile cases against the {service} service")
    for name in ("family", "cases", "as expected", "slowest ms", "growth MB", "probe p99 / quiet"):
        table.add_column(name, justify="left" if name == "family" else "right")
    rows = attack.rows()
    for row in rows:
        ratio = "–" if row.p99_ratio is None else f"{row.p99_ratio:.2f}"
        figures = (str(row.cases), str(row.as_expected), f"{row.slowest_ms:,.0f}", f"{row.growth_mb:.1f}", ratio)
        table.add_row(row.family, *figures)
    ratio, growth = attack.p99_ratio(), attack.peak_growth_bytes
    slowest = max(answer.seconds for answer in attack.answers)
    right = sum(answer.fault is None for answer in attack.answers)
    total = (str(len(cases)), str(right), f"{slowest * 1000:,.0f}", f"{growth / 2**20:.1f}", f"{ratio:.2f}")
    table.add_section()
    table.add_row("all", *total, style="bold")
    Console(width=110).print(table)
    for answer in attack.answers:
        if answer.fault:
            print(f"✗ {answer.case.id}: {answer.fault}")
    print(f"the probe's quiet p99 is {attack.quiet_p99_ms():.2f} ms")
    met = right == len(cases) and growth < MAX_GROWTH_BYTES and ratio < MAX_P99_RATIO
    return {
        "service": service,
        "cases": len(cases),
        "as_expected": right,
        "slowest_ms": slowest * 1000,
        "peak_growth_mb": growth / 2**20,
        "quiet_p99_ms": attack.quiet_p99_ms(),
        "p99_ratio": ratio,
        "met": met,
        "families": [asdict(row) for row in rows],
    }


def main() -> None:
    """Runs, prints, writes the figures; exits with 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--service", choices=("environment", "reward"))
    options = parser.parse_args()
    services = [options.service] if options.service else ["environment", "reward"]
    load = os.getloadavg()[0]
    print(f"load average {load:.1f} on {os.cpu_count()} cores: where others work beside it, answers come later")
    reports = [run(service, options.quick) for service in services]
    if not options.quick and not options.service:
        RESULTS.mkdir(exist_ok=True)
        report = {"machine": platform.platform(), "cores": os.cpu_count(), "load_before": load, "services": reports}
        (RESULTS / "hostile.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if not all(report["met"] for report in reports):
        sys.exit(1)


if __name__ == "__main__":
    main()
