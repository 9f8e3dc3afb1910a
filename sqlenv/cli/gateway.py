"""`sqlenv gateway`: the gateway, with services of its own where it is given none."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer
from rich.table import Table

from sqlenv.cli.common import OWN, Dataset, out
from sqlenv.cli.datasets import resolve
from sqlenv.errors import ConfigError
from sqlenv.launch import launch


def gateway(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", envvar=["SQLENV_GATEWAY_PORT", "PORT"])] = 8000,
    env: Annotated[
        str | None,
        typer.Option(help="Addresses of environment services, separated by commas. Without it starts its own."),
    ] = None,
    reward: Annotated[
        str | None, typer.Option(help="Address of the reward service, for /ready; with --env only.")
    ] = None,
    dataset: Dataset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON with the address instead.")] = False,
) -> None:
    """
    Serve episodes over HTTP, WebSocket (OpenEnv) and MCP, and a page to play them on.

    Everything else that it can be told is in SQLENV_GATEWAY_…: docs/settings.md has the list.

    Example: sqlenv gateway --port 8000
    """
    try:
        from gateway.config import GatewaySettings
        from gateway.server import serve
        from sqlenv.settings import read_settings
    except ImportError as error:
        words = f"the gateway needs more packages: pip install 'sqlenv[gateway]' ({error.name} is missing)"
        raise ConfigError(words) from None

    def announce(address: str) -> None:
        if as_json:
            return
        table = Table(title="SQLEnv's gateway is up", title_justify="left", show_header=False, box=None)
        for name, value in (
            ("page", f"http://{address}/"),
            ("OpenEnv", f"http://{address}  (WebSocket at /ws)"),
            ("MCP", f"http://{address}/mcp"),
            ("HTTP API", f"http://{address}/docs"),
            ("ready?", f"http://{address}/ready"),
        ):
            table.add_row(name, value)
        out.print(table)
        out.print("Ctrl-C stops it.")

    with ExitStack() as stack:
        if env is None:
            services = stack.enter_context(launch(resolve(dataset), settings=OWN))
            env, reward = services.env_target, services.reward_target
        given = {"host": host, "port": port, "env_target": env, "reward_target": reward or "none"}
        serve(read_settings(GatewaySettings, **given), announce, as_json)
