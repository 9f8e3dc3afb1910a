"""OpenEnv's own server with an environment that runs SQL: what `benchmarks.gateway` compares with.

`python -m benchmarks.openenv_server sync|async` prints its address. The environment is as OpenEnv's template has it,
with sqlite3 in process; it runs the query and gives the rows, the first twenty as text, too. It scores nothing.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
from typing import Any
from uuid import uuid4

import uvicorn
from openenv.core.env_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State
from pydantic import Field

from sqlenv.tasks import BUNDLED, database_path

DATABASE = database_path(BUNDLED, "campus_pets")


class TextAction(Action):
    """`QUERY SELECT …`, as SQLEnv's text form."""

    text: str


class Rows(Observation):
    """A result."""

    columns: list[str] = Field(default_factory=list)
    rows: list[list[Any]] = Field(default_factory=list)
    text: str = ""
    step_count: int = 0


class SqlEnvironment(Environment):  # type: ignore[misc]
    """Runs SQL on a read-only database; a connection a session."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        uri = f"file:{DATABASE}?mode=ro&immutable=1"
        self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **rest: Any) -> Rows:
        self._state = State(episode_id=episode_id or str(uuid4()), step_count=0)
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return Rows(text="Tables: " + ", ".join(name for (name,) in tables))

    def step(self, action: TextAction, timeout_s: float | None = None, **rest: Any) -> Rows:
        self._state.step_count += 1
        cursor = self._db.execute(action.text.removeprefix("QUERY "))
        rows = [list(row) for row in cursor.fetchall()]
        columns = [column[0] for column in cursor.description]
        shown = [columns, *rows[:20]]
        widths = [max(len(str(row[i])) for row in shown) for i in range(len(columns))]
        lines = [[str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)] for row in shown]
        text = "\n".join(" | ".join(line) for line in lines)
        return Rows(columns=columns, rows=rows, text=text, step_count=self._state.step_count, reward=0.0)

    @property
    def state(self) -> State:
        return self._state

    def close(self) -> None:
        self._db.close()


class AsyncSqlEnvironment(SqlEnvironment):
    """The same on the event loop: no thread a session."""

    async def reset_async(self, seed: int | None = None, episode_id: str | None = None, **rest: Any) -> Rows:
        return self.reset(seed, episode_id)

    async def step_async(self, action: TextAction, timeout_s: float | None = None, **rest: Any) -> Rows:
        return self.step(action)


def main() -> None:
    """Serves until it is killed."""
    kind = {"sync": SqlEnvironment, "async": AsyncSqlEnvironment}[sys.argv[1]]
    app = create_fastapi_app(kind, TextAction, Rows, max_concurrent_envs=10_000)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    print(json.dumps({"address": f"127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws_ping_interval=None))
    server.run([listener])


if __name__ == "__main__":
    main()
