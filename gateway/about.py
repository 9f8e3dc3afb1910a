"""What the gateway says of itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

NAME = "sqlenv"
TITLE = "SQLEnv"
DESCRIPTION = (
    "An agent sees a question and the names of a database's tables, explores with describe, sample and query under a "
    "step budget, and answers. Every step is scored; right answers always return more than wrong ones."
)
GUIDE = """# SQLEnv

A question about a database, 15 steps to answer it. Reset gives the question and the names of the tables; then:

| action | as JSON | as text |
|---|---|---|
| look at a table's columns | `{"tool": "describe", "table": "pet"}` | `DESCRIBE pet` |
| look at some rows | `{"tool": "sample", "table": "pet", "rows": 5}` | `SAMPLE pet 5` |
| run a SELECT | `{"tool": "query", "sql": "SELECT …"}` | `QUERY SELECT …` |
| answer; the episode ends | `{"tool": "answer", "value": "42"}` | `ANSWER 42` |
| answer with SQL | `{"tool": "answer", "sql": "SELECT …"}` | `ANSWER SQL: SELECT …` |

The text form is sent as `{"text": "QUERY SELECT …"}`. SQL that fails is an observation with an `error`. `reward` is the
step's score, `observation.score` its parts; an episode's return is the sum.
"""


def package_version() -> str:
    """The version of the installed package, or 0 where it runs from a folder that was never installed."""
    try:
        return version("sqlenv")
    except PackageNotFoundError:
        return "0"


def metadata() -> dict[str, str | None]:
    """As OpenEnv's /metadata has it."""
    return {
        "name": NAME,
        "description": DESCRIPTION,
        "readme_content": GUIDE,
        "version": package_version(),
        "author": "SQLEnv maintainers",
        "documentation_url": "/docs",
    }
