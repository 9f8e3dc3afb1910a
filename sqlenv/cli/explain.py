"""`sqlenv score --explain`: for the operator, who may see gold: where wrong predictions and gold part."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from sqlenv.cli.common import out, plain_table, safe
from sqlenv.gold import load_gold
from sqlenv.tasks import load
from sqlenv.types import Row

if TYPE_CHECKING:
    from reward_service.explain import Difference


def explain(folder: Path, wrong: Iterable[tuple[str, str]]) -> None:
    """Prints, for each (task_id, SQL), the first instance of the data on which it differs from gold."""
    gold = load_gold(folder)
    for task_id, sql, found in _differences(folder, list(wrong)):
        out.print()
        _line(task_id, style="bold")
        _line(f"gold       {_one_line(gold[task_id].sql)}")
        _line(f"predicted  {_one_line(sql)}")
        if found is None:
            _line("no instance tells them apart any more")
            continue
        where = "the shipped database" if found.instance == 0 else f"generated instance {found.instance}"
        _line(f"on {where}: {found.why}", style="yellow")
        for name, content in found.content:
            table = plain_table(name)
            for column in content.columns:
                table.add_column(safe(column))
            for row in content.rows:
                table.add_row(*map(_cell, row))
            out.print(table)
        _rows("only gold", found.only_gold)
        _rows("only predicted", found.only_candidate)


def _differences(folder: Path, wrong: list[tuple[str, str]]) -> Iterator[tuple[str, str, Difference | None]]:
    # Lazily: everything else that the command line does goes over the wire.
    from reward_service.app import open_gold
    from reward_service.config import RewardSettings
    from reward_service.explain import first_difference
    from sqlenv.sqlite.executor import QueryExecutor

    settings = RewardSettings(dataset_dir=folder)
    executor = QueryExecutor(settings.query_processes, settings.query_inline_vm_steps)
    book, _ = open_gold(settings, load(folder), executor)

    async def one(task_id: str, sql: str) -> Difference | None:
        return await first_difference(sql, await book.get(task_id), executor)

    with asyncio.Runner() as runner:
        for task_id, sql in wrong:
            yield task_id, sql, runner.run(one(task_id, sql))
    book.close()
    executor.close()


def _rows(title: str, rows: tuple[Row, ...]) -> None:
    for row in rows:
        _line(f"  {title:<15} {' | '.join(map(_plain, row))}")


def _line(words: str, style: str = "") -> None:
    out.print(Text(safe(words), style=style), soft_wrap=True)


def _one_line(sql: str) -> str:
    return " ".join(sql.split())


def _plain(value: object) -> str:
    return "NULL" if value is None else repr(value)


def _cell(value: object) -> Text:
    return Text(safe(_plain(value)))
