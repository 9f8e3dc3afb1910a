"""PRAGMA in every spelling, and as a table."""

from __future__ import annotations

from sqlenv.types import ErrorKind
from tests.hostile.case import Case, family

SPELLINGS = """
PRAGMA table_info(pet)
pragma TABLE_LIST
PrAgMa main.journal_mode = WAL
/**/PRAGMA/**/query_only/**/=/**/0
PRAGMA query_only(OFF)
PRAGMA writable_schema = ON
PRAGMA trusted_schema = 1
PRAGMA temp_store_directory = '/tmp'
PRAGMA data_store_directory = '/tmp'
PRAGMA mmap_size = 268435456
PRAGMA hard_heap_limit = 0
PRAGMA soft_heap_limit = 9223372036854775807
PRAGMA cache_size = -9999999
PRAGMA threads = 8
PRAGMA database_list
PRAGMA module_list
PRAGMA function_list
PRAGMA compile_options
PRAGMA integrity_check
PRAGMA wal_checkpoint(TRUNCATE)
PRAGMA shrink_memory
PRAGMA no_such_thing
PRAGMA "table_info"("pet")
PRAGMA [user_version]
SELECT * FROM pragma_table_info('pet')
SELECT * FROM pragma_database_list
SELECT * FROM "pragma_database_list"
SELECT * FROM [PRAGMA_FUNCTION_LIST]
SELECT file FROM main.pragma_database_list
SELECT (SELECT file FROM pragma_database_list)
SELECT name FROM pet WHERE name IN (SELECT name FROM pragma_table_list)
SELECT 1 WHERE EXISTS (SELECT 1 FROM pragma_compile_options)
WITH x AS (SELECT * FROM pragma_module_list) SELECT * FROM x
SELECT p.* FROM pet, pragma_index_list('pet') p
SELECT name FROM (SELECT 'pet' AS name) NATURAL JOIN pragma_table_list
SELECT count(*) FROM pet JOIN pragma_table_list USING (name)
""".strip().splitlines()


def cases() -> list[Case]:
    """The cases."""
    refused = [(sql, sql, ErrorKind.NOT_ALLOWED) for sql in SPELLINGS]
    other = [
        ("pragma as a function", "SELECT pragma_user_version()", ErrorKind.NO_SUCH_FUNCTION),
        ("pragma in a second statement", "SELECT 1; PRAGMA query_only = 0", ErrorKind.MULTIPLE_STATEMENTS),
        ("a table that no pragma gives", "SELECT * FROM pragma_nothing", ErrorKind.NOT_ALLOWED),
    ]
    return family("PRAGMA", refused + other)
