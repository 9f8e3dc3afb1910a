"""Plays agents for `sqlenv eval`, and says what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from sqlenv.agents.figures import compare, evaluation
from sqlenv.agents.players import GREEDY, Plan, Player, Way
from sqlenv.agents.rollout import Trajectory
from sqlenv.cli.baselines import Run, accuracy_table, comparison_table, group_table, summary_table
from sqlenv.cli.common import err, out, progress, safe
from sqlenv.cli.report import tell
from sqlenv.client import SqlEnvClient
from sqlenv.report.write import write_report

SHOWN_DATABASES = 20


def run_player(
    client: SqlEnvClient, player: Player, plan: Plan, ways: Sequence[Way], note: Callable[[Trajectory], None]
) -> Run:
    """Lets a player play the plan in each of the ways; once, where they make no difference to it."""
    run = Run(player.label)
    todo = ways if player.drawn else [GREEDY]
    with progress(player.label, len(plan.jobs) * len(todo)) as advance:
        for way in todo:
            for record in player.play(client, plan, way):
                run.played.append(record)
                note(record)
                advance()
    return run


def tell_figures(
    runs: Sequence[Run],
    about: Mapping[str, Any],
    plan: Plan,
    report: Path | None,
    as_json: bool,
    compared: bool,
) -> None:
    """Writes the report that was asked for, and prints tables or JSON. `about`: data set, seed and models.

    `compared`: the differences in tables, too.
    """
    played = {run.label: run.played for run in runs}
    figures = evaluation(played, about, seed=plan.seed) if as_json or report else None
    written = write_report(report, played, summary=figures, force=True) if report else None
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    title = f"{len(plan.jobs)} episodes of {about['dataset']}, rubric {plan.rubric}, seed {plan.seed}"
    out.print(summary_table(runs, title))
    for kind, words in (
        ("difficulty", "accuracy by difficulty"),
        ("answer_type", "by answer type"),
        ("split", "by split"),
    ):
        out.print(accuracy_table(runs, kind, words))
    databases = len({record.db_id for run in runs for record in run.counted})
    if 1 < databases <= SHOWN_DATABASES:
        out.print(group_table(runs, "database", "by database"))
    elif databases > SHOWN_DATABASES:
        out.print(f"\nby database: {databases} of them, in --json and --report", highlight=False)
    if compared and len(runs) > 1:
        pairs = [(a, b, compare(a.label, a.played, b.label, b.played, seed=plan.seed)) for a, b in pairwise(runs)]
        if any(found for _, _, found in pairs):
            out.print(comparison_table([found for _, _, found in pairs if found]))
        for a, b, found in pairs:
            if not found:
                words = f"{a.label} and {b.label} have no episode in common that both played to its end: not compared"
                out.print(safe(words), markup=False, highlight=False, soft_wrap=True)
    if written:
        tell(written)


def say_failures(runs: Sequence[Run]) -> None:
    """Says what failed. Raises Exit where anything did."""
    for run in runs:
        if run.failed:
            words = (
                f"{run.label}: {len(run.failed)} of {len(run.played)} episodes failed and are in no figure, the first"
            )
            err.print(Text(safe(f"{words} with: {run.failed[0].failed}"), style="red"), soft_wrap=True)
    if any(run.failed for run in runs):
        raise typer.Exit(1)
