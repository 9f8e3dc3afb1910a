"""`sqlenv up`: all services in one terminal."""

from __future__ import annotations

import json
import signal
import threading
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sqlenv.cli.common import Dataset, err, out
from sqlenv.cli.datasets import resolve
from sqlenv.errors import ConfigError
from sqlenv.launch import Guarded, Launched, launch
from sqlenv.tasks import DataSet, load

POLL_S = 0.2

TlsCert = Annotated[
    Path | None,
    typer.Option(envvar="SQLENV_ENV_TLS_CERT_FILE", help="PEM certificate chain: speak TLS.", metavar="FILE"),
]
TlsKey = Annotated[
    Path | None,
    typer.Option(envvar="SQLENV_ENV_TLS_KEY_FILE", help="PEM private key of the certificate.", metavar="FILE"),
]
ClientCa = Annotated[
    Path | None,
    typer.Option(
        envvar="SQLENV_ENV_TLS_CLIENT_CA_FILE", help="Clients must show a certificate of these.", metavar="FILE"
    ),
]
Tokens = Annotated[
    Path | None,
    typer.Option(
        envvar="SQLENV_ENV_TOKENS_FILE",
        help="Clients must show a token of this file; see `sqlenv token`.",
        metavar="FILE",
    ),
]


def up(
    host: Annotated[
        str, typer.Option(help="Address to listen on. Beyond loopback needs --tls-cert and --tls-key, or --insecure.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the environment service; 0 takes a free one.")] = 50051,
    dataset: Dataset = None,
    reward_port: Annotated[
        int | None,
        typer.Option(help="Serve the reward service on this TCP port too; 0 takes a free one. Else it is private."),
    ] = None,
    gateway_port: Annotated[
        int | None,
        typer.Option(help="Start the gateway too (page, OpenEnv, MCP) on this port; 0 takes a free one.", min=0),
    ] = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    client_ca: ClientCa = None,
    tokens: Tokens = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            envvar="SQLENV_ENV_METRICS_PORT",
            min=0,
            max=65534,
            help="Serve metrics for Prometheus on this port, the reward service's on the next; 0 takes free ones.",
        ),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow plain text beyond loopback.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON with the addresses instead.")] = False,
) -> None:
    """
    Serve episodes: start the environment and the reward service, and stop both on Ctrl-C.

    On Ctrl-C or SIGTERM running episodes get a few seconds to end. If a service ends by itself, the others are stopped
    and the end of its log shown.

    Example: sqlenv up --port 0 --gateway-port 8000 --dataset ~/data/spider
    """
    if gateway_port is not None:
        _check_gateway(Guarded(tls_cert, tls_key, client_ca, tokens))
    folder = resolve(dataset)
    data = load(folder)
    stopping = threading.Event()
    guarded = Guarded(tls_cert, tls_key, client_ca, tokens)
    starting = launch(
        folder,
        host=host,
        port=port,
        insecure=insecure,
        guarded=guarded,
        reward_port=reward_port,
        gateway_port=gateway_port,
        settings=_metrics(metrics_port),
    )
    with starting as services:
        _on_signals(services, stopping)
        _announce(services, folder, data, as_json)
        while not stopping.wait(POLL_S):
            services.check()
        err.print("draining…")
    err.print("stopped")


def _check_gateway(guarded: Guarded) -> None:
    if guarded != Guarded():
        raise ConfigError("with TLS or tokens start the gateway by itself: sqlenv gateway --env ADDRESS")
    if find_spec("uvicorn") is None:
        raise ConfigError("the gateway needs more packages: pip install 'sqlenv[gateway]'")


def _metrics(port: int | None) -> dict[str, str]:
    if port is None:
        return {}
    return {"SQLENV_ENV_METRICS_PORT": str(port), "SQLENV_REWARD_METRICS_PORT": str(port and port + 1)}


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
            "gateway": services.gateway_url,
            "dataset": str(folder),
            "dataset_version": data.version,
            "tasks": len(data.tasks),
            "metrics": services.metrics_urls,
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
        *([("page, OpenEnv, MCP", services.gateway_url)] if services.gateway_url else []),
        ("data set", f"{data.name} {data.version}, {len(data.databases)} databases"),
        ("tasks", f"{len(data.tasks)} ({counts})"),
        ("logs", ", ".join(map(str, services.logs.values()))),
        *([("metrics", ", ".join(services.metrics_urls))] if services.metrics_urls else []),
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
    out.print("Ctrl-C stops them.")
    out.file.flush()
