"""Statements whose shape is the attack: deep, wide, long."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import RESULT, Case, family

LARGE, SYNTAX = ErrorKind.TOO_LARGE, ErrorKind.SYNTAX


def _doubling(levels: int, body: str) -> str:
    steps = "".join(f", c{i}(a) AS ({body.format(f'c{i - 1}')})" for i in range(1, levels + 1))
    return f"WITH c0(a) AS (SELECT 1){steps} SELECT count(*) FROM c{levels}"


def cases() -> list[Case]:
    """The cases."""
    deep = family(
        "deep nesting",
        [
            ("parentheses", "SELECT " + "(" * 20_000 + "1" + ")" * 20_000, LARGE),
            ("parentheses left open", "(" * 60_000, (LARGE, SYNTAX)),
            ("a sum", "SELECT 1" + " + 1" * 10_000, LARGE),
            ("minus signs", "SELECT " + "- " * 20_000 + "1", LARGE),
            ("NOT", "SELECT " + "NOT " * 10_000 + "1", LARGE),
            ("calls", "SELECT " + "abs(" * 5_000 + "1" + ")" * 5_000, LARGE),
            ("CASE", "SELECT " + "CASE WHEN 1 THEN " * 1_500 + "1" + " END" * 1_500, LARGE),
            ("subqueries", "SELECT * FROM " + "(SELECT * FROM " * 3_000 + "pet" + ")" * 3_000, LARGE),
            ("scalar subqueries", "SELECT " + "(SELECT " * 3_000 + "1" + ")" * 3_000, LARGE),
            ("EXISTS", "SELECT " + "EXISTS (SELECT " * 1_000 + "1" + ")" * 1_000, LARGE),
            ("brackets in JSON", "SELECT json_valid(printf('%.*c', 40000, '[') || printf('%.*c', 40000, ']'))", RESULT),
            ("JSON path", "SELECT json_extract('[]', '$' || replace(printf('%.*c', 20000, 'x'), 'x', '[0]'))", RESULT),
            ("tables that double", _doubling(40, "SELECT x.a FROM {0} x, {0} y"), LARGE),
            ("unions that double", _doubling(40, "SELECT a FROM {0} UNION ALL SELECT a FROM {0}"), LARGE),
            ("scalars that double", _doubling(40, "SELECT (SELECT a FROM {0}) + (SELECT a FROM {0})"), LARGE),
            ("a chain of tables", _doubling(900, "SELECT a + 1 FROM {0}"), (LARGE, ErrorKind.SQL)),
        ],
    )
    wide = family(
        "wide and long",
        [
            (
                "IN of 9,000 numbers",
                "SELECT count(*) FROM pet WHERE pet_id IN (" + ",".join(map(str, range(9_000))) + ")",
                RESULT,
            ),
            (
                "IN of 7,000 texts",
                "SELECT count(*) FROM pet WHERE name IN (" + ",".join(f"'n{i}'" for i in range(7_000)) + ")",
                RESULT,
            ),
            (
                "IN of columns",
                "SELECT count(*) FROM pet WHERE 1 IN (" + ",".join(["pet_id", "mother_id"] * 2_500) + ")",
                RESULT,
            ),
            ("IN too long", "SELECT 1 IN (" + ",".join(map(str, range(20_000))) + ")", LARGE),
            ("columns", "SELECT " + ", ".join(["1"] * 1_001), LARGE),
            ("columns of stars", "SELECT " + ", ".join(["*"] * 200) + " FROM student", LARGE),
            (  # a second of work for a quiet machine: a busy one may say so
                "columns of a join",
                "SELECT * FROM " + ", ".join(f"student s{i}" for i in range(64)),
                (LARGE, RESULT, ErrorKind.TIMEOUT),
            ),
            ("compound", " UNION ALL ".join(["SELECT 1"] * 51), LARGE),
            ("compound of thousands", " UNION ".join(["SELECT 1"] * 4_000), LARGE),
            ("VALUES of thousands", "VALUES " + ",".join(["(1)"] * 10_000), RESULT),
            ("arguments", "SELECT max(" + ", ".join(["1"] * 1_000) + ")", LARGE),
            ("ORDER BY", "SELECT 1 FROM pet ORDER BY " + ", ".join(["name"] * 1_500), LARGE),
            ("GROUP BY", "SELECT 1 FROM pet GROUP BY " + ", ".join(["name"] * 1_500), LARGE),
            ("window functions", "SELECT " + ", ".join(f"sum(1) OVER (ORDER BY {i})" for i in range(300)), LARGE),
            (
                "window functions of a table",
                "SELECT "
                + ", ".join(f"sum(pet_id) OVER (PARTITION BY pet_id % {i + 2} ORDER BY name)" for i in range(250))
                + " FROM pet",
                LARGE,
            ),
            (
                "CASE with thousands of arms",
                "SELECT CASE pet_id " + " ".join(f"WHEN {i} THEN {i}" for i in range(2_700)) + " END FROM pet",
                RESULT,
            ),
            (
                "OR of thousands",
                "SELECT count(*) FROM pet WHERE " + " OR ".join(f"pet_id = {i}" for i in range(3_000)),
                LARGE,
            ),
            (
                "joins that all depend",
                "SELECT count(*) FROM "
                + ", ".join(f"pet p{i}" for i in range(30))
                + " WHERE "
                + " AND ".join(f"p{i}.pet_id = p{j}.pet_id" for i in range(30) for j in range(i)),
                LARGE,
            ),
            (
                "natural full joins",
                "SELECT count(*) FROM pet p0 " + " ".join(f"NATURAL FULL JOIN pet p{i}" for i in range(1, 12)),
                RESULT,
            ),
            ("an identifier of 60 kB", 'SELECT 1 AS "' + "x" * 60_000 + '"', RESULT),
            ("a column that is not there, of 60 kB", "SELECT " + "y" * 60_000, ErrorKind.NO_SUCH_COLUMN),
            ("a table that is not there, of 60 kB", "SELECT * FROM " + "z" * 60_000, ErrorKind.NO_SUCH_TABLE),
            ("a number of 60,000 digits", "SELECT " + "9" * 60_000, RESULT),
            ("a literal of 60 kB", "SELECT length('" + "x" * 60_000 + "')", RESULT),
            ("a blob literal", "SELECT length(x'" + "ab" * 30_000 + "')", RESULT),
            ("an offset beyond int", "SELECT name FROM pet LIMIT 1 OFFSET 9223372036854775807", RESULT),
            ("a limit beyond int", "SELECT count(*) FROM pet LIMIT 9223372036854775808", (ErrorKind.SQL, RESULT)),
            ("cells of a wide result", "SELECT " + ", ".join(["p.*"] * 100) + " FROM pet p", RESULT),
        ],
    )
    return deep + wide
