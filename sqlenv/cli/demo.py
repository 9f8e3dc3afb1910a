"""`sqlenv demo`: the two-minute proof that everything works."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec

import typer
from rich.text import Text

from sqlenv.agents.oracle import AnswerWith
from sqlenv.agents.players import GREEDY, Plan, Scripted
from sqlenv.agents.rollout import Trajectory, jobs
from sqlenv.agents.summary import separation
from sqlenv.calling.access import NO_ACCESS
from sqlenv.cli.baselines import AgentName, Run, baseline, summary_table
from sqlenv.cli.common import OWN, out, safe
from sqlenv.cli.played import run_player
from sqlenv.client import SqlEnvClient
from sqlenv.launch import Launched, LaunchError, launch
from sqlenv.probe import problem
from sqlenv.tasks import BUNDLED

RANDOM_AT_MOST = 0.05
ORACLE_RETURN = 1.0
SAMPLE_STEPS = 3
SAMPLE_LINES = 12


def demo() -> None:
    """
    Start the services on free ports, let the baselines play the bundled tasks over gRPC, and print what came of it.

    The agents are random, explorer and oracle, the oracle once with values and once with SQL. Exit status 1 where the
    figures are not as they must be: the oracle always right, random almost never, and every correct episode worth more
    than every incorrect one.

    Example: sqlenv demo
    """
    started = time.monotonic()
    gateway_port = 0 if find_spec("uvicorn") else None  # an extra, which a plain installation lacks
    with (
        launch(BUNDLED, settings=OWN, gateway_port=gateway_port) as services,
        SqlEnvClient(services.env_target, **NO_ACCESS) as client,
    ):
        about = client.list_databases()
        tasks = list(client.list_tasks())
        out.print(
            f"environment service on {services.env_target}, reward service on {services.reward_target}\n"
            f"gateway {_gateway(services)}\n"
            f"{len(tasks)} tasks on {len(about.databases)} databases",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        agents = [
            baseline(AgentName.RANDOM, BUNDLED),
            baseline(AgentName.EXPLORER, BUNDLED),
            baseline(AgentName.ORACLE, BUNDLED, AnswerWith.VALUE),
            baseline(AgentName.ORACLE, BUNDLED, AnswerWith.SQL),
        ]
        plan = Plan(jobs(tasks, seed=0), {task.task_id: task for task in tasks})
        players = [Scripted(label, make) for label, make in agents]
        runs = [run_player(client, player, plan, [GREEDY], lambda record: None) for player in players]
    _sample([record for run in runs for record in run.played])
    out.print(summary_table(runs, "Agents on the bundled tasks"))
    problems = _problems(runs)
    steps = sum(len(record.steps) for run in runs for record in run.played)
    out.print(f"{steps:,} scored steps in {time.monotonic() - started:.1f} s", highlight=False)
    for words in problems:
        out.print(Text(f"✗ {words}", style="bold red"))
    if problems:
        raise typer.Exit(1)


def _gateway(services: Launched) -> str:
    """Where the gateway is, and whether it reaches the services; the demo itself plays over gRPC."""
    if not services.gateway_url:
        return "not installed: pip install 'sqlenv[gateway]'"
    why = problem(f"{services.gateway_url}/ready")
    if why:
        raise LaunchError(f"the gateway on {services.gateway_url} is not ready: {why}")
    return f"on {services.gateway_url}, ready"


def _sample(played: Sequence[Trajectory]) -> None:
    """Prints a short episode: the first that the explorer got right."""
    right = [record for record in played if record.correct and len(record.steps) >= SAMPLE_STEPS]
    explored = [record for record in right if record.agent == AgentName.EXPLORER]
    record = min(explored or right, key=lambda one: (len(one.prompt) + _size(one), one.task_id), default=None)
    if record is None:
        return
    shown = record.steps[-SAMPLE_STEPS:]
    words = f"One episode: {record.agent} on {record.task_id}, the last {len(shown)} of its {len(record.steps)} steps"
    out.print(Text(f"\n{words}", style="bold"))
    _print_dim(record.prompt)
    for step in shown:
        out.print(Text(f"> {safe(step.action)}", style="cyan"))
        _print_dim(step.observation)
        out.print(Text(f"  reward {step.reward:+.3f}"))
    out.print(Text(f"  return {record.episode_return:+.3f}, {record.verdict}\n", style="bold"))


def _size(record: Trajectory) -> int:
    return sum(len(step.observation) for step in record.steps[-SAMPLE_STEPS:])


def _print_dim(text: str) -> None:
    shown = text.split("\n")
    if len(shown) > SAMPLE_LINES:
        shown = [*shown[:SAMPLE_LINES], f"… {len(shown) - SAMPLE_LINES} more lines"]
    for line in shown:
        out.print(Text(f"  {safe(line)}", style="dim"), no_wrap=True, overflow="ellipsis")


def _problems(runs: Sequence[Run]) -> list[str]:
    """What is not as it must be; prints the comparison of correct and incorrect episodes."""
    problems = []
    least, most = separation(record for run in runs for record in run.played)
    if least is None or most is None:
        problems.append("there are no correct, or no incorrect, episodes to compare")
    elif least > most:
        words = f"every correct episode returns more than every incorrect one: min {least:.3f} > max {most:.3f}"
        out.print(Text(f"✓ {words}", style="green"), soft_wrap=True)
    else:
        problems.append(f"a correct episode returned {least:.3f}, an incorrect one {most:.3f}")
    for run in runs:
        summary = run.summary
        if run.label.startswith(AgentName.ORACLE):
            wrong = [record.task_id for record in run.played if not record.correct]
            if wrong:
                problems.append(f"{run.label} was wrong on {len(wrong)} tasks, first {wrong[0]}")
            if summary.mean_return <= ORACLE_RETURN:
                problems.append(
                    f"{run.label} returned {summary.mean_return:.3f} on average, not more than {ORACLE_RETURN}"
                )
        elif run.label == AgentName.RANDOM and summary.accuracy >= RANDOM_AT_MOST:
            problems.append(f"random was right in {summary.accuracy:.1%} of its episodes")
    return problems
