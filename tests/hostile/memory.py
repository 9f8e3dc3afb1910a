"""Memory bombs: single values, and what holds many of them."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import RESULT, Case, family

LARGE, MEMORY, TIMEOUT = ErrorKind.TOO_LARGE, ErrorKind.OUT_OF_MEMORY, ErrorKind.TIMEOUT
LONG = "printf('%.*c', 90000, 'x')"
MANY = "(SELECT {} || a.pet_id || '-' || b.student_id AS v FROM pet a, student b)"


def cases() -> list[Case]:
    """The cases."""
    return family("memory: one value", _values()) + family("memory: many values", _many())


def _values() -> list[tuple[str, str, ErrorKind | str | tuple[ErrorKind, ...]]]:
    return [
        ("zeroblob of a gigabyte", "SELECT zeroblob(1000000000)", LARGE),
        ("zeroblob beyond int", "SELECT zeroblob(9223372036854775807)", LARGE),
        ("zeroblob measured only", "SELECT length(zeroblob(2000000000))", LARGE),
        ("randomblob", "SELECT randomblob(1000000000)", ErrorKind.NOT_ALLOWED),
        ("hex of zeroblob", "SELECT length(hex(zeroblob(99999)))", LARGE),
        ("quote of zeroblob", "SELECT length(quote(zeroblob(99999)))", LARGE),
        ("printf width", "SELECT printf('%1000000000d', 1)", LARGE),
        ("printf precision", "SELECT printf('%.1000000000f', 1.5)", LARGE),
        ("printf character", "SELECT printf('%.*c', 2000000000, 'x')", LARGE),
        ("printf many", "SELECT printf('" + "%9999d" * 60 + "'" + ", 1" * 60 + ")", LARGE),
        ("format of a text", "SELECT format('%1000000000s', 'x')", LARGE),
        ("replace grows", f"SELECT length(replace({LONG}, 'x', {LONG}))", LARGE),
        ("replace of replace", f"SELECT replace(replace({LONG}, 'x', 'xxxx'), 'x', 'xxxx')", LARGE),
        ("concat", f"SELECT {LONG} || {LONG}", LARGE),
        ("concat_ws", f"SELECT length(concat_ws({LONG}, 1, 2, 3))", LARGE),
        (
            "doubling",
            "WITH RECURSIVE d(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM d) SELECT max(length(s)) FROM d",
            LARGE,
        ),
        ("group_concat", f"SELECT length(group_concat({LONG})) FROM pet", LARGE),
        ("string_agg with a long separator", f"SELECT length(string_agg(name, {LONG})) FROM pet", LARGE),
        ("group_concat as a window", f"SELECT length(group_concat({LONG}) OVER (ORDER BY pet_id)) FROM pet", LARGE),
        ("json_group_array", f"SELECT length(json_group_array({LONG})) FROM pet", LARGE),
        ("json_group_object", f"SELECT length(json_group_object(name, {LONG})) FROM pet", LARGE),
        ("json_array", f"SELECT length(json_array({LONG}, {LONG}))", LARGE),
        (
            "json_quote of control characters",
            "SELECT length(json_quote(replace(printf('%.*c', 30000, 'x'), 'x', char(1))))",
            LARGE,
        ),
        ("json_set far out", "SELECT json_set('[]', '$[1000000000]', 1)", RESULT),
        ("unhex and back", f"SELECT length(hex(unhex(hex({LONG}))))", LARGE),
        (
            "strftime",
            "SELECT length(strftime(printf('%.*c', 90000, 'x') || '%s%s%s%s', 'now') || printf('%.*c', 10000, 'x'))",
            LARGE,
        ),
    ]


def _many() -> list[tuple[str, str, ErrorKind | str | tuple[ErrorKind, ...]]]:
    long = MANY.format(LONG)
    half = MANY.format("printf('%.*c', 40000, 'x')")  # where SQLite keeps a value twice in a record
    return [
        ("distinct", f"SELECT count(*) FROM (SELECT DISTINCT v FROM {long})", MEMORY),
        ("count distinct", f"SELECT count(DISTINCT v) FROM {long}", MEMORY),
        ("sorted", f"SELECT length(v) FROM {long} ORDER BY v DESC LIMIT 100000", MEMORY),
        ("group by", f"SELECT count(*) FROM (SELECT v FROM {long} GROUP BY v)", MEMORY),
        ("union", f"SELECT count(*) FROM (SELECT v FROM {long} UNION SELECT v || 'y' FROM {long})", MEMORY),
        ("except", f"SELECT count(*) FROM (SELECT v FROM {long} EXCEPT SELECT 'y')", MEMORY),
        (
            "materialized",
            f"WITH m AS MATERIALIZED (SELECT v FROM {long}) SELECT count(*) FROM m a WHERE v = 'y'",
            MEMORY,
        ),
        ("IN of a subquery", f"SELECT name FROM pet WHERE name IN (SELECT v FROM {long})", MEMORY),
        (
            "window frame",
            f"SELECT max(v) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM {half}",
            MEMORY,
        ),
        ("lag over all", f"SELECT length(lag(v, 100000) OVER (ORDER BY v)) FROM {half}", MEMORY),
        (
            "last_value",
            f"SELECT last_value(v) OVER (ORDER BY v ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM {half}",
            MEMORY,
        ),
        (
            "min over a moving frame",
            f"SELECT min(v) OVER (ROWS BETWEEN 90000 PRECEDING AND CURRENT ROW) FROM {long}",
            MEMORY,
        ),
        (
            "recursive queue",
            f"WITH RECURSIVE q(v) AS (SELECT {LONG} UNION ALL SELECT v FROM q, pet) SELECT count(*) FROM q",
            MEMORY,
        ),
        (
            "recursive union",
            f"WITH RECURSIVE q(i, v) AS (SELECT 1, {LONG} UNION SELECT i + 1, v FROM q) SELECT count(*) FROM q",
            MEMORY,
        ),
        (
            "automatic index",
            f"SELECT count(*) FROM pet p JOIN (SELECT v, pet_id FROM pet, {long}) q ON q.pet_id = p.pet_id",
            (MEMORY, TIMEOUT),
        ),
        (
            "thousand columns",
            "WITH x(p) AS (SELECT printf('%.*c', 99000, 'a') || pet_id FROM pet LIMIT 1) SELECT "
            + ", ".join(f"p || {i}" for i in range(900))
            + " FROM x",
            MEMORY,
        ),
        ("thousand constants", "SELECT " + ", ".join(f"printf('%.*c', 99{i:03}, 'a')" for i in range(900)), MEMORY),
        (
            "median of everything",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT median(i) FROM n",
            TIMEOUT,
        ),
        (
            "sorters beside each other",
            "SELECT * FROM "
            + ", ".join(
                f"(SELECT printf('%.*c', 40000, 'x') || pet_id AS v FROM pet ORDER BY v || {i} LIMIT 200) s{i}"
                for i in range(12)
            ),
            MEMORY,
        ),
        (
            "blobs",
            "SELECT count(*) FROM (SELECT DISTINCT CAST(zeroblob(90000) || a.pet_id || b.pet_id AS BLOB) "
            "FROM pet a, pet b)",
            MEMORY,
        ),
        (
            "json_each of a long array",
            "SELECT count(DISTINCT j.key || " + LONG + ") FROM (SELECT '[' || replace(printf('%.*c', "
            "40000, 'x'), 'x', '1,') || '1]' AS a) x, json_each(x.a) j, pet",
            (TIMEOUT, MEMORY, RESULT),
        ),
        ("result of long values", f"SELECT v FROM {long}", RESULT),
    ]
