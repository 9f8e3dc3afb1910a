"""The strokes that pictures of runs are made of: lines with bands, stacked areas, words at the ends of lines.

Matplotlib's figures alone, never pyplot: nothing is left behind in the process. Colours are Okabe and Ito's, which the
colour-blind tell apart; words stand where the lines end, so that no legend has to be looked up.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlenv.errors import ConfigError
from trainer.series import History, Point, having, logged, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, SKY, GREEN, ORANGE, RED, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#AA4499"
INK, GREY = "#222222", "#767676"

WIDTH, HEIGHT, DPI = 8.4, 4.6, 120
GAP = 0.052  # between two labels, as a share of the axes' height

End = tuple[float, str, str]
"""Where a line ends, what it is, its colour."""


def new_figure(panels: int, title: str) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side. Raises ConfigError where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise ConfigError("pictures need matplotlib: pip install 'sqlenv[train]'") from None
    figure = Figure(figsize=(WIDTH if panels == 1 else 1.35 * WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=12, x=0.01, ha="left", color=INK, fontweight="bold")
    panes = list(figure.subplots(1, panels, squeeze=False)[0])
    for axes in panes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
        axes.set_axisbelow(True)
        axes.set_xlabel("GRPO step")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    return figure, panes


def caption(figure: Figure, words: str) -> None:
    """Small print below."""
    width = round(17 * figure.get_figwidth())
    figure.supxlabel("\n".join(textwrap.wrap(words, width)), fontsize=8, color="#555555", x=0.01, ha="left")


def percent(axes: Axes) -> None:
    """Shares as percentages."""
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def line(
    axes: Axes,
    histories: Sequence[History],
    key: str,
    color: str,
    label: str,
    *,
    marker: str = "",
    dashed: bool = False,
) -> End | None:
    """A figure's mean with its band, each seed thin behind it; returns where it ends. None where nothing was logged."""
    points = series(histories, key)
    if not points:
        return None
    if len(having(histories, key)) > 1:
        for history in histories:
            one = sorted(logged(history, key).items())
            axes.plot([step for step, _ in one], [value for _, value in one], color=color, alpha=0.35, linewidth=0.8)
    band(axes, points, color)
    axes.plot(
        [point.step for point in points],
        [point.mean for point in points],
        color=color,
        linewidth=2,
        linestyle=(0, (5, 2)) if dashed else "-",
        marker=marker,
        markersize=4.5,
    )
    return points[-1].mean, label, color


def band(axes: Axes, points: Sequence[Point], color: str) -> None:
    """The intervals of those points that have one."""
    known = [(point.step, point.low, point.high) for point in points if point.low is not None]
    if known:
        steps, low, high = zip(*known, strict=True)
        axes.fill_between(steps, low, high, color=color, alpha=0.16, linewidth=0)


def label_ends(axes: Axes, ends: Sequence[End | None], form: str = "{:.2f}") -> None:
    """Words right of the axes, where each line ends, and the value there; moved apart where they would overlap."""
    known = sorted((end for end in ends if end is not None), key=lambda end: end[0])
    low, high = axes.get_ylim()
    places = spread([(value - low) / (high - low) for value, _, _ in known], GAP)
    for (value, label, color), place in zip(known, places, strict=True):
        _word(axes, place, f"{label}  {form.format(value)}", color, 6)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Sorted places moved apart to at least `gap`, no more than needed, and not beyond 1 while there is room."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    top = max(1.0, gap * (len(moved) - 1))
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], top)
        top = moved[index] - gap
    return moved


def areas(axes: Axes, shares: Sequence[tuple[str, Sequence[Point], str]]) -> None:
    """Stacked shares over the steps, from below: name, points, colour. Names stand at the right, beside their area."""
    steps = [point.step for point in shares[0][1]]
    floor = [0.0] * len(steps)
    middles = []
    for _, points, color in shares:
        top = [below + point.mean for below, point in zip(floor, points, strict=True)]
        axes.fill_between(steps, floor, top, color=color, linewidth=0)
        middles.append((floor[-1] + top[-1]) / 2)
        floor = top
    axes.set(ylim=(0, 1), xlim=(steps[0], max(steps[-1], steps[0] + 1)))
    axes.grid(visible=False)
    percent(axes)
    for (name, points, color), place in zip(shares, spread(middles, GAP), strict=True):
        axes.plot([1.03], [place], marker="s", color=color, transform=axes.transAxes, clip_on=False, markersize=8)
        _word(axes, place, f"{name}  {points[-1].mean:.0%}", INK, 20)


def _word(axes: Axes, place: float, text: str, color: str, indent: int) -> None:
    axes.annotate(
        text,
        xy=(1, place),
        xycoords="axes fraction",
        xytext=(indent, 0),
        textcoords="offset points",
        color=color,
        fontsize=9,
        va="center",
        annotation_clip=False,
    )
