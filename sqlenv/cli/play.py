"""`sqlenv play`: an episode by hand."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer
from rich.panel import Panel
from rich.text import Text

from sqlenv.actions import Describe, Sample, parse
from sqlenv.agents.base import seen_result
from sqlenv.calling.protocol import StepResult
from sqlenv.cli.common import (
    CaFile,
    CertFile,
    Dataset,
    Db,
    Difficulty,
    KeyFile,
    Rubric,
    RubricName,
    SendInsecure,
    Server,
    Split,
    TokenFile,
    access_options,
    environment,
    lines,
    out,
    safe,
)
from sqlenv.cli.show import result_table, reward_lines
from sqlenv.client import Episode
from sqlenv.errors import SqlEnvError
from sqlenv.v1 import types_pb2

HELP = """\
DESCRIBE table        its columns, types and keys
SAMPLE table 5        some of its rows, 1 to 20
QUERY SELECT …        run one SELECT (SQLite)
ANSWER value          answer and end the episode; a list or table as JSON
ANSWER SQL: SELECT …  answer with the result of a SELECT
help, quit            neither takes a step"""

ANSWER_WITH = {
    types_pb2.ANSWER_TYPE_INTEGER: "one whole number",
    types_pb2.ANSWER_TYPE_FLOAT: "one number",
    types_pb2.ANSWER_TYPE_STRING: "one text",
    types_pb2.ANSWER_TYPE_LIST: "a list of values",
    types_pb2.ANSWER_TYPE_TABLE: "a table of two or more columns",
}


def play(
    task: Annotated[str | None, typer.Option(help="This task. Else --seed draws one that fits the filters.")] = None,
    split: Split = None,
    db: Db = None,
    difficulty: Difficulty = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Draws the task and the rows that SAMPLE shows.")] = None,
    rubric: Rubric = RubricName.DENSE,
    server: Server = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    token_file: TokenFile = None,
    insecure: SendInsecure = False,
    dataset: Dataset = None,
) -> None:
    """
    Play one episode by hand: read the question, explore the database, answer.

    Each step shows what it gave and what it was worth. Actions are read from standard input, one a line, so they may
    come from a file as well. Ctrl-D or `quit` leaves.

    Example: sqlenv play --difficulty easy --seed 1
    """
    if task is not None and (split, db, difficulty) != (None, None, None):
        raise SqlEnvError("--task names the task: it goes with none of --split, --db and --difficulty")
    with (
        environment(server, dataset, access_options(ca_file, cert_file, key_file, token_file, insecure)) as client,
        client.reset(
            task_id=task, split=split, db_id=db, difficulty=difficulty, seed=seed, rubric=rubric.value
        ) as episode,
    ):
        _question(episode)
        while not episode.done:
            line = _read(episode.observation.steps_left)
            if line is None or line.lower() in ("quit", "exit"):
                out.print("You left the episode without an answer.")
                return
            if line.lower() in ("help", "?"):
                out.print(HELP, markup=False, highlight=False)
            elif line:
                _show(line, episode.step(line))
                if episode.done:
                    _the_end(episode)


def _question(episode: Episode) -> None:
    seen, task = episode.observation, episode.task
    body = Text(safe(seen.question), style="bold")
    body.append(f"\n\nAnswer with {ANSWER_WITH.get(seen.answer_type, 'a value')}.", style="not bold")
    body.append(f"\nTables: {', '.join(map(safe, seen.tables))}", style="not bold")
    title = Text(f"{safe(task.task_id)} · {safe(task.difficulty)} · seed {episode.log.seed}")
    out.print(Panel(body, title=title, title_align="left"))
    out.print(HELP, markup=False, highlight=False, style="dim")


def _read(steps_left: int) -> str | None:
    """The next line; None at the end of the input. What comes from a file is shown, so that the transcript is whole."""
    prompt = f"\n[{steps_left} steps left] > "
    if sys.stdin.isatty():
        with suppress(ImportError):  # line editing and history; not on every platform
            import readline  # noqa: F401
        try:
            return input(prompt).strip()
        except EOFError:
            print()
            return None
    line = sys.stdin.readline()
    out.print(prompt + safe(line.strip()), markup=False, highlight=False, soft_wrap=True)
    return line.strip() if line else None


def _show(line: str, step: StepResult) -> None:
    seen = step.observation
    result = seen_result(seen)
    if seen.HasField("error"):
        out.print(Text(lines(seen.error.message), style="red"))
    elif result is not None:
        # Looks at a table have a line above theirs that names it and says how many rows it has.
        headed = isinstance(parse(line), (Describe, Sample))
        out.print(result_table(result, safe(seen.text.split("\n", 1)[0]) if headed else "", out.width))
    for reward in reward_lines(step.score):
        out.print(reward)
    if step.done:
        right = step.score.verdict == types_pb2.VERDICT_CORRECT
        words = lines(step.score.reason) if step.terminated else "No steps left, and no answer given."
        out.print(Text(words, style="bold green" if right else "bold red"))


def _the_end(episode: Episode) -> None:
    out.print(f"Return of the episode: {episode.episode_return:+.3f}", style="bold", highlight=False)
