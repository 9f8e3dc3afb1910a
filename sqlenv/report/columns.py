"""The columns of a report's tables, as text: the page and the Markdown have the same. Figures as in summary.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from sqlenv.report.build import one_line

DIFFERENCES = (
    "On the episodes that both played. Intervals are 95% bootstrap intervals of the paired difference: drawing tasks"
    " (other questions on these databases), and drawing whole databases (other databases)."
)

Column = tuple[str, Callable[[Mapping[str, Any]], str]]

COLUMNS: tuple[Column, ...] = (
    ("episodes", lambda f: str(f["episodes"])),
    ("accuracy", lambda f: f"{f['accuracy']:.3f}"),
    ("95% Wilson", lambda f: f"{f['low']:.3f}–{f['high']:.3f}"),
    ("bootstrap, tasks", lambda f: interval(f["intervals"]["accuracy"]["tasks"])),
    ("bootstrap, databases", lambda f: interval(f["intervals"]["accuracy"]["databases"])),
    ("return", lambda f: f"{f['mean_return']:.3f}"),
    ("execution", lambda f: f"{f['execution']:.3f}"),
    ("correctness", lambda f: f"{f['correctness']:.3f}"),
    ("efficiency", lambda f: f"{f['efficiency']:.3f}"),
    ("steps", lambda f: f"{f['mean_steps']:.1f}"),
)
"""Of an agent's figures."""

COMPARED: tuple[Column, ...] = (
    ("episodes", lambda one: str(one["episodes"])),
    ("accuracy", lambda one: f"{one['accuracy']['difference']:+.3f}"),
    ("by tasks", lambda one: interval(one["accuracy"]["tasks"], sign=True)),
    ("by databases", lambda one: interval(one["accuracy"]["databases"], sign=True)),
    ("return", lambda one: f"{one['return']['difference']:+.3f}"),
    ("return by tasks", lambda one: interval(one["return"]["tasks"], sign=True)),
    ("became right", lambda one: str(one["gained"])),
    ("became wrong", lambda one: str(one["lost"])),
)
"""Of the difference between two agents on the same episodes."""

CHANGES = {"accuracy", "return"}
"""Which of those are differences, and so better or worse."""


def alone(summary: Mapping[str, Any]) -> list[str]:
    """Words about neighbours that could not be compared."""
    compared = {(one["before"], one["after"]) for one in summary["comparisons"]}
    return [
        f"{one_line(before)} and {one_line(after)} have no episode in common, and so are not compared."
        for before, after in pairwise(summary["agents"])
        if (before, after) not in compared
    ]


def rows(agents: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The rows of the table of agents: each, and what was sampled of it."""
    made: list[tuple[str, Mapping[str, Any]]] = []
    for name, figures in agents.items():
        greedy = figures["greedy"] or not figures["sampled"]
        if greedy and figures["episodes"]:
            made.append((name, figures))
        drawn = figures["sampled"]
        if drawn:
            at = ", ".join(f"pass@{k} {value:.3f}" for k, value in drawn["pass_at"].items())
            warmth = "the endpoint's own temperature" if drawn["temperature"] is None else f"{drawn['temperature']:g}"
            made.append((f"{name}, sampled at {warmth} ({at})", drawn))
    return made


def models(summary: Mapping[str, Any]) -> list[str]:
    """Words about what is behind the agents' names."""
    return [f"{one_line(name)}: {one_line(source)}" for name, source in summary.get("models", {}).items()]


def failures(agents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Words about the episodes that are in no figure."""
    return [
        f"{one_line(name)}: {figures['failed']} episodes could not be played to their end, for no fault of the agent."
        " They are in no figure."
        for name, figures in agents.items()
        if figures["failed"]
    ]


def interval(pair: Sequence[float] | None, sign: bool = False) -> str:
    """An interval as text; a dash where there is none."""
    if not pair:
        return "—"
    return f"{pair[0]:+.3f} to {pair[1]:+.3f}" if sign else f"{pair[0]:.3f}–{pair[1]:.3f}"
