"""Pictures of runs: figures with intervals, drawn from logs alone, whose words don't overlap."""

from __future__ import annotations

import json
import math
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sqlenv.agents.summary import wilson
from sqlenv.cli import app
from sqlenv.errors import ConfigError
from trainer.drawing import spread
from trainer.rewards import ACTIONS, ERRORS, metrics
from trainer.series import Point, series, t_interval, turning_point

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg

from trainer.pictures import PICTURES, draw_all, runs_in

NAMES = {f"{name}.{form}" for name in ("curve", "components", "actions", "errors") for form in ("png", "svg")}


def entry(step: int, share: float) -> dict[str, Any]:
    """What a GRPO step logs of its rollouts; `share` of them begin with a look."""
    logged = {"step": step, "loss": 0.1, "rollout/looks_first": share, "rollout/return": share}
    logged |= {f"reward/{name}": share / 3 for name in ("execution", "correctness", "efficiency")}
    logged |= {f"actions/{name}": 1 / len(ACTIONS) for name in ACTIONS}
    logged |= {"first/describe": share, "first/sample": 0.0, "first/query": 1 - share}
    logged |= {"first/answer": 0.0, "first/invalid": 0.0}
    logged |= {f"errors/{name}": (1 - share) / (1 + place) for place, name in enumerate(ERRORS)}
    return logged | {"rollout/tool_errors": sum(logged[f"errors/{name}"] for name in ERRORS)}


def measured(step: int, share: float) -> dict[str, Any]:
    found: dict[str, Any] = {"step": step}
    for how in ("greedy", "sampled"):
        names = ("accuracy", "looks_first", "return", "execution", "correctness", "efficiency")
        found |= {f"eval_{how}/{name}": share for name in names} | {f"eval_{how}/episodes": 50}
    return found


def history(end: float, steps: int = 6) -> list[dict[str, Any]]:
    logged = [entry(step, end * step / steps) for step in range(1, steps + 1)]
    return [measured(0, 0.0), *logged, measured(steps, end)]


def write(run: Path, logged: list[dict[str, Any]]) -> Path:
    (run / "grpo").mkdir(parents=True)
    (run / "grpo" / "history.json").write_text(json.dumps(logged))
    (run / "config.yaml").write_text("seed: 0\n")
    figures = {"random": {"greedy": {"accuracy": 0.02}}, "explorer": {"greedy": {"accuracy": 0.03}}}
    (run / "summary.json").write_text(json.dumps({"figures": figures}))
    return run


@pytest.fixture
def seeds(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "runs" / f"seed{n}", history(end)) for n, end in enumerate((0.7, 0.8, 0.9))]


def test_several_seeds_have_the_t_interval_of_their_mean() -> None:
    low, high = t_interval([1.0, 2.0, 3.0]) or (0.0, 0.0)
    assert (low, high) == pytest.approx((2 - 4.303 / math.sqrt(3), 2 + 4.303 / math.sqrt(3)))
    last = series([history(end) for end in (0.7, 0.8, 0.9)], "eval_greedy/accuracy")[-1]
    reach = 4.303 * 0.1 / math.sqrt(3)
    assert (last.step, last.mean, last.low) == (6, pytest.approx(0.8), pytest.approx(0.8 - reach))
    assert last.high == 1.0  # a share is never more
    assert series([history(0.7), history(0.9)], "rollout/return")[-1].low == pytest.approx(0.8 - 12.706 * 0.1)
    assert t_interval([0.5] * 40) == (0.5, 0.5)


def test_one_seed_has_the_interval_of_its_episodes() -> None:
    last = series([history(0.8)], "eval_greedy/accuracy")[-1]
    assert (last.low, last.high) == wilson(40, 50)
    assert series([history(0.8)], "eval_greedy/return")[-1].low is None
    assert series([history(0.8)], "rollout/looks_first")[-1] == Point(6, pytest.approx(0.8))


def test_steps_that_not_all_seeds_have_are_left_out() -> None:
    broken = history(0.8)
    broken[2]["rollout/return"] = math.nan  # every episode of that step failed
    assert [point.step for point in series([broken, history(0.8, steps=4)], "rollout/return")] == [1, 3, 4]
    assert series([history(0.8)], "nothing/like_it") == []


@pytest.mark.parametrize(
    ("shares", "step"),
    [((0.1, 0.6, 0.4, 0.7, 0.9), 3), ((0.1, 0.9), 1), ((0.9, 0.9), None), ((0.1, 0.6, 0.2), None), ((), None)],
)
def test_the_day_it_turns_is_the_one_after_which_it_stays(shares: tuple[float, ...], step: int | None) -> None:
    assert turning_point([Point(i, share) for i, share in enumerate(shares)]) == step


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.01, 0.08))
def test_labels_are_spread_apart_in_their_order(places: list[float], gap: float) -> None:
    places = sorted(places)
    moved = spread(places, gap)
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(moved))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in moved)
    if all(b - a >= gap for a, b in pairwise(places)):
        assert moved == pytest.approx(places)


def test_every_picture_is_drawn_twice_and_the_same_logs_give_the_same_bytes(seeds: list[Path], tmp_path: Path) -> None:
    files = draw_all(seeds, tmp_path / "one")
    assert {path.name for path in files} == NAMES == {path.name for path in (tmp_path / "one").iterdir()}
    draw_all(seeds, tmp_path / "two")
    for path in files:
        start = b"\x89PNG" if path.suffix == ".png" else b"<?xml"
        assert path.read_bytes().startswith(start)
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("count", [1, 3])
def test_words_do_not_overlap_and_stay_inside(name: str, count: int, seeds: list[Path]) -> None:
    figure = PICTURES[name](seeds[:count])
    FigureCanvasAgg(figure).draw()
    whole = figure.bbox
    words = [text for axes in figure.axes for text in axes.texts] + [axes.title for axes in figure.axes]
    words += [figure._suptitle, figure._supxlabel]
    boxes = {text.get_text(): text.get_window_extent() for text in words if text.get_text()}
    assert len(boxes) >= 4
    for text, box in boxes.items():
        assert whole.x0 <= box.x0, text
        assert box.x1 <= whole.x1 + 1, text
    for one, other in combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)


def test_titles_and_captions_say_what_is_seen(seeds: list[Path]) -> None:
    titles = {name: draw(seeds)._suptitle.get_text() for name, draw in PICTURES.items()}  # type: ignore[attr-defined]
    assert titles["curve"] == "Right answers, greedy, on databases never trained on: from 0% to 80% in 6 steps"
    assert titles["actions"] == "From step 4 on, most rollouts begin with a look"
    assert "3 seeds, thin; their mean and its 95% t interval" in caption("curve", seeds)
    assert "One seed; bands: 95% Wilson interval of the episodes. 50 episodes" in caption("curve", seeds[:1])


def caption(name: str, runs: list[Path]) -> str:
    return PICTURES[name](runs)._supxlabel.get_text().replace("\n", " ")  # type: ignore[attr-defined]


def test_a_log_of_an_older_version_is_drawn_without_what_it_lacks(seeds: list[Path], tmp_path: Path) -> None:
    old = [
        {key: value for key, value in one.items() if not key.startswith(("first/", "errors/"))} for one in history(0.8)
    ]
    run = write(tmp_path / "old", old)
    assert len(draw_all([run], tmp_path / "out")) == len(NAMES)
    assert "Kinds are in the logs of 0 of 1 runs." in caption("errors", [run])
    assert "Kinds are in the logs of 1 of 2 runs." in caption("errors", [run, seeds[0]])


def test_a_run_of_one_step_that_learned_nothing_is_drawn(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [measured(0, 0.0), entry(1, 0.0), measured(1, 0.0)])
    (run / "summary.json").unlink()  # it is still running
    assert len(draw_all([run], tmp_path / "out")) == len(NAMES)


def test_the_command_takes_runs_or_a_folder_of_them(seeds: list[Path], tmp_path: Path) -> None:
    above = seeds[0].parent
    assert runs_in([above]) == seeds == runs_in(seeds)
    done = CliRunner().invoke(app, ["train", "plots", str(above), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == NAMES


def test_what_can_not_be_drawn_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run folder was named"):
        draw_all([], tmp_path)
    with pytest.raises(ConfigError, match="stage grpo has logged nothing"):
        draw_all([tmp_path], tmp_path)
    with pytest.raises(ConfigError, match="not one GRPO step has been logged yet"):
        draw_all([write(tmp_path / "young", [measured(0, 0.1)])], tmp_path)


def test_first_actions_and_kinds_of_errors_are_logged() -> None:
    columns: dict[str, Any] = {
        "kinds": [["query", "query", "answer"], ["describe", "query", "answer"], None],
        "errors": [["no_such_column", "no_such_column", "syntax"], [], None],
    }
    names = ("episode_return", "execution", "correctness", "efficiency", "accuracy", "answered", "steps")
    found = metrics(columns | {name: [0.0, 1.0, None] for name in names}, 3)
    assert {name: found[f"first/{name}"] for name in ACTIONS if found[f"first/{name}"]} == {
        "query": 0.5,
        "describe": 0.5,
    }
    assert {name: found[f"errors/{name}"] for name in ERRORS if found[f"errors/{name}"]} == {
        "no_such_column": 1.0,
        "syntax": 0.5,
    }
    assert found["rollout/tool_errors"] == 1.5
    assert found["rollout/looks_first"] == 0.5
