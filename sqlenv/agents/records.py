"""Episodes as rows: flat columns with one type each, as Hugging Face datasets want them; and back from JSON lines.

A row is a `Trajectory` with three columns more: `correct`, `step_count`, and `messages`, the episode in TRL's
conversational form, which ends with the agent's last action. A step's `terms` are a list of names and values, so that
all rows have the same fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sqlenv.agents.rollout import Trajectory
from sqlenv.errors import DataSetError


def to_row(record: Trajectory) -> dict[str, Any]:
    """An episode as a row."""
    row = asdict(record) | {"correct": record.correct, "step_count": len(record.steps), "messages": messages(record)}
    for step in row["steps"]:
        step["terms"] = [{"name": name, "value": value} for name, value in step["terms"].items()]
    return row


def messages(record: Trajectory) -> list[dict[str, str]]:
    """The episode as a conversation, in the services' own words and the text form of actions."""
    said = [{"role": "user", "content": record.prompt}] if record.prompt else []
    for step in record.steps:
        said += [{"role": "assistant", "content": step.action}, {"role": "user", "content": step.observation}]
    return said[:-1] if record.steps else said


def from_row(row: dict[str, Any]) -> Trajectory:
    """An episode from a row, or from what `Trajectory.to_json` wrote. Raises ValidationError."""
    for step in row.get("steps") or []:
        if isinstance(step, dict) and isinstance(step.get("terms"), list):
            step["terms"] = {term["name"]: term["value"] for term in step["terms"]}
    return _adapter().validate_python(row)


def read_episodes(path: Path) -> list[Trajectory]:
    """The episodes of a file that `sqlenv eval --out`, a report or a training run wrote.

    Raises DataSetError that names file and line where it holds anything else.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogatepass") as stream:
            found = [_episode(path, number, line) for number, line in enumerate(stream, 1) if line.strip()]
    except UnicodeDecodeError:
        words = f"{path} is no text: episodes are read from JSON lines"
        raise DataSetError(f"{words}, which a report has in episodes.jsonl beside episodes.parquet") from None
    if not found:
        raise DataSetError(f"{path}: there are no episodes in it")
    return found


def _episode(path: Path, number: int, line: str) -> Trajectory:
    try:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise TypeError("no JSON object")
        return from_row(value)
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise DataSetError(f"{path}:{number}: no episode ({why})") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataSetError(f"{path}:{number}: no episode ({error})") from None


def by_agent(played: Iterable[Trajectory]) -> dict[str, list[Trajectory]]:
    """Episodes by the name of their agent, in the order in which agents come."""
    found: dict[str, list[Trajectory]] = {}
    for record in played:
        found.setdefault(record.agent, []).append(record)
    return found


@cache
def _adapter() -> TypeAdapter[Trajectory]:
    return TypeAdapter(Trajectory)
