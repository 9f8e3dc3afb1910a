"""The four actions, and the one parser for every form in which they are written.

message      sqlenv.v1.Action (see `sqlenv.convert`)
text         DESCRIBE singer | SAMPLE singer 5 | QUERY SELECT … | ANSWER 42 | ANSWER SQL: SELECT …
tool call    {"name": "query", "arguments": {"sql": "SELECT …"}}, OpenAI's {"function": {…}} form included, also
             between <tool_call> tags or in a ```json fence
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

DEFAULT_SAMPLE_ROWS = 5
MAX_SAMPLE_ROWS = 20


@dataclass(frozen=True, slots=True)
class Describe:
    """Look at a table's columns, types and keys."""

    table: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Look at some rows of a table."""

    table: str
    rows: int = DEFAULT_SAMPLE_ROWS


@dataclass(frozen=True, slots=True)
class Query:
    """Run one SELECT."""

    sql: str


@dataclass(frozen=True, slots=True)
class AnswerValue:
    """Answer with the value itself, as text."""

    value: str


@dataclass(frozen=True, slots=True)
class AnswerSql:
    """Answer with SQL that computes it."""

    sql: str


@dataclass(frozen=True, slots=True)
class InvalidAction:
    """Text that is none of the actions; `why` tells the agent what is wrong with it."""

    text: str
    why: str


Action = Describe | Sample | Query | AnswerValue | AnswerSql | InvalidAction

FORMS = "DESCRIBE table, SAMPLE table rows, QUERY sql, ANSWER value or ANSWER SQL: sql"

_ARGUMENTS = {"describe": {"table"}, "sample": {"table", "rows"}, "query": {"sql"}, "answer": {"value", "sql"}}
_VERB = re.compile(r"\s*(describe|sample|query|answer)\b\s*:?\s*", re.IGNORECASE)
_ANSWER_SQL = re.compile(r"sql\s*:\s*", re.IGNORECASE)
_TOOL_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FENCE = re.compile(r"\s*```(?:json|sql)?\s*\n?(.*?)\s*```\s*\Z", re.DOTALL)
_SAMPLE = re.compile(r"(?P<table>.*?)[\s,]+(?P<rows>\d{1,9})\s*\Z", re.DOTALL)


def parse(text: str) -> Action:
    """Reads the text form or a JSON tool call. Never raises: what can't be read is an `InvalidAction`."""
    body = text
    tagged = None if _VERB.match(text) else _TOOL_CALL.search(text)
    if tagged:
        body = tagged.group(1)
    fenced = _FENCE.match(body)
    if fenced:
        body = fenced.group(1)
    if body.lstrip()[:1] == "{":
        try:
            return parse_tool_call(json.loads(body))
        except (ValueError, RecursionError):
            return InvalidAction(text, "The tool call is not valid JSON.")
    return _parse_text(text, body)


def to_text(action: Action) -> str:
    """The text form, or the tool call where the text form would read as something else: `parse(to_text(a)) == a`."""
    arguments: dict[str, Any]
    match action:
        case Describe(table):
            text, arguments = f"DESCRIBE {table}", {"table": table}
        case Sample(table, rows):
            text, arguments = f"SAMPLE {table} {rows}", {"table": table, "rows": rows}
        case Query(sql):
            text, arguments = f"QUERY {sql}", {"sql": sql}
        case AnswerValue(value):
            text, arguments = f"ANSWER {value}", {"value": value}
        case AnswerSql(sql):
            text, arguments = f"ANSWER SQL: {sql}", {"sql": sql}
        case InvalidAction(text):
            return text
    if parse(text) == action:
        return text
    name = text.split(maxsplit=1)[0].lower()
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def action_hash(action: Action) -> int:
    """64 bits that name the action: equal for the same action however it was written. For "the same action again"."""
    match action:
        case Describe(table):
            text = f"describe {table}".lower()
        case Sample(table, rows):
            text = f"sample {rows} {table}".lower()
        case Query(sql):
            text = f"query {sql.strip().rstrip(';').rstrip()}"
        case AnswerSql(sql):
            text = f"sql {sql.strip().rstrip(';').rstrip()}"
        case AnswerValue(value):
            text = f"value {value}"
        case InvalidAction(text):
            pass
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _parse_text(text: str, body: str) -> Action:
    verb = _VERB.match(body)
    if not verb:
        shown = text.strip()[:80] or "nothing"
        return InvalidAction(text, f"{shown!r} is not an action. Use one of: {FORMS}.")
    rest = body[verb.end() :].strip()
    match verb.group(1).lower():
        case "describe":
            return Describe(rest) if rest else InvalidAction(text, "DESCRIBE needs a table: DESCRIBE table.")
        case "sample":
            counted = _SAMPLE.match(rest)
            if counted:
                return _sample(text, counted["table"], int(counted["rows"]))
            return Sample(rest) if rest else InvalidAction(text, "SAMPLE needs a table: SAMPLE table rows.")
        case "query":
            return Query(rest)
        case _:
            sql = _ANSWER_SQL.match(rest)
            return AnswerSql(rest[sql.end() :]) if sql else AnswerValue(rest)


def _sample(text: str, table: str, rows: int) -> Action:
    if not 1 <= rows <= MAX_SAMPLE_ROWS:
        return InvalidAction(text, f"SAMPLE shows 1 to {MAX_SAMPLE_ROWS} rows, not {rows}.")
    return Sample(table, rows)


def parse_tool_call(call: dict[str, Any]) -> Action:
    """Reads a tool call given as a dict. Never raises."""
    text = well_formed(_value_text(call))
    if isinstance(call.get("function"), dict):
        call = call["function"]
    name = call.get("name")
    arguments: Any = next((call[key] for key in ("arguments", "parameters", "input") if key in call), {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            return InvalidAction(text, "The tool call's arguments are not valid JSON.")
    if not isinstance(name, str) or name.lower() not in _ARGUMENTS:
        return InvalidAction(text, f"There is no tool {name!r:.60}. The tools are: {', '.join(_ARGUMENTS)}.")
    if not isinstance(arguments, dict):
        return InvalidAction(text, "The tool call's arguments must be a JSON object.")
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        # "\ud800" is valid JSON, but no text that could travel on.
        return InvalidAction(text, "The tool call's arguments hold what is no valid text.")
    # Some chat templates write every parameter that was not given as null.
    given = {str(key): value for key, value in arguments.items() if value is not None or key == "value"}
    return _from_arguments(text, name.lower(), given)


def _from_arguments(text: str, name: str, given: dict[str, Any]) -> Action:
    if name == "answer" and given.get("value") is None and "sql" in given:
        given.pop("value", None)
    unknown = sorted(set(given) - _ARGUMENTS[name])
    if unknown:
        return InvalidAction(text, f"{name} has no argument {unknown[0]!r:.60}.")
    for key in ("table", "sql"):
        if key in given and not isinstance(given[key], str):
            return InvalidAction(text, f"{name}: {key!r} must be a string.")
    if name in ("describe", "sample") and not given.get("table", "").strip():
        return InvalidAction(text, f"{name} needs a 'table'.")
    if name == "describe":
        return Describe(given["table"])
    if name == "sample":
        rows = given.get("rows", DEFAULT_SAMPLE_ROWS)
        if isinstance(rows, bool) or not isinstance(rows, int):
            return InvalidAction(text, "sample: 'rows' must be an integer.")
        return _sample(text, given["table"], rows)
    if name == "query":
        return Query(given["sql"]) if "sql" in given else InvalidAction(text, "query needs 'sql'.")
    if len(given) != 1:
        return InvalidAction(text, "answer needs either 'value' or 'sql'.")
    return AnswerSql(given["sql"]) if "sql" in given else AnswerValue(_value_text(given["value"]))


def _value_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def well_formed(text: str) -> str:
    """`text` with lone surrogates, which no message can carry, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _tool(name: str, description: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


_TABLE = {"type": "string", "description": "Name of the table."}

TOOLS: tuple[dict[str, Any], ...] = (
    _tool("describe", "Show a table's columns, types, keys and number of rows.", {"table": _TABLE}, ["table"]),
    _tool(
        "sample",
        "Show some rows of a table.",
        {
            "table": _TABLE,
            "rows": {"type": "integer", "minimum": 1, "maximum": MAX_SAMPLE_ROWS, "default": DEFAULT_SAMPLE_ROWS},
        },
        ["table"],
    ),
    _tool(
        "query",
        "Run one SELECT (SQLite) and show its result.",
        {"sql": {"type": "string", "description": "The SELECT statement."}},
        ["sql"],
    ),
    _tool(
        "answer",
        "Answer the question; this ends the episode. Give either value or sql.",
        {
            "value": {"type": "string", "description": "The answer itself; a list or table as JSON."},
            "sql": {"type": "string", "description": "A SELECT whose result is the answer."},
        },
        [],
    ),
)
"""The actions as tools, in the JSON form that OpenAI-compatible APIs and chat templates take."""
