"""The catalog, virtual tables, and functions that tell about the process."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import RESULT, Case, family

REFUSED = """
SELECT * FROM sqlite_master
SELECT sql FROM sqlite_schema
SELECT * FROM "sqlite_master"
SELECT * FROM [SQLITE_MASTER]
SELECT * FROM `sqlite_schema`
SELECT * FROM main.sqlite_master
SELECT * FROM temp.sqlite_master
SELECT * FROM sqlite_temp_master
SELECT * FROM sqlite_temp_schema
SELECT count(*) FROM sqlite_master
SELECT 1 FROM sqlite_master
SELECT rowid FROM sqlite_master
SELECT (SELECT group_concat(sql) FROM sqlite_master)
SELECT name FROM pet WHERE name IN (SELECT name FROM sqlite_master)
SELECT * FROM pet, sqlite_master
SELECT name FROM (SELECT 'pet' AS name) NATURAL JOIN sqlite_master
SELECT count(*) FROM pet NATURAL JOIN sqlite_schema
SELECT 1 FROM (SELECT 'pet' AS name) p JOIN sqlite_master m USING (name)
/* sqlite */ ; ; SELECT name FROM (SELECT 'pet' AS name) NATURAL JOIN sqlite_master
SELECT name FROM (SELECT 'pet' AS name) NATURAL LEFT JOIN "sqlite_Master"
WITH x AS (SELECT * FROM sqlite_master) SELECT count(*) FROM x
WITH a AS (SELECT 'pet' AS name), b AS (SELECT name FROM a NATURAL JOIN sqlite_master) SELECT * FROM b
SELECT EXISTS (SELECT 1 FROM (SELECT 'pet' AS tbl_name) NATURAL JOIN sqlite_master)
SELECT * FROM sqlite_dbpage
SELECT data FROM sqlite_dbpage('main') WHERE pgno = 1
SELECT * FROM dbstat
SELECT name FROM (SELECT 'pet' AS name) NATURAL JOIN dbstat
SELECT * FROM sqlite_stmt
SELECT * FROM sqlite_memstat
SELECT * FROM sqlite_btreeinfo
SELECT * FROM sqlite_sequence
SELECT * FROM sqlite_stat1
SELECT * FROM fts5vocab
SELECT * FROM rtree
SELECT sqlite_version()
SELECT sqlite_source_id()
SELECT sqlite_compileoption_get(1)
SELECT sqlite_compileoption_used('THREADSAFE')
SELECT sqlite_log(1, 'x')
SELECT last_insert_rowid()
SELECT changes() + total_changes()
SELECT random()
SELECT name FROM pet ORDER BY random()
SELECT randomblob(16)
SELECT hex("randomblob"(4))
SELECT fts5_source_id()
SELECT rtreecheck('pet')
SELECT geopoly_debug(1)
""".strip().splitlines()


def cases() -> list[Case]:
    """The cases."""
    other = [
        ("a name that only looks like it", "WITH sqlite_master(n) AS (SELECT 1) SELECT n FROM sqlite_master", RESULT),
        ("its name in a text", "SELECT 'sqlite_master', name FROM pet", RESULT),
        ("its name in a comment", "SELECT name FROM pet -- not sqlite_master", RESULT),
        ("json_each", "SELECT * FROM json_each('[1, {\"a\": 2}]')", RESULT),
        ("json_tree without an argument", "SELECT * FROM json_tree", RESULT),
        ("json_each joined by name", "SELECT value FROM (SELECT 3 AS value) NATURAL JOIN json_each('[1, 3]')", RESULT),
        ("where a value is stored", "SELECT sqlite_offset(name) FROM pet", ErrorKind.NO_SUCH_FUNCTION),
        ("the bytecode", "SELECT * FROM bytecode('SELECT 1')", ErrorKind.NOT_ALLOWED),
        ("tables used", "SELECT * FROM tables_used('SELECT 1')", ErrorKind.NOT_ALLOWED),
        ("carray", "SELECT * FROM carray(1, 2)", ErrorKind.NOT_ALLOWED),
        ("information_schema", "SELECT * FROM information_schema.tables", ErrorKind.NO_SUCH_TABLE),
        ("pg_catalog", "SELECT * FROM pg_catalog.pg_tables", ErrorKind.NO_SUCH_TABLE),
        ("another database", "SELECT * FROM other.pet", ErrorKind.NO_SUCH_TABLE),
    ]
    return family("catalog and virtual tables", [(sql, sql, ErrorKind.NOT_ALLOWED) for sql in REFUSED] + other)
