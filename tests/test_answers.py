"""Answers in values: which forms are read, what they may stand for, what stays wrong."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_service.answers import MAX_CHARACTERS, WRONG, AnswerProblem, judge_value, read_answer
from reward_service.compare import Gold
from reward_service.numerals import read_number
from sqlenv.types import AnswerType, Row, SqlValue, Verdict

INTEGER, FLOAT, STRING, LIST, TABLE = AnswerType
RIGHT_, WRONG_, TYPE = Verdict.CORRECT, Verdict.INCORRECT, Verdict.WRONG_TYPE


def judge(text: str, answer_type: AnswerType, *rows: Row, keys: tuple[Row, ...] | None = None) -> Verdict:
    return judge_value(text, answer_type, [Gold(rows, keys)], len(rows[0]) if rows else 1)[0]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        (" +7 ", 7),
        ("-3", -3),
        ("\u22125", -5),
        ("1,234", 1234),
        ("12,345,678.50", 12345678.5),
        ("42.0", 42),
        ("42.", 42),
        ("$5", 5),
        ("-€1,200.50", -1200.5),
        ("0.000", 0),
        (".5", 0.5),
        ("1e3", 1000),
        ("2.5E-3", 0.0025),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        *[
            (text, None)
            for text in [
                *(
                    "",
                    ".",
                    "-",
                    "1,23",
                    "1,2345",
                    ",123",
                    "0,123",
                    "1234,567",
                    "1.234,5",
                    "12.50%",
                    "$$5",
                    "5 €",
                    "007",
                ),
                *(
                    "forty-two",
                    "42 rows",
                    "0x1F",
                    "inf",
                    "nan",
                    "1_000",
                    "1 000",
                    "٣",
                    "1e9999",
                    "--1",
                    "1e",
                    "9" * 401,
                ),
            ]
        ],
    ],
)
def test_numbers(text: str, number: float | None) -> None:
    read = read_number(text)
    assert read == number
    assert type(read) is type(number)


@pytest.mark.parametrize(
    ("text", "answer_type", "gold", "verdict"),
    [
        ("42", INTEGER, 42, RIGHT_),
        ("42.0", INTEGER, 42, RIGHT_),
        ('"42"', INTEGER, 42, RIGHT_),
        ("'1,234'", INTEGER, 1234, RIGHT_),
        ("```\n42\n```", INTEGER, 42, RIGHT_),
        ("42", INTEGER, 42.0, RIGHT_),
        ("43", INTEGER, 42, WRONG_),
        ("10000001", INTEGER, 10000000, WRONG_),
        ("42.5", INTEGER, 42, TYPE),
        ("forty-two", INTEGER, 42, TYPE),
        ("The answer is 42", INTEGER, 42, TYPE),
        ("[42]", INTEGER, 42, TYPE),
        ("", INTEGER, None, RIGHT_),
        ("", INTEGER, 3, WRONG_),
        ("NULL", INTEGER, None, RIGHT_),
        ("none", INTEGER, 3, WRONG_),
        ("0", INTEGER, None, WRONG_),
        ("3.3333333", FLOAT, 10 / 3, RIGHT_),
        ("3.33", FLOAT, 10 / 3, WRONG_),
        ("3", FLOAT, 3.0, RIGHT_),
        ("1.25e1", FLOAT, 12.5, RIGHT_),
        ("12.50%", FLOAT, 12.5, TYPE),
        ("abc", FLOAT, 12.5, TYPE),
        ("Paris", STRING, "Paris", RIGHT_),
        (' "Paris" ', STRING, "Paris", RIGHT_),
        ('"Heroes"', STRING, '"Heroes"', RIGHT_),
        ("Heroes", STRING, '"Heroes"', WRONG_),
        ("paris", STRING, "Paris", WRONG_),
        ("Paris.", STRING, "Paris", WRONG_),
        ("Ünal", STRING, "Unal", WRONG_),
        ("APG", STRING, " APG", RIGHT_),
        ("02139", STRING, "02139", RIGHT_),
        ("2139", STRING, "02139", WRONG_),
        ("130", STRING, "130", RIGHT_),
        ("130.0", STRING, "130", WRONG_),
        ("2024-01-05", STRING, "2024-01-05", RIGHT_),
        ("130", STRING, 130, RIGHT_),
        ("None", STRING, None, RIGHT_),
        ("", STRING, None, RIGHT_),
        ("", STRING, "", RIGHT_),
        ("None", STRING, "None", RIGHT_),
        ("NULL", STRING, "x", WRONG_),
        ("x", STRING, b"x", WRONG_),
    ],
)
def test_scalars(text: str, answer_type: AnswerType, gold: SqlValue, verdict: Verdict) -> None:
    assert judge(text, answer_type, (gold,)) is verdict


AB = (("a",), ("b",))


@pytest.mark.parametrize(
    ("text", "gold", "verdict"),
    [
        ('["a", "b"]', AB, RIGHT_),
        ('["b", "a"]', AB, RIGHT_),
        ('```json\n["a", "b"]\n```', AB, RIGHT_),
        ('[["a"], ["b"]]', AB, RIGHT_),
        ('[{"x": "a"}, {"x": "b"}]', AB, RIGHT_),
        ("['a', 'b']", AB, RIGHT_),
        ("[a, b]", AB, RIGHT_),
        ("a, b", AB, RIGHT_),
        ('"a","b"', AB, RIGHT_),
        ("a\nb", AB, RIGHT_),
        ("a\r\n\r\nb\n", AB, RIGHT_),
        ("- a\n- b", AB, RIGHT_),
        ("* a\n* b", AB, RIGHT_),
        ("1. b\n2. a", AB, RIGHT_),
        ("1) a\n2) b", AB, RIGHT_),
        ("| name |\n|---|\n| a |\n| b |", AB, RIGHT_),
        ("name\na\nb", AB, WRONG_),
        ("a", AB, WRONG_),
        ("a, b, b", AB, WRONG_),
        ("a", (("a",),), RIGHT_),
        ("[5, 7.0]", ((5,), (7,)), RIGHT_),
        ('["5", "7"]', ((5,), (7,)), RIGHT_),
        ("[5, 7]", (("5",), ("7",)), RIGHT_),
        ("-5\n-7", ((-5,), (-7,)), RIGHT_),
        ("- 5\n- 7", ((5,), (7,)), RIGHT_),
        ("1,234\n5", ((1234,), (5,)), RIGHT_),
        ('"1,234", 5', ((1234,), (5,)), RIGHT_),
        ("Paris, France", (("Paris, France",),), RIGHT_),
        ("Smith, J\nDoe, J", (("Smith, J",), ("Doe, J",)), RIGHT_),
        ("O'Brien, D'Arcy", (("O'Brien",), ("D'Arcy",)), RIGHT_),
        ("'t Hart, de Wit", (("'t Hart",), ("de Wit",)), RIGHT_),
        ('5" disk, tape', (('5" disk',), ("tape",)), RIGHT_),
        ("3. Liga", (("3. Liga",),), RIGHT_),
        ("1. FC\n2. BC", (("1. FC",), ("2. BC",)), RIGHT_),
        ('["a", null]', (("a",), (None,)), RIGHT_),
        ("a\nNULL", (("a",), (None,)), RIGHT_),
        ("[]", (), RIGHT_),
        ("", (), TYPE),
        ("[1, 2", ((1,), (2,)), TYPE),
        ("[[1, 2]]", ((1,), (2,)), TYPE),
        ("[[[1]]]", ((1,),), TYPE),
        ("[1, [2]]", ((1,), (2,)), RIGHT_),
    ],
)
def test_lists(text: str, gold: tuple[Row, ...], verdict: Verdict) -> None:
    assert judge(text, LIST, *gold) is verdict


PEOPLE = (("Ann", 5), ("Bob", None))


@pytest.mark.parametrize(
    ("text", "gold", "verdict"),
    [
        ('[["Ann", 5], ["Bob", null]]', PEOPLE, RIGHT_),
        ('[["Bob", null], ["Ann", "5"]]', PEOPLE, RIGHT_),
        ('[{"who": "Ann", "n": 5}, {"n": null, "who": "Bob"}]', PEOPLE, RIGHT_),
        ('[{"n": 5, "who": "Ann"}, {"n": null, "who": "Bob"}]', PEOPLE, RIGHT_),
        ("Ann,5\nBob,", PEOPLE, RIGHT_),
        ("Ann, 5\nBob, NULL\n", PEOPLE, RIGHT_),
        ("Ann\t5\nBob\tNone", PEOPLE, RIGHT_),
        ("Ann|5\nBob|", PEOPLE, RIGHT_),
        ("| Ann | 5 |\n| Bob | |", PEOPLE, RIGHT_),
        ("| who | n |\n|:---|---:|\n| Ann | 5 |\n| Bob | NULL |", PEOPLE, RIGHT_),
        ("who | n\n---|---\nAnn | 5\nBob | NULL", PEOPLE, RIGHT_),
        ("who,n\nAnn,5\nBob,", PEOPLE, WRONG_),
        ("Ann,6\nBob,", PEOPLE, WRONG_),
        ("Ann,\nBob,5", PEOPLE, WRONG_),
        ("Ann,5", PEOPLE, WRONG_),
        ("Ann\nBob", PEOPLE, WRONG_),
        ("Ann,5,1\nBob,,1", PEOPLE, WRONG_),
        ("Ann,5\nBob", PEOPLE, TYPE),
        ('[["Ann", 5], ["Bob"]]', PEOPLE, TYPE),
        ('[["Ann", 5], {"who": "Bob"}]', PEOPLE, TYPE),
        ('[{"who": "Ann", "n": 5}, {"who": "Bob"}]', PEOPLE, TYPE),
        ('[["Ann", [5]], ["Bob", null]]', PEOPLE, TYPE),
        ('"Ann,5\nBob,', PEOPLE, TYPE),
        ('"Lee, A","1,234"\n"O""Neil",2', (("Lee, A", 1234), ('O"Neil', 2)), RIGHT_),
        ("a\\|b | 1\nc | 2", (("a|b", 1), ("c", 2)), RIGHT_),
        ('["Ann", 5]', (("Ann", 5),), RIGHT_),
        ("[]", (), RIGHT_),
        ("[[], []]", (), TYPE),
        ("130,130\n7,7", (("130", 130), ("7", 7)), RIGHT_),
        ("02139,5", (("02139", 5),), RIGHT_),
        ("2139,5", (("02139", 5),), WRONG_),
        ('[["", null]]', (("", None),), RIGHT_),
        ('[[1.5, "2024-01-05"]]', ((1.5, "2024-01-05"),), RIGHT_),
    ],
)
def test_tables(text: str, gold: tuple[Row, ...], verdict: Verdict) -> None:
    width = len(gold[0]) if gold else 2
    assert judge_value(text, TABLE, [Gold(gold, None)], width)[0] is verdict


def test_order_ties_and_limit_hold_for_values() -> None:
    gold = Gold((("a",), ("b",), ("c",), ("d",)), ((1,), (2,), (2,), (3,)), limit=2)
    assert judge_value("a, b", LIST, [gold], 1)[0] is RIGHT_
    assert judge_value("a, c", LIST, [gold], 1)[0] is RIGHT_
    assert judge_value("c, a", LIST, [gold], 1)[0] is WRONG_
    assert judge_value("a, d", LIST, [gold], 1)[0] is WRONG_


def test_only_the_first_gold_counts() -> None:
    golds = [Gold(((1,),), None), Gold(((2,),), None)]
    assert judge_value("1", INTEGER, golds, 1)[0] is RIGHT_
    assert judge_value("2", INTEGER, golds, 1)[0] is WRONG_
    with pytest.raises(ValueError, match="no gold"):
        judge_value("1", INTEGER, [], 1)


@pytest.mark.parametrize("answer_type", list(AnswerType))
@pytest.mark.parametrize(
    "text",
    [
        *(
            "[" * 50_000,
            '[{"a":' * 15_000,
            "[" + "9" * 50_000 + "]",
            "9" * 90_000,
            '"' * 50_001,
            "|" * 50_000,
            "\x00,\x00",
        ),
        *(
            "," * 99_999,
            "\n" * 99_999,
            "`" * 5_000,
            "```" * 1_000,
            "- " * 40_000,
            '["\\ud800"]',
            "[NaN, Infinity]",
            "'",
            "|-|",
        ),
        "1," * 40_000,
        "|\n|-|",
    ],
)
def test_hostile_text_is_judged(text: str, answer_type: AnswerType) -> None:
    verdict, reason = judge_value(text, answer_type, [Gold((("secret", 5),), None)], 2)
    assert verdict in (WRONG_, TYPE)
    assert "secret" not in reason
    assert reason == WRONG if verdict is WRONG_ else reason != WRONG


def test_long_answers_are_not_read() -> None:
    read = read_answer("1" * (MAX_CHARACTERS + 1), STRING)
    assert isinstance(read, AnswerProblem)
    assert "100,000" in read.reason


CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=6))


@given(TABLES)
def test_json_of_gold_is_right(rows: list[Row]) -> None:
    assert judge(json.dumps(rows), TABLE, *rows) is RIGHT_
    assert judge(json.dumps([row[0] for row in rows]), LIST, *[row[:1] for row in rows]) is RIGHT_


@given(TABLES.map(lambda rows: [tuple("" if v is None else v for v in row) for row in rows]))
def test_csv_of_gold_is_right(rows: list[Row]) -> None:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    if "|" not in text.getvalue() and not text.getvalue().strip().startswith("`"):
        assert judge(text.getvalue(), TABLE, *rows) is RIGHT_


@given(st.text(max_size=60), st.sampled_from(list(AnswerType)), st.lists(st.tuples(CELLS), max_size=3))
def test_reasons_never_depend_on_gold(text: str, answer_type: AnswerType, rows: list[Row]) -> None:
    verdict, reason = judge_value(text, answer_type, [Gold(tuple(rows), None)], 1)
    read = read_answer(text, answer_type)
    if isinstance(read, AnswerProblem):
        assert (verdict, reason) == (TYPE, read.reason)
    else:
        assert verdict in (RIGHT_, WRONG_)
        assert reason == WRONG or verdict is RIGHT_
