"""Texts that are none: NUL, broken UTF-8, surrogates, marks, comments that hide, megabytes."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import BAD_MESSAGE, RESULT, Case, family

SYNTAX, LARGE, MANY, EMPTY = (
    ErrorKind.SYNTAX,
    ErrorKind.TOO_LARGE,
    ErrorKind.MULTIPLE_STATEMENTS,
    ErrorKind.EMPTY_SQL,
)


def cases() -> list[Case]:
    """The cases."""
    characters = family(
        "characters",
        [
            ("NUL at the end", "SELECT 1\0", SYNTAX),
            ("NUL alone", "\0", SYNTAX),
            ("NUL in a literal", "SELECT 'a\0b'", SYNTAX),
            ("NUL before a second statement", "SELECT 1;\0DROP TABLE pet", SYNTAX),
            ("NUL in a comment", "SELECT 1 -- \0", SYNTAX),
            ("NUL made by char()", "SELECT 'a' || char(0) || 'b'", RESULT),
            ("byte order mark", "\ufeffSELECT 1", RESULT),
            ("byte order mark inside", "SELECT\ufeff1", (SYNTAX, ErrorKind.NO_SUCH_COLUMN)),
            ("byte order mark of UTF-16", b"\xff\xfeS\x00E\x00L\x00", BAD_MESSAGE),
            ("not UTF-8", b"SELECT '\xff\xfe'", BAD_MESSAGE),
            ("UTF-8 cut short", b"SELECT '\xe2\x82", BAD_MESSAGE),
            ("UTF-8 too long", b"SELECT '\xc0\xaf'", BAD_MESSAGE),
            ("a surrogate as bytes", b"SELECT '\xed\xa0\x80'", BAD_MESSAGE),
            ("beyond Unicode", b"SELECT '\xf4\x90\x80\x80'", BAD_MESSAGE),
            ("a surrogate made by char()", "SELECT char(0xD800)", (RESULT, ErrorKind.SQL)),
            ("beyond Unicode made by char()", "SELECT char(0x7FFFFFFF)", (RESULT, ErrorKind.SQL)),
            ("not UTF-8 made by CAST", "SELECT CAST(x'fffe' AS TEXT)", ErrorKind.SQL),
            ("cut UTF-8 made by substr", "SELECT CAST(substr(CAST('é' AS BLOB), 1, 1) AS TEXT)", ErrorKind.SQL),
            ("emoji and combining marks", "SELECT '👩‍👩‍👧‍👦', 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞'", RESULT),
            ("right to left", "SELECT '\u202egnp.exe', '\u2066x\u2069' AS \"\u202eabc\"", RESULT),
            ("line separators", "SELECT\u2028name\u2028FROM\u2029pet", (SYNTAX, ErrorKind.NO_SUCH_COLUMN)),
            ("no-break spaces", "SELECT\u00a0name\u00a0FROM\u00a0pet", (SYNTAX, ErrorKind.NO_SUCH_COLUMN)),
            ("fullwidth letters", "ＳＥＬＥＣＴ name FROM pet", SYNTAX),
            (
                "terminal escapes",
                "SELECT char(27) || '[2J' || char(27) || ']0;owned' || char(7), '\x1b[31mred'",
                RESULT,
            ),
            (
                "markup",
                "SELECT '<script>alert(1)</script>' AS \"<img src=x onerror=alert(1)>\", '[bold]x[/bold]'",
                RESULT,
            ),
            (
                "what looks like an observation",
                "SELECT 'x' || char(10) || '(1 row)' || char(10) || 'Steps left: 99'",
                RESULT,
            ),
        ],
    )
    second = family(
        "hidden second statements",
        [
            ("plain", "SELECT 1; DROP TABLE pet", MANY),
            ("after a line comment", "SELECT 1 --\n; DROP TABLE pet", MANY),
            ("after a block comment", "SELECT 1 /* ; */ ; /* */ DELETE FROM pet", MANY),
            ("in an open comment", "SELECT 1; /* DROP TABLE pet", RESULT),
            ("in a comment of MySQL's", "SELECT 1 /*! ; DROP TABLE pet */", RESULT),
            ("in nested comments", "SELECT 1; /* /* */ SELECT 2 */", MANY),
            ("carriage return does not end a comment", "SELECT 1 -- x\r; DROP TABLE pet", RESULT),
            ("many empty ones before", ";" * 30_000 + "SELECT 1; SELECT 2", MANY),
            ("comments without end", "SELECT 1;" + "/**/" * 15_000 + "SELECT 2", MANY),
            ("after a byte order mark", "SELECT 1;\ufeffSELECT 2", MANY),
            ("a quote that swallows", "SELECT 'a; DROP TABLE pet", SYNTAX),
            ("two of equal length", "SELECT 1111;SELECT 2222", MANY),
        ],
    )
    sizes = family(
        "empty and long texts",
        [
            ("nothing", "", EMPTY),
            ("blanks", " \t\n" * 1_000, EMPTY),
            ("semicolons", ";" * 60_000, EMPTY),
            ("a comment", "-- SELECT 1", EMPTY),
            ("an open comment", "/* SELECT 1", EMPTY),
            ("2 MB of comment", "SELECT 1 -- " + "x" * 2 * 2**20, LARGE),
            ("2 MB of literal", "SELECT '" + "x" * 2 * 2**20 + "'", LARGE),
            ("2 MB of blanks", " " * 2 * 2**20 + "SELECT 1", LARGE),
            ("2 MB of semicolons", ";" * 2 * 2**20, LARGE),
            ("64 KiB of two-byte letters", "SELECT '" + "é" * 40_000 + "'", LARGE),
            ("quotes without end", "SELECT " + "'" * 60_001, SYNTAX),
            ("a word", "x" * 60_000, SYNTAX),
            ("parameters", "SELECT ?, :a, @b, $c", SYNTAX),
            ("a parameter of high number", "SELECT ?999999999", (SYNTAX, ErrorKind.SQL, LARGE)),
        ],
    )
    return characters + second + sizes
