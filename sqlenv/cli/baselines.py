"""The baseline agents by name, and a run of them with its tables: shared by `eval` and `demo`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from sqlenv.agents.base import Maker
from sqlenv.agents.explorer import Explorer
from sqlenv.agents.oracle import AnswerWith, oracle_maker
from sqlenv.agents.random_agent import RandomAgent
from sqlenv.agents.rollout import CONCURRENCY, Job, Trajectory, play
from sqlenv.agents.summary import Summary, breakdown, in_order, summarise
from sqlenv.cli.common import plain_table, progress
from sqlenv.client import SqlEnvClient


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
    def summary(self) -> Summary:
        """Of all its episodes."""
        return summarise(self.played)

    def to_json(self) -> dict[str, Any]:
        """Plain data: the summary, and one for each group."""
        groups = {
            kind: {name: asdict(summary) for name, summary in found.items()}
            for kind, found in breakdown(self.played).items()
        }
        return asdict(self.summary) | {"by": groups}


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


def run_agents(
    client: SqlEnvClient,
    agents: Iterable[tuple[str, Maker]],
    work: Sequence[Job],
    *,
    rubric: str = "",
    concurrency: int = CONCURRENCY,
    note: Callable[[Trajectory], None] = lambda record: None,
) -> list[Run]:
    """Lets each agent play the same jobs; `note` is given every episode as it ends."""
    runs = []
    for label, make in agents:
        run = Run(label)
        with progress(label, len(work)) as advance:
            for record in play(client, work, make, agent=label, rubric=rubric, concurrency=concurrency):
                run.played.append(record)
                note(record)
                advance()
        runs.append(run)
    return runs


def summary_table(runs: Sequence[Run], title: str) -> Table:
    """One row an agent: accuracy with its interval, mean return and its three components, steps."""
    table = plain_table(title)
    table.add_column("agent", no_wrap=True)
    for heading in ("n", "accuracy", "95% interval", "return", "exec.", "corr.", "effic.", "steps"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        s = run.summary
        table.add_row(
            Text(run.label),
            str(s.episodes),
            f"{s.accuracy:.3f}",
            f"{s.low:.3f}–{s.high:.3f}",
            f"{s.mean_return:.3f}",
            f"{s.execution:.3f}",
            f"{s.correctness:.3f}",
            f"{s.efficiency:.3f}",
            f"{s.mean_steps:.1f}",
        )
    return table


def accuracy_table(runs: Sequence[Run], kind: str, title: str) -> Table:
    """One row an agent, one column a group of `kind` ("difficulty", "answer_type", "split"): accuracies."""
    found = {run.label: breakdown(run.played)[kind] for run in runs}
    names = in_order({name for groups in found.values() for name in groups})
    table = plain_table(title)
    table.add_column("agent", no_wrap=True)
    for name in names:
        table.add_column(Text(name), justify="right")
    for label, groups in found.items():
        table.add_row(Text(label), *(f"{groups[name].accuracy:.3f}" if name in groups else "" for name in names))
    return table
