"""DESCRIBE, SAMPLE and QUERY on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from env_service.explore import SAMPLED_FROM_ROWS, Explorer, sample_sql
from sqlenv.actions import MAX_SAMPLE_ROWS, AnswerSql, AnswerValue, Describe, Query, Sample, parse
from sqlenv.sandbox import Limits, Sandbox
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.types import ActionFailure, ErrorKind, Result

NUMBERS = "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {}) SELECT n FROM g"
SCHEMA = f"""
CREATE TABLE big (n INTEGER PRIMARY KEY);
INSERT INTO big {NUMBERS.format(30_000)};
CREATE TABLE mid (n INT NOT NULL, label TEXT DEFAULT 'x', big_n INT REFERENCES big(n));
INSERT INTO mid (n) {NUMBERS.format(100)};
CREATE TABLE small (n INT);
INSERT INTO small VALUES (1), (2), (3);
CREATE TABLE empty (n INT);
CREATE TABLE one (n INT);
INSERT INTO one VALUES (1);
CREATE TABLE pair (a INT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO pair SELECT n, n FROM mid;
CREATE TABLE "odd "" name; --" (n INT);
INSERT INTO "odd "" name; --" {NUMBERS.format(50)};
CREATE VIEW seen AS SELECT n FROM mid WHERE n > 50;
CREATE VIEW endless AS WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g) SELECT n FROM g;
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("explore") / "db.sqlite"
    connection = apsw.Connection(str(file))
    connection.execute(SCHEMA).fetchall()
    connection.close()
    return file


@pytest.fixture(scope="module")
def box(path: Path) -> Sandbox:
    return Sandbox(path)


@pytest.fixture(scope="module")
def explorer(path: Path) -> Iterator[Explorer]:
    executor = QueryExecutor(2, 10_000)
    opened = Explorer({"db": path}, Limits(vm_steps=1_000_000), executor)
    yield opened
    opened.close()
    executor.close()


def ok(value: Result | ActionFailure) -> Result:
    assert isinstance(value, Result), value
    return value


# sample_sql


@pytest.mark.parametrize(
    ("table", "rows"), [("big", 30_000), ("mid", 100), ("pair", 100), ("seen", 50), ('odd " name; --', 50)]
)
@given(wanted=st.integers(1, MAX_SAMPLE_ROWS), seed=st.integers(-(2**63), 2**64))
@hypothesis_settings(deadline=None, max_examples=25)
def test_a_sample_is_distinct_rows_of_the_table_in_its_order(
    box: Sandbox, table: str, rows: int, wanted: int, seed: int
) -> None:
    sql = sample_sql(table, rows, wanted, seed)
    assert sql == sample_sql(table, rows, wanted, seed)
    found = [row[0] for row in ok(box.run(sql).value).rows]
    assert len(found) == wanted
    assert found == sorted(set(found), key=lambda n: int(str(n)))


def test_seeds_and_tables_differ() -> None:
    assert len({sample_sql("mid", 100, 5, seed) for seed in range(50)}) > 45
    assert sample_sql("mid", 100, 5, 1) != sample_sql("mud", 100, 5, 1).replace("mud", "mid")


def test_a_sample_spreads_over_the_table(box: Sandbox) -> None:
    found: set[int] = set()
    for seed in range(200):
        found |= {int(str(row[0])) for row in ok(box.run(sample_sql("mid", 100, 5, seed)).value).rows}
    assert len(found) == 100


def test_a_sample_of_a_large_table_costs_no_more_than_a_query(box: Sandbox) -> None:
    outcomes = [box.run(sample_sql("big", 30_000, MAX_SAMPLE_ROWS, seed)) for seed in range(20)]
    assert max(outcome.vm_steps for outcome in outcomes) < 10_000_000
    assert max(int(str(row[0])) for outcome in outcomes for row in ok(outcome.value).rows) <= SAMPLED_FROM_ROWS


@pytest.mark.parametrize(("table", "total"), [("empty", 0), ("one", 1), ("small", 3), ("mid", 100), ("endless", -1)])
def test_small_tables_are_shown_whole(box: Sandbox, table: str, total: int) -> None:
    wanted = min(20, max(total, 5)) if total < 20 else 20
    found = ok(box.run(sample_sql(table, total, wanted, 3)).value).rows
    assert len(found) == (total if 0 <= total < wanted else wanted)


def test_the_sample_of_a_seed_stays_what_it_is() -> None:
    """Policies are trained on it and episodes replayed by it."""
    offsets = [part.split("OFFSET ")[1].rstrip(")") for part in sample_sql("singer", 1_000, 3, 7).split(" UNION ALL ")]
    assert offsets == ["677", "702", "782"]


# The actions


async def test_describe(explorer: Explorer) -> None:
    seen = await explorer.act("db", Describe("MID"), 0)
    assert seen.heading == "mid: 100 rows"
    assert ok(seen.outcome.value) == Result(
        ("column", "type", "null", "key", "references"),
        (("n", "INT", "NOT NULL", "", ""), ("label", "TEXT", "", "", ""), ("big_n", "INT", "", "FK", "big.n")),
        3,
    )


@pytest.mark.parametrize(
    ("table", "heading"),
    [
        ("big", "big: 30,000 rows"),
        ("one", "one: 1 row"),
        ("empty", "empty: 0 rows"),
        ("seen", "seen: 50 rows"),
        ("endless", "endless: a view"),
        ('"small"', "small: 3 rows"),
    ],
)
async def test_describe_says_how_large_a_table_is(explorer: Explorer, table: str, heading: str) -> None:
    assert (await explorer.act("db", Describe(table), 0)).heading == heading


@pytest.mark.parametrize(
    ("table", "rows", "heading"),
    [
        ("mid", 5, "mid: 5 of 100 rows"),
        ("small", 20, "small: 3 of 3 rows"),
        ("one", 5, "one: 1 of 1 row"),
        ("empty", 5, "empty: 0 of 0 rows"),
        ("seen", 7, "seen: 7 of 50 rows"),
        ("pair", 2, "pair: 2 of 100 rows"),
    ],
)
async def test_sample(explorer: Explorer, table: str, rows: int, heading: str) -> None:
    seen = await explorer.act("db", Sample(table, rows), 11)
    assert seen.heading == heading
    assert seen == await explorer.act("db", Sample(table.upper(), rows), 11)
    result = ok(seen.outcome.value)
    assert result.row_count == len(result.rows)
    assert not result.truncated
    assert result.columns == (("a", "b") if table == "pair" else ok(await described(explorer, table)).columns)


async def described(explorer: Explorer, table: str) -> Result:
    value = ok((await explorer.act("db", Describe(table), 0)).outcome.value)
    return Result(tuple(str(row[0]) for row in value.rows), (), 0)


@pytest.mark.parametrize("action", [Describe("smal"), Sample("smal", 5)])
async def test_an_unknown_table(explorer: Explorer, action: Describe | Sample) -> None:
    value = (await explorer.act("db", action, 0)).outcome.value
    assert isinstance(value, ActionFailure)
    assert value.kind is ErrorKind.NO_SUCH_TABLE
    assert "Did you mean small?" in value.message
    assert "big, mid, small" in value.message


@pytest.mark.parametrize("name", ["", "sqlite_master", "x" * 100_000, "small; DROP TABLE small", "pragma_table_list"])
async def test_a_name_that_is_no_table(explorer: Explorer, name: str) -> None:
    for action in (Describe(name), Sample(name)):
        value = (await explorer.act("db", action, 0)).outcome.value
        assert isinstance(value, ActionFailure)
        assert value.kind is ErrorKind.NO_SUCH_TABLE
        assert len(value.message) < 400


async def test_query_short_and_long(explorer: Explorer) -> None:
    short = await explorer.act("db", Query("SELECT count(*) FROM small"), 0)
    long = await explorer.act("db", Query("SELECT count(*) FROM big a, small b WHERE a.n % 7 = b.n"), 0)
    assert ok(short.outcome.value).rows == ((3,),)
    assert ok(long.outcome.value).rows == ((12_858,),)
    assert short.heading == long.heading == ""


async def test_a_runaway_query_is_an_observation(explorer: Explorer) -> None:
    value = (await explorer.act("db", Query("SELECT count(*) FROM endless"), 0)).outcome.value
    assert isinstance(value, ActionFailure)
    assert value.kind is ErrorKind.TIMEOUT


async def test_what_could_not_be_read_is_an_observation(explorer: Explorer) -> None:
    value = (await explorer.act("db", parse("hello"), 0)).outcome.value
    assert isinstance(value, ActionFailure)
    assert value.kind is ErrorKind.INVALID_ACTION
    assert "hello" in value.message


@pytest.mark.parametrize("action", [AnswerValue("1"), AnswerSql("SELECT 1")])
async def test_answers_touch_no_database(explorer: Explorer, action: AnswerValue | AnswerSql) -> None:
    with pytest.raises(TypeError):
        await explorer.act("db", action, 0)


async def test_tables_and_row_counts(explorer: Explorer) -> None:
    names = explorer.tables("db")
    assert names == ("big", "mid", "small", "empty", "one", "pair", 'odd " name; --', "seen", "endless")
    counts = [await explorer.row_count("db", name) for name in names]
    assert counts == [30_000, 100, 3, 0, 1, 100, 50, 50, -1]
