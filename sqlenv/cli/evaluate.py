"""`sqlenv eval`: measures agents, scripted ones and language models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqlenv.agents.oracle import AnswerWith
from sqlenv.agents.players import GREEDY, Plan, Way
from sqlenv.agents.rollout import Trajectory, jobs
from sqlenv.cli import model_options
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
    out,
    same_version,
)
from sqlenv.cli.datasets import resolve
from sqlenv.cli.kept import kept_file
from sqlenv.cli.played import run_player, say_failures, tell_figures
from sqlenv.cli.policies import PolicyOptions, make_players, parse_spec
from sqlenv.errors import ConfigError, SqlEnvError
from sqlenv.report.dataset import JSONL
from sqlenv.report.write import check_folder
from sqlenv.tasks import load


def evaluate(
    agent: Annotated[
        list[str],
        typer.Option(
            help="random, explorer, oracle, model:PATH or openai:URL; NAME=… before it names it. May be repeated.",
            metavar="[NAME=]AGENT",
        ),
    ],
    split: Split = None,
    db: Db = None,
    difficulty: Difficulty = None,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="How many episodes, on tasks that --seed mixes. Default: every task once.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of episodes and agents: the same gives the same table.")] = 0,
    rubric: Rubric = RubricName.DENSE,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=1_024, help="Episodes played at once. Default: 64; 16 behind an API."),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Step budget of services that are started here. Default: the one a model was trained with, or 15.",
        ),
    ] = None,
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
    report: Annotated[
        Path | None,
        typer.Option(help="Write a report: HTML, Markdown, JSON, and the episodes as a data set.", metavar="DIR"),
    ] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead of tables.")] = False,
    sample: model_options.Sample = 0,
    greedy: model_options.Greedy = True,
    temperature: model_options.Temperature = 1.0,
    model: model_options.Model = None,
    api_key_file: model_options.ApiKeyFile = None,
    form: model_options.Form = None,
    view: model_options.View = None,
    system_file: model_options.SystemFile = None,
    max_turns: model_options.MaxTurns = None,
    max_tokens: model_options.MaxTokens = None,
    request: model_options.Request = None,
    request_timeout: model_options.RequestTimeout = 120.0,
    retries: model_options.Retries = 6,
    device: model_options.OnDevice = model_options.Device.AUTO,
) -> None:
    """
    Measure agents: mean return with its three components, accuracy with a 95% interval, steps.

    Baselines: random (the floor), explorer (a scripted heuristic that knows only what it sees), oracle (is given gold:
    the ceiling; with --server it reads gold from --dataset, which must be the server's). model:PATH is a model on this
    machine, a trained one's folder or a name on the Hub; openai:URL is one behind an OpenAI-compatible endpoint. Every
    agent plays the same episodes. Name agents in the order in which to compare them: before, then after.

    Exit status 1 where episodes could not be played to their end; they are shown apart, and in no figure.

    Example: sqlenv eval --agent random --agent explorer --split eval --out episodes.jsonl
    """
    specs = [parse_spec(one) for one in dict.fromkeys(agent)]
    ways = _ways(sample, greedy, temperature)
    if report:
        check_folder(report, force)
    if server and max_steps:
        raise ConfigError("--max-steps is for services that are started here; --server has its own budget")
    folder = resolve(dataset)
    options = PolicyOptions(
        model=model or "",
        api_key_file=api_key_file,
        insecure=insecure,
        form=form.value if form else None,
        view=view.value if view else None,
        system_file=system_file,
        max_turns=max_turns,
        max_tokens=max_tokens,
        request=request or (),
        timeout_s=request_timeout,
        retries=retries,
        device=device.value,
        concurrency=concurrency,
    )
    cast = make_players(specs, folder, answer_with, options)
    budget = max_steps or (None if server else cast.max_steps)
    settings = {"SQLENV_ENV_MAX_STEPS": str(budget)} if budget else {}
    access = access_options(ca_file, cert_file, key_file, token_file, insecure)
    keep = out_file or (report / JSONL if report else None)
    with kept_file(keep, force) as write, environment(server, folder, access, settings) as client:
        about = client.list_databases()
        if any(spec.kind == "oracle" for spec in specs):
            same_version(load(folder).version, about.dataset_version, str(folder))
        tasks = {task.task_id: task for task in client.list_tasks(split=split, db_id=db, difficulty=difficulty)}
        if not tasks:
            raise SqlEnvError(f"no task of {about.dataset} fits --split, --db and --difficulty")
        work = jobs(tasks.values(), seed, episodes)
        plan = Plan(work, tasks, rubric.value, about.dataset_version, seed)

        def note(record: Trajectory) -> None:
            write(record.to_json())

        runs = [run_player(client, player, plan, ways, note) for player in cast.players]
    compared = not all(spec.is_baseline for spec in specs)
    known = {"dataset": about.dataset, "seed": seed}
    known["models"] = {player.label: player.source for player in cast.players if player.source}
    tell_figures(runs, known, plan, report, as_json, compared)
    if out_file and not as_json:
        out.print(f"episodes written to {out_file}", markup=False, highlight=False, soft_wrap=True)
    say_failures(runs)


def _ways(sample: int, greedy: bool, temperature: float) -> list[Way]:
    if not greedy and not sample:
        raise ConfigError("--no-greedy leaves nothing to play: say --sample N, too")
    return [*([GREEDY] if greedy else []), *(Way(number, temperature) for number in range(1, sample + 1))]
