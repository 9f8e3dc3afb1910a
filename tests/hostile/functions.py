"""Functions that take long in one step of SQLite's machine, which no budget interrupts."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import RESULT, Case, family

TIMEOUT = ErrorKind.TIMEOUT
# A value of 99 kB, one of half of it, and one that differs in each of 100,000 rows.
ROWS = "(SELECT a.pet_id AS i FROM pet a, student b)"
X = "(printf('%.*c', 99000, 'a') || i)"
H = "(printf('%.*c', 49000, 'a') || 'b' || i)"
OBJECT = "'{{' || replace(printf('%.*c', 12000, 'x'), 'x', '\"{0}\":1,') || '\"{0}\":' || i || '}}'"
ARRAY = "('[' || replace(printf('%.*c', 45000, 'x'), 'x', '1,') || i || ']')"


def _each(expression: str) -> str:
    return f"SELECT sum(length({expression})) FROM {ROWS}"


def cases() -> list[Case]:
    """The cases."""
    patterns = [
        ("LIKE", _each(f"{X} LIKE '%a%a%a%a%a%a%a%a%a%a%ab'")),
        ("LIKE of long pieces", _each(f"{X} LIKE '%' || printf('%.*c', 90, 'a') || 'b%'")),
        ("LIKE with single wildcards", _each(f"{X} LIKE '%" + "_" * 90 + "b'")),
        ("LIKE with ESCAPE", _each(f"{X} LIKE '%!%a%a%a%a%b' ESCAPE '!'")),
        ("GLOB", _each(f"{X} GLOB '*a*a*a*a*a*a*a*a*a*b'")),
        ("GLOB of long pieces", _each(f"{X} GLOB '*' || printf('%.*c', 97, 'a') || 'b'")),
        ("GLOB with sets", _each(f"{X} GLOB '*" + "[a-z]" * 18 + "b'")),
        ("GLOB with negated sets", _each(f"{X} GLOB '*" + "[^b]" * 20 + "b*'")),
        (
            "NOT LIKE in many terms",
            f"SELECT count(*) FROM {ROWS} WHERE " + " AND ".join(f"{X} NOT LIKE '%a%a%a%{i}b'" for i in range(60)),
        ),
    ]
    searches = [
        ("instr", _each(f"instr({X}, {H})")),
        ("instr of blobs", _each(f"instr(CAST({X} AS BLOB), CAST({H} AS BLOB))")),
        ("replace", _each(f"replace({X}, {H}, 'c')")),
        ("replace in replace", _each(f"replace(replace(replace({X}, {H}, 'c'), {H}, 'd'), {H}, 'e')")),
        ("trim of a long set", _each("trim(printf('%.*c', 90000, 'a') || i, printf('%.*c', 8000, 'b') || 'a')")),
        (
            "rtrim of letters with accents",
            _each(
                "rtrim(i || replace(printf('%.*c', 40000, 'x'), 'x', 'é'), "
                "replace(printf('%.*c', 8000, 'x'), 'x', 'ü') || 'é')"
            ),
        ),
        ("upper and lower", _each(f"upper(lower(upper({X})))")),
        ("unicode texts compared", _each(f"({X} = {X} || 'b' COLLATE NOCASE) + ({X} < {H})")),
        ("hex and unhex", _each("unhex(hex(unhex(hex(printf('%.*c', 24000, 'a') || i))))")),
        ("substr from the end", _each(f"substr({X}, -50000, 40000)")),
        (
            "cast of digits",
            _each("CAST(printf('%.*c', 99000, '9') || i AS REAL) + CAST(printf('%.*c', 99000, '9') || i AS INTEGER)"),
        ),
        ("strftime", _each("strftime(replace(printf('%.*c', 4000, 'x'), 'x', '%J %Y '), 'now', i || ' days')")),
        ("soundex-like sums", _each(" + ".join(f"length({X})" for _ in range(150)))),
    ]
    json = [
        ("json_patch", _each(f"json_patch({OBJECT.format('a')}, {OBJECT.format('b')})")),
        ("json_extract at the end", _each(f"json_extract({ARRAY}, '$[44999]')")),
        (
            "json_set in many places",
            _each(f"json_set({ARRAY}, " + ", ".join(f"'$[{i * 700}]', {i}" for i in range(31)) + ")"),
        ),
        (
            "json_remove in many places",
            _each(f"json_remove({ARRAY}, " + ", ".join(f"'$[{i * 700}]'" for i in range(60)) + ")"),
        ),
        ("json_valid", _each(f"json_valid({ARRAY})")),
        ("json_pretty", _each("json_pretty('[' || replace(printf('%.*c', 9000, 'x'), 'x', '1,') || i || ']')")),
        ("json_each in each row", f"SELECT count(*) FROM {ROWS}, json_each({ARRAY})"),
        ("json_tree in each row", f"SELECT count(*) FROM {ROWS}, json_tree({OBJECT.format('a')})"),
    ]
    # All in the few steps between two looks at the clock: only ending the process helps.
    inline = [
        (
            "json_patch 500 times in one row",
            f"WITH x(p) AS (SELECT json_patch({OBJECT.format('a')}, {OBJECT.format('b')}) FROM {ROWS} LIMIT 1) "
            "SELECT p" + ", p" * 499 + " FROM x",
        ),
        (
            "instr 900 times in one row",
            f"WITH x(p, q) AS (SELECT {X}, {H} FROM {ROWS} LIMIT 1) "
            f"SELECT {' + '.join(['instr(p, q)'] * 90)}" + ", instr(p, q || 1)" * 800 + " FROM x",
        ),
        (
            "GLOB 900 times in one row",
            f"WITH x(p) AS (SELECT {X} FROM {ROWS} LIMIT 1) SELECT 1"
            + ", p GLOB '*"
            + "a" * 40
            + "b'"
            + ", p GLOB '*"
            + "[a-z]" * 6
            + "b'" * 1
            + "".join(f", p || {i} GLOB '*" + "a" * 40 + "b'" for i in range(800))
            + " FROM x",
        ),
        (
            "nested replace 600 times in one row",
            f"WITH x(p, q) AS (SELECT {X}, {H} FROM {ROWS} LIMIT 1) SELECT 1"
            + "".join(f", replace(replace(p, q, {i}), q || {i}, 'z')" for i in range(600))
            + " FROM x",
        ),
        (
            "constants folded before the first step",
            "SELECT 1"
            + "".join(f", instr(printf('%.*c', 99000, 'a'), printf('%.*c', 49{i:03}, 'a') || 'b')" for i in range(700)),
        ),
    ]
    harmless = [
        (
            "LIKE with a pattern that is too long",
            "SELECT count(*) FROM pet WHERE name LIKE printf('%.*c', 101, '%')",
            ErrorKind.TOO_LARGE,
        ),
        (
            "GLOB with a pattern that is too long",
            "SELECT count(*) FROM pet WHERE name GLOB printf('%.*c', 101, '*')",
            ErrorKind.TOO_LARGE,
        ),
        (
            "LIKE on short texts",
            "SELECT count(*) FROM student WHERE last_name LIKE '%a%e%' AND first_name GLOB '*[a-e]*'",
            RESULT,
        ),
        ("regexp", "SELECT count(*) FROM student WHERE last_name REGEXP '(a+)+$'", ErrorKind.NO_SUCH_FUNCTION),
        ("match", "SELECT count(*) FROM student WHERE last_name MATCH 'a'", (ErrorKind.SQL, ErrorKind.NOT_ALLOWED)),
    ]
    return (
        family("slow: patterns", [(name, sql, (TIMEOUT, RESULT)) for name, sql in patterns] + harmless)
        + family("slow: searches", [(name, sql, TIMEOUT) for name, sql in searches])
        + family("slow: json", [(name, sql, TIMEOUT) for name, sql in json])
        + family("slow: between two ticks", [(name, sql, TIMEOUT) for name, sql in inline])
    )
