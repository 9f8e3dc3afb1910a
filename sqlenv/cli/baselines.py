"""The baseline agents by name, and tables of what agents played: shared by `eval` and `demo`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from rich.table import Table
from rich.text import Text

from sqlenv.agents.base import Maker
from sqlenv.agents.explorer import Explorer
from sqlenv.agents.figures import Comparison, counted, sampled
from sqlenv.agents.oracle import AnswerWith, oracle_maker
from sqlenv.agents.random_agent import RandomAgent
from sqlenv.agents.rollout import Trajectory
from sqlenv.agents.summary import Summary, breakdown, in_order, summarise
from sqlenv.cli.common import plain_table, safe


class AgentName(StrEnum):
    """The baselines."""

    RANDOM = "random"
    EXPLORER = "explorer"
    ORACLE = "oracle"


@dataclass(frozen=True, slots=True)
class Run:
    """An agent and the episodes that it played."""

    label: str
    played: list[Trajectory] = field(default_factory=list)

    @property
    def counted(self) -> list[Trajectory]:
        """The episodes that its figures are made of."""
        return counted(self.played)

    @property
    def summary(self) -> Summary:
        """Of those. Raises ValueError where there are none."""
        return summarise(self.counted)

    @property
    def failed(self) -> list[Trajectory]:
        """The episodes that could not be played to their end, for no fault of the agent."""
        return [record for record in self.played if record.failed]


def baseline(name: AgentName, dataset: Path, answer_with: AnswerWith = AnswerWith.VALUE) -> tuple[str, Maker]:
    """A label for tables and what makes the agent. Raises DataSetError where the oracle finds no gold in `dataset`."""
    match name:
        case AgentName.RANDOM:
            return name.value, RandomAgent
        case AgentName.EXPLORER:
            return name.value, Explorer
        case AgentName.ORACLE:
            label = name.value if answer_with is AnswerWith.VALUE else "oracle/sql"
            return label, oracle_maker(dataset, answer_with)


def summary_table(runs: Sequence[Run], title: str) -> Table:
    """One row an agent: accuracy with its interval, mean return and its three components, steps.

    Where agents were sampled beside their greedy episodes, also the mean accuracy of those samples.
    """
    drawn = {run.label: sampled(run.played) for run in runs if run.counted and run.counted[0].sample == 0}
    table = plain_table(title)
    table.add_column("agent")
    headings = ["n", "accuracy", "95% interval", "return", "exec.", "corr.", "effic.", "steps"]
    for heading in [*headings, *(["sampled"] if any(drawn.values()) else [])]:
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        if not run.counted:
            table.add_row(Text(safe(run.label)), "0")
            continue
        s = run.summary
        samples = drawn.get(run.label)
        table.add_row(
            Text(safe(run.label)),
            str(s.episodes),
            f"{s.accuracy:.3f}",
            f"{s.low:.3f}–{s.high:.3f}",
            f"{s.mean_return:.3f}",
            f"{s.execution:.3f}",
            f"{s.correctness:.3f}",
            f"{s.efficiency:.3f}",
            f"{s.mean_steps:.1f}",
            *([f"{summarise(samples).accuracy:.3f}"] if samples else []),
        )
    return table


def accuracy_table(runs: Sequence[Run], kind: str, title: str) -> Table:
    """One row an agent, one column a group of `kind` ("difficulty", "answer_type", "split"): accuracies."""
    found = {run.label: breakdown(run.counted)[kind] for run in runs}
    names = in_order({name for groups in found.values() for name in groups})
    table = plain_table(title)
    table.add_column("agent")
    for name in names:
        table.add_column(Text(safe(name)), justify="right")
    for label, groups in found.items():
        cells = (f"{groups[name].accuracy:.3f}" if name in groups else "" for name in names)
        table.add_row(Text(safe(label)), *cells)
    return table


def group_table(runs: Sequence[Run], kind: str, title: str) -> Table:
    """The other way round, for many groups with long names: one row a group, one column an agent."""
    found = {run.label: breakdown(run.counted)[kind] for run in runs}
    names = in_order({name for groups in found.values() for name in groups})
    table = plain_table(title)
    table.add_column(kind)
    table.add_column("n", justify="right", no_wrap=True)
    for label in found:
        table.add_column(Text(safe(label)), justify="right")
    for name in names:
        cells = [groups.get(name) for groups in found.values()]
        most = max(cell.episodes for cell in cells if cell)
        table.add_row(Text(safe(name)), str(most), *(f"{cell.accuracy:.3f}" if cell else "" for cell in cells))
    return table


def comparison_table(found: Sequence[Comparison]) -> Table:
    """One row a pair of agents: the difference in accuracy with its intervals, and the episodes that changed."""
    table = plain_table("accuracy, paired difference, 95% bootstrap intervals")
    table.add_column("agents")
    for heading in ("n", "diff.", "over tasks", "over databases", "gained", "lost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        intervals = one.accuracy_intervals
        table.add_row(
            Text(safe(f"{one.before} → {one.after}")),
            str(one.episodes),
            f"{one.accuracy:+.3f}",
            _interval(intervals.tasks),
            _interval(intervals.databases),
            str(one.gained),
            str(one.lost),
        )
    return table


def _interval(pair: tuple[float, float] | None) -> str:
    return f"{pair[0]:+.3f} {pair[1]:+.3f}" if pair else "—"
