"""`sqlenv doctor`: what is wrong with this set-up, in words."""

from __future__ import annotations

from collections.abc import Callable

import typer
from rich.text import Text

from sqlenv.cli import checks
from sqlenv.cli.checks import Finding
from sqlenv.cli.common import Dataset, out
from sqlenv.errors import SqlEnvError


def doctor(dataset: Dataset = None) -> None:
    """
    Find out what is wrong with this set-up, and what to do about it.

    Looks at Python and packages, SQLite, the stubs, settings in the environment, clock and locale, the data set, ports
    50051 and 50052, and plays an episode. One line each, ✓ or ✗; exit status 1 where something is wrong.

    Example: sqlenv doctor --dataset ~/data/spider
    """
    looks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("Python", checks.python),
        ("packages", checks.packages),
        ("SQLite", checks.sqlite),
        ("stubs", checks.stubs),
        ("locale", checks.locale),
        ("clock", checks.clock),
        ("temporary folder", checks.temporary_folder),
        ("settings", checks.settings),
        ("data set", lambda: checks.data_set(dataset)),
        ("ports", checks.ports),
        ("an episode", lambda: checks.episode(dataset)),
    ]
    wrong = 0
    for name, look in looks:
        try:
            findings = look()
        except (SqlEnvError, OSError, ImportError) as error:
            findings = [Finding(False, f"{name}: {error}", "mend that first")]
        for finding in findings:
            wrong += not finding.fine
            mark, style = ("✓", "green") if finding.fine else ("✗", "red")
            out.print(Text(f"{mark} {finding.what}", style=style), soft_wrap=True)
            if not finding.fine:
                out.print(Text(f"  → {finding.advice}"), soft_wrap=True)
    out.print(f"{wrong} thing{'' if wrong == 1 else 's'} to mend" if wrong else "everything is fine", style="bold")
    if wrong:
        raise typer.Exit(1)
