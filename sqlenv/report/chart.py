"""The picture at the top of a report: each agent's accuracy with its 95% interval, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from sqlenv.report.build import el, one_line

WIDTH, LEFT, RIGHT, TOP, ROW = 740, 130, 120, 8, 34
NAME_CHARS = 17


def accuracy_chart(agents: Mapping[str, Mapping[str, Any]]) -> Element | None:
    """A dot for greedy accuracy on a bar for its Wilson interval, a ring for what was sampled. None without figures."""
    known = {name: figures for name, figures in agents.items() if figures["episodes"]}
    if not known:
        return None
    bottom = TOP + ROW * len(known)
    said = "; ".join(f"{one_line(name)} {figures['accuracy']:.3f}" for name, figures in known.items())
    svg = el("svg", viewBox=f"0 0 {WIDTH} {bottom + 26}", role="img", aria_label=f"Accuracy: {said}")
    for tenth in range(0, 11, 2):
        x = _x(tenth / 10)
        svg.append(el("line", class_="grid", x1=x, x2=x, y1=str(TOP), y2=str(bottom)))
        svg.append(el("text", f"{tenth * 10}%", class_="soft", x=x, y=str(bottom + 18), text_anchor="middle"))
    for row, (name, figures) in enumerate(known.items()):
        svg.extend(_row(one_line(name), figures, TOP + ROW * row + ROW / 2))
    return svg


def _row(name: str, figures: Mapping[str, Any], y: float) -> list[Element]:
    shown = name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"
    parts = [
        el("text", shown, x=str(LEFT - 14), y=f"{y + 4:.1f}", text_anchor="end"),
        el("line", class_="range", x1=_x(figures["low"]), x2=_x(figures["high"]), y1=f"{y:.1f}", y2=f"{y:.1f}"),
    ]
    sampled = figures.get("sampled")
    if sampled and figures["greedy"]:
        parts.append(el("circle", class_="ring", cx=_x(sampled["accuracy"]), cy=f"{y:.1f}", r="4.5"))
    parts.append(el("circle", class_="dot", cx=_x(figures["accuracy"]), cy=f"{y:.1f}", r="5"))
    words = f"{figures['accuracy']:.3f}"
    if sampled and figures["greedy"]:
        words += f"  ○ {sampled['accuracy']:.3f}"
    parts.append(el("text", words, x=str(WIDTH - RIGHT + 16), y=f"{y + 4:.1f}"))
    return parts


def _x(share: float) -> str:
    return f"{LEFT + share * (WIDTH - LEFT - RIGHT):.1f}"
