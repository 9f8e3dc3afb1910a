"""What an agent is: a mind for one episode that turns each observation into an action."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from sqlenv import actions
from sqlenv.calling.protocol import ActionLike
from sqlenv.convert import action_from_proto, result_from_proto
from sqlenv.types import Result
from sqlenv.v1 import types_pb2


class Agent(Protocol):
    """One episode's agent. A new one is made for each episode, so that nothing is carried over by accident."""

    def act(self, observation: types_pb2.Observation) -> ActionLike:
        """The next action. Called with the observation of the reset first, then with that of each step."""


Maker = Callable[[str, int], Agent]
"""Makes the agent of an episode from its task_id and seed. Only the oracle looks anything up by the task_id."""


def episode_random(task_id: str, seed: int) -> random.Random:
    """A source of randomness that is the same for the same episode, on every machine and in every order of play."""
    return random.Random(f"{seed}:{task_id}")


def seen_result(observation: types_pb2.Observation) -> Result | None:
    """The result that an observation shows; None after an error and at reset."""
    return result_from_proto(observation.result) if observation.HasField("result") else None


def action_text(action: ActionLike) -> str:
    """The text form of an action in any form, for records."""
    if isinstance(action, str):
        return action
    if isinstance(action, types_pb2.Action):
        return actions.to_text(action_from_proto(action))
    return actions.to_text(actions.parse_tool_call(action) if isinstance(action, dict) else action)
