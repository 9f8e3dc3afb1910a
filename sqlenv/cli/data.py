"""`sqlenv data …`: data sets. Thin: the work is done in the `data` package, imported only when it is asked for."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sqlenv.cli.common import out, progress_of, safe
from sqlenv.errors import DataSetError
from sqlenv.tasks import BUNDLED

SHOWN = 20
"""Left-out questions and notes that `import` shows; the rest is in the data set's import.json."""

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Data sets: import, check, describe, fetch, rebuild."
)

Folder = Annotated[Path, typer.Argument(help="Folder of a data set in our layout.", metavar="DIR")]
ForceFolder = Annotated[bool, typer.Option("--force", help="Replace the data set that is at --out.")]


@app.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(help="Folder of Spider, of BIRD, or of your own databases.", metavar="SOURCE")
    ],
    out_folder: Annotated[Path, typer.Option("--out", help="Where to write the data set.", metavar="DIR")],
    name: Annotated[str | None, typer.Option(help="Name of the data set. Default: the source folder's.")] = None,
    force: ForceFolder = False,
) -> None:
    """
    Turn Spider, BIRD or a folder of your own databases into a data set.

    Your own: `SOURCE/database/DB/DB.sqlite` (or `*.sqlite` directly in SOURCE) and questions.jsonl, .json or .csv with
    db_id, question, sql and perhaps split. Questions that can't be used are listed, never dropped in silence.

    Example: sqlenv data import ~/Downloads/spider --out ~/data/spider
    """
    from data.spider import import_dataset

    with progress_of("importing") as advance:
        report = import_dataset(source, out_folder, name, advance, force=force)
    splits = ", ".join(f"{count} {split}" for split, count in report.splits.items())
    _say(f"{report.name}: {report.tasks} tasks ({splits}), {report.databases} databases, written to {report.out}")
    for heading, items in (("left out", report.dropped), ("notes", report.notes)):
        if items:
            _say(f"{len(items)} {heading}:")
            for item in items[:SHOWN]:
                _say(f"  {item}")
            if len(items) > SHOWN:
                _say(f"  … and {len(items) - SHOWN} more: see {report.out / 'import.json'}")


@app.command("check")
def check_(directory: Folder = BUNDLED) -> None:
    """
    Verify a data set: every gold query runs and gives the stored answer, and whatever else must hold.

    Problems are listed by file and line. Exit status 1 where there are errors; warnings alone leave it at 0.

    Example: sqlenv data check ~/data/spider
    """
    from data.check import check

    problems = check(directory)
    errors = [problem for problem in problems if problem.severity == "error"]
    for problem in problems:
        out.print(
            f"{problem.severity}: {safe(str(problem))}",
            style="red" if problem.severity == "error" else "yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if errors:
        raise DataSetError(f"{directory}: {len(errors)} errors, {len(problems) - len(errors)} warnings")
    _say(f"{directory}: no errors, {len(problems)} warnings")


@app.command("stats")
def stats_(
    directory: Folder = BUNDLED,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """
    Show what is in a data set: tasks by split, database, difficulty and answer type; tables and rows.

    Example: sqlenv data stats
    """
    from data.stats import render, stats

    found = stats(directory)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
    else:
        out.print(render(found))


@app.command("pull")
def pull_(
    name: Annotated[str, typer.Argument(help="'spider', or a data set repository of the Hub, owner/name.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Where to write the data set.", metavar="DIR")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of the repository.")] = None,
    force: ForceFolder = False,
) -> None:
    """
    Fetch a data set from the Hugging Face Hub and import it. Needs the extra `hub`: pip install 'sqlenv[hub]'.

    Example: sqlenv data pull spider --out ~/data/spider
    """
    from data.hub import pull

    with progress_of("importing") as advance:
        report = pull(name, out_folder, revision=revision, progress=advance, force=force)
    _say(f"{report.name}: {report.tasks} tasks, {report.databases} databases, written to {report.out}")


@app.command("build")
def build_(
    out_folder: Annotated[
        Path, typer.Option("--out", help="Where to write it. Default: in place.", metavar="DIR")
    ] = BUNDLED,
) -> None:
    """
    Rebuild the bundled data set from its sources: the same bytes on every run.

    Example: sqlenv data build --out build/bundled
    """
    from data.build import build

    count = build(out_folder)
    _say(f"{count} tasks in {out_folder}")


@app.command("build-instances")
def build_instances_(
    directory: Folder = BUNDLED,
    seed: Annotated[int, typer.Option(help="Another seed draws other instances.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; each takes a database at a time.")] = 2,
    tries: Annotated[int | None, typer.Option(min=1, help="Instances drawn for a task at most.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this database; may be repeated.", metavar="DB_ID")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Show the stored suite's report; build nothing.")] = False,
) -> None:
    """
    Build the instance suite: small databases on which wrong answers give themselves away.

    For each question, small databases of its schema on which every known way to get its SQL wrong shows. The reward
    service tries SQL answers on them too. The same bytes on every run.

    Example: sqlenv data build-instances ~/data/spider --jobs 4
    """
    from data.suite.build import TRIES, build_instances, read_report

    if report:
        out.print_json(data=read_report(directory))
        return
    with progress_of("building") as advance:
        found = build_instances(
            directory, seed=seed, jobs=jobs, tries=tries or TRIES, only=only or None, progress=advance
        )
    _say(str(found))
    for heading, tasks in (
        ("without evidence: gold is empty everywhere", found.no_evidence),
        ("where the copied answer passes", found.literal_left),
        ("without instances", found.without_instances),
    ):
        if tasks:
            _say(f"{len(tasks)} tasks {heading}: {', '.join(tasks[:SHOWN])}{' …' if len(tasks) > SHOWN else ''}")
    _say(f"mutants to look at: {directory / 'instances' / 'report.json'}")


def _say(words: str) -> None:
    out.print(safe(words), markup=False, highlight=False, soft_wrap=True)
