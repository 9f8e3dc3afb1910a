"""The typed OpenEnv client: `SQLEnv`, with `SQLAction`, `SQLObservation` and `SQLState`. Needs the package `openenv`.

with SQLEnv(base_url="http://localhost:8000").sync() as env:
    result = env.reset(split="train", seed=0)
    result = env.step(SQLAction.query("SELECT count(*) FROM singer"))

Beyond the stock client it comes back to its session after a dropped connection, and then takes no step twice: each
request carries an id, and is sent again with the same one.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Self
from urllib.parse import urlencode

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import Action, Observation, State
from websockets.exceptions import ConnectionClosed

from gateway import models
from sqlenv.actions import DEFAULT_SAMPLE_ROWS

TRIES = 5
FIRST_WAIT_S = 0.2


class SQLAction(models.SQLAction, Action):
    """One of the four actions."""

    @classmethod
    def describe(cls, table: str) -> Self:
        """Looks at a table's columns, types and keys."""
        return cls(tool="describe", table=table)

    @classmethod
    def sample(cls, table: str, rows: int = DEFAULT_SAMPLE_ROWS) -> Self:
        """Looks at some rows of a table."""
        return cls(tool="sample", table=table, rows=rows)

    @classmethod
    def query(cls, sql: str) -> Self:
        """Runs one SELECT."""
        return cls(tool="query", sql=sql)

    @classmethod
    def answer(cls, value: Any = None, *, sql: str | None = None) -> Self:
        """Answers with the value itself or with SQL that computes it. Ends the episode."""
        return cls(tool="answer", sql=sql) if sql is not None else cls(tool="answer", value=value)

    @classmethod
    def written(cls, text: str) -> Self:
        """What a language model wrote: `QUERY SELECT …`, or a JSON tool call."""
        return cls(text=text)


class SQLObservation(models.SQLObservation, Observation):
    """What the agent sees."""


class SQLState(models.SQLState, State):
    """Where the session stands."""


class SQLEnv(EnvClient[SQLAction, SQLObservation, SQLState]):
    """A session with the environment; arguments as `openenv.core.EnvClient`."""

    _session_id: str | None = None
    _ws_url: str | None

    def _step_payload(self, action: SQLAction) -> dict[str, Any]:
        payload: dict[str, Any] = action.model_dump(exclude_unset=True)
        return payload

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[SQLObservation]:
        seen = {**payload["observation"], "reward": payload.get("reward"), "done": payload.get("done", False)}
        observation = SQLObservation.model_validate(seen)
        self._session_id = observation.metadata.get("session_id") or self._session_id
        return StepResult(observation, payload.get("reward"), payload.get("done", False), observation.metadata)

    def _parse_state(self, payload: dict[str, Any]) -> SQLState:
        return SQLState.model_validate(payload)

    async def _connect_async(self) -> EnvClient[SQLAction, SQLObservation, SQLState]:
        plain: str | None = self._ws_url
        resumed = self._session_id
        if plain and resumed:
            self._ws_url = f"{plain}?{urlencode({'session_id': resumed})}"
        try:
            connected: EnvClient[SQLAction, SQLObservation, SQLState] = await super()._connect_async()
            return connected
        except ConnectionError:
            self._session_id = resumed  # it may be there when the server is back
            raise
        finally:
            if plain:
                self._ws_url = plain

    async def _send_and_receive(self, message: dict[str, Any]) -> dict[str, Any]:
        """Sends a request; where the connection drops, comes back and sends it again with the same id.

        Raises RuntimeError for what the server refuses, ConnectionError where it can't be reached.
        """
        request = {**message, "request_id": uuid.uuid4().hex}
        for number in range(TRIES):
            try:
                await self._send(request)
                reply = await self._receive()
                while reply.get("request_id", request["request_id"]) != request["request_id"]:
                    reply = await self._receive()  # that was a late answer to a request that was given up
                break
            except (ConnectionClosed, ConnectionError):
                if number == TRIES - 1 or (number and self._session_id is None):
                    raise
                await asyncio.sleep(FIRST_WAIT_S * 2**number)
        if reply.get("type") == "error":
            told = reply.get("data", {})
            if told.get("reason") == "SESSION_NOT_FOUND":
                self._session_id = None
            raise RuntimeError(f"Server error: {told.get('message')} (code: {told.get('code')})")
        return reply

    async def _disconnect_async(self) -> None:
        await super()._disconnect_async()
        self._session_id = None  # it said goodbye: the session is over


__all__ = ["SQLAction", "SQLEnv", "SQLObservation", "SQLState"]
