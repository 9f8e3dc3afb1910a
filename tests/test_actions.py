"""The action parser: every form gives the same action, bad input is told in words, nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlenv import convert
from sqlenv.actions import (
    DEFAULT_SAMPLE_ROWS,
    MAX_SAMPLE_ROWS,
    TOOLS,
    Action,
    AnswerSql,
    AnswerValue,
    Describe,
    InvalidAction,
    Query,
    Sample,
    action_hash,
    parse,
    parse_tool_call,
    to_text,
)
from sqlenv.errors import InvalidArgument
from sqlenv.types import ActionFailure, AnswerType, ErrorKind, Result, SqlValue
from sqlenv.v1 import types_pb2


def invalid(action: Action) -> str:
    assert isinstance(action, InvalidAction), action
    assert action.why
    return action.why


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("DESCRIBE singer", Describe("singer")),
        ("describe singer", Describe("singer")),
        ("  Describe:  two words \n", Describe("two words")),
        ('DESCRIBE "singer"', Describe('"singer"')),
        ("SAMPLE singer", Sample("singer", DEFAULT_SAMPLE_ROWS)),
        ("SAMPLE singer 7", Sample("singer", 7)),
        ("SAMPLE singer, 7", Sample("singer", 7)),
        ("sample two words 3", Sample("two words", 3)),
        ("SAMPLE t2", Sample("t2", DEFAULT_SAMPLE_ROWS)),
        (f"SAMPLE singer {MAX_SAMPLE_ROWS}", Sample("singer", MAX_SAMPLE_ROWS)),
        ("QUERY SELECT 1", Query("SELECT 1")),
        ("query: SELECT 1", Query("SELECT 1")),
        ("QUERY\nSELECT a\nFROM b\n", Query("SELECT a\nFROM b")),
        ("QUERY", Query("")),
        ("ANSWER 42", AnswerValue("42")),
        ("Answer: 42", AnswerValue("42")),
        ("ANSWER", AnswerValue("")),
        ('ANSWER ["a", "b"]', AnswerValue('["a", "b"]')),
        ("ANSWER a\nb", AnswerValue("a\nb")),
        ("ANSWER SQL: SELECT 1", AnswerSql("SELECT 1")),
        ("answer sql : SELECT 1", AnswerSql("SELECT 1")),
        ("ANSWER SQL is fun", AnswerValue("SQL is fun")),
        ("ANSWER SELECT 1", AnswerValue("SELECT 1")),
        ("```sql\nQUERY SELECT 1\n```", Query("SELECT 1")),
        ("```\nANSWER 42\n```", AnswerValue("42")),
    ],
)
def test_text_form(text: str, action: Action) -> None:
    assert parse(text) == action


CALLS: list[tuple[dict[str, Any], Action]] = [
    ({"name": "describe", "arguments": {"table": "singer"}}, Describe("singer")),
    ({"name": "DESCRIBE", "arguments": {"table": "singer"}}, Describe("singer")),
    ({"name": "sample", "arguments": {"table": "singer"}}, Sample("singer", DEFAULT_SAMPLE_ROWS)),
    ({"name": "sample", "arguments": {"table": "singer", "rows": None}}, Sample("singer", DEFAULT_SAMPLE_ROWS)),
    ({"name": "sample", "arguments": {"table": "singer", "rows": 9}}, Sample("singer", 9)),
    ({"name": "query", "arguments": {"sql": "SELECT 1"}}, Query("SELECT 1")),
    ({"name": "query", "arguments": '{"sql": "SELECT 1"}'}, Query("SELECT 1")),
    ({"name": "query", "parameters": {"sql": "SELECT 1"}}, Query("SELECT 1")),
    ({"type": "tool_use", "name": "query", "input": {"sql": "SELECT 1"}}, Query("SELECT 1")),
    (
        {"id": "call_1", "type": "function", "function": {"name": "query", "arguments": '{"sql": "SELECT 1"}'}},
        Query("SELECT 1"),
    ),
    ({"name": "answer", "arguments": {"value": "42"}}, AnswerValue("42")),
    ({"name": "answer", "arguments": {"value": "42", "sql": None}}, AnswerValue("42")),
    ({"name": "answer", "arguments": {"value": None, "sql": "SELECT 1"}}, AnswerSql("SELECT 1")),
    ({"name": "answer", "arguments": {"sql": "SELECT 1"}}, AnswerSql("SELECT 1")),
    ({"name": "answer", "arguments": {"value": 42}}, AnswerValue("42")),
    ({"name": "answer", "arguments": {"value": 4.5}}, AnswerValue("4.5")),
    ({"name": "answer", "arguments": {"value": ["a", "ü"]}}, AnswerValue('["a", "ü"]')),
    ({"name": "answer", "arguments": {"value": [[1, None]]}}, AnswerValue("[[1, null]]")),
    ({"name": "answer", "arguments": {"value": None}}, AnswerValue("NULL")),
    ({"name": "answer", "arguments": {"value": ""}}, AnswerValue("")),
]


@pytest.mark.parametrize(("call", "action"), CALLS)
@pytest.mark.parametrize("frame", ["{}", "  {}\n", "<tool_call>\n{}\n</tool_call>", "```json\n{}\n```", "```\n{}\n```"])
def test_tool_calls_in_every_frame(call: dict[str, Any], action: Action, frame: str) -> None:
    text = frame.replace("{}", json.dumps(call))
    assert parse_tool_call(call) == action
    assert parse(text) == action
    assert action_hash(parse(text)) == action_hash(action)


def test_text_before_the_tags_and_an_end_that_is_missing() -> None:
    call = '{"name": "query", "arguments": {"sql": "SELECT 1"}}'
    assert parse(f"I shall look.\n<tool_call>{call}</tool_call>\nNow wait.") == Query("SELECT 1")
    assert parse(f"<tool_call>\n{call}") == Query("SELECT 1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing"),
        ("   \n", "nothing"),
        ("hello", "hello"),
        ("SELECT 1", "QUERY sql"),
        ("QUERYING x", "not an action"),
        ("DESCRIBE", "DESCRIBE table"),
        ("SAMPLE", "SAMPLE table"),
        ("SAMPLE singer 0", "1 to 20"),
        ("SAMPLE singer 21", "not 21"),
        ("SAMPLE singer 999999999", "1 to 20"),
        ("{", "JSON"),
        ("{}", "describe, sample, query, answer"),
        ("[" * 100_000, "not an action"),
        ('{"a":' * 100_000, "JSON"),
        ('{"name": "drop", "arguments": {}}', "'drop'"),
        ('{"name": 3, "arguments": {}}', "3"),
        ('{"name": "query", "arguments": {}}', "'sql'"),
        ('{"name": "query"}', "'sql'"),
        ('{"name": "query", "arguments": null}', "object"),
        ('{"name": "query", "arguments": []}', "object"),
        ('{"name": "query", "arguments": "{"}', "JSON"),
        ('{"name": "query", "arguments": "[1]"}', "object"),
        ('{"name": "query", "arguments": {"sql": 5}}', "string"),
        ('{"name": "query", "arguments": {"sql": "SELECT 1", "limit": 3}}', "'limit'"),
        ('{"name": "describe", "arguments": {}}', "'table'"),
        ('{"name": "describe", "arguments": {"table": " "}}', "'table'"),
        ('{"name": "describe", "arguments": {"table": ["a"]}}', "string"),
        ('{"name": "sample", "arguments": {"table": "t", "rows": "5"}}', "integer"),
        ('{"name": "sample", "arguments": {"table": "t", "rows": true}}', "integer"),
        ('{"name": "sample", "arguments": {"table": "t", "rows": 5.0}}', "integer"),
        ('{"name": "sample", "arguments": {"table": "t", "rows": 21}}', "1 to 20"),
        ('{"name": "sample", "arguments": {"table": "t", "rows": -1}}', "1 to 20"),
        ('{"name": "answer", "arguments": {}}', "'value' or 'sql'"),
        ('{"name": "answer", "arguments": {"value": "1", "sql": "SELECT 1"}}', "'value' or 'sql'"),
    ],
)
def test_bad_actions_are_told_in_words(text: str, words: str) -> None:
    action = parse(text)
    why = invalid(action)
    assert words in why
    assert len(why) < 300
    assert to_text(action) == text


def test_why_stays_short_whatever_is_sent() -> None:
    large = "x" * 10**6
    calls = [{"name": large}, {"name": "query", "arguments": {large: 1}}]
    for text in [large, *map(json.dumps, calls)]:
        assert len(invalid(parse(text))) < 400


# What the text form can carry: any text without blanks at its ends.
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip)
words = words.filter(lambda text: bool(text) and not text.startswith(":"))
table_names = st.from_regex(r"[A-Za-z_][A-Za-z_0-9]*( [a-z]+)?", fullmatch=True)
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Describe, table_names),
    st.builds(Sample, table_names, st.integers(1, MAX_SAMPLE_ROWS)),
    st.builds(Query, words),
    st.builds(AnswerValue, words.filter(lambda text: not text.lower().startswith("sql"))),
    st.builds(AnswerSql, words),
)


@given(actions)
def test_text_round_trip(action: Action) -> None:
    text = to_text(action)
    if "<tool_call>" not in text:
        assert parse(text) == action


@pytest.mark.parametrize(
    "action",
    [
        AnswerValue("the tag is <tool_call>"),
        Query("SELECT '<tool_call>' FROM t"),
        AnswerSql("SELECT count(*) FROM t WHERE a = '<tool_call>{}</tool_call>'"),
        Query(": SELECT 1"),
        AnswerValue(": 42"),
        AnswerValue("SQL: none"),
    ],
)
def test_text_round_trip_of_texts_that_look_like_syntax(action: Action) -> None:
    assert parse(to_text(action)) == action


@given(actions)
def test_tool_call_round_trip(action: Action) -> None:
    match action:
        case Describe(table):
            call = {"name": "describe", "arguments": {"table": table}}
        case Sample(table, rows):
            call = {"name": "sample", "arguments": {"table": table, "rows": rows}}
        case Query(sql):
            call = {"name": "query", "arguments": {"sql": sql}}
        case AnswerValue(value):
            call = {"name": "answer", "arguments": {"value": value}}
        case _:
            assert isinstance(action, AnswerSql)
            call = {"name": "answer", "arguments": {"sql": action.sql}}
    assert parse_tool_call(call) == action
    wrapped = {"type": "function", "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])}}
    assert parse_tool_call(wrapped) == action
    assert action_hash(parse_tool_call(wrapped)) == action_hash(action)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
keys = st.sampled_from(["name", "arguments", "parameters", "input", "function", "table", "rows", "sql", "value"])
near_calls = st.dictionaries(
    keys, st.sampled_from(["query", "answer", "sample", "describe"]) | st.dictionaries(keys, json_values) | json_values
)
TOKENS = [*'{}[]"\\:, \n`<>/1aQ', "QUERY ", "ANSWER ", "SAMPLE ", "<tool_call>", "</tool_call>", "```json\n", "null"]
loud = st.lists(st.sampled_from(TOKENS), max_size=20).map("".join)


@given(st.text() | st.text(st.characters(categories=["Cs", "L"])) | loud | near_calls.map(json.dumps))
def test_parse_never_raises(text: str) -> None:
    action = parse(text)
    assert 0 <= action_hash(action) < 2**64
    if isinstance(action, InvalidAction):
        assert action.why
        assert action.text == text or "{" in text  # a tool call is told as it was understood


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "query", "arguments": {"sql": "SELECT \'\\ud800\'"}}',
        '{"name": "describe", "arguments": {"table": "\\udfff"}}',
        '{"name": "answer", "arguments": {"value": "\\ud83d"}}',
        '{"name": "\\ud800"}',
        '{"name": "query", "arguments": {"\\ud800": 1}}',
    ],
)
def test_escapes_of_lone_surrogates_give_an_action_that_can_travel(text: str) -> None:
    """JSON can name what UTF-8 can't hold: plain ASCII on the wire must not become a fault of the server's."""
    action = parse(text)
    types_pb2.Action.FromString(convert.action_to_proto(action).SerializeToString())
    if isinstance(action, InvalidAction):
        action.why.encode()


@given(near_calls)
def test_parse_tool_call_never_raises(call: dict[str, Any]) -> None:
    assert 0 <= action_hash(parse_tool_call(call)) < 2**64


# The hash


@pytest.mark.parametrize(
    "same",
    [
        ["DESCRIBE singer", "describe SINGER", '{"name": "describe", "arguments": {"table": "Singer"}}'],
        [
            "SAMPLE singer",
            "SAMPLE singer 5",
            "sample Singer, 5",
            '{"name": "sample", "arguments": {"table": "singer"}}',
        ],
        [
            "QUERY SELECT 1",
            "query: SELECT 1;",
            "QUERY  SELECT 1 ; ",
            '{"name": "query", "arguments": {"sql": "SELECT 1"}}',
        ],
        ["ANSWER SQL: SELECT 1", '{"name": "answer", "arguments": {"sql": "SELECT 1;"}}'],
        ["ANSWER 42", '{"name": "answer", "arguments": {"value": 42}}'],
    ],
)
def test_hash_is_equal_however_an_action_is_written(same: list[str]) -> None:
    assert len({action_hash(parse(text)) for text in same}) == 1


def test_hash_tells_actions_apart() -> None:
    texts = [
        "DESCRIBE singer",
        "DESCRIBE song",
        "SAMPLE singer 5",
        "SAMPLE singer 6",
        "QUERY SELECT 1",
        "QUERY SELECT 'a'",
        "QUERY SELECT 'A'",
        "ANSWER 1",
        "ANSWER 1;",
        "ANSWER SQL: SELECT 1",
        "ANSWER a",
        "ANSWER A",
    ]
    assert len({action_hash(parse(text)) for text in texts}) == len(texts)


def test_hash_is_the_same_number_everywhere() -> None:
    """It travels in the reward state from one process to another, of this version or the next."""
    assert action_hash(Describe("singer")) == 0x488C1C5A375F935


# Messages

sql_values: st.SearchStrategy[SqlValue] = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)


@given(actions)
def test_action_message_round_trip(action: Action) -> None:
    message = types_pb2.Action.FromString(convert.action_to_proto(action).SerializeToString())
    assert convert.action_from_proto(message) == action
    text = types_pb2.Action(text=to_text(action))
    if "<tool_call>" not in text.text:
        assert convert.action_from_proto(text) == action


@pytest.mark.parametrize("text", ["hello", "SAMPLE singer 99", "{", "", "SAMPLE", '{"name": "query"}'])
def test_invalid_action_travels_as_its_text(text: str) -> None:
    action = parse(text)
    message = convert.action_to_proto(action)
    assert message.text == text
    assert convert.action_from_proto(message) == action


@pytest.mark.parametrize("rows", [-(2**31), -1, 0, 21, 2**31 - 1])
def test_sample_rows_out_of_range_cost_the_step_in_messages_too(rows: int) -> None:
    message = types_pb2.Action(sample=types_pb2.Sample(table="singer", rows=rows))
    assert "1 to 20" in invalid(convert.action_from_proto(message))


def test_sample_rows_absent_is_the_default() -> None:
    message = types_pb2.Action(sample=types_pb2.Sample(table="singer"))
    assert convert.action_from_proto(message) == Sample("singer", DEFAULT_SAMPLE_ROWS)


@pytest.mark.parametrize("message", [types_pb2.Action(), types_pb2.Action(answer=types_pb2.Answer())])
def test_a_message_without_an_action_names_the_field(message: types_pb2.Action) -> None:
    with pytest.raises(InvalidArgument) as raised:
        convert.action_from_proto(message)
    assert raised.value.field.startswith("action")


@given(sql_values)
def test_value_round_trip(value: SqlValue) -> None:
    message = types_pb2.Value.FromString(convert.value_to_proto(value).SerializeToString())
    assert message.WhichOneof("kind") is not None
    back = convert.value_from_proto(message)
    assert back == value
    assert type(back) is type(value)


def test_an_empty_value_message_is_null() -> None:
    assert convert.value_from_proto(types_pb2.Value()) is None


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4).flatmap(
        lambda columns: st.builds(
            Result,
            st.just(tuple(columns)),
            st.lists(st.tuples(*[sql_values] * len(columns)), max_size=5).map(tuple),
            st.integers(0, 2**63 - 1),
            st.booleans(),
            st.booleans(),
        )
    )
)
def test_result_round_trip(result: Result) -> None:
    message = types_pb2.Result.FromString(convert.result_to_proto(result).SerializeToString())
    assert convert.result_from_proto(message) == result


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_failure_round_trip(kind: ErrorKind) -> None:
    failure = ActionFailure(kind, "Why.")
    assert convert.failure_from_proto(convert.failure_to_proto(failure)) == failure
    assert types_pb2.ErrorKind.Name(kind.value) == f"ERROR_KIND_{kind.name}"


def test_a_failure_of_a_newer_version_is_still_read() -> None:
    message = types_pb2.ActionError(message="New.")
    message.kind = 99  # type: ignore[assignment]
    assert convert.failure_from_proto(message) == ActionFailure(ErrorKind.SQL, "New.")


def test_every_answer_type_has_its_number() -> None:
    for answer_type in AnswerType:
        assert types_pb2.AnswerType.Name(convert.ANSWER_TYPES[answer_type]) == f"ANSWER_TYPE_{answer_type.name}"


# The tools


def test_tools_are_what_the_parser_reads() -> None:
    assert [tool["function"]["name"] for tool in TOOLS] == ["describe", "sample", "query", "answer"]
    json.dumps(TOOLS)
    example: dict[str, Any] = {"string": "x", "integer": 3}
    for tool in TOOLS:
        function = tool["function"]
        for name, schema in function["parameters"]["properties"].items():
            required = dict.fromkeys(function["parameters"]["required"], "x")
            arguments = {**required, name: example[schema["type"]]}
            action = parse_tool_call({"name": function["name"], "arguments": arguments})
            assert not isinstance(action, InvalidAction), action
