"""What a language model's turn means: its tool calls or text as actions, and the message to remember it by. Pure.

Takes chat completions as dicts, in the form of OpenAI's API. Whatever a model writes becomes actions; what is none of
ours becomes an `InvalidAction`, which costs a step and is explained to the model by the service. One parser for all:
`sqlenv.actions`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlenv import actions

# Some templates open the thought in the prompt, so that its start is not among what the model says.
_THOUGHT = re.compile(r"\A(?:\s*<think>)?.*?</think>\s*|\A\s*<think>.*\Z", re.DOTALL)

SYSTEM = {
    "tool": "You answer a question about a SQLite database that you have not seen. Look at tables with the tools "
    "describe and sample, try SQL with query, then call answer, once: it ends the episode. Always call a tool.",
    "text": "You answer a question about a SQLite database that you have not seen. Each of your messages is exactly "
    "one action and nothing else:\nDESCRIBE table\nSAMPLE table rows\nQUERY sql\nANSWER value\nANSWER SQL: sql\n"
    "Look at tables, try SQL with QUERY, then ANSWER, once: it ends the episode. No explanations, no Markdown.",
}
"""What a model is told before the first observation, by the form of its actions."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn: `steps` are its actions in order, each with the id of its tool call ("" for text). `message` is what the
    conversation keeps of it. `cut`: a bound on tokens ended it; `refused`: the model or its filter declined."""

    steps: list[tuple[str, actions.Action]]
    message: dict[str, Any]
    cut: bool = False
    refused: bool = False


def read_turn(message: Mapping[str, Any], finish_reason: str | None) -> Turn:
    """Reads an assistant's message. A turn without tool calls and text is one invalid action: it costs a step, too."""
    text = without_thoughts(actions.well_formed(_text(message.get("content"))))
    refusal = actions.well_formed(_text(message.get("refusal")))
    cut, refused = finish_reason == "length", bool(refusal) or finish_reason == "content_filter"
    given = message.get("tool_calls")
    calls = [call for call in given if isinstance(call, Mapping)] if isinstance(given, list) else []
    if not calls:
        said = text or refusal
        return Turn([("", actions.parse(said))], {"role": "assistant", "content": said}, cut, refused)
    steps, kept = [], []
    for number, call in enumerate(calls):
        function = call.get("function")
        function = function if isinstance(function, Mapping) else {}
        name, arguments = function.get("name") or "", function.get("arguments")
        identity = actions.well_formed(str(call.get("id") or f"call_{number}"))
        steps.append((identity, actions.parse_tool_call({"name": name, "arguments": arguments or "{}"})))
        again = {"name": actions.well_formed(str(name)), "arguments": _arguments(arguments)}
        kept.append({"id": identity, "type": "function", "function": again})
    return Turn(steps, {"role": "assistant", "content": text or None, "tool_calls": kept}, cut, refused)


def without_thoughts(text: str) -> str:
    """What a model says after it has thought; "" where a bound came before the thought's end."""
    return _THOUGHT.sub("", text, count=1)


def seen_message(identity: str, text: str) -> dict[str, Any]:
    """What the environment said, as the next message: the answer to a tool call, or a user's."""
    if identity:
        return {"role": "tool", "tool_call_id": identity, "content": text}
    return {"role": "user", "content": text}


def _arguments(given: object) -> str:
    """Arguments to be sent back. Servers read them again, and some fail on what is no JSON object."""
    text = actions.well_formed(given if isinstance(given, str) else json.dumps(given))
    try:
        sound = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        sound = False
    return text if sound else json.dumps({"not_an_object": text}, ensure_ascii=False)


def _text(content: object) -> str:
    """Text content; of content in parts the text parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text") or part.get("refusal") for part in content if isinstance(part, Mapping))
        return "".join(part for part in parts if isinstance(part, str))
    return ""
