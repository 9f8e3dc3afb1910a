"""Episodes made up for tests of figures and reports."""

from __future__ import annotations

from typing import Any

from sqlenv.agents.rollout import StepRecord, Trajectory


def step(action: str = "DESCRIBE pet", observation: str = "seen\nSteps left: 14", reward: float = 0.0) -> StepRecord:
    """A step that is worth `reward`."""
    return StepRecord(action, observation, reward, reward, 0.0, 0.0, {"ran": reward})


def episode(agent: str, task: int, correct: bool, value: float | None = None, **more: Any) -> Trajectory:
    """An episode with these figures. Tasks 0-9 are of database d0, 10-19 of d1, …"""
    given: dict[str, Any] = {
        "agent": agent,
        "task_id": f"t{task:03}",
        "db_id": f"d{task // 10}",
        "split": "eval",
        "difficulty": "easy" if task % 2 else "hard",
        "answer_type": "integer",
        "question": f"How many are {task}?",
        "prompt": f"Question: How many are {task}?\nTables: pet",
        "seed": 0,
        "rubric": "dense",
        "dataset_version": "v1",
        "scorer_version": "s1",
        "steps": [step(), step("ANSWER 1", "Answer recorded. The episode is over.", 1.0 if correct else 0.0)],
        "episode_return": (1.2 if correct else 0.1) if value is None else value,
        "correctness": 1.0 if correct else 0.0,
        "verdict": "correct" if correct else "incorrect",
        "reason": "The answer is right." if correct else "The answer is not right.",
        "state": "terminated",
    }
    return Trajectory(**(given | more))
