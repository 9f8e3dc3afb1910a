"""The sandbox: what it lets through, what it refuses, and that the same query always gives the same outcome."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sqlenv.errors import DataSetError
from sqlenv.sandbox import TICK_VM_STEPS, Limits, Sandbox, Unfinished
from sqlenv.sqlite.authorizer import ALLOWED_FUNCTIONS
from sqlenv.types import ActionFailure, ErrorKind, Outcome, Result, SqlValue

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

SCHEMA = """
CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INT);
CREATE TABLE concert (id INTEGER PRIMARY KEY, singer_id INT REFERENCES singer(id), title TEXT, tag TEXT REFERENCES odd);
CREATE TABLE odd (k TEXT PRIMARY KEY, v);
CREATE TABLE "two words" ("a ""quoted"" name" INT, "naïve" TEXT);
CREATE VIEW adults AS SELECT * FROM singer WHERE age >= 18;
INSERT INTO singer VALUES (1, 'Ann', 30), (2, 'Bob', NULL), (3, 'Cy', 12);
INSERT INTO concert WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 500)
  SELECT n, n % 3 + 1, 'title ' || n, NULL FROM g;
INSERT INTO "two words" VALUES (1, 'ü');
INSERT INTO odd VALUES ('null', NULL), ('max', 9223372036854775807), ('min', -9223372036854775808),
  ('inf', 9e999), ('-inf', -9e999), ('blob', x'00ff'), ('latin1', CAST(x'4df67a' AS TEXT)),
  ('nul', 'a' || char(0) || 'b'), ('real', 0.1), ('empty', ''), ('emoji', '😀');
"""

COUNT_TO = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {}) SELECT {} FROM t"
RUNAWAY = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
CROSS_JOIN = "SELECT count(*) FROM concert a, concert b, concert c, concert d"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secret_folder") / "music.sqlite"
    connection = apsw.Connection(str(file))
    connection.execute(SCHEMA)
    connection.close()
    return file


@pytest.fixture(scope="module")
def box(path: Path) -> Sandbox:
    return Sandbox(path)


def ok(outcome: Outcome) -> Result:
    assert isinstance(outcome.value, Result), outcome.value
    return outcome.value


def failed(outcome: Outcome) -> ActionFailure:
    assert isinstance(outcome.value, ActionFailure), outcome.value
    return outcome.value


def scalar(box: Sandbox, expression: str) -> SqlValue:
    return ok(box.run(f"SELECT {expression}")).rows[0][0]


# Work


@pytest.mark.parametrize("sql", [RUNAWAY, CROSS_JOIN, RUNAWAY.replace("count(*)", "n")])
def test_vm_step_budget_ends_a_query_the_same_way_every_time(path: Path, sql: str) -> None:
    limits = Limits(vm_steps=300_000, wall_ms=60_000, result_rows=5, counted_rows=10**9)
    first = Sandbox(path, limits)
    outcomes = [first.run(sql) for _ in range(5)] + [Sandbox(path, limits).run(sql)]
    assert len(set(outcomes)) == 1
    assert failed(outcomes[0]).kind is ErrorKind.TIMEOUT
    assert 300_000 <= outcomes[0].vm_steps < 300_000 + 2 * TICK_VM_STEPS


def test_the_default_budget_ends_runaway_recursion_in_time(box: Sandbox) -> None:
    start = time.monotonic()
    assert failed(box.run(RUNAWAY)).kind is ErrorKind.TIMEOUT
    assert time.monotonic() - start < 2
    assert scalar(box, "1") == 1


def test_a_query_just_below_the_budget_runs(path: Path) -> None:
    sql = COUNT_TO.format(5_000, "count(*)")
    needed = Sandbox(path).run(sql).vm_steps
    above = Limits(vm_steps=(needed // TICK_VM_STEPS + 1) * TICK_VM_STEPS)
    below = Limits(vm_steps=(needed // TICK_VM_STEPS - 1) * TICK_VM_STEPS)
    assert ok(Sandbox(path, above).run(sql)).rows == ((5_000,),)
    assert failed(Sandbox(path, below).run(sql)).kind is ErrorKind.TIMEOUT


def test_inline_budget_raises_unfinished_and_the_full_run_gives_what_it_would_have_given(path: Path) -> None:
    box, untried = Sandbox(path), Sandbox(path)
    sql = COUNT_TO.format(5_000, "sum(n)")
    for _ in range(3):
        with pytest.raises(Unfinished):
            box.run(sql, inline_vm_steps=2_000)
    assert box.run(sql) == untried.run(sql)
    assert ok(box.run(sql)).rows == ((12_502_500,),)


def test_a_short_query_is_done_within_the_inline_budget(box: Sandbox) -> None:
    sql = "SELECT name FROM singer ORDER BY name"
    assert box.run(sql, inline_vm_steps=2_000) == box.run(sql)


def test_an_inline_budget_above_the_whole_one_is_the_whole_one(path: Path) -> None:
    box = Sandbox(path, Limits(vm_steps=50_000))
    assert failed(box.run(RUNAWAY, inline_vm_steps=50_000)).kind is ErrorKind.TIMEOUT
    assert box.run(RUNAWAY, inline_vm_steps=10**9) == box.run(RUNAWAY)


def test_failures_come_at_once_within_an_inline_budget(box: Sandbox) -> None:
    assert failed(box.run("SELECT nope FROM singer", inline_vm_steps=1_000)).kind is ErrorKind.NO_SUCH_COLUMN


def test_wall_clock_backstop(path: Path) -> None:
    box = Sandbox(path, Limits(vm_steps=10**12, wall_ms=60))
    start = time.monotonic()
    failure = failed(box.run(RUNAWAY))
    assert time.monotonic() - start < 5
    assert failure.kind is ErrorKind.TIMEOUT
    assert "too long" in failure.message
    assert scalar(box, "1") == 1


# 60 rows of some 45 ms each, in a few hundred VM steps: one opcode is one search of 49 kB in 99 kB.
DENSE = """WITH x(v, w) AS (SELECT printf('%.*c', 99000, 'a'), printf('%.*c', 49000, 'a') || 'b')
SELECT count(*) FROM x, (SELECT title FROM concert LIMIT 60) WHERE instr(v || title, w)"""


def test_wall_clock_backstop_holds_where_few_steps_take_long(path: Path) -> None:
    start = time.monotonic()
    failure = failed(Sandbox(path, Limits(wall_ms=100)).run(DENSE))
    assert failure.kind is ErrorKind.TIMEOUT
    assert time.monotonic() - start < 2


def test_an_inline_try_does_not_hold_the_event_loop_where_few_steps_take_long(box: Sandbox) -> None:
    start = time.monotonic()
    with suppress(Unfinished):
        box.run(DENSE, inline_vm_steps=10_000)
    assert time.monotonic() - start < 1


def test_queries_that_prove_long_leave_no_connections_behind(path: Path) -> None:
    box = Sandbox(path)
    gc.collect()
    gc.disable()
    try:
        before = len(apsw.connections())
        for _ in range(20):
            with pytest.raises(Unfinished):
                box.run(RUNAWAY, inline_vm_steps=1_000)
        assert len(apsw.connections()) <= before + 1
    finally:
        gc.enable()


def test_memory_limit(path: Path) -> None:
    box = Sandbox(path, Limits(memory_bytes=2**20, vm_steps=10**9, wall_ms=30_000))
    sql = "SELECT count(*) FROM (SELECT DISTINCT printf('%.*c', 20000, 'x') || a.id || b.id FROM concert a, concert b)"
    assert failed(box.run(sql)).kind is ErrorKind.OUT_OF_MEMORY
    assert scalar(box, "1") == 1


def test_vm_steps_are_the_same_number_on_every_run(path: Path) -> None:
    box = Sandbox(path)
    queries = [
        "SELECT count(*) FROM concert",
        "SELECT s.name, count(*) FROM singer s JOIN concert c ON c.singer_id = s.id GROUP BY s.name ORDER BY 2, 1",
        "SELECT title FROM concert WHERE title LIKE '%7%' ORDER BY length(title) DESC, title",
        COUNT_TO.format(300, "max(n)"),
    ]
    first = [box.run(sql) for sql in queries]
    others = ["SELECT * FROM adults", "SELECT nope", "SELECT 1; SELECT 2", "", "DROP TABLE singer"]
    for i in range(100):
        box.run(others[i % len(others)])
        assert [box.run(sql) for sql in queries] == first
    assert all(outcome.vm_steps > 0 for outcome in first)


def test_outcomes_are_the_same_in_another_process_with_another_surrounding(path: Path, tmp_path: Path) -> None:
    queries = [
        "SELECT s.name, count(*) FROM singer s JOIN concert c ON c.singer_id = s.id GROUP BY s.name",
        "SELECT datetime('now'), upper('ä'), 'a' < 'B', printf('%.3f', 1.5), 'Ä' LIKE 'ä'",
        "SELECT k FROM odd ORDER BY k",
        RUNAWAY,
        "SELECT nam FROM singer",
    ]
    program = (
        "import json, pathlib, sys; from sqlenv.sandbox import Sandbox; box = Sandbox(pathlib.Path(sys.argv[1]));"
        "print(json.dumps([repr(box.run(sql)) for sql in json.loads(sys.argv[2])]))"
    )
    seen = {json.dumps([repr(Sandbox(path).run(sql)) for sql in queries])}
    root = str(Path(__file__).resolve().parent.parent)
    for seed, locale in (("1", "C"), ("77", "tr_TR.UTF-8")):
        surrounding = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "LANG": locale, "PYTHONPATH": root}
        command = [sys.executable, "-c", program, str(path), json.dumps(queries)]
        done = subprocess.run(command, cwd=tmp_path, env=surrounding, capture_output=True, text=True, check=True)
        seen.add(done.stdout.strip())
    assert len(seen) == 1


# Sizes


def test_sql_bytes_counts_bytes_not_characters(path: Path) -> None:
    box = Sandbox(path, Limits(sql_bytes=1_000))
    assert scalar(box, "'" + "a" * 900 + "'") == "a" * 900
    for sql in ("SELECT '" + "a" * 1_000 + "'", "SELECT '" + "ü" * 600 + "'"):
        failure = failed(box.run(sql))
        assert failure.kind is ErrorKind.TOO_LARGE
        assert "1,000" in failure.message


def test_two_megabytes_of_sql_are_refused_at_once(box: Sandbox) -> None:
    start = time.monotonic()
    assert failed(box.run("SELECT 1 -- " + "x" * 2 * 2**20)).kind is ErrorKind.TOO_LARGE
    assert time.monotonic() - start < 0.5


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT printf('%.*c', 200000, 'x')",
        "SELECT format('%200000s', 'x')",
        "SELECT zeroblob(100001)",
        "SELECT zeroblob(1000000000)",
        "SELECT hex(zeroblob(60000))",
        "SELECT group_concat(printf('%.*c', 300, 'x')) FROM concert",
        "SELECT string_agg(title, printf('%.*c', 90000, 'x')) FROM concert",
        "SELECT replace(printf('%.*c', 9000, 'x'), 'x', 'abcdefghijklmnopq')",
        "SELECT json_group_array(printf('%.*c', 300, 'x')) FROM concert",
        "SELECT printf('%.*c', 60000, 'x') || printf('%.*c', 60000, 'y')",
        "SELECT quote(zeroblob(60000))",
        "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t",
    ],
)
def test_no_value_grows_beyond_its_limit(box: Sandbox, sql: str) -> None:
    before = apsw.memory_used()
    start = time.monotonic()
    assert failed(box.run(sql)).kind is ErrorKind.TOO_LARGE
    assert time.monotonic() - start < 1
    assert apsw.memory_used() - before < 4 * 2**20


def test_a_value_at_the_limit_passes(path: Path) -> None:
    box = Sandbox(path, Limits(value_bytes=5_000))
    assert scalar(box, "length(printf('%.*c', 4900, 'x'))") == 4_900
    assert failed(box.run("SELECT printf('%.*c', 5100, 'x')")).kind is ErrorKind.TOO_LARGE


@pytest.mark.parametrize(
    ("fits", "too_large"),
    [
        ("SELECT 1" + " + 1" * 150, "SELECT 1" + " + 1" * 500),
        (" UNION ALL ".join(["SELECT 1"] * 50), " UNION ALL ".join(["SELECT 1"] * 51)),
        ("SELECT " + ", ".join(["1"] * 1_000), "SELECT " + ", ".join(["1"] * 1_001)),
        ("SELECT max(" + ", ".join(["1"] * 64) + ")", "SELECT max(" + ", ".join(["1"] * 65) + ")"),
        ("SELECT " + "abs(" * 90 + "1" + ")" * 90, "SELECT " + "abs(" * 400 + "1" + ")" * 400),
    ],
    ids=["depth", "compound", "columns", "arguments", "calls"],
)
def test_shape_limits(box: Sandbox, fits: str, too_large: str) -> None:
    ok(box.run(fits))
    assert failed(box.run(too_large)).kind is ErrorKind.TOO_LARGE


@pytest.mark.parametrize("operator", ["LIKE", "GLOB"])
def test_pattern_length(box: Sandbox, operator: str) -> None:
    sql = "SELECT count(*) FROM singer WHERE name {} printf('%.*c', {}, 'x')"
    assert ok(box.run(sql.format(operator, 100))).rows == ((0,),)
    assert "pattern" in failed(box.run(sql.format(operator, 101))).message


def test_very_deep_nesting_is_an_outcome(box: Sandbox) -> None:
    for sql in ("(" * 20_000, "SELECT " + "(" * 5_000 + "1" + ")" * 5_000, "SELECT " + "-" * 3_000 + "1"):
        assert isinstance(box.run(sql), Outcome)
    assert scalar(box, "1") == 1


# What comes out


def test_result_rows_are_the_first_and_the_count_is_exact(path: Path) -> None:
    box = Sandbox(path, Limits(result_rows=10))
    result = ok(box.run("SELECT id FROM concert ORDER BY id"))
    assert result.rows == tuple((i,) for i in range(1, 11))
    assert (result.row_count, result.truncated, result.row_count_is_lower_bound) == (500, True, False)


@pytest.mark.parametrize(("rows", "truncated"), [(0, False), (9, False), (10, False), (11, True)])
def test_truncated_only_where_rows_are_missing(path: Path, rows: int, truncated: bool) -> None:
    result = ok(Sandbox(path, Limits(result_rows=10)).run(f"SELECT id FROM concert LIMIT {rows}"))
    assert (result.row_count, len(result.rows), result.truncated) == (rows, min(rows, 10), truncated)
    assert not result.row_count_is_lower_bound


def test_counting_stops_and_says_so(path: Path) -> None:
    box = Sandbox(path, Limits(result_rows=10, counted_rows=100))
    result = ok(box.run("SELECT id FROM concert"))
    assert (result.row_count, len(result.rows)) == (100, 10)
    assert result.truncated
    assert result.row_count_is_lower_bound
    below = ok(box.run("SELECT id FROM concert LIMIT 99"))
    assert (below.row_count, below.truncated, below.row_count_is_lower_bound) == (99, True, False)


@given(rows=st.integers(0, 40), shown=st.integers(1, 15), counted=st.integers(16, 30))
@hypothesis_settings(deadline=None, max_examples=40)
def test_counts_agree_with_the_query(path: Path, rows: int, shown: int, counted: int) -> None:
    result = ok(
        Sandbox(path, Limits(result_rows=shown, counted_rows=counted)).run(f"SELECT 1 FROM concert LIMIT {rows}")
    )
    assert len(result.rows) == min(rows, shown)
    assert result.truncated == (rows > shown)
    if result.row_count_is_lower_bound:
        assert rows >= result.row_count >= counted
    else:
        assert result.row_count == rows


@pytest.mark.parametrize("character", ["x", "ü", "😀"])
def test_result_bytes_bound_what_is_sent(path: Path, character: str) -> None:
    box = Sandbox(path, Limits(result_bytes=20_000))
    result = ok(box.run(f"SELECT replace(printf('%.*c', 1000, 'x'), 'x', '{character}') FROM concert"))
    assert result.truncated
    assert result.row_count == 500
    assert 0 < sum(len(str(row[0]).encode()) for row in result.rows) <= 20_000


def test_one_row_above_result_bytes_leaves_no_row_but_its_count(path: Path) -> None:
    result = ok(Sandbox(path, Limits(result_bytes=1_000)).run("SELECT zeroblob(2000) UNION ALL SELECT 1"))
    assert (result.rows, result.row_count, result.truncated) == ((), 2, True)


def test_columns_are_named_also_where_there_is_no_row(box: Sandbox) -> None:
    result = ok(box.run("SELECT id AS a, name AS a, 1 + 1 FROM singer WHERE 0"))
    assert (result.columns, result.rows, result.row_count) == (("a", "a", "1 + 1"), (), 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("null", None),
        ("max", INT64_MAX),
        ("min", INT64_MIN),
        ("inf", float("inf")),
        ("-inf", float("-inf")),
        ("blob", b"\x00\xff"),
        ("nul", "a\0b"),
        ("real", 0.1),
        ("empty", ""),
        ("emoji", "😀"),
    ],
)
def test_values_arrive_as_they_are(box: Sandbox, key: str, value: SqlValue) -> None:
    found = ok(box.run(f"SELECT v FROM odd WHERE k = '{key}'")).rows[0][0]
    assert found == value
    assert type(found) is type(value)


def test_nan_is_null(box: Sandbox) -> None:
    assert scalar(box, "9e999 - 9e999") is None


@pytest.mark.parametrize("sql", ["SELECT v FROM odd WHERE k = 'latin1'", "SELECT CAST(x'4df67a' AS TEXT)"])
def test_text_that_is_not_utf8_fails_the_query_and_says_what_to_do(box: Sandbox, sql: str) -> None:
    """As types.proto says."""
    failure = box.run(sql).value
    assert isinstance(failure, ActionFailure)
    assert failure.kind is ErrorKind.SQL
    assert "hex()" in failure.message


# One statement

STATEMENTS = ["SELECT 1", "SELECT name FROM singer", "VALUES (1), (2)", "WITH x AS (SELECT 1) SELECT * FROM x"]
BLANKS = [
    " ",
    "\n",
    "\t",
    "\r\n",
    ";",
    "-- note\n",
    "--\n",
    "/* note */",
    "/**/",
    "/* ; SELECT 2 */",
    "-- ; SELECT 2\n",
]
blanks = st.lists(st.sampled_from(BLANKS), max_size=6).map("".join)
at_end = st.sampled_from(["", "", "-- the end", "/* open", ";", ";; --", "/*/"])


@given(blanks, st.sampled_from(STATEMENTS), blanks, at_end)
@hypothesis_settings(deadline=None)
def test_blanks_and_comments_around_one_statement_change_nothing(
    box: Sandbox, before: str, statement: str, after: str, end: str
) -> None:
    assert ok(box.run(f"{before}{statement} {after}{end}")).rows == ok(box.run(statement)).rows


@given(blanks, st.sampled_from(STATEMENTS), blanks, st.sampled_from([*STATEMENTS, "x", "SELECT", "DROP TABLE singer"]))
@hypothesis_settings(deadline=None, max_examples=200)
def test_a_second_statement_is_refused_and_the_first_never_runs(
    box: Sandbox, before: str, first: str, between: str, second: str
) -> None:
    outcome = box.run(f"{before}{first};{between}{second}")
    assert failed(outcome).kind is ErrorKind.MULTIPLE_STATEMENTS
    assert outcome.vm_steps == 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1;SELECT 2;",
        "SELECT 1; -- note\n SELECT 2",
        "SELECT 1; /* note */ SELECT 2",
        "SELECT 1111111;/**/SELECT 1111",  # both halves equally long
        "SELECT 1; /* a */ /* b */ SELECT 2 /* c",
        "SELECT 1;\ufeffSELECT 2",
        "SELECT 1; DROP TABLE singer",
        "SELECT 1; PRAGMA query_only = 0",
        "SELECT 1; ATTACH ':memory:' AS x",
    ],
)
def test_multiple_statements(box: Sandbox, sql: str) -> None:
    outcome = box.run(sql)
    assert failed(outcome).kind is ErrorKind.MULTIPLE_STATEMENTS
    assert outcome.vm_steps == 0


def test_many_comments_before_a_second_statement_are_read_in_no_time(box: Sandbox) -> None:
    start = time.monotonic()
    for filler in ("/**/" * 10_000, "/*" * 20_000, "--\n" * 10_000, "; " * 20_000, "/* */ -- \n" * 4_000):
        box.run("SELECT 1;" + filler + "SELECT 2")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("sql", ["", " ", "\n\t", ";", " ; ; ", "-- a", "/* a */", "/* open", "\ufeff", "--\n;/**/"])
def test_no_sql(box: Sandbox, sql: str) -> None:
    assert failed(box.run(sql)).kind is ErrorKind.EMPTY_SQL


def test_byte_order_mark(box: Sandbox) -> None:
    assert ok(box.run("\ufeffSELECT 1")).rows == ((1,),)
    assert ok(box.run("SELECT 1;\ufeff")).rows == ((1,),)


@pytest.mark.parametrize("sql", ["SELECT 1\0", "\0", "SELECT 'a\0b'", "SELECT 1; --\0"])
def test_nul(box: Sandbox, sql: str) -> None:
    failure = failed(box.run(sql))
    assert failure.kind is ErrorKind.SYNTAX
    assert "NUL" in failure.message


@pytest.mark.parametrize("sql", ["SELECT '\ud800'", "\udfff", "SELECT \udc80 FROM singer"])
def test_lone_surrogates_are_refused_in_words(box: Sandbox, sql: str) -> None:
    failure = failed(box.run(sql))
    assert failure.message
    failure.message.encode()


@pytest.mark.parametrize("sql", ["SELECT ?", "SELECT ?1", "SELECT :a", "SELECT @a", "SELECT $a", "SELECT 1 LIMIT ?"])
def test_parameters(box: Sandbox, sql: str) -> None:
    failure = failed(box.run(sql))
    assert failure.kind is ErrorKind.SYNTAX
    assert "arameters" in failure.message


# Refused and allowed

REFUSED = """
INSERT INTO singer VALUES (9, 'x', 1)
INSERT INTO singer VALUES (9, 'x', 1) RETURNING id
INSERT OR REPLACE INTO singer VALUES (1, 'x', 1)
REPLACE INTO singer VALUES (1, 'x', 1)
WITH x AS (SELECT 7, 'x', 1) INSERT INTO singer SELECT * FROM x
UPDATE singer SET age = 1
UPDATE singer SET age = 1 RETURNING *
DELETE FROM singer
DELETE FROM singer RETURNING *
WITH x AS (SELECT 1) DELETE FROM singer
CREATE TABLE t (a)
CREATE TABLE t AS SELECT 1
CREATE TEMP TABLE t (a)
CREATE TEMP TABLE t AS SELECT * FROM singer
CREATE TEMP VIEW v AS SELECT 1
CREATE VIEW v AS SELECT 1
CREATE INDEX i ON singer (age)
CREATE TRIGGER t AFTER INSERT ON singer BEGIN SELECT 1; END
CREATE VIRTUAL TABLE t USING fts5(a)
CREATE VIRTUAL TABLE temp.t USING rtree(a, b, c)
DROP TABLE singer
DROP VIEW adults
ALTER TABLE singer RENAME TO s
ALTER TABLE singer ADD COLUMN z
ATTACH 'elsewhere.db' AS x
ATTACH DATABASE ':memory:' AS x
ATTACH 'file:x?mode=rwc' AS x
DETACH main
DETACH DATABASE temp
PRAGMA table_info(singer)
pragma table_list
PrAgMa main.journal_mode = wal
PRAGMA query_only = 0
PRAGMA query_only(0)
/* note */ PRAGMA page_count
PRAGMA writable_schema = 1
PRAGMA database_list
PRAGMA nonsense
SELECT * FROM pragma_table_info('singer')
SELECT * FROM pragma_database_list
SELECT * FROM "pragma_function_list"
SELECT * FROM [PRAGMA_COMPILE_OPTIONS]
SELECT name FROM main.pragma_table_list
SELECT EXISTS (SELECT 1 FROM pragma_user_version)
SELECT name FROM singer WHERE name IN (SELECT name FROM pragma_table_list)
VACUUM
VACUUM INTO 'copy.db'
VACUUM main INTO 'copy.db'
BEGIN
BEGIN EXCLUSIVE
COMMIT
END
ROLLBACK
SAVEPOINT a
RELEASE a
ANALYZE
ANALYZE singer
REINDEX
EXPLAIN SELECT 1
EXPLAIN QUERY PLAN SELECT * FROM singer
explain query plan delete from singer
SELECT load_extension('x')
SELECT load_extension('x', 'y')
SELECT random()
SELECT RANDOM ( )
SELECT "random"()
SELECT abs(random()) % 5
SELECT randomblob(3)
SELECT * FROM singer ORDER BY random()
SELECT * FROM sqlite_master
SELECT * FROM sqlite_schema
SELECT * FROM "SQLite_Master"
SELECT sql FROM main.sqlite_master
SELECT * FROM sqlite_temp_master
SELECT * FROM temp.sqlite_schema
SELECT (SELECT count(*) FROM sqlite_master)
WITH x AS (SELECT sql FROM sqlite_master) SELECT * FROM x
SELECT * FROM dbstat
SELECT count(*) FROM dbstat WHERE name = 'singer'
SELECT sqlite_version()
SELECT sqlite_source_id()
SELECT sqlite_compileoption_get(1)
SELECT last_insert_rowid()
SELECT changes()
SELECT total_changes()
SELECT fts3_tokenizer('simple')
""".strip().splitlines()


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(box: Sandbox, sql: str) -> None:
    outcome = box.run(sql)
    assert failed(outcome).kind is ErrorKind.NOT_ALLOWED
    assert outcome.vm_steps == 0
    assert box.run(sql) == outcome
    assert scalar(box, "count(*) FROM singer") == 3


@pytest.mark.parametrize("sql", ["SELECT readfile('/etc/passwd')", "SELECT writefile('x', 'y')", "SELECT edit('x')"])
def test_functions_of_the_shell_are_not_there(box: Sandbox, sql: str) -> None:
    assert failed(box.run(sql)).kind is ErrorKind.NO_SUCH_FUNCTION


def test_a_refusal_says_why_and_is_forgotten(box: Sandbox) -> None:
    assert "random() is not allowed" in failed(box.run("SELECT random()")).message
    assert "DESCRIBE" in failed(box.run("PRAGMA table_info(singer)")).message
    assert "DESCRIBE" in failed(box.run("SELECT * FROM sqlite_master")).message
    assert failed(box.run("SELECT nope FROM singer")).kind is ErrorKind.NO_SUCH_COLUMN


ALLOWED: list[tuple[str, tuple[tuple[SqlValue, ...], ...]]] = [
    (COUNT_TO.format(4, "n"), ((1,), (2,), (3,), (4,))),
    ("SELECT name, row_number() OVER (ORDER BY name DESC) FROM singer ORDER BY 2", (("Cy", 1), ("Bob", 2), ("Ann", 3))),
    ("SELECT sum(id) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) FROM singer", ((1,), (3,), (6,))),
    ("SELECT value FROM json_each('[1, \"a\", null]')", ((1,), ("a",), (None,))),
    ("SELECT fullkey FROM json_tree('{\"a\": [5]}') WHERE atom = 5", (("$.a[0]",),)),
    ("SELECT name FROM adults", (("Ann",),)),
    ("VALUES (1, 'a'), (2, 'b')", ((1, "a"), (2, "b"))),
    ("SELECT * FROM (VALUES (1)) UNION SELECT 2 EXCEPT SELECT 1", ((2,),)),
    ("WITH singer AS (SELECT 7 AS id) SELECT id FROM singer", ((7,),)),
    ("WITH sqlite_master(n) AS (SELECT 1) SELECT n FROM sqlite_master", ((1,),)),
    ('SELECT "a ""quoted"" name", "naïve" FROM "two words"', ((1, "ü"),)),
    ("SELECT rowid, [name] FROM singer WHERE `id` = 2", ((2, "Bob"),)),
    ("SELECT count(*) FILTER (WHERE age IS NULL) FROM main.singer", ((1,),)),
    (
        "SELECT s.name FROM singer s LEFT JOIN concert c ON c.singer_id = s.id AND c.id < 2 WHERE c.id IS NOT NULL",
        (("Bob",),),
    ),
    ("SELECT CASE WHEN age BETWEEN 1 AND 20 THEN 'young' END FROM singer WHERE id = 3", (("young",),)),
    ("SELECT json_extract('{\"a\": 2}', '$.a'), '{\"a\": 2}' ->> 'a'", ((2, 2),)),
    ("SELECT upper(substr('abc', 2)) || char(33), instr('abc', 'c'), round(2.55, 1)", (("BC!", 3, 2.5),)),
]


@pytest.mark.parametrize(("sql", "rows"), ALLOWED)
def test_allowed(box: Sandbox, sql: str, rows: tuple[tuple[SqlValue, ...], ...]) -> None:
    assert ok(box.run(sql)).rows == rows


@pytest.mark.parametrize("name", sorted(ALLOWED_FUNCTIONS - {"->", "->>"}))
def test_every_allowed_function_is_let_through(box: Sandbox, name: str) -> None:
    for call in ("{}()", "{}(1)", "{}(1, 1)", "{}('a', 1, 1)", "{}() OVER ()", "{}(1) OVER ()", "{}"):
        value = box.run(f"SELECT {call.format(name)}").value
        assert isinstance(value, Result) or value.kind is not ErrorKind.NOT_ALLOWED


def test_the_clock_stands_still(box: Sandbox) -> None:
    sql = "SELECT date('now'), time('now'), current_timestamp, strftime('%s', 'now'), julianday('now'), unixepoch()"
    first = ok(box.run(sql)).rows
    time.sleep(1.1)
    assert ok(box.run(sql)).rows == first
    assert first[0][0] == "2025-01-01"
    assert scalar(box, "date('now', '+1 day')") == "2025-01-02"


# Words


@pytest.mark.parametrize(
    ("sql", "kind", "words"),
    [
        ("SELECT * FROM singr", ErrorKind.NO_SUCH_TABLE, "Did you mean singer?"),
        ("SELECT * FROM CONCERTS", ErrorKind.NO_SUCH_TABLE, "Did you mean concert?"),
        ("SELECT * FROM zzz", ErrorKind.NO_SUCH_TABLE, "Tables: singer, concert, odd, two words, adults."),
        ("SELECT nam FROM singer", ErrorKind.NO_SUCH_COLUMN, "nam"),
        ("SELECT s.nam FROM singer s", ErrorKind.NO_SUCH_COLUMN, "DESCRIBE"),
        ("SELECT nosuch(1)", ErrorKind.NO_SUCH_FUNCTION, "nosuch"),
        ("SELEC 1", ErrorKind.SYNTAX, "SELEC"),
        ("SELECT", ErrorKind.SYNTAX, "ncomplete"),
        ("SELECT 'abc", ErrorKind.SYNTAX, "abc"),
        ("SELECT 1 FROM", ErrorKind.SYNTAX, "ncomplete"),
        ("hello there", ErrorKind.SYNTAX, "hello"),
        ("SELECT id FROM singer JOIN concert ON singer_id = singer.id", ErrorKind.SQL, "mbiguous"),
        ("SELECT abs(1, 2)", ErrorKind.SQL, "arguments"),
        ("SELECT abs(-9223372036854775808)", ErrorKind.SQL, "overflow"),
        ("SELECT 1 UNION SELECT 1, 2", ErrorKind.SQL, "columns"),
        ("SELECT json_extract('{', '$')", ErrorKind.SQL, "JSON"),
    ],
)
def test_errors_in_words(box: Sandbox, sql: str, kind: ErrorKind, words: str) -> None:
    failure = failed(box.run(sql))
    assert failure.kind is kind
    assert words in failure.message
    assert failure.message[0].isupper()
    assert failure.message.endswith((".", "?", "…"))


def test_no_suggestion_where_nothing_is_close(box: Sandbox) -> None:
    assert "Did you mean" not in failed(box.run("SELECT * FROM qqqqqq")).message


def test_messages_are_short_and_tell_no_path(box: Sandbox, path: Path) -> None:
    statements = [*REFUSED, "SELECT * FROM " + "x" * 50_000, "SELECT " + "y" * 50_000, "'" + "z" * 50_000, RUNAWAY]
    for sql in statements:
        message = failed(box.run(sql)).message
        assert len(message) < 600
        assert str(path.parent.parent) not in message
        assert "music.sqlite" not in message
        assert "secret_folder" not in message


# The file


def test_the_file_is_never_changed_and_nothing_is_written_beside_it(path: Path) -> None:
    before = (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
    box = Sandbox(path, Limits(vm_steps=200_000))
    for sql in [*REFUSED, *(sql for sql, _ in ALLOWED), RUNAWAY, CROSS_JOIN]:
        box.run(sql)
        assert [file.name for file in path.parent.iterdir()] == ["music.sqlite"]
    box.close()
    assert (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns) == before


def test_a_folder_that_takes_no_files_and_an_odd_name_will_do(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "50% of it?mode=rwc#x&y"
    folder.mkdir()
    copy = folder / "ü ?.sqlite"
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o444)
    folder.chmod(0o555)
    try:
        assert scalar(Sandbox(copy), "count(*) FROM singer") == 3
    finally:
        folder.chmod(0o755)


def test_a_file_in_wal_mode_is_read_without_its_companions(tmp_path: Path) -> None:
    file = tmp_path / "wal.sqlite"
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA journal_mode = wal; CREATE TABLE t (a); INSERT INTO t VALUES (1)").fetchall()
    connection.close()
    assert scalar(Sandbox(file), "a FROM t") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["wal.sqlite"]


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="none.sqlite: no such file"):
        Sandbox(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is not a database" * 100)
    with pytest.raises(DataSetError, match="broken.sqlite: not a database"):
        Sandbox(broken)


def test_damage_found_while_a_query_runs_is_told_without_a_path(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "damaged.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    copy.write_bytes(data)
    failure = failed(Sandbox(copy).run("SELECT * FROM concert"))
    assert failure.kind is ErrorKind.SQL
    assert "damaged" not in failure.message


def test_many_threads_at_once_get_their_own_results(path: Path) -> None:
    box = Sandbox(path)
    expected = {
        sql: box.run(sql)
        for sql in (*(COUNT_TO.format(n, "sum(n)") for n in range(1, 60)), "SELECT nope", "DROP TABLE odd")
    }
    queries = list(expected) * 8
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(box.run, queries)) == [expected[sql] for sql in queries]


# Schema


def test_schema(box: Sandbox) -> None:
    assert box.schema.names == ("singer", "concert", "odd", "two words", "adults")
    concert = box.schema.find("concert")
    assert concert is not None
    assert concert.description().rows == (
        ("id", "INTEGER", "", "PK", ""),
        ("singer_id", "INT", "", "FK", "singer.id"),
        ("title", "TEXT", "", "", ""),
        ("tag", "TEXT", "", "FK", "odd"),
    )
    assert concert.description().row_count == 4


@pytest.mark.parametrize("name", ["singer", "SINGER", " Singer ", '"singer"', "`singer`", "[singer]", "'singer'"])
def test_a_table_is_found_in_any_case_and_quoting(box: Sandbox, name: str) -> None:
    table = box.schema.find(name)
    assert table is not None
    assert table.name == "singer"


@pytest.mark.parametrize("name", ["", "sing", "sqlite_master", "singer; DROP TABLE singer", "singer\0"])
def test_a_table_that_is_not_there(box: Sandbox, name: str) -> None:
    assert box.schema.find(name) is None


def test_row_count(box: Sandbox) -> None:
    assert {name: box.row_count(name) for name in box.schema.names} == {
        "singer": 3,
        "concert": 500,
        "odd": 11,
        "two words": 1,
        "adults": 1,
    }


def test_a_view_too_slow_to_count_has_no_row_count(tmp_path: Path) -> None:
    file = tmp_path / "slow.sqlite"
    connection = apsw.Connection(str(file))
    connection.execute(f"CREATE VIEW endless AS {RUNAWAY.replace('count(*)', 'n')}")
    connection.close()
    assert Sandbox(file, Limits(vm_steps=50_000)).row_count("endless") == -1


# Whatever is thrown at it

TOKENS = """SELECT FROM WHERE GROUP BY ORDER LIMIT singer concert odd name age id v * ( ) , ; ' " ` [ ] -- /* */ = <
> + - . || 1 2.5 x'00' NULL AND OR NOT IN LIKE GLOB UNION ALL WITH RECURSIVE AS t VALUES JOIN ON LEFT DISTINCT count(
max( printf( random( ? :a PRAGMA ATTACH DELETE INSERT INTO EXPLAIN CASE WHEN THEN END CAST OVER PARTITION json_each
sqlite_master 9e999 -> ->> COLLATE""".split()


@given(
    st.text()
    | st.text(st.characters(categories=["Cs", "L", "Z", "P"]))
    | st.lists(st.sampled_from(TOKENS), max_size=30).map(" ".join)
)
@hypothesis_settings(deadline=None, max_examples=400)
def test_any_text_gives_an_outcome(box: Sandbox, sql: str) -> None:
    outcome = box.run(sql)
    assert isinstance(outcome, Outcome)
    if isinstance(outcome.value, ActionFailure):
        assert outcome.value.message
        outcome.value.message.encode()
    else:
        assert all(len(row) == len(outcome.value.columns) for row in outcome.value.rows)


@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=15).map(lambda tokens: "SELECT " + " ".join(tokens)))
@hypothesis_settings(deadline=None, max_examples=200)
def test_any_query_gives_the_same_outcome_again(box: Sandbox, sql: str) -> None:
    assert repr(box.run(sql)) == repr(box.run(sql))
