"""`sqlenv score`: scores a file of predicted SQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from sqlenv.agents.summary import in_order, wilson
from sqlenv.calling.access import NO_ACCESS, AccessOptions
from sqlenv.calling.protocol import Retry
from sqlenv.cli.common import (
    OWN,
    REACH_S,
    CaFile,
    CertFile,
    Dataset,
    Db,
    Difficulty,
    Force,
    KeyFile,
    SendInsecure,
    Split,
    TokenFile,
    access_options,
    err,
    new_file,
    out,
    plain_table,
    progress,
    reaching,
    safe,
    same_version,
)
from sqlenv.cli.datasets import resolve
from sqlenv.cli.explain import explain
from sqlenv.cli.gold_file import gold_dataset
from sqlenv.cli.predictions import PredictionsError, read_predictions
from sqlenv.client import RewardClient
from sqlenv.errors import from_status
from sqlenv.launch import launch
from sqlenv.tasks import BUNDLED, Task, TaskFilter, load
from sqlenv.v1 import types_pb2

BATCH = 64
NAMED = 5
"""Task ids that a warning names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Item:
    """One task's score. `verdict` is "missing" where nothing was predicted; `sql` is None then."""

    task_id: str
    db_id: str
    difficulty: str
    correct: bool
    verdict: str
    reason: str
    ran: bool
    efficiency: float
    vm_steps: int
    sql: str | None


def score(
    predictions: Annotated[
        Path, typer.Option(help="File of predictions: .jsonl, .json, .csv or .sql.", metavar="FILE")
    ],
    dataset: Dataset = None,
    gold: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Score against this gold file instead of the data set's own: Spider's form, SQL, a tab and a db_id a "
            "line. --dataset then only gives the databases.",
        ),
    ] = None,
    split: Split = None,
    db: Db = None,
    difficulty: Difficulty = None,
    server: Annotated[
        str | None, typer.Option(help="Address of a running reward service. Without it one is started.", metavar="ADDR")
    ] = None,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    token_file: TokenFile = None,
    insecure: SendInsecure = False,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write every task's score here, as JSON lines.", metavar="FILE")
    ] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead of tables.")] = False,
    explain_wrong: Annotated[
        int, typer.Option("--explain", min=0, help="Show for so many wrong predictions where they and gold differ.")
    ] = 0,
) -> None:
    """
    Score predicted SQL: one score for each task, and a summary.

    Forms: .jsonl with {"task_id": …, "sql": …} a line; .json, a list of these or an object task_id → SQL; .csv with
    columns task_id and sql; .sql with one query a line in the order of the tasks. A task without a prediction counts as
    wrong; --split, --db and --difficulty say which tasks count.

    Example: sqlenv score --predictions predictions.jsonl --split eval --out scores.jsonl

    Example: sqlenv score --dataset spider --gold dev_gold.sql --predictions predicted.sql
    """
    with ExitStack() as stack:
        folder = resolve(dataset) if gold is None else stack.enter_context(_gold(gold, dataset, server))
        which = TaskFilter(split, db, difficulty)
        access = access_options(ca_file, cert_file, key_file, token_file, insecure)
        items = _run(predictions, folder, which, server, access, (out_file, force), as_json)
        if explain_wrong:
            # It shows gold, which the one who holds the data set's files may see.
            wrong = [(item.task_id, item.sql) for item in items if item.sql is not None and not item.correct]
            explain(folder, wrong[:explain_wrong])


def _gold(gold: Path, dataset: Path | None, server: str | None) -> AbstractContextManager[Path]:
    if server is not None:
        raise PredictionsError("--gold scores with a service of its own: leave --server out")
    return gold_dataset(gold, dataset or BUNDLED)


def _run(
    predictions: Path,
    folder: Path,
    which: TaskFilter,
    server: str | None,
    access: AccessOptions,
    written: tuple[Path | None, bool],
    as_json: bool,
) -> list[Item]:
    data = load(folder)
    tasks = data.filtered(which)
    if not tasks:
        raise PredictionsError(f"no task of {data.name} fits --split, --db and --difficulty")
    found = read_predictions(predictions, tasks)
    _warn(predictions, found, tasks, set(data.by_id))
    with new_file(*written) as write, _reward(server, folder, access) as client:
        with reaching(server or "the address of the service that was just started"):
            there = client.describe_rubrics().dataset_version
        same_version(data.version, there, str(folder))
        items = []
        with progress("scoring", len(tasks)) as advance:
            for item in _score(client, tasks, found):
                items.append(item)
                write(json.dumps(asdict(item), ensure_ascii=False))
                advance()
    if as_json:
        print(json.dumps(_summary(items), ensure_ascii=False))
    else:
        _tables(items, f"{predictions.name} on {data.name}")
    return items


@contextmanager
def _reward(server: str | None, dataset: Path, access: AccessOptions) -> Iterator[RewardClient]:
    if server is not None:
        with RewardClient(server, retry=Retry(patience_s=REACH_S), **access) as client:
            yield client
        return
    with (
        launch(dataset, environment=False, settings=OWN) as services,
        RewardClient(services.reward_target, **NO_ACCESS) as client,
    ):
        yield client


def _warn(path: Path, found: dict[str, str], tasks: Sequence[Task], known: set[str]) -> None:
    if path.suffix.lower() == ".sql":
        _say(f"{path}: lines are taken in the order of the tasks, the first as {tasks[0].task_id}")
    unknown = [task_id for task_id in found if task_id not in known]
    if unknown:
        _say(f"{len(unknown)} predictions name tasks that the data set does not have: {_few(unknown)}")
    counted = {task.task_id for task in tasks}
    others = sum(task_id in known and task_id not in counted for task_id in found)
    if others:
        _say(f"{others} predictions are for tasks outside --split, --db and --difficulty, and are not scored")
    missing = [task.task_id for task in tasks if task.task_id not in found]
    if missing:
        _say(f"{len(missing)} of {len(tasks)} tasks have no prediction and count as wrong: {_few(missing)}")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(safe, names[:NAMED])) + more


def _say(words: str) -> None:
    err.print(f"note: {words}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _score(client: RewardClient, tasks: Sequence[Task], found: dict[str, str]) -> Iterator[Item]:
    """Every task's item, in the order of the tasks. Raises ServiceError where the service can't score one."""
    for batch in _batches(tasks, BATCH):
        asked = [task for task in batch if task.task_id in found]
        results = iter(client.batch_score_sql((task.task_id, found[task.task_id]) for task in asked) if asked else [])
        for task in batch:
            about = (task.task_id, task.db_id, task.difficulty)
            sql = found.get(task.task_id)
            if sql is None:
                yield Item(*about, False, "missing", "no prediction", False, 0.0, 0, None)
                continue
            result = next(results)
            if result.HasField("status"):
                raise from_status(result.status)
            given, vm_steps = result.response.score, result.response.vm_steps
            verdict = types_pb2.Verdict.Name(given.verdict).removeprefix("VERDICT_").lower()
            correct, ran = given.verdict == types_pb2.VERDICT_CORRECT, given.execution > 0
            yield Item(*about, correct, verdict, given.reason, ran, given.efficiency, vm_steps, sql)


def _batches(tasks: Sequence[Task], size: int) -> Iterator[Sequence[Task]]:
    for start in range(0, len(tasks), size):
        yield tasks[start : start + size]


def _accuracy(items: Sequence[Item]) -> dict[str, float | int]:
    right = sum(item.correct for item in items)
    low, high = wilson(right, len(items))
    return {"tasks": len(items), "correct": right, "accuracy": right / len(items), "low": low, "high": high}


def _groups(items: Sequence[Item]) -> dict[str, list[Item]]:
    names = in_order({item.difficulty for item in items})
    return {name: [item for item in items if item.difficulty == name] for name in names}


def _summary(items: Sequence[Item]) -> dict[str, object]:
    return _accuracy(items) | {
        "ran": sum(item.ran for item in items),
        "by_difficulty": {name: _accuracy(group) for name, group in _groups(items).items()},
        "verdicts": dict(Counter(item.verdict for item in items).most_common()),
    }


def _tables(items: Sequence[Item], title: str) -> None:
    table = plain_table(title)
    table.add_column("tasks")
    for heading in ("number", "correct", "accuracy", "95% interval", "work*"):
        table.add_column(heading, justify="right")
    for name, group in {"all": list(items), **_groups(items)}.items():
        found = _accuracy(group)
        right = [item.efficiency for item in group if item.correct]
        table.add_row(
            name,
            str(found["tasks"]),
            str(found["correct"]),
            f"{found['accuracy']:.3f}",
            f"{found['low']:.3f}–{found['high']:.3f}",
            f"{sum(right) / len(right):.3f}" if right else "",
        )
    out.print(table)
    out.print("* of right SQL: VM steps of the reference by those of the prediction, at most 1", style="dim")
    verdicts = plain_table("verdicts")
    verdicts.add_column("verdict")
    verdicts.add_column("tasks", justify="right")
    verdicts.add_column("most often because", overflow="fold")
    for verdict, count in Counter(item.verdict for item in items).most_common():
        reasons = Counter(item.reason for item in items if item.verdict == verdict)
        verdicts.add_row(verdict.replace("_", " "), str(count), Text(safe(reasons.most_common(1)[0][0])))
    out.print(verdicts)
