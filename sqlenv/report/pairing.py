"""The same episodes of several agents side by side, in sections, the most telling first. Pure.

Of more than two agents the last two decide what is telling. Of an agent's episodes of a task and seed the greedy one is
shown, or the first sample where there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlenv.agents.rollout import Trajectory

Key = tuple[str, int]
"""Task and seed."""

PER_SECTION = 20
"""Episodes shown of each section; all are in the data set beside the report."""


@dataclass(frozen=True, slots=True)
class Row:
    """An episode as each of the agents played it, by their names; an agent that did not play it is missing."""

    key: Key
    played: dict[str, Trajectory]

    @property
    def any(self) -> Trajectory:
        """One of the records, for what they have in common."""
        return next(iter(self.played.values()))

    @property
    def prompt(self) -> str:
        """The first observation, of an agent that saw it."""
        return next((record.prompt for record in self.played.values() if record.prompt), "")


@dataclass(frozen=True, slots=True)
class Section:
    """Episodes that went the same way. `rows` are those that are shown, of `total`."""

    name: str
    title: str
    total: int
    rows: Sequence[Row]


def sections(runs: Mapping[str, Sequence[Trajectory]], limit: int = PER_SECTION) -> list[Section]:
    """The episodes in sections; those without episodes are left out."""
    rows = _rows(runs)
    names = list(runs)
    shown = names[-2:]
    titles = _titles(shown)
    found: dict[str, list[Row]] = {name: [] for name in titles}
    for row in rows:
        where = _outcome(row, shown)
        if where:
            found[where].append(row)
    return [
        Section(name, titles[name], len(group), _ordered(group, shown)[:limit])
        for name, group in found.items()
        if group
    ]


def _rows(runs: Mapping[str, Sequence[Trajectory]]) -> list[Row]:
    found: dict[Key, dict[str, Trajectory]] = {}
    for name, records in runs.items():
        for record in sorted(records, key=lambda record: record.sample):
            found.setdefault((record.task_id, record.seed), {}).setdefault(name, record)
    return [Row(key, played) for key, played in found.items()]


def _titles(shown: Sequence[str]) -> dict[str, str]:
    if len(shown) == 1:
        return {"wrong": "Wrong", "right": "Right", "failed": "Failed for no fault of the agent"}
    before, after = shown
    return {
        "gained": f"{before} wrong, {after} right",
        "lost": f"{before} right, {after} wrong",
        "both_wrong": "Both wrong",
        "both_right": "Both right",
        "failed": "Failed for no fault of the agents",
    }


def _outcome(row: Row, shown: Sequence[str]) -> str:
    """The section of an episode; "" where it can't be compared."""
    if any(name not in row.played for name in shown):
        return ""
    if any(row.played[name].failed for name in shown):
        return "failed"
    right = [row.played[name].correct for name in shown]
    if len(right) == 1:
        return "right" if right[0] else "wrong"
    kinds = {
        (False, True): "gained",
        (True, False): "lost",
        (False, False): "both_wrong",
        (True, True): "both_right",
    }
    return kinds[(right[0], right[1])]


def _ordered(group: Sequence[Row], shown: Sequence[str]) -> list[Row]:
    """The most telling first, from one database after the other: what is telling of one tends to look the same."""
    taken: Counter[str] = Counter()
    rounds = []
    for row in sorted(group, key=lambda row: _telling(row, shown)):
        rounds.append((taken[row.any.db_id], row))
        taken[row.any.db_id] += 1
    return [row for _, row in sorted(rounds, key=lambda pair: pair[0])]  # sorting is stable


def _telling(row: Row, shown: Sequence[str]) -> tuple[float, Key]:
    """Sorts the largest difference of returns first."""
    returns = [row.played[name].episode_return for name in shown if name in row.played]
    difference = abs(returns[-1] - returns[0]) if len(returns) > 1 else 0.0
    return -round(difference, 9), row.key
