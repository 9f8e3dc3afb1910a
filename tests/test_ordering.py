"""Plans of gold SQL: what runs, which rows tie, what is strict."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_service.compare import Gold, agree, matches
from reward_service.ordering import GoldPlan, plan, strict
from sqlenv.types import Row

SPIDER = Path(__file__).resolve().parents[2] / "shared" / "spider10"

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, kind TEXT, n INTEGER);
INSERT INTO t VALUES (1,'Ann','x',5),(2,'ann','x',5),(3,'Bob','y',7),(4,NULL,'y',7),(5,'bob ','x',NULL),(6,'Zoë','z',7);
CREATE TABLE u (id INTEGER, name TEXT, tid INTEGER);
INSERT INTO u VALUES (1,'Ann',1),(2,'Cid',1),(3,'Dee',3),(4,'Bob',9);
"""
COLUMNS = {"id", "name", "kind", "n", "tid"}


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


def gold_of(database: sqlite3.Connection, made: GoldPlan) -> Gold:
    return made.gold(database.execute(made.sql).fetchall())


def check(database: sqlite3.Connection, sql: str, made: GoldPlan) -> Gold:
    """Gold's own result is right under its plan, and no column of the result is lost or added."""
    gold = gold_of(database, made)
    own: list[Row] = database.execute(sql).fetchall()
    width = len(database.execute(sql).description)
    assert gold.row_count == len(own)
    assert all(len(row) == width for row in gold.rows)
    assert agree([(own, gold)], width=width, gold_width=width)
    assert matches(own, gold, tuple(range(width)))
    return gold


def runs(gold: Gold) -> list[int]:
    """Lengths of runs of ties."""
    assert gold.keys is not None
    lengths: list[int] = []
    for index, key in enumerate(gold.keys):
        if index and gold.keys[index - 1] == key:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


@pytest.mark.parametrize(
    ("sql", "width_keys", "positions", "lengths"),
    [
        ("SELECT name FROM t ORDER BY n", 1, (-1,), [1, 2, 3]),
        ("SELECT name FROM t ORDER BY n DESC NULLS LAST", 1, (-1,), [3, 2, 1]),
        ("SELECT name, n FROM t ORDER BY n NULLS FIRST, kind DESC", 1, (1, -1), [1, 2, 1, 2]),
        ("SELECT name, n AS size FROM t ORDER BY size", 0, (1,), [1, 2, 3]),
        ("SELECT name, n size FROM t ORDER BY SIZE desc", 0, (1,), [3, 2, 1]),
        ("SELECT name, n FROM t ORDER BY 2", 0, (1,), [1, 2, 3]),
        ("SELECT name, n FROM t ORDER BY (2)", 0, (1,), [1, 2, 3]),
        ("SELECT * FROM t ORDER BY 4", 0, (3,), [1, 2, 3]),
        ("SELECT *, n + 1 AS m FROM t ORDER BY m, kind", 1, (-2, -1), [1, 2, 2, 1]),
        ("SELECT t.*, n AS m, u.* FROM t JOIN u ON u.tid = t.id ORDER BY m", 1, (-1,), [2, 1]),
        ("SELECT * FROM t ORDER BY n -- by size", 1, (-1,), [1, 2, 3]),
        ("SELECT name -- who\nFROM t ORDER BY n /* size */ ;", 1, (-1,), [1, 2, 3]),
        ("SELECT kind, COUNT(*) FROM t GROUP BY kind ORDER BY COUNT(*) DESC", 0, (1,), [1, 1, 1]),
        ("SELECT kind FROM t WHERE n > 5 GROUP BY kind ORDER BY count ( * )", 1, (-1,), [1, 1]),
        ("SELECT id FROM t ORDER BY n * 2 + 1", 1, (-1,), [1, 2, 3]),
        ("SELECT n * 2 FROM t ORDER BY N*2", 0, (0,), [1, 2, 3]),
        ("SELECT T1.name FROM t AS T1 ORDER BY name COLLATE NOCASE", 1, (-1,), [1, 2, 1, 1, 1]),
        ("SELECT id FROM t ORDER BY (name) COLLATE nocase DESC", 1, (-1,), [1, 1, 1, 2, 1]),
        ("SELECT id FROM t ORDER BY lower(name) COLLATE RTRIM", 1, (-1,), [1, 2, 2, 1]),
        ("SELECT name COLLATE NOCASE AS who FROM t ORDER BY who", 1, (-1,), [1, 2, 1, 1, 1]),
        ("SELECT DISTINCT name COLLATE NOCASE FROM t ORDER BY 1", 1, (-1,), [1, 1, 1, 1, 1]),
        ("SELECT DISTINCT kind, n FROM t ORDER BY n", 0, (1,), [1, 1, 2]),
        ("SELECT DISTINCT kind FROM t ORDER BY length(kind)", 1, (-1,), [3]),
        ("SELECT DISTINCT T1.kind, n > 5 FROM t AS T1 ORDER BY kind", 0, (0,), [2, 1, 1]),
        ("SELECT DISTINCT kind AS k FROM t ORDER BY k COLLATE NOCASE", 1, (-1,), [1, 1, 1]),
        ("SELECT name FROM t UNION SELECT name FROM u ORDER BY name", 0, (0,), [1] * 8),
        ("SELECT id, kind FROM t UNION ALL SELECT id, name FROM u ORDER BY 1", 0, (0,), [2, 2, 2, 2, 1, 1]),
        (
            "SELECT id, kind AS k FROM t UNION ALL SELECT tid, name AS w FROM u ORDER BY w",
            0,
            (1,),
            [1, 1, 1, 1, 3, 2, 1],
        ),
        ("WITH a AS (SELECT n AS m FROM t ORDER BY id LIMIT 4) SELECT m FROM a ORDER BY -m", 1, (-1,), [2, 2]),
        ("SELECT id FROM t ORDER BY CASE kind WHEN 'x' THEN 1 ELSE 2 END", 1, (-1,), [3, 3]),
        ("SELECT id, n > 6 AS big FROM t ORDER BY big IS NULL, big", 1, (-1, 1), [2, 3, 1]),
        ("SELECT upper(name) AS name FROM t ORDER BY length(name)", 1, (-1,), [1, 4, 1]),
        ("SELECT id, rank() OVER (ORDER BY n) AS place FROM t ORDER BY place", 0, (1,), [1, 2, 3]),
        ("SELECT (SELECT max(id) FROM u ORDER BY 1 LIMIT 1) AS a, n FROM t ORDER BY n", 0, (1,), [1, 2, 3]),
        ('SELECT id FROM t WHERE kind = "x" ORDER BY "nothing"', 1, (-1,), [3]),
        ("SELECT id, kind IS DISTINCT FROM 'x' FROM t ORDER BY n", 1, (-1,), [1, 2, 3]),
        ("SELECT id, 'é, ORDER BY 1 LIMIT 2' FROM t ORDER BY n", 1, (-1,), [1, 2, 3]),
        (
            "SELECT t.id FROM t LEFT JOIN u ON u.tid = t.id ORDER BY (SELECT count(*) FROM u WHERE tid = t.id)",
            1,
            (-1,),
            [4, 1, 2],
        ),
        ("SELECT kind FROM t GROUP BY kind HAVING count(*) > 1 ORDER BY sum(n)", 1, (-1,), [1, 1]),
    ],
)
def test_keys(
    database: sqlite3.Connection, sql: str, width_keys: int, positions: tuple[int, ...], lengths: list[int]
) -> None:
    made = plan(sql, COLUMNS)
    assert (made.width_keys, made.key_positions, made.ordered) == (width_keys, positions, True)
    assert runs(check(database, sql, made)) == lengths


@pytest.mark.parametrize(
    ("sql", "offset", "limit", "rows"),
    [
        ("SELECT name FROM t ORDER BY n LIMIT 2", 0, 2, 6),
        ("SELECT name FROM t ORDER BY n LIMIT 2 OFFSET 1", 1, 2, 6),
        ("SELECT name FROM t ORDER BY n LIMIT 1, 2;", 1, 2, 6),
        ("SELECT name FROM t LIMIT 3", 0, 3, 6),
        ("SELECT name FROM t ORDER BY n LIMIT -1 OFFSET 4", 4, None, 6),
        ("SELECT name FROM t ORDER BY n LIMIT 2 OFFSET -3", 0, 2, 6),
        ("SELECT name FROM t ORDER BY n LIMIT 0", 0, 0, 6),
        ("SELECT name FROM t UNION ALL SELECT name FROM u ORDER BY 1 LIMIT 4", 0, 4, 10),
        ("SELECT * FROM (SELECT name FROM t LIMIT 2) LIMIT 1", 0, 1, 2),
        ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 9) SELECT x FROM c LIMIT 4", 0, 4, 9),
    ],
)
def test_limits(database: sqlite3.Connection, sql: str, offset: int, limit: int | None, rows: int) -> None:
    made = plan(sql)
    assert (made.offset, made.limit) == (offset, limit)
    assert len(check(database, sql, made).rows) == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT n, id FROM t ORDER BY +1",
        "SELECT n, id FROM t ORDER BY (- -1)",
        "SELECT DISTINCT kind FROM t ORDER BY id",
        "SELECT DISTINCT * FROM t ORDER BY n",
        "SELECT DISTINCT kind FROM t ORDER BY kind, n",
        "SELECT name FROM t ORDER BY n LIMIT (SELECT 2)",
        "SELECT name FROM t LIMIT 2 OFFSET (SELECT 1)",
        "SELECT name FROM t UNION SELECT name FROM u ORDER BY name COLLATE NOCASE",
        "SELECT name COLLATE NOCASE AS a FROM t UNION SELECT name FROM u ORDER BY a",
        "SELECT id FROM t ORDER BY name COLLATE NOCASE || kind",
        "SELECT kind AS n FROM t ORDER BY n || 'a'",  # SQLite takes the column n
        "SELECT m AS w, w + 1 AS q FROM (SELECT n AS m, id AS w FROM t) ORDER BY q, -w",
    ],
)
def test_strict(database: sqlite3.Connection, sql: str) -> None:
    made = plan(sql, COLUMNS)
    assert made == strict(sql)
    gold = check(database, sql, made)
    assert runs(gold) == [1] * len(gold.rows)


def test_alias_in_expression_needs_the_schema(database: sqlite3.Connection) -> None:
    sql = "SELECT kind, count(*) AS many FROM t GROUP BY kind ORDER BY -many"
    assert plan(sql) == strict(sql)
    made = plan(sql, COLUMNS)
    assert made.sql == "SELECT kind, count(*) AS many, -(count(*)) FROM t GROUP BY kind ORDER BY -many"
    assert runs(check(database, sql, made)) == [1, 1, 1]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        'SELECT id FROM t WHERE kind = "x"',
        "SELECT id, row_number() OVER (ORDER BY n) FROM t;",
        "SELECT id FROM (SELECT id FROM t ORDER BY n LIMIT 3)",
        "SELECT id FROM t EXCEPT SELECT tid FROM u",
        "SELECT group_concat(name ORDER BY id) FILTER (WHERE n > 1) FROM t",
    ],
)
def test_unordered_is_left_alone(sql: str) -> None:
    assert plan(sql) == GoldPlan(sql)


@pytest.mark.parametrize(
    "sql",
    ["", "SELECT FROM WHERE ORDER BY", "SELECT 'open ORDER BY 1", "SELECT 1; SELECT 2", "(" * 2000 + "ORDER BY 1"],
)
def test_what_cannot_be_read_is_no_error(sql: str) -> None:
    assert plan(sql).sql == sql


WORDS = (
    "SELECT SELECT DISTINCT ALL a b t.a * , , ( ) FROM t WHERE GROUP BY HAVING ORDER BY ORDER BY LIMIT OFFSET 1 2 - AS "
    "COLLATE NOCASE DESC NULLS LAST UNION EXCEPT WITH VALUES OVER IS ; 'x' \"y\" [z] CASE END -- /* */ é"
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=12), st.booleans())
def test_nothing_raises(words: list[str], complete: bool) -> None:
    sql = " ".join(["SELECT a, b AS c FROM t ORDER BY", *words] if complete else words)
    for columns in (None, COLUMNS):
        made = plan(sql, columns)
        assert made.offset >= 0
        assert made.limit is None or made.limit >= 0
        assert len(made.key_positions) >= made.width_keys


def test_nocase_does_not_tie_numbers_with_text(database: sqlite3.Connection) -> None:
    rows = "SELECT 1 AS x UNION ALL SELECT '1' UNION ALL SELECT 'a' UNION ALL SELECT 'A'"
    sql = f"SELECT x FROM ({rows}) ORDER BY x COLLATE NOCASE"
    assert runs(check(database, sql, plan(sql))) == [1, 1, 2]


def test_using_join_keeps_qualified_columns_apart(database: sqlite3.Connection) -> None:
    sql = "SELECT DISTINCT u.id FROM t LEFT JOIN u USING (id) ORDER BY id"
    assert plan(sql) == strict(sql)


def spider() -> list[tuple[str, str]]:
    if not SPIDER.is_dir():
        return []
    rows = [row for name in ("dev.json", "train.json") for row in json.loads((SPIDER / name).read_text("utf-8"))]
    assert len(rows) == 676
    return sorted({(row["db_id"], row["query"]) for row in rows})


@pytest.mark.skipif(not SPIDER.is_dir(), reason="../shared/spider10 is absent")
def test_every_spider_gold_has_a_plan() -> None:
    queries = spider()
    assert len(queries) > 300
    connections: dict[str, sqlite3.Connection] = {}
    ordered = stricts = 0
    for db_id, sql in queries:
        if db_id not in connections:
            path = SPIDER / "database" / db_id / f"{db_id}.sqlite"
            connections[db_id] = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
            connections[db_id].text_factory = lambda raw: raw.decode("utf-8", "replace")
        made = plan(sql)
        gold = check(connections[db_id], sql, made)
        if made.key_positions and "UNION" not in sql.upper():
            # SQLite itself shuffles the ties: every such order is right, if the keys tie what SQLite ties.
            rows = connections[db_id].execute(f"{made.sql.rstrip('; ')}, random()").fetchall()
            answer = made.gold(rows).rows[made.offset :][: made.limit]
            assert matches(answer, gold, tuple(range(len(answer[0]) if answer else 0)))
        ordered += made.ordered
        stricts += made == strict(sql)
    for connection in connections.values():
        connection.close()
    assert ordered > 60
    assert stricts == 0
