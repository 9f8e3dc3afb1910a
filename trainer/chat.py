"""Between messages and tokens: prompts, what the environment says between two turns, what a turn's text means.

Nothing that a model wrote is ever tokenised again: a conversation's tokens are the prompt's, the model's own, and those
of what stands between two of its turns, which is cut out of the chat template once.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from sqlenv import actions
from sqlenv.agents.turns import without_thoughts
from sqlenv.errors import ConfigError

Form = Literal["text", "tool"]
"""How a policy writes its actions: the text form, or tool calls as the tokenizer's template has them."""

Message = dict[str, Any]

_SAID, _SEEN = "sqlenvsaid", "sqlenvseen"


class Chat:
    """A tokenizer's chat template, put to our use. Raises ConfigError where the template can't do it.

    `template_kwargs` go to the template, as {"enable_thinking": False} for Qwen3.
    """

    def __init__(
        self, tokenizer: Any, form: Form = "text", system: str = "", template_kwargs: dict[str, Any] | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.form = form
        self.system = system
        self.template_kwargs = dict(template_kwargs or {})
        self.tools = list(actions.TOOLS) if form == "tool" else None
        if not tokenizer.chat_template:
            raise ConfigError("The tokenizer has no chat template. Use an instruct model, or set one.")
        check_template(self)
        self._before, self._after = self._between()

    def opening(self, seen: str) -> list[Message]:
        """The messages before the first turn."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": seen}]

    def turn(self, action: actions.Action) -> Message:
        """An action as the policy would write it."""
        return said_message(action, self.form)

    def seen(self, text: str, name: str = "query") -> Message:
        """What the environment says after a turn. `name`: the tool that was called."""
        return seen_message(text, self.form, name)

    def render(self, messages: list[Message], generation: bool = False) -> str:
        """The conversation as text."""
        rendered: str = self.tokenizer.apply_chat_template(
            messages, tools=self.tools, tokenize=False, add_generation_prompt=generation, **self.template_kwargs
        )
        return rendered

    def prompt_ids(self, seen: str) -> list[int]:
        """Tokens before the first turn."""
        return self._ids(self.render(self.opening(seen), generation=True))

    def between_ids(self, seen: str, ended: bool) -> list[int]:
        """Tokens between a turn and the next. `ended`: the turn closed itself; else its end mark is put here."""
        mark = "" if ended else self.tokenizer.eos_token
        return self._ids(f"{mark}{self._before}{seen}{self._after}")

    def said(self, ids: list[int]) -> str:
        """The text of a turn, without marks and thoughts: what `sqlenv.actions.parse` reads."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return without_thoughts(text)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _between(self) -> tuple[str, str]:
        messages = [*self.opening("q"), {"role": "assistant", "content": _SAID}, self.seen(_SEEN)]
        text = self.render(messages, generation=True)
        _, _, rest = text.partition(_SAID)
        mark = self.tokenizer.eos_token
        _, found, rest = rest.partition(mark)
        before, seen, after = rest.partition(_SEEN)
        if not found or not seen:
            words = f"The chat template does not close an assistant's turn with the tokenizer's end mark {mark!r}"
            raise ConfigError(f"{words}, so a policy would not learn to stop. Set tokenizer.eos_token to its mark.")
        return before, after


def said_message(action: actions.Action, form: Form) -> Message:
    """An action as an assistant's message."""
    if form == "text":
        return {"role": "assistant", "content": actions.to_text(action)}
    name, arguments = to_call(action)
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def seen_message(text: str, form: Form, name: str) -> Message:
    """What the environment says after the tool or action `name`."""
    if form == "text":
        return {"role": "user", "content": text}
    return {"role": "tool", "name": name, "content": text}


def to_call(action: actions.Action) -> tuple[str, dict[str, Any]]:
    """An action as a tool's name and arguments; only those that are given."""
    match action:
        case actions.Describe(table):
            return "describe", {"table": table}
        case actions.Sample(table, rows):
            return "sample", {"table": table, "rows": rows}
        case actions.Query(sql):
            return "query", {"sql": sql}
        case actions.AnswerValue(value):
            return "answer", {"value": value}
        case actions.AnswerSql(sql):
            return "answer", {"sql": sql}
    raise TypeError(f"{type(action).__name__} is no tool call")


def check_template(chat: Chat) -> None:
    """Raises ConfigError where the template loses what a policy must see, or shows what nobody said.

    Templates in the wild drop the arguments of tool calls or a tool's answer, write arguments that were not given as
    null, or rewrite earlier turns when a later one is added. Training on such text teaches nonsense, and silently.
    """
    looked, found = actions.Sample("tablewords", 7), "seenwords"
    messages = [*chat.opening("questionwords"), chat.turn(looked), chat.seen(found, "sample")]
    try:
        text = chat.render(messages)
        part = chat.render(messages[:-1])
        prompt = chat.render(messages[:-2], generation=True)
    except Exception as error:
        raise ConfigError(f"The chat template can't render a {chat.form} conversation: {error}") from None
    parts = {
        "the question": "questionwords",
        "the name of the action": "sample" if chat.form == "tool" else "SAMPLE",
        "an argument's value": "tablewords",
        "a number in the arguments": "7",
        "what the environment said": found,
    }
    if chat.form == "tool":
        parts["an argument's name"] = "rows"
    for what, words in parts.items():
        where = text[len(prompt) :] if what not in ("the question",) else text
        if words not in where:
            raise ConfigError(f"The chat template drops {what}: training on it would teach nonsense. {_ADVICE}")
    if re.search(r"\b(null|None)\b", text[len(prompt) :]):
        raise ConfigError(f"The chat template writes arguments that were not given as null. {_ADVICE}")
    if not text.startswith(part.rstrip()) or not part.startswith(prompt.rstrip()):
        words = "The chat template rewrites earlier turns when a later one is added (it is not prefix-preserving)"
        raise ConfigError(f"{words}, so that what is trained is not what was played. {_ADVICE}")


_ADVICE = "Use policy.form=text, another model, or set the tokenizer's chat_template to one that keeps everything."
