"""What runs came to: one table beside the baselines, and learning curves as a picture.

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

CURVES = (
    ("eval_greedy/accuracy", "accuracy, greedy", "C0"),
    ("eval_sampled/accuracy", "accuracy, sampled", "C1"),
    ("eval_greedy/looks_first", "begins with DESCRIBE or SAMPLE", "C2"),
)


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
    """A row for each agent and stage; of several runs each, and their mean with the interval of all episodes."""
    table = Table(
        title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    table.add_column("policy", no_wrap=True)
    for heading in ("n", "greedy", "95% interval", "sampled", "looks first", "return", "steps"):
        table.add_column(heading, justify="right", no_wrap=True)
    all_figures = [figures_of(run) for run in runs]
    for name in all_figures[0]:
        found = [figures[name] for figures in all_figures if name in figures]
        if len(found) > 1 and "sampled" in found[0]:
            for run, one in zip(runs, found, strict=True):
                table.add_row(*_row(f"{name} {run.name}", [one]))
            table.add_row(*_row(f"{name} all", found), end_section=True)
        else:
            table.add_row(*_row(name, found[:1]))
    return table


def _row(name: str, found: Sequence[dict[str, Any]]) -> list[str]:
    greedy = [one["greedy"] for one in found]
    episodes = sum(int(one["episodes"]) for one in greedy)
    right = round(sum(one["accuracy"] * one["episodes"] for one in greedy))
    low, high = wilson(right, episodes)
    sampled = [one["sampled"]["accuracy"] for one in found if "sampled" in one]
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


def draw_curves(runs: Sequence[Path], out: Path) -> None:
    """Learning curves of the GRPO stage: each run thin, their mean thick; the baselines as lines. PNG, SVG or PDF.

    Raises ConfigError where matplotlib is missing or a run has logged nothing.
    """
    histories = [history_of(run) for run in runs]
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("curves need matplotlib: pip install 'sqlenv[train]'") from None
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for key, label, color in CURVES:
        series = [[(one["step"], one[key]) for one in history if key in one] for history in histories]
        for points in series:
            axes.plot(*zip(*points, strict=True), color=color, alpha=0.35 if len(series) > 1 else 1.0, linewidth=1)
        steps = sorted({step for points in series for step, _ in points})
        means = [fmean(value for points in series for at, value in points if at == step) for step in steps]
        axes.plot(steps, means, color=color, linewidth=2, marker="o", label=label)
    for name, style in (("explorer", "--"), ("random", ":")):
        base = figures_of(runs[0]).get(name) if (runs[0] / "summary.json").is_file() else None
        if base:
            axes.axhline(base["greedy"]["accuracy"], color="0.5", linestyle=style, linewidth=1, label=f"{name} agent")
    axes.set(xlabel="GRPO step", ylabel="share of held-out episodes", ylim=(-0.02, 1.02))
    axes.set_title(f"Databases never trained on, {len(runs)} seed{'s' if len(runs) > 1 else ''}", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(out)
