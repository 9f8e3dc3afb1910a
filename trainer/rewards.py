"""The reward that GRPO maximises, the episode's return, and what is logged about a batch of rollouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlenv.types import ErrorKind
from trainer.measure import LOOKS
from trainer.rollout import Rollout

ACTIONS = ("describe", "sample", "query", "answer", "invalid")
ERRORS = tuple(kind.name.lower() for kind in ErrorKind)


def extras(rollouts: Sequence[Rollout]) -> dict[str, list[Any]]:
    """Columns beside the tokens, one value a rollout, for reward functions. None where the services failed it."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for rollout in rollouts:
        played = rollout.played
        record = played.record if played is not None and not played.failed else None
        for name, read in COLUMNS.items():
            columns[name].append(None if record is None or played is None else read(played, record))
    return columns


COLUMNS: dict[str, Callable[[Any, Any], Any]] = {
    "episode_return": lambda played, record: record.episode_return,
    "execution": lambda played, record: record.execution,
    "correctness": lambda played, record: record.correctness,
    "efficiency": lambda played, record: record.efficiency,
    "accuracy": lambda played, record: float(record.correct),
    "answered": lambda played, record: float(bool(record.verdict)),
    "steps": lambda played, record: float(len(record.steps)),
    "errors": lambda played, record: [step.error_kind for step in record.steps if step.error_kind],
    "kinds": lambda played, record: list(played.kinds),
}


def make_reward(generations: int) -> Callable[..., list[float | None]]:
    """A TRL reward function: the episode's return; None for rollouts that are no training data. Logs the rest."""

    def episode_return(*, log_metric: Callable[[str, float], None], **columns: Any) -> list[float | None]:
        for name, value in metrics(columns, generations).items():
            log_metric(name, value)
        returns: list[float | None] = columns["episode_return"]
        return returns

    return episode_return


def metrics(columns: dict[str, Any], generations: int) -> dict[str, float]:
    """Means over the rollouts that count; how they act and begin; errors of each kind a rollout; the share of groups
    whose rewards are all the same."""
    returns: list[float | None] = columns["episode_return"]
    found = {
        "reward/execution": _mean(columns["execution"]),
        "reward/correctness": _mean(columns["correctness"]),
        "reward/efficiency": _mean(columns["efficiency"]),
        "rollout/return": _mean(returns),
        "rollout/accuracy": _mean(columns["accuracy"]),
        "rollout/answered": _mean(columns["answered"]),
        "rollout/steps": _mean(columns["steps"]),
        "rollout/failed": sum(value is None for value in returns) / max(1, len(returns)),
    }
    mixes = [kinds for kinds in columns["kinds"] if kinds]
    taken = sum(map(len, mixes))
    for action in ACTIONS:
        found[f"actions/{action}"] = sum(kinds.count(action) for kinds in mixes) / max(1, taken)
    for action in ACTIONS:
        found[f"first/{action}"] = _mean([float(kinds[0] == action) for kinds in mixes])
    found["rollout/looks_first"] = _mean([float(kinds[0] in LOOKS) for kinds in mixes])
    shown = [errors for errors in columns["errors"] if errors is not None]
    for error in ERRORS:
        found[f"errors/{error}"] = _mean([float(errors.count(error)) for errors in shown])
    found["rollout/tool_errors"] = _mean([float(len(errors)) for errors in shown])
    groups = [returns[i : i + generations] for i in range(0, len(returns), generations)]
    constant = [len({round(value, 6) for value in group if value is not None}) <= 1 for group in groups]
    found["groups/constant"] = sum(constant) / max(1, len(constant))
    return found


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")
