"""What a policy did before and after its training, for the page: `python -m gateway.trained RUN` writes trained.json.

RUN is the folder of a run that made its databases itself, as `sqlenv train run tiny` does. Its greedy episodes on
held-out databases, which the run has kept, are played again through real services, action by action: the same bytes for
the same run. Shown are questions that GRPO made right, and one that it did not; `about` says of which run they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gateway.replays import FOLDER, record, write
from sqlenv.agents.base import Maker
from sqlenv.client import SqlEnvClient
from sqlenv.errors import SqlEnvError
from sqlenv.launch import launch
from sqlenv.v1 import types_pb2

FILE = "trained.json"
LAST = "grpo"
LEARNED = 5
DIGITS = 3

Episodes = dict[str, dict[str, Any]]
"""Records of episodes (`sqlenv.agents.rollout.Trajectory`) by task_id."""


class Recorded:
    """An agent that does again what was done."""

    def __init__(self, actions: Sequence[str]) -> None:
        self._actions = iter(actions)

    def act(self, observation: types_pb2.Observation) -> str:
        """The next action of the record."""
        return next(self._actions)


def make(run: Path, folder: Path = FOLDER) -> None:
    """Writes trained.json. Raises SqlEnvError where the run has not ended or kept no databases."""
    data = run / "data"
    if not (data / "gold.jsonl").is_file():
        raise SqlEnvError(
            f"{run}: no data folder; give the folder of a run that made its databases, as the tiny profile"
        )
    figures = _read(run / "summary.json")["figures"]
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    first, before_name = config["sft"][0]["name"], config["sft"][-1]["name"]
    before, after = _episodes(run, before_name), _episodes(run, LAST)
    told = [figures[before_name], figures[LAST]]
    about = {
        "seed": config["seed"],
        "dataset_version": _read(run / "run.json")["dataset_version"],
        "weights": round((run / LAST / "model" / "model.safetensors").stat().st_size / 4),
        "skilled": round(figures[first]["greedy"]["accuracy"], DIGITS),
        "episodes": told[0]["greedy"]["episodes"],
        "databases": len({one["db_id"] for one in after.values()}),
        "accuracy": [round(one["greedy"]["accuracy"], DIGITS) for one in told],
        "looks_first": [round(one["greedy"]["looks_first"], DIGITS) for one in told],
    }
    tasks = play(data, _read(run / LAST / "model" / "sqlenv.json")["max_steps"], before, after, chosen(before, after))
    write(folder / FILE, {"about": about, "tasks": tasks})


def play(
    data: Path, max_steps: int, before: Episodes, after: Episodes, task_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """The records of these tasks, played again on the data set in `data`."""
    settings = {"SQLENV_ENV_MAX_STEPS": str(max_steps)}
    with launch(data, settings=settings) as services, SqlEnvClient(services.env_target) as client:
        return [
            record(
                client,
                task_id,
                {"before": _again(before[task_id]), "after": _again(after[task_id])},
                seed=after[task_id]["seed"],
            )
            for task_id in task_ids
        ]


def chosen(before: Episodes, after: Episodes) -> list[str]:
    """Tasks to show: learned ones, each of another kind and database; then one that both got wrong."""
    shown: dict[tuple[str, str], str] = {}
    still_wrong = []
    for task_id in sorted(set(after) & set(before)):
        one = after[task_id]
        kind = (one["difficulty"], one["answer_type"])
        databases = {after[other]["db_id"] for other in shown.values()}
        if one["correct"] and not before[task_id]["correct"] and kind not in shown and one["db_id"] not in databases:
            shown[kind] = task_id
        elif not one["correct"] and not before[task_id]["correct"]:
            still_wrong.append(task_id)
    return [*list(shown.values())[:LEARNED], *still_wrong[:1]]


def _again(episode: dict[str, Any]) -> Maker:
    return lambda task_id, seed: Recorded([step["action"] for step in episode["steps"]])


def _episodes(run: Path, stage: str) -> Episodes:
    file = run / stage / "episodes-greedy.jsonl"
    if not file.is_file():
        raise SqlEnvError(f"{file}: not there; has the run ended?")
    records = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {one["task_id"]: one for one in records}


def _read(file: Path) -> Any:
    if not file.is_file():
        raise SqlEnvError(f"{file}: not there; has the run ended?")
    return json.loads(file.read_text(encoding="utf-8"))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gateway.trained", description="Records a policy's episodes anew.")
    parser.add_argument("run", type=Path, help="a run folder of `sqlenv train run tiny`")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where to write it; in place by default")
    given = parser.parse_args()
    try:
        make(given.run, given.out)
    except SqlEnvError as error:
        parser.exit(1, f"{error}\n")
    print(f"{given.out / FILE}: {(given.out / FILE).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
