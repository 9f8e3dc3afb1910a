"""The folder of a report. The one implementation behind `sqlenv report` and `sqlenv eval --report`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlenv.agents.figures import evaluation
from sqlenv.agents.rollout import Trajectory
from sqlenv.errors import SqlEnvError
from sqlenv.report.dataset import CARD, JSONL, PARQUET, card, write_jsonl, write_parquet
from sqlenv.report.markdown import markdown
from sqlenv.report.page import page
from sqlenv.report.pairing import PER_SECTION, sections

PAGE, TEXT, SUMMARY = "report.html", "report.md", "summary.json"
FILES = (PAGE, TEXT, SUMMARY, JSONL, PARQUET, CARD)


def check_folder(folder: Path, force: bool = False) -> None:
    """Raises SqlEnvError where a report can't be written to `folder`, or would overwrite something."""
    if folder.exists() and not folder.is_dir():
        raise SqlEnvError(f"{folder} is a file; a report is a folder")
    there = [name for name in FILES if (folder / name).exists()]
    if there and not force:
        raise SqlEnvError(f"{folder} holds {there[0]} already; --force overwrites it")


def write_report(
    folder: Path,
    runs: Mapping[str, Sequence[Trajectory]],
    about: Mapping[str, Any] | None = None,
    *,
    summary: Mapping[str, Any] | None = None,
    per_section: int = PER_SECTION,
    force: bool = False,
) -> list[Path]:
    """Writes the report on the episodes of each agent, by name, and returns its files. Same episodes, same bytes.

    `about`: what else is known, as {"dataset": …, "seed": …}. `summary`: the figures, where they are known already.
    Without pyarrow there is no Parquet among the files. Raises DataSetError where the episodes can't be compared, and
    SqlEnvError where there is a report already and `force` does not allow to overwrite it.
    """
    check_folder(folder, force)
    figures = summary if summary is not None else evaluation(runs, about or {})
    found = sections(runs, per_section)
    played = [record for records in runs.values() for record in sorted(records, key=_key)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PARQUET).unlink(missing_ok=True)
    write_jsonl(folder / JSONL, played)
    names = [PAGE, TEXT, SUMMARY, JSONL, CARD]
    if write_parquet(folder / PARQUET, played):
        names.append(PARQUET)
    texts = {
        PAGE: page(figures, found),
        TEXT: markdown(figures, found),
        SUMMARY: json.dumps(figures, ensure_ascii=False, indent=2) + "\n",
        CARD: card(figures, len(played), names),
    }
    for name, text in texts.items():
        # What is no text can be in names alone, and in JSON an escape is what it was.
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    return [folder / name for name in names]


def _key(record: Trajectory) -> tuple[str, int, int]:
    return record.task_id, record.seed, record.sample
