"""Statements that are no SELECT: writes, definitions, transactions, files, extensions."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import Case, family

DENIED = ErrorKind.NOT_ALLOWED

WRITES = """
INSERT INTO pet (pet_id, name, species, sex) VALUES (9999, 'x', 'cat', 'F')
INSERT INTO pet SELECT * FROM pet
INSERT OR REPLACE INTO vet VALUES (1, 'x', 'y', 'z') RETURNING *
REPLACE INTO vet VALUES (1, 'x', 'y', 'z')
WITH x AS (SELECT 1) INSERT INTO vet SELECT 1, 'a', 'b', 'c' FROM x
INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 2, '')
UPDATE pet SET name = 'x'
UPDATE pet SET name = 'x' WHERE 0 RETURNING name
DELETE FROM pet
DELETE FROM pet WHERE 0 RETURNING *
WITH x AS (SELECT 1) DELETE FROM pet WHERE pet_id IN x
DELETE FROM sqlite_sequence
""".strip().splitlines()

DEFINITIONS = """
CREATE TABLE t (a)
CREATE TABLE t AS SELECT * FROM pet
CREATE TEMP TABLE t AS SELECT * FROM pet
CREATE TEMPORARY TABLE IF NOT EXISTS t (a)
CREATE TABLE temp.t (a)
CREATE VIEW v AS SELECT * FROM pet
CREATE TEMP VIEW pet AS SELECT 1
CREATE INDEX i ON pet (name)
CREATE TRIGGER t AFTER INSERT ON pet BEGIN SELECT 1; END
CREATE TEMP TRIGGER t BEFORE UPDATE ON pet BEGIN SELECT load_extension('x'); END
CREATE VIRTUAL TABLE t USING fts5(a)
CREATE VIRTUAL TABLE temp.t USING dbstat(main)
CREATE VIRTUAL TABLE t USING csv(filename='/etc/passwd')
DROP TABLE pet
DROP TABLE IF EXISTS absent
DROP VIEW IF EXISTS absent
ALTER TABLE pet RENAME TO p
ALTER TABLE pet ADD COLUMN z
ALTER TABLE pet DROP COLUMN name
REINDEX
ANALYZE
""".strip().splitlines()

TRANSACTIONS = """
BEGIN
BEGIN IMMEDIATE
BEGIN EXCLUSIVE TRANSACTION
COMMIT
END TRANSACTION
ROLLBACK
SAVEPOINT a
RELEASE a
ROLLBACK TO a
""".strip().splitlines()

FILES = """
ATTACH '/etc/passwd' AS x
ATTACH DATABASE '/tmp/x.db' AS x
aTTaCh 'file:/tmp/x?mode=rwc' AS x
/* x */ ATTACH ':memory:' AS x
ATTACH '' AS x
ATTACH (SELECT '/etc/passwd') AS x
DETACH main
DETACH DATABASE temp
VACUUM
VACUUM INTO '/tmp/stolen.db'
VACUUM main INTO (SELECT '/tmp/stolen.db')
SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6')
SELECT load_extension('x', 'y')
SELECT "load_extension"('x')
SELECT fts3_tokenizer('simple', x'4141414141414141')
EXPLAIN SELECT * FROM pet
EXPLAIN QUERY PLAN SELECT * FROM pet
""".strip().splitlines()

SHELL = """
SELECT readfile('/etc/passwd')
SELECT writefile('/tmp/x', 'y')
SELECT edit('x')
SELECT fsdir('/')
SELECT sha3('x')
SELECT eval('DROP TABLE pet')
SELECT system('id')
SELECT xp_cmdshell('id')
SELECT pg_read_file('/etc/passwd')
""".strip().splitlines()


def _plain(name: str, statements: list[str], kind: ErrorKind) -> list[Case]:
    return family(name, [(sql, sql, kind) for sql in statements])


def cases() -> list[Case]:
    """The cases."""
    tables = [
        ("SELECT * FROM fsdir('/')", "SELECT * FROM fsdir('/')", ErrorKind.NO_SUCH_TABLE),
        ("SELECT * FROM csv", "SELECT * FROM csv('/etc/passwd')", ErrorKind.NO_SUCH_TABLE),
        ("generate_series", "SELECT * FROM generate_series(1, 1000000000)", ErrorKind.NOT_ALLOWED),
        ("the catalog is written", "UPDATE sqlite_master SET sql = 'x'", ErrorKind.SQL),
        ("an index on what is not TEMP", "CREATE INDEX temp.i ON pet (name)", ErrorKind.SQL),
        ("COPY", "COPY pet TO '/tmp/x'", ErrorKind.SYNTAX),
        ("SHOW", "SHOW TABLES", ErrorKind.SYNTAX),
        (".read", ".read /etc/passwd", ErrorKind.SYNTAX),
        ("INTO OUTFILE", "SELECT * INTO OUTFILE '/tmp/x' FROM pet", ErrorKind.SYNTAX),
    ]
    return [
        *_plain("writes", WRITES, DENIED),
        *_plain("definitions", DEFINITIONS, DENIED),
        *_plain("transactions", TRANSACTIONS, DENIED),
        *_plain("files and extensions", FILES, DENIED),
        *_plain("files and extensions", SHELL, ErrorKind.NO_SUCH_FUNCTION),
        *family("files and extensions", tables),
    ]
