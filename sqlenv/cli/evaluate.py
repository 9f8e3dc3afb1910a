"""`sqlenv eval`: measures agents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sqlenv.agents.oracle import AnswerWith
from sqlenv.agents.rollout import CONCURRENCY, Trajectory, jobs
from sqlenv.agents.summary import separation
from sqlenv.cli.baselines import AgentName, Run, accuracy_table, baseline, run_agents, summary_table
from sqlenv.cli.common import (
    CaFile,
    CertFile,
    Dataset,
    Db,
    Difficulty,
    Force,
    KeyFile,
    Rubric,
    RubricName,
    SendInsecure,
    Server,
    Split,
    TokenFile,
    access_options,
    environment,
    new_file,
    out,
    same_version,
)
from sqlenv.cli.datasets import resolve
from sqlenv.errors import SqlEnvError
from sqlenv.tasks import load


def evaluate(
    agent: Annotated[list[AgentName], typer.Option(help="Which agent; may be given several times.")],
    split: Split = None,
    db: Db = None,
    difficulty: Difficulty = None,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="How many episodes, on tasks that --seed mixes. Default: every task once.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of episodes and agents: the same gives the same table.")] = 0,
    rubric: Rubric = RubricName.DENSE,
    concurrency: Annotated[int, typer.Option(min=1, max=1_024, help="Episodes played at once.")] = CONCURRENCY,
    answer_with: Annotated[AnswerWith, typer.Option(help="In which form the oracle answers.")] = AnswerWith.VALUE,
    server: Server = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    token_file: TokenFile = None,
    insecure: SendInsecure = False,
    dataset: Dataset = None,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="Write every episode with its steps here, as JSON lines.", metavar="FILE"),
    ] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead of tables.")] = False,
) -> None:
    """
    Measure agents: mean return with its three components, accuracy with a 95% interval, steps.

    Baselines: random (the floor), explorer (a scripted heuristic that knows only what it sees), oracle (is given gold:
    the ceiling; with --server it reads gold from --dataset, which must be the server's). Every agent plays the same
    episodes.

    Example: sqlenv eval --agent random --agent explorer --split eval --out episodes.jsonl
    """
    folder = resolve(dataset)
    agents = [baseline(name, folder, answer_with) for name in dict.fromkeys(agent)]
    access = access_options(ca_file, cert_file, key_file, token_file, insecure)
    with new_file(out_file, force) as write, environment(server, folder, access) as client:
        about = client.list_databases()
        if AgentName.ORACLE in agent:
            same_version(load(folder).version, about.dataset_version, str(folder))
        tasks = list(client.list_tasks(split=split, db_id=db, difficulty=difficulty))
        if not tasks:
            raise SqlEnvError(f"no task of {about.dataset} fits --split, --db and --difficulty")
        work = jobs(tasks, seed, episodes)

        def note(record: Trajectory) -> None:
            write(record.to_json())

        runs = run_agents(client, agents, work, rubric=rubric.value, concurrency=concurrency, note=note)
    if as_json:
        print(json.dumps(_json(runs, about.dataset, rubric.value, seed), ensure_ascii=False))
        return
    title = f"{len(work)} episodes of {about.dataset}, rubric {rubric.value}, seed {seed}"
    out.print(summary_table(runs, title))
    for kind, words in (
        ("difficulty", "accuracy by difficulty"),
        ("answer_type", "by answer type"),
        ("split", "by split"),
    ):
        out.print(accuracy_table(runs, kind, words))
    if out_file:
        out.print(f"episodes written to {out_file}", markup=False, highlight=False, soft_wrap=True)


def _json(runs: list[Run], dataset: str, rubric: str, seed: int) -> dict[str, Any]:
    played = [record for run in runs for record in run.played]
    least, most = separation(played)
    return {
        "dataset": dataset,
        "dataset_version": played[0].dataset_version,
        "scorer_version": played[0].scorer_version,
        "rubric": rubric,
        "seed": seed,
        "min_correct_return": least,
        "max_incorrect_return": most,
        "agents": {run.label: run.to_json() for run in runs},
    }
