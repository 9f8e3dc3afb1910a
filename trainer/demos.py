"""Demonstrations: what demonstrators did, played through the services and written in TRL's conversational format.

    {"messages": [{"role": "user", …}, {"role": "assistant", …}, …], "task_id": …, "demonstrator": …, "correct": …}

Needs gold, so it runs on the operator's machine; the services themselves give it to nobody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlenv.actions import Action
from sqlenv.agents.base import Agent
from sqlenv.agents.rollout import Job
from sqlenv.client import SqlEnvClient
from sqlenv.errors import ConfigError, DataSetError, SqlEnvError
from sqlenv.gold import load_gold
from sqlenv.sandbox import Limits, Sandbox
from sqlenv.tasks import load
from trainer.chat import Form, Message, said_message, seen_message
from trainer.demonstrators import DEMONSTRATORS, Known
from trainer.episodes import Played, play_batch
from trainer.view import VIEWS, ViewName

BATCH = 512


@dataclass(frozen=True, slots=True)
class Demo:
    """One demonstrated episode. `turns`: actions, each with what was seen before it."""

    task_id: str
    demonstrator: str
    correct: bool
    episode_return: float
    turns: tuple[tuple[str, Action], ...]

    def to_row(self, form: Form) -> dict[str, Any]:
        """A row of a data set in TRL's conversational format."""
        messages: list[Message] = [{"role": "user", "content": self.turns[0][0]}]
        for index, (text, action) in enumerate(self.turns):
            if index:
                messages.append(seen_message(text, form, _tool(self.turns[index - 1][1])))
            messages.append(said_message(action, form))
        row = {key: value for key, value in asdict(self).items() if key != "turns"}
        return {"messages": messages, **row}


def demonstrate(
    client: SqlEnvClient,
    dataset: Path,
    mix: Mapping[str, float],
    episodes: int,
    *,
    seed: int = 0,
    split: str | None = "train",
    view: ViewName = "text",
    only_correct: bool = False,
    advance: Callable[[int], None] = lambda count: None,
) -> Iterator[Demo]:
    """Plays `episodes` of the split's tasks, each by a demonstrator that `mix` (weights by name) and `seed` draw.

    `only_correct` drops episodes that ended wrong. Raises ConfigError for a demonstrator that there is not,
    DataSetError where `dataset` is not the one that is served, SqlEnvError where the services stay away.
    """
    unknown = sorted(set(mix) - set(DEMONSTRATORS))
    if unknown or not any(weight > 0 for weight in mix.values()):
        raise ConfigError(f"no demonstrator {unknown or mix}; there are {', '.join(DEMONSTRATORS)}")
    known = _known(client, dataset)
    tasks = sorted(task.task_id for task in client.list_tasks(split=split))
    if not tasks:
        raise DataSetError(f"{dataset}: there are no tasks in split {split!r}")
    rng = random.Random(f"demos:{seed}")
    work = [(rng.choice(tasks), rng.choices(list(mix), list(mix.values()))[0], i) for i in range(episodes)]
    for start in range(0, len(work), BATCH):
        part = work[start : start + BATCH]
        yield from _play(client, part, known, seed, view, only_correct)
        advance(len(part))


def _play(
    client: SqlEnvClient,
    work: Sequence[tuple[str, str, int]],
    known: Mapping[str, Known],
    seed: int,
    view: ViewName,
    only_correct: bool,
) -> Iterator[Demo]:
    minds: dict[int, Agent] = {}
    turns: dict[int, list[tuple[str, Action]]] = {}

    def started(played: Sequence[Played]) -> None:
        for one, (task_id, who, number) in zip(played, work, strict=True):
            minds[id(one)] = DEMONSTRATORS[who](known[task_id], random.Random(f"demo:{seed}:{number}:{task_id}"))
            turns[id(one)] = []

    def decide(running: Sequence[Played]) -> list[Action]:
        chosen: list[Action] = []
        for one in running:
            action = minds[id(one)].act(one.observation)
            turns[id(one)].append((VIEWS[view](one.observation), action))  # type: ignore[arg-type]
            chosen.append(action)  # type: ignore[arg-type]
        return chosen

    jobs = [Job(task_id, seed * 1_000_003 + number) for task_id, _, number in work]
    for one, (task_id, who, _) in zip(play_batch(client, jobs, decide, started=started), work, strict=True):
        if one.failed or one.record is None:
            raise SqlEnvError(f"a demonstration was broken off: {one.failed}")
        if one.correct or not only_correct:
            yield Demo(task_id, who, one.correct, one.record.episode_return, tuple(turns[id(one)]))


def _known(client: SqlEnvClient, dataset: Path) -> dict[str, Known]:
    data, gold = load(dataset), load_gold(dataset)
    served = client.list_databases().dataset_version
    if served != data.version:
        raise DataSetError(
            f"{dataset} has version {data.version}, but the server plays {served}: name the server's own"
        )
    schemas = {}
    for db_id, path in data.databases.items():
        sandbox = Sandbox(path, Limits())
        schemas[db_id] = sandbox.schema
        sandbox.close()
    known = {}
    for task in data.tasks:
        if task.task_id not in gold:
            raise DataSetError(f"{dataset}: no gold for task {task.task_id!r}")
        schema = schemas[task.db_id]
        columns = {table.name: [column.name for column in table.columns] for table in schema.tables}
        known[task.task_id] = Known(gold[task.task_id], task.answer_type, columns)
    return known


def _tool(action: Action) -> str:
    return {"Describe": "describe", "Sample": "sample", "Query": "query"}.get(type(action).__name__, "answer")
