"""Recorded episodes for the page: `python -m gateway.replays` plays them through real services and writes the files.
`gateway.trained` adds what a policy did before and after it was trained.

The same bytes on every run. Results are cut, since a watcher needs a glimpse of them: the page is to stay light. The
oracle's episodes show the queries of the few tasks that are recorded; the bundled set is public, gold included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.page import STATIC
from gateway.render import ANSWER_TYPES, step_payload
from sqlenv.agents.base import Maker, action_text
from sqlenv.agents.explorer import Explorer
from sqlenv.agents.oracle import oracle_maker
from sqlenv.agents.random_agent import RandomAgent
from sqlenv.agents.rollout import Trajectory, jobs, play
from sqlenv.agents.summary import Summary, by_group, summarise
from sqlenv.client import SqlEnvClient
from sqlenv.launch import launch
from sqlenv.tasks import BUNDLED

FOLDER = STATIC / "replays"
TASKS = (
    "concert_season-001",
    "flight_network-007",
    "kennel_club-033",
    "flight_network-017",
    "concert_season-036",
    "kennel_club-041",
)
SEED = 0
ROWS = 5
CELL_CHARS = 60
DIGITS = 6


def make(folder: Path = FOLDER) -> None:
    """Writes replays.json and baselines.json."""
    oracle = oracle_maker(BUNDLED)
    baselines: dict[str, Maker] = {"random": RandomAgent, "explorer": Explorer, "oracle": oracle}
    shown: dict[str, Maker] = {"random": RandomAgent, "oracle": oracle}
    with launch(BUNDLED) as services, SqlEnvClient(services.env_target) as client:
        recorded = {"tasks": [record(client, task_id, shown) for task_id in TASKS]}
        work = jobs(list(client.list_tasks()), seed=SEED)
        agents = []
        version = ""
        for name, maker in baselines.items():
            played = list(play(client, work, maker, agent=name))
            version = played[0].dataset_version
            agents.append({"agent": name, **_figures(summarise(played)), "by": _by_difficulty(played)})
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "replays.json", recorded)
    write(folder / "baselines.json", {"dataset_version": version, "agents": agents})


def record(client: SqlEnvClient, task_id: str, agents: Mapping[str, Maker], seed: int = SEED) -> dict[str, Any]:
    """A task and what each agent did on it, as the page reads it."""
    told: dict[str, Any] = {}
    runs = []
    for name, maker in agents.items():
        with client.reset(task_id=task_id, seed=seed) as episode:
            mind = maker(task_id, seed)
            steps: list[dict[str, Any]] = []
            while not episode.done:
                action = mind.act(episode.observation)
                result = episode.step(action)
                steps.append(_step(action_text(action), step_payload(episode.log, result, {})))
            first = episode.log
            told = {
                "task_id": task_id,
                "db_id": first.task.db_id,
                "difficulty": first.task.difficulty,
                "answer_type": ANSWER_TYPES[first.task.answer_type],
                "question": first.task.question,
                "tables": list(first.observation.tables),
            }
            runs.append({"agent": name, "verdict": steps[-1]["observation"]["score"]["verdict"], "steps": steps})
    return {**told, "runs": runs}


def _step(text: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What the page's cards show of a step."""
    seen = payload["observation"]
    score = {name: _rounded(value) for name, value in seen["score"].items() if name != "total"}
    observation: dict[str, Any] = {"score": score}
    if seen["error"]:
        observation["error"] = seen["error"]
    if seen["result"]:
        # A description is worth seeing whole; of rows a few will do.
        described = text.startswith("DESCRIBE")
        rows = seen["result"]["rows"] if described else seen["result"]["rows"][:ROWS]
        rows = [[_cut(value) for value in row] for row in rows]
        observation["result"] = {**seen["result"], "rows": rows, "truncated": False}
    return {"text": text, "reward": _rounded(payload["reward"]), "observation": observation}


def _cut(value: Any) -> Any:
    return value[: CELL_CHARS - 1] + "…" if isinstance(value, str) and len(value) > CELL_CHARS else value


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value


def _by_difficulty(played: list[Trajectory]) -> dict[str, dict[str, Any]]:
    return {name: _figures(one) for name, one in by_group(played, lambda record: record.difficulty).items()}


def _figures(summary: Summary) -> dict[str, Any]:
    names = ("episodes", "accuracy", "low", "high", "mean_return", "mean_steps")
    return {name: _rounded(getattr(summary, name)) for name in names}


def write(path: Path, value: Any) -> None:
    """Writes JSON without a blank."""
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gateway.replays", description="Records the page's episodes anew.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where to write them; in place by default")
    folder = parser.parse_args().out
    make(folder)
    for path in sorted(folder.glob("*.json")):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
