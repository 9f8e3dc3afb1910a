"""`sqlenv up`: both services in one terminal."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sqlenv.cli.common import Dataset, err, out
from sqlenv.cli.datasets import resolve
from sqlenv.launch import Launched, launch
from sqlenv.tasks import DataSet, load

POLL_S = 0.2


def up(
    host: Annotated[str, typer.Option(help="Address to listen on. Beyond loopback needs --insecure.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the environment service; 0 takes a free one.")] = 50051,
    dataset: Dataset = None,
    reward_port: Annotated[
        int | None,
        typer.Option(help="Serve the reward service on this TCP port too; 0 takes a free one. Else it is private."),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow plain text beyond loopback.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON with the addresses instead.")] = False,
) -> None:
    """
    Serve episodes: start the environment and the reward service, and stop both on Ctrl-C.

    On Ctrl-C or SIGTERM running episodes get a few seconds to end. If a service ends by itself, the other is stopped
    and the end of its log shown.

    Example: sqlenv up --port 0 --dataset ~/data/spider
    """
    folder = resolve(dataset)
    data = load(folder)
    stopping = threading.Event()
    with launch(folder, host=host, port=port, insecure=insecure, reward_port=reward_port) as services:
        _on_signals(services, stopping)
        _announce(services, folder, data, as_json)
        while not stopping.wait(POLL_S):
            services.check()
        err.print("draining…")
    err.print("stopped")


def _on_signals(services: Launched, stopping: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():  # asked again: don't wait for the drain
            for name in services.logs:
                services.kill(name)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _announce(services: Launched, folder: Path, data: DataSet, as_json: bool) -> None:
    if as_json:
        about = {
            "environment": services.env_target,
            "reward": services.reward_target,
            "dataset": str(folder),
            "dataset_version": data.version,
            "tasks": len(data.tasks),
        }
        print(json.dumps(about), flush=True)
        return
    table = Table(title="SQLEnv is up", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    splits = {split: sum(task.split == split for task in data.tasks) for split in sorted({t.split for t in data.tasks})}
    counts = ", ".join(f"{count} {split}" for split, count in splits.items())
    for name, value in (
        ("environment service", services.env_target),
        ("reward service", services.reward_target),
        ("data set", f"{data.name} {data.version}, {len(data.databases)} databases"),
        ("tasks", f"{len(data.tasks)} ({counts})"),
        ("logs", ", ".join(map(str, services.logs.values()))),
    ):
        table.add_row(name, Text(value))
    out.print(table)
    code = (
        f"sqlenv play --server {services.env_target}\n"
        f"sqlenv eval --agent explorer --server {services.env_target}\n\n"
        "from sqlenv import SqlEnvClient\n"
        f'with SqlEnvClient("{services.env_target}") as client:\n'
        '    episode = client.reset(split="train", seed=0)\n'
        "    print(episode.observation.text)"
    )
    out.print(Panel(Text(code), title="connect", title_align="left", expand=False))
    out.print("Ctrl-C stops both.")
    out.file.flush()
