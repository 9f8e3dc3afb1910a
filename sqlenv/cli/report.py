"""`sqlenv report`: a report on episodes that were played before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sqlenv.agents.figures import by_key
from sqlenv.agents.records import by_agent, read_episodes
from sqlenv.agents.rollout import Trajectory
from sqlenv.cli.common import err, out, safe
from sqlenv.errors import ConfigError
from sqlenv.report.dataset import PARQUET
from sqlenv.report.pairing import PER_SECTION
from sqlenv.report.write import check_folder, write_report

_NAMED = re.compile(r"(?P<name>[^\W_][\w .+-]{0,39})=(?P<path>.+)", re.DOTALL)


def report(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of episodes: of eval --out, a training run or a report.", metavar="[NAME=]FILE…"),
    ],
    folder: Annotated[Path, typer.Option("--out", help="Folder to write to.", metavar="DIR")],
    transcripts: Annotated[int, typer.Option(min=0, help="Episodes shown of each kind of outcome.")] = PER_SECTION,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a report that is there.")] = False,
) -> None:
    """
    Make a report of episodes: HTML and Markdown with the agents side by side, JSON, and a data set for `datasets`.

    Agents are compared in the order given: before, then after. NAME=FILE renames the agent of a file; greedy and
    sampled episodes of one agent may come from two files of that NAME. Nothing is played again.

    Example: sqlenv report before.jsonl after.jsonl --out report
    """
    check_folder(folder, force)
    runs = named_runs([_taken_apart(text) for text in files])
    tell(write_report(folder, runs, per_section=transcripts, force=force))


def named_runs(files: Sequence[tuple[str, Path]]) -> dict[str, list[Trajectory]]:
    """Episodes by the name of their agent, which a file's own name replaces; without either, files say who is who.

    Raises ConfigError where two agents would have one name, DataSetError where a file holds no episodes.
    """
    read = [(name, path, by_agent(read_episodes(path))) for name, path in files]
    agents = [agent for _, _, found in read for agent in found]
    runs: dict[str, list[Trajectory]] = {}
    for name, path, found in read:
        for agent, records in found.items():
            # Training runs call every policy "policy": then the file's name tells more.
            twice = agents.count(agent) > 1
            if name:
                label = name if len(found) == 1 else f"{name} {agent}"
            else:
                label = path.stem if twice and len(found) == 1 else agent
            if label in runs and not (name and _apart(runs[label], records)):
                words = f"two agents would be called {label!r}"
                raise ConfigError(f"{words}; name the files, as before={files[0][1]} after={files[-1][1]}")
            for record in records:
                record.agent = label
            runs.setdefault(label, []).extend(records)
    return runs


def _apart(some: Sequence[Trajectory], others: Sequence[Trajectory]) -> bool:
    """True where no episode is in both: greedy and sampled ones of one agent may be in two files."""
    return by_key(some).keys().isdisjoint(by_key(others))


def tell(written: Sequence[Path]) -> None:
    """Says what was written, and what could not be."""
    out.print(f"report written to {written[0]}", markup=False, highlight=False, soft_wrap=True)
    if not any(path.name == PARQUET for path in written):
        words = f"{PARQUET} was left out: it needs pyarrow (pip install 'sqlenv[train]')"
        err.print(words, markup=False, highlight=False, soft_wrap=True)


def _taken_apart(text: str) -> tuple[str, Path]:
    if Path(text).is_file():
        return "", Path(text)
    found = _NAMED.fullmatch(text)
    path = Path(found["path"]) if found else Path(text)
    if not path.is_file():
        raise ConfigError(f"{safe(str(path))}: no such file of episodes")
    return (found["name"] if found else ""), path
