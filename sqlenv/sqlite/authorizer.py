"""What a statement may do: SELECT from the database's own tables with deterministic functions, nothing else.

SQLite asks the authorizer while it compiles a statement, so what is refused never starts to run
(https://www.sqlite.org/c3ref/set_authorizer.html).
"""

from __future__ import annotations

from collections.abc import Collection

import apsw

# Deterministic given a frozen clock and a fixed time zone. Left out on purpose: random and randomblob (episodes are
# deterministic functions of their actions), load_extension, the FTS, R-tree and geopoly families (internals of virtual
# tables), sqlite_* and the change counters (they tell about the process, not the data).
ALLOWED_FUNCTIONS = frozenset(
    """-> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos
    cosh count cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp
    first_value floor format glob group_concat hex if ifnull iif instr json json_array json_array_insert
    json_array_length json_error_position json_extract json_group_array json_group_object json_insert
    json_object json_patch json_pretty json_quote json_remove json_replace json_set json_type json_valid
    julianday lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim max median min mod
    nth_value ntile nullif octet_length percent_rank percentile percentile_cont percentile_disc pi pow power
    printf quote radians rank replace round row_number rtrim sign sin sinh soundex sqrt strftime string_agg
    substr substring sum tan tanh time timediff total trim trunc typeof unhex unicode unistr unistr_quote
    unixepoch unlikely upper zeroblob""".split()
)

# Table-valued functions that read nothing but their arguments.
ALLOWED_VIRTUAL_TABLES = frozenset({"json_each", "json_tree"})

CATALOG = "The catalog can't be queried: the tables are listed, DESCRIBE shows their columns."
"""Why a query of the catalog is refused, in words for the agent."""

# Virtual tables that SQLite makes when they are first named, so that no list of modules has them.
_LATE_MODULES = frozenset({"bytecode", "carray", "completion", "generate_series", "tables_used"})

_CATALOG = frozenset({"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"})
_NO_TABLE = "no such table: "
_PASS = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE})


class Authorizer:
    """Allows or refuses each thing that one connection's statements ask for, and remembers why it refused.

    `denied` holds the reason of the last refusal in words for the agent, or None; `overrun` tells whether a statement
    asked more often than `begin` allowed.
    """

    def __init__(self, tables: Collection[str], modules: Collection[str]) -> None:
        """`tables` are the database's own; `modules` the virtual-table modules that SQLite was built with."""
        self._tables = frozenset(name.lower() for name in tables) | ALLOWED_VIRTUAL_TABLES
        self._modules = _LATE_MODULES | frozenset(name.lower() for name in modules)
        self.denied: str | None = None
        self.overrun = False
        self._calls = self._max_calls = 0

    def begin(self, max_calls: int) -> None:
        """Forgets the last statement; the next one may ask `max_calls` times."""
        self.denied, self.overrun = None, False
        self._calls, self._max_calls = 0, max_calls

    def explain(self, words: str) -> str | None:
        """Why the last statement was refused, or has no table that SQLite's `words` miss; None if not on purpose."""
        if self.denied is None and words.startswith(_NO_TABLE):
            name = words.removeprefix(_NO_TABLE).lower().removeprefix("main.").removeprefix("temp.")
            if name in self._modules or name.startswith(("sqlite_", "pragma_")):
                return _outside(name)
        return self.denied

    def __call__(
        self, operation: int, first: str | None, second: str | None, database: str | None, source: str | None
    ) -> int:
        self._calls += 1
        if self._calls > self._max_calls:
            self.overrun = True
            return apsw.SQLITE_DENY
        if operation in _PASS:
            return apsw.SQLITE_OK
        if operation == apsw.SQLITE_READ:
            return self._read((first or "").lower())
        if operation == apsw.SQLITE_FUNCTION:
            name = (second or "").lower()
            if name in ALLOWED_FUNCTIONS:
                return apsw.SQLITE_OK
            if name in {"random", "randomblob"}:
                return self._deny(f"{name}() is not allowed: the same query must always give the same result.")
            return self._deny(f"Function {name}() is not allowed.")
        if operation == apsw.SQLITE_PRAGMA:
            return self._deny("PRAGMA is not allowed; DESCRIBE shows a table's columns and keys.")
        return self._deny("Only a single SELECT is allowed.")

    def _read(self, table: str) -> int:
        if table in self._tables:
            return apsw.SQLITE_OK
        if table in _CATALOG:
            return self._deny(CATALOG)
        if table in self._modules or table.startswith(("sqlite_", "pragma_")):
            return self._deny(_outside(table))
        return apsw.SQLITE_OK  # a recursive common table expression reads itself under its own name

    def _deny(self, why: str) -> int:
        self.denied = why
        return apsw.SQLITE_DENY


def _outside(table: str) -> str:
    return f"Table {table[:100]!r} is not part of this database."
