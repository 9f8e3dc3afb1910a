"""What a case of the corpus is, and what is checked of every answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlenv.types import ErrorKind

# Expected where the message itself can't be read: the RPC fails with this reason instead.
BAD_MESSAGE = "BAD_MESSAGE"
# Expected where SQL is as long as messages may be.
RESULT = "RESULT"


@dataclass(frozen=True)
class Case:
    """One attack. `expected` names ErrorKinds, or RESULT where it is harmless, or BAD_MESSAGE.

    More than one is expected only where which limit is met first depends on how fast the machine is.
    `sql` as bytes is put on the wire as it is: no Python string could carry it.
    """

    family: str
    name: str
    sql: str | bytes
    expected: frozenset[str]

    @property
    def id(self) -> str:
        """Names the case in tests."""
        return f"{self.family}: {self.name}"


def family(name: str, cases: Iterable[tuple[str, str | bytes, ErrorKind | str | tuple[ErrorKind, ...]]]) -> list[Case]:
    """Cases of one family from (name, SQL, expected)."""
    found = []
    for title, sql, expected in cases:
        kinds = expected if isinstance(expected, tuple) else (expected,)
        names = frozenset(kind.name if isinstance(kind, ErrorKind) else kind for kind in kinds)
        found.append(Case(name, title, sql, names))
    return found


_LEAKS = re.compile(
    r"/(?:work|tmp|home|usr|root|proc|etc)/|\.sqlite\b|\.py\b|Traceback|File \"|site-packages|gold\.jsonl"
)


def leak(text: str) -> str | None:
    """A path or a piece of a stack trace in what an agent is shown; None where there is none."""
    found = _LEAKS.search(text)
    return found[0] if found else None
