"""The oracle: answers tasks with the data set's gold SQL, and says what that returns.

python validation/oracle.py http://127.0.0.1:8000 [--tasks N]

Plays over plain HTTP, needs the standard library alone, and ends with status 1 if a right answer is not paid as
`openenv.yaml` declares. It runs where the gold is: not in the environment's process.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

GOLD = Path(__file__).resolve().parent.parent / "data" / "bundled" / "gold.jsonl"
MOST = 1.15
TOLERANCE = 0.05


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """One request. Raises urllib.error.HTTPError where it is refused."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def play(url: str, task_id: str, sql: str) -> float:
    """One episode that answers at once. Returns the reward."""
    started = post(f"{url}/reset", {"task_id": task_id, "seed": 0})
    action = {"tool": "answer", "sql": sql}
    ended = post(f"{url}/step", {"episode_id": started["metadata"]["episode_id"], "action": action})
    return float(ended["reward"])


def main() -> None:
    """Reads the arguments, plays, prints a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--tasks", type=int, default=20, help="how many, spread over the data set")
    chosen = parser.parse_args()
    lines = GOLD.read_text(encoding="utf-8").splitlines()
    gold = [json.loads(line) for line in lines[:: max(1, len(lines) // max(1, chosen.tasks))]][: chosen.tasks]
    rewards = {task["task_id"]: play(chosen.url.rstrip("/"), task["task_id"], task["sql"]) for task in gold}
    least = min(rewards, key=lambda task_id: rewards[task_id])
    print(json.dumps({"tasks": len(rewards), "least": rewards[least], "task_id": least}))
    sys.exit(0 if rewards[least] >= MOST - TOLERANCE else 1)


if __name__ == "__main__":
    main()
