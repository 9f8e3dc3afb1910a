"""Names and values that try to pass for something else, as an agent sees them over gRPC."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sqlenv.client import Episode, SqlEnvClient
from sqlenv.sqlite.schema import quote
from sqlenv.types import ErrorKind
from sqlenv.v1 import types_pb2
from tests.hostile.rendering import NAMES, make
from tests.live import LiveServices

# Whatever ends a line or talks to a terminal, other than the line breaks of the layout itself.
UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlEnvClient]:
    with LiveServices(make(tmp_path_factory.mktemp("odd"))) as live, SqlEnvClient(live.env) as client:
        yield client


@pytest.fixture
def episode(client: SqlEnvClient) -> Iterator[Episode]:
    with client.reset(seed=0, task_id="train-odd-0001") as episode:
        yield episode


def check(observation: types_pb2.Observation, steps_left: int) -> list[str]:
    """The lines of a text that nothing in it could have forged."""
    text = observation.text
    assert UNSAFE.search(text) is None, text
    assert len(text) < 20_000
    lines = text.split("\n")
    assert lines[-1] == f"Steps left: {steps_left}"
    assert sum(line.startswith("Steps left") for line in lines) == 1
    assert not any(line.startswith("Question") for line in lines)
    return lines


def test_the_first_text_lists_the_tables_in_one_line(client: SqlEnvClient) -> None:
    for task_id in ("train-odd-0001", "train-odd-0002"):
        with client.reset(seed=0, task_id=task_id) as episode:
            lines = episode.observation.text.split("\n")
            assert UNSAFE.search(episode.observation.text) is None
            assert [line.split(":")[0] for line in lines] == [
                "Question",
                "Answer with one whole number.",
                "Tables",
                "Actions",
                "Steps left",
            ]


@pytest.mark.parametrize("kind", NAMES)
def test_describe_and_sample(episode: Episode, kind: str) -> None:
    name = NAMES[kind]
    described = episode.describe(name).observation
    lines = check(described, 14)
    assert described.result.row_count == len(NAMES)
    assert lines[-2] == f"({len(NAMES)} rows)"
    lines = check(episode.sample(name, 2).observation, 13)
    head, rule, *rows = lines[1:-2]
    assert len(rows) == 2
    assert set(rule) <= set("-+ ")
    # As many cells in each line: what looks like a column's edge inside one is the only exception.
    assert {row.count(" | ") for row in [head, *rows]} == {len(NAMES)}


@pytest.mark.parametrize("kind", NAMES)
def test_as_the_name_of_a_result_and_as_its_value(episode: Episode, kind: str) -> None:
    name = NAMES[kind]
    literal = name.replace("'", "''")
    observation = episode.query(f"SELECT '{literal}' AS {quote(name)}, '{literal}'").observation
    if "\0" not in name:
        lines = check(observation, 14)
        assert len(lines) == 5
        assert lines[-2] == "(1 row)"
    assert observation.result.rows[0].values[0].text == name  # typed, it arrives as it is
    assert observation.result.columns[0] == name


@pytest.mark.parametrize("kind", NAMES)
def test_in_what_an_error_says(episode: Episode, kind: str) -> None:
    name = NAMES[kind]
    unknown = check(episode.query(f"SELECT {quote('no ' + name)} FROM {quote('none ' + name)}").observation, 14)
    assert unknown[0].startswith("Error: No such table: none")
    assert len(unknown) == 2
    missing = check(episode.describe("none " + name).observation, 13)
    assert len(missing) == 2
    odd = check(episode.query(f"{name} {name}").observation, 12)
    assert odd[0].startswith("Error: ")


def test_stored_text_that_is_none_and_blobs(episode: Episode) -> None:
    observation = episode.query("SELECT v FROM broken").observation
    assert observation.error.kind == ErrorKind.SQL
    assert "hex()" in observation.error.message
    assert "X'1B5B324A'" in check(episode.query("SELECT v FROM broken WHERE typeof(v) = 'blob'").observation, 13)[2]
    assert check(episode.query("SELECT hex(v) FROM broken").observation, 12)[2] == "FF"
