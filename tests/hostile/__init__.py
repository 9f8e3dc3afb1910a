"""The hostile corpus: SQL that means harm, with what must come of it. Cases are data; tests and benchmarks run them.

`corpus()` gives them all. They are written for the bundled database `campus_pets`; those that need names and values
of their own (`rendering`) bring a database with them.
"""

from __future__ import annotations

from tests.hostile import catalog, functions, memory, pragmas, shape, statements, texts, work
from tests.hostile.case import Case

DATABASE = "campus_pets"


def corpus() -> list[Case]:
    """All cases, in the order of their families."""
    return [
        case
        for family in (work, memory, functions, shape, statements, pragmas, catalog, texts)
        for case in family.cases()
    ]
