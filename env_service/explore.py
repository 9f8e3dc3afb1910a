"""What actions do to a database. DESCRIBE and SAMPLE become schema look-ups and SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlenv.actions import Action, Describe, InvalidAction, Query, Sample
from sqlenv.sandbox import Limits, Sandbox
from sqlenv.sqlite.executor import QueryExecutor
from sqlenv.sqlite.faults import no_such_table
from sqlenv.sqlite.schema import quote
from sqlenv.types import ActionFailure, ErrorKind, Outcome, Result

# SAMPLE draws from so many first rows: skipping is linear, and a table of millions must not cost more than a query.
SAMPLED_FROM_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What an action gave; `heading` names the table where the result is one of DESCRIBE or SAMPLE."""

    outcome: Outcome
    heading: str = ""


class Explorer:
    """The databases of a data set, opened once."""

    def __init__(self, databases: Mapping[str, Path], limits: Limits, executor: QueryExecutor) -> None:
        self._sandboxes = {db_id: Sandbox(path, limits) for db_id, path in databases.items()}
        self._executor = executor

    def close(self) -> None:
        """Closes the databases."""
        for sandbox in self._sandboxes.values():
            sandbox.close()

    def tables(self, db_id: str) -> tuple[str, ...]:
        """Names of a database's tables."""
        return self._sandboxes[db_id].schema.names

    async def row_count(self, db_id: str, table: str) -> int:
        """Rows of a table; -1 for a view that is too slow to count."""
        return await self._executor.row_count(self._sandboxes[db_id], table)

    async def act(self, db_id: str, action: Action, seed: int) -> Seen:
        """Does `action`. Raises TypeError for an answer: it does nothing to a database."""
        sandbox = self._sandboxes[db_id]
        match action:
            case Query(sql):
                return Seen(await self._executor.run(sandbox, sql))
            case Describe(name) | Sample(name):
                table = sandbox.schema.find(name)
                if table is None:
                    return Seen(Outcome(no_such_table(name[:100], sandbox.schema.names), 0))
                total = await self._executor.row_count(sandbox, table.name)
                size = f"{total:,} row{'' if total == 1 else 's'}" if total >= 0 else "a view"
                if isinstance(action, Describe):
                    return Seen(Outcome(table.description(), 0), f"{table.name}: {size}")
                outcome = await self._executor.run(sandbox, sample_sql(table.name, total, action.rows, seed))
                shown = len(outcome.value.rows) if isinstance(outcome.value, Result) else 0
                return Seen(outcome, f"{table.name}: {shown} of {size}")
            case InvalidAction(_, why):
                return Seen(Outcome(ActionFailure(ErrorKind.INVALID_ACTION, why), 0))
            case _:
                raise TypeError(f"{type(action).__name__} looks at nothing")


def sample_sql(table: str, total: int, rows: int, seed: int) -> str:
    """SQL for `rows` rows of a table of `total`, spread over it as the seed decides, in the table's order."""
    name = quote(table)
    if total <= rows:
        return f"SELECT * FROM {name} LIMIT {rows}"
    population = min(total, SAMPLED_FROM_ROWS)
    offsets: set[int] = set()
    draw = 0
    while len(offsets) < rows:
        digest = hashlib.blake2b(f"{seed}:{table}:{draw}".encode(), digest_size=8).digest()
        offsets.add(int.from_bytes(digest, "big") % population)
        draw += 1
    parts = (f"SELECT * FROM (SELECT * FROM {name} LIMIT 1 OFFSET {offset})" for offset in sorted(offsets))
    return " UNION ALL ".join(parts)
