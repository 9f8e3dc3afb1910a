"""What runs came to, as one table beside the baselines. Pictures are in `trainer.pictures`.

Reads run folders alone (see `trainer.folder`), so that it can be asked for again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from sqlenv.agents.summary import wilson
from sqlenv.errors import ConfigError
from trainer.series import t_interval


def figures_of(run: Path) -> dict[str, Any]:
    """A run's figures. Raises ConfigError where the run has not ended."""
    file = run / "summary.json"
    if not file.is_file():
        raise ConfigError(f"{run}: no summary.json; the run has not ended, or this is no run folder")
    figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["figures"]
    return figures


def history_of(run: Path, stage: str = "grpo") -> list[dict[str, Any]]:
    """What a stage logged, in order."""
    file = run / stage / "history.json"
    if not file.is_file():
        raise ConfigError(f"{run}: stage {stage} has logged nothing")
    history: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return history


def table_of(runs: Sequence[Path], title: str) -> Table:
    """A row for each agent and stage; of several runs each, and their mean with its 95% t interval over seeds."""
    words = "greedy, sampled: share of right answers; looks: share that begins with DESCRIBE or SAMPLE, greedy"
    table = Table(
        caption=words,
        caption_justify="left",
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("policy", no_wrap=True)
    for heading in ("n", "greedy", "95% interval", "sampled", "looks", "return", "steps"):
        table.add_column(heading, justify="right", no_wrap=True)
    all_figures = [figures_of(run) for run in runs]
    for name in all_figures[0]:
        found = [figures[name] for figures in all_figures if name in figures]
        if len(found) > 1 and "sampled" in found[0]:
            for run, one in zip(runs, found, strict=True):
                table.add_row(*_row(f"{name} {run.name}", [one]))
            table.add_row(*_row(f"{name} mean", found), end_section=True)
        else:
            table.add_row(*_row(name, found))
    return table


def _row(name: str, found: Sequence[dict[str, Any]]) -> list[str]:
    greedy = [one["greedy"] for one in found]
    episodes = sum(int(one["episodes"]) for one in greedy)
    right = round(sum(one["accuracy"] * one["episodes"] for one in greedy))
    sampled = [one["sampled"]["accuracy"] for one in found if "sampled" in one]
    # Of several seeds their spread counts: pooled, episodes on the same questions would pass for independent ones. But
    # agents that learn nothing do not spread: what is uncertain there are the questions.
    over_seeds = t_interval([one["accuracy"] for one in greedy]) if sampled else None
    alone = wilson(right / len(found), episodes // len(found))
    low, high = (max(0.0, over_seeds[0]), min(1.0, over_seeds[1])) if over_seeds else alone
    return [
        name,
        str(episodes),
        f"{right / max(1, episodes):.3f}",
        f"{low:.3f}–{high:.3f}",
        f"{fmean(sampled):.3f}" if sampled else "",
        f"{fmean(one['looks_first'] for one in greedy):.0%}",
        f"{fmean(one['return'] for one in greedy):.3f}",
        f"{fmean(one['steps'] for one in greedy):.1f}",
    ]
