"""The actions as MCP tools, and one that starts an episode; called the same from every way in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gateway.errors import GatewayError, invalid
from gateway.models import ResetRequest
from gateway.session import Session
from gateway.sessions import Sessions
from sqlenv import actions
from sqlenv.convert import action_to_proto

Open = Callable[[], Awaitable[Session]]

NEW_EPISODE = "new_episode"
_FIELDS = ("seed", "task_id", "split", "db_id", "difficulty", "rubric")


def _new_episode() -> dict[str, Any]:
    schema = ResetRequest.model_json_schema()
    properties = {name: schema["properties"][name] for name in _FIELDS}
    return {
        "name": NEW_EPISODE,
        "description": "Start an episode: a question about a database, and the names of its tables. Call it first.",
        "inputSchema": {"type": "object", "properties": properties, "additionalProperties": False},
    }


TOOLS: tuple[dict[str, Any], ...] = (
    _new_episode(),
    *(
        {
            "name": tool["function"]["name"],
            "description": tool["function"]["description"],
            "inputSchema": tool["function"]["parameters"],
        }
        for tool in actions.TOOLS
    ),
)
NAMES = tuple(tool["name"] for tool in TOOLS)


@dataclass(frozen=True)
class Called:
    """What a tool gave: `text` for a language model, `payload` the same as OpenEnv's JSON."""

    text: str
    payload: dict[str, Any]
    failed: bool

    def result(self) -> dict[str, Any]:
        """As MCP's tools/call has it."""
        content = [{"type": "text", "text": self.text}]
        return {"content": content, "structuredContent": self.payload, "isError": self.failed}


async def call(sessions: Sessions, session: Session | None, opened: Open, name: str, arguments: Any) -> Called:
    """Calls a tool in `session`; `opened` makes one where an episode is to be started and there is none.

    Arguments that don't fit cost a step, as text does that can't be read. Raises GatewayError or ServiceError.
    """
    if name not in NAMES:
        words = f"there is no tool {name[:60]!r}; the tools are {', '.join(NAMES)}"
        raise GatewayError("VALIDATION_ERROR", words, 422, "name", "UNKNOWN_TOOL")
    if name == NEW_EPISODE:
        return await _start(sessions, session, opened, arguments)
    if session is None or session.episode is None:
        words = f"there is no episode yet: call {NEW_EPISODE} first"
        raise GatewayError("SESSION_ERROR", words, 409, reason="NO_EPISODE")
    action = actions.parse_tool_call({"name": name, "arguments": arguments})
    payload = await sessions.step(session, action_to_proto(action))
    observation = payload["observation"]
    text = observation["text"]
    if payload["done"]:
        verdict = observation["score"]["reason"] or "The step budget is spent."
        text += f"\n\n{verdict} The episode's return is {payload['metadata']['episode_return']:.3f}."
        text += f" {NEW_EPISODE} starts another."
    return Called(text, payload, observation["error"] is not None)


async def _start(sessions: Sessions, session: Session | None, opened: Open, arguments: Any) -> Called:
    # Some chat templates write every parameter that was not given as null.
    given = {name: value for name, value in arguments.items() if value is not None}
    unknown = sorted(set(given) - set(_FIELDS))
    if unknown:
        words = f"{NEW_EPISODE} has no argument {unknown[0][:60]!r}; it has {', '.join(_FIELDS)}"
        raise GatewayError("VALIDATION_ERROR", words, 422, unknown[0][:60], "FIELD_INVALID")
    try:
        request = ResetRequest.model_validate(given)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from None
    payload = await sessions.reset(session or await opened(), request)
    return Called(payload["observation"]["text"], payload, False)
