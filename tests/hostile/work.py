"""Work without end: recursion, cross joins, and what grows with every row."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import RESULT, Case, family

TIMEOUT = ErrorKind.TIMEOUT
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "


def cases() -> list[Case]:
    """The cases."""
    recursion = family(
        "runaway recursion",
        [
            ("count", NUMBERS + "SELECT count(*) FROM n", TIMEOUT),
            ("first rows counted on", NUMBERS + "SELECT i FROM n", RESULT),
            ("sum", NUMBERS + "SELECT sum(i) FROM n", TIMEOUT),
            ("limit far away", NUMBERS + "SELECT max(i) FROM (SELECT i FROM n LIMIT 100000000)", TIMEOUT),
            ("offset", NUMBERS + "SELECT i FROM n LIMIT 1 OFFSET 1000000000", TIMEOUT),
            ("never true", NUMBERS + "SELECT i FROM n WHERE i < 0", TIMEOUT),
            ("two at once", NUMBERS + "SELECT count(*) FROM n a, n b", TIMEOUT),
            ("in a scalar", f"SELECT (SELECT count(*) FROM ({NUMBERS}SELECT * FROM n))", TIMEOUT),
            ("in EXISTS", f"SELECT EXISTS ({NUMBERS}SELECT 1 FROM n WHERE i = -1)", TIMEOUT),
            (
                "in WHERE",
                f"SELECT name FROM pet WHERE 0 IN ({NUMBERS}SELECT i FROM n)",
                (TIMEOUT, ErrorKind.OUT_OF_MEMORY),
            ),
            (
                "union without end",
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT (i * 7) % 1000003 FROM n) SELECT count(*) FROM n",
                TIMEOUT,
            ),
            (
                "fan-out",
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n, pet) SELECT count(*) FROM n",
                (TIMEOUT, ErrorKind.OUT_OF_MEMORY),
            ),
            (
                "ordered queue",
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n, vet ORDER BY 1 DESC) "
                "SELECT count(*) FROM n",
                TIMEOUT,
            ),
            (
                "Mandelbrot",
                "WITH RECURSIVE x(v) AS (SELECT -2.0 UNION ALL SELECT v + 0.001 FROM x WHERE v < 1.2), m(i, cx, x, y) "
                "AS (SELECT 0, v, 0.0, 0.0 FROM x UNION ALL SELECT i + 1, cx, x * x - y * y + cx, 2.0 * x * y FROM m "
                "WHERE x * x + y * y < 4.0 AND i < 100000) SELECT max(i) FROM m",
                TIMEOUT,
            ),
            (
                "mutual",
                "WITH RECURSIVE a(i) AS (SELECT i FROM b), b(i) AS (SELECT i FROM a) SELECT * FROM a",
                ErrorKind.SQL,
            ),
            ("no start", "WITH RECURSIVE n(i) AS (SELECT i + 1 FROM n) SELECT * FROM n", ErrorKind.SQL),
        ],
    )
    joins = family(
        "cross joins",
        [
            ("four tables", "SELECT count(*) FROM pet, student, vet_visit, pet_owner", TIMEOUT),
            ("one table eight times", "SELECT count(*) FROM " + ", ".join(f"pet p{i}" for i in range(8)), TIMEOUT),
            (
                "sixty-four tables",
                "SELECT count(*) FROM " + ", ".join(f"student s{i}" for i in range(64)),
                TIMEOUT,
            ),
            ("sixty-five tables", "SELECT 1 FROM " + ", ".join(f"pet p{i}" for i in range(65)), ErrorKind.TOO_LARGE),
            (
                "joined on an inequality",
                "SELECT max(a.fee_cents + b.fee_cents + c.fee_cents) FROM vet_visit a JOIN vet_visit b ON a.visit_id "
                "<> b.visit_id JOIN vet_visit c ON c.visit_id <> a.visit_id",
                TIMEOUT,
            ),
            (
                "joined on a function",
                "SELECT count(*) FROM student a JOIN student b ON upper(a.last_name || a.home_city) < lower("
                "b.last_name) JOIN student c ON length(c.last_name) < length(a.first_name || b.first_name)",
                TIMEOUT,
            ),
            (
                "sorted",
                "SELECT a.name FROM pet a, pet b, pet c ORDER BY a.name || b.name || c.name",
                (TIMEOUT, ErrorKind.OUT_OF_MEMORY),
            ),
            (
                "full outer",
                "SELECT count(*) FROM student a FULL JOIN student b ON a.gpa < b.gpa "
                "FULL JOIN student c ON b.gpa < c.gpa",
                TIMEOUT,
            ),
            (
                "correlated in each row",
                "SELECT count(*) FROM student a, student b WHERE (SELECT count(*) FROM vet_visit v WHERE v.fee_cents > "
                "a.student_id + b.student_id) > 1000",
                TIMEOUT,
            ),
            (
                "result of millions of rows",
                "SELECT * FROM student a, student b, student c",
                RESULT,
            ),
        ],
    )
    return recursion + joins
