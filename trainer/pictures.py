"""Pictures of GRPO runs, from their logs alone: `sqlenv train plots RUN…`, or the functions here in a notebook.

curve        accuracy on held-out databases, greedy and sampled, and how often an episode begins with a look
components   the reward's three components, in training and on held-out databases
actions      the first action and all actions: the day it learns to look first
errors       what kinds of errors it makes

Several runs are seeds of one configuration: means with 95% t intervals over seeds. See `trainer.series`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from sqlenv.errors import ConfigError
from trainer.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    areas,
    caption,
    label_ends,
    line,
    new_figure,
    percent,
)
from trainer.report import figures_of, history_of
from trainer.rewards import ACTIONS, ERRORS
from trainer.series import History, Point, having, logged, series, turning_point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = (
    ("eval_greedy/accuracy", "right, greedy", BLUE),
    ("eval_sampled/accuracy", "right, sampled", RED),
    ("eval_greedy/looks_first", "looks first, greedy", GREEN),
)
COMPONENTS = (("return", INK), ("correctness", BLUE), ("efficiency", GREEN), ("execution", RED))
ACTION_COLORS = dict(zip(ACTIONS, (BLUE, SKY, ORANGE, GREEN, GREY), strict=True))
ERROR_COLORS = (RED, BLUE, GREEN, PURPLE)
SHOWN_ERRORS = len(ERROR_COLORS)
"""The kinds that come most often have a line each; the others share one."""
FORMATS = ("png", "svg")


def draw_all(runs: Sequence[Path], out: Path) -> list[Path]:
    """Draws every picture into the folder `out`, as PNG and SVG; returns the files.

    `runs` are run folders, one a seed. Raises ConfigError where matplotlib is missing or a run has logged no GRPO step.
    """
    figures = {name: draw(runs) for name, draw in PICTURES.items()}
    from matplotlib import rc_context

    out.mkdir(parents=True, exist_ok=True)
    written = []
    # With a fixed salt and without a date, the same logs give the same files.
    with rc_context({"svg.hashsalt": "sqlenv"}):
        for name, figure in figures.items():
            for form in FORMATS:
                written.append(out / f"{name}.{form}")
                figure.savefig(written[-1], metadata={"Date": None} if form == "svg" else None)
    return written


def runs_in(folders: Sequence[Path]) -> list[Path]:
    """Run folders among or directly below `folders`: what `train run --seeds` wrote is named by one path."""
    runs: list[Path] = []
    for folder in folders:
        below = sorted(path.parent for path in folder.glob("*/config.yaml"))
        runs += [folder] if (folder / "config.yaml").is_file() else below or [folder]
    return runs


def draw_curve(runs: Sequence[Path]) -> Figure:
    """Accuracy and first looks on held-out databases; the baseline agents as dashed lines."""
    histories = _histories(runs)
    rise = _change(series(histories, "eval_greedy/accuracy"), "{:.0%}")
    figure, (axes,) = new_figure(1, f"Right answers, greedy, on databases never trained on: {rise}")
    ends = [line(axes, histories, key, color, label, marker="o") for key, label, color in CURVES]
    for name, accuracy in _baselines(runs).items():
        axes.axhline(accuracy, color=GREY, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        ends.append((accuracy, f"{name} agent", GREY))
    axes.set(ylabel="share of held-out episodes", ylim=(-0.03, 1.03))
    percent(axes)
    label_ends(axes, ends, "{:.0%}")
    episodes = int(max(logged(histories[0], "eval_greedy/episodes").values(), default=0))
    words = "Looks first: the first action is DESCRIBE or SAMPLE."
    caption(
        figure, f"{_seeds(runs, '95% Wilson interval of the episodes')} {episodes} episodes a point and seed. {words}"
    )
    return figure


def draw_components(runs: Sequence[Path]) -> Figure:
    """The reward's components an episode, in training and held out."""
    histories = _histories(runs)
    figure, panels = new_figure(
        2, f"The return and its parts: {_change(series(histories, 'eval_greedy/return'))}, greedy"
    )
    sides: tuple[tuple[str, Callable[[str], str], str], ...] = (
        ("rollouts in training, sampled", _in_training, ""),
        ("held-out databases, greedy", lambda name: f"eval_greedy/{name}", "o"),
    )
    for axes, (title, key, marker) in zip(panels, sides, strict=True):
        found = {name: line(axes, histories, key(name), color, name, marker=marker) for name, color in COMPONENTS}
        axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
        axes.set_title(title, fontsize=10, loc="left")
        label_ends(axes, list(found.values()))
    panels[0].set_ylabel("mean of an episode")
    caption(figure, f"{_seeds(runs)} The return, in black, is the sum of the three components.")
    return figure


def draw_actions(runs: Sequence[Path]) -> Figure:
    """How rollouts begin, and the mix of all their actions, over training."""
    histories = _histories(runs)
    looks = series(histories, "rollout/looks_first")
    turned = turning_point(looks)
    title = (
        f"From step {turned} on, most rollouts begin with a look" if turned else "How rollouts begin, and what they do"
    )
    figure, (first, every) = new_figure(2, title)
    if having(histories, "first/query"):
        areas(first, _mix(histories, "first"))
    else:  # a log of an older version
        rest = [Point(point.step, 1 - point.mean) for point in looks]
        areas(first, [("DESCRIBE or SAMPLE", looks, BLUE), ("another action", rest, ORANGE)])
    areas(every, _mix(histories, "actions"))
    _edge(first, looks, turned)
    first.set_title("first action", fontsize=10, loc="left")
    every.set_title("all actions", fontsize=10, loc="left")
    first.set_ylabel("share")
    words = "Rollouts in training, sampled. White line: share that begins with a look (DESCRIBE or SAMPLE)"
    reach = "; dotted, its 95% t interval over seeds" if len(runs) > 1 else ""
    caption(figure, f"{words}{reach}. {_seeds(runs, short=True)}")
    return figure


def draw_errors(runs: Sequence[Path]) -> Figure:
    """Errors a rollout by kind, over training."""
    histories = _histories(runs)
    fall = _change(series(histories, "rollout/tool_errors"))
    figure, (axes,) = new_figure(1, f"Errors a rollout: {fall}")
    ends = [line(axes, histories, "rollout/tool_errors", INK, "all errors", dashed=True)]
    sums = {name: sum(point.mean for point in series(histories, f"errors/{name}")) for name in ERRORS}
    common = sorted((name for name in ERRORS if sums[name] > 0), key=lambda name: -sums[name])
    for name, color in zip(common, ERROR_COLORS, strict=False):
        ends.append(line(axes, histories, f"errors/{name}", color, _spoken(name)))
    rest = [f"errors/{name}" for name in common[SHOWN_ERRORS:]]
    if rest:
        summed = [_summed(history, rest) for history in having(histories, rest[0])]
        ends.append(line(axes, summed, "rest", GREY, "other kinds"))
    axes.set_ylabel("mean of a rollout")
    axes.set_ylim(bottom=0)
    label_ends(axes, ends)
    kinds = len(having(histories, f"errors/{ERRORS[0]}"))
    words = "" if kinds == len(runs) else f" Kinds are in the logs of {kinds} of {len(runs)} runs."
    caption(figure, f"Rollouts in training, sampled. {_seeds(runs)}{words}")
    return figure


PICTURES: dict[str, Callable[[Sequence[Path]], Figure]] = {
    "curve": draw_curve,
    "components": draw_components,
    "actions": draw_actions,
    "errors": draw_errors,
}


def _histories(runs: Sequence[Path]) -> list[History]:
    if not runs:
        raise ConfigError("no run folder was named")
    histories: list[History] = [history_of(run) for run in runs]
    for run, history in zip(runs, histories, strict=True):
        if not logged(history, "rollout/looks_first"):
            raise ConfigError(f"{run}: not one GRPO step has been logged yet")
    return histories


def _baselines(runs: Sequence[Path]) -> dict[str, float]:
    """Mean accuracies over the runs that have ended."""
    ended = [figures_of(run) for run in runs if (run / "summary.json").is_file()]
    return {
        name: fmean(figures[name]["greedy"]["accuracy"] for figures in ended if name in figures)
        for name in ("random", "explorer")
        if any(name in figures for figures in ended)
    }


def _in_training(name: str) -> str:
    return f"rollout/{name}" if name == "return" else f"reward/{name}"


def _mix(histories: Sequence[History], group: str) -> list[tuple[str, list[Point], str]]:
    found = [(name.upper(), series(histories, f"{group}/{name}"), color) for name, color in ACTION_COLORS.items()]
    return [(name, points, color) for name, points, color in found if points]


def _edge(axes: Axes, looks: Sequence[Point], turned: int | None) -> None:
    """The share of looks as a line, its interval dotted, and the step at which it passes a half for good."""
    steps = [point.step for point in looks]
    axes.plot(steps, [point.mean for point in looks], color="white", linewidth=2)
    known = [(point.step, point.low, point.high) for point in looks if point.low is not None and point.high is not None]
    for side in (1, 2):
        axes.plot([one[0] for one in known], [one[side] for one in known], color="white", linewidth=1.2, linestyle=":")
    if turned is not None:
        axes.axvline(turned, color="white", linestyle="--", linewidth=1.2)


def _spoken(error: str) -> str:
    return "other SQL errors" if error == "sql" else error.replace("_", " ")


def _summed(history: History, keys: Sequence[str]) -> History:
    parts = [logged(history, key) for key in keys]
    return [{"step": step, "rest": sum(part.get(step, 0.0) for part in parts)} for step in parts[0]]


def _change(points: Sequence[Point], form: str = "{:.2f}") -> str:
    if not points:
        return "not measured"
    first, last = points[0], points[-1]
    steps = "step" if last.step == 1 else "steps"
    return f"from {form.format(first.mean)} to {form.format(last.mean)} in {last.step} {steps}"


def _seeds(runs: Sequence[Path], alone: str = "", short: bool = False) -> str:
    """What the bands are, in words. `alone`: those of a single run."""
    if len(runs) > 1:
        return (
            f"{len(runs)} seeds."
            if short
            else f"{len(runs)} seeds, thin; their mean and its 95% t interval over seeds."
        )
    return f"One seed; bands: {alone}." if alone else "One seed."
