"""`SQLEnvTools`: an episode as TRL's `environment_factory` wants it, one gRPC call a tool call.

    trainer = GRPOTrainer(model, train_dataset=rows, environment_factory=factory("127.0.0.1:50051"), …)

Each row may have task_id, split, db_id, difficulty and seed. The class's public methods are the tools: their names,
type hints and docstrings are what a model is told. TRL steps environments one after the other and knows no end of an
episode; `trainer.grpo.make_rollout_func` steps all of them in one call, and is what `sqlenv train` uses.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlenv import actions
from sqlenv.calling.protocol import Retry
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError

OVER = "The episode is over. Say nothing more."


class SQLEnvTools:
    """One episode at a time; reset for the next. Instances may share a client.

    Where the services are away the client waits and resumes; where they stay away, the reward is None, so that the
    rollout trains nothing, and the tools say that the episode is over.
    """

    def __init__(self, client: SqlEnvClient, rubric: str = "") -> None:
        self._client = client
        self._rubric = rubric
        self._episode: Episode | None = None
        self._failed = ""

    def reset(
        self,
        task_id: str | None = None,
        split: str | None = None,
        db_id: str | None = None,
        difficulty: str | None = None,
        seed: int | None = None,
        **row: Any,
    ) -> str | None:
        """Starts an episode; returns what the agent sees first. Other columns of the row are ignored."""
        self._close()
        self._failed = ""
        if task_id is not None:
            split = db_id = difficulty = None
        try:
            self._episode = self._client.reset(
                task_id=task_id, split=split, db_id=db_id, difficulty=difficulty, seed=seed, rubric=self._rubric
            )
        except ServiceError as error:
            if not _is_infrastructure(error):
                raise
            self._failed = str(error)
            return OVER
        text: str = self._episode.observation.text
        return text

    def describe(self, table: str) -> str:
        """
        Show a table's columns, types, keys and number of rows.

        Args:
            table: Name of the table.

        Returns:
            The table's description.
        """
        return self._step(actions.Describe(table))

    def sample(self, table: str, rows: int = actions.DEFAULT_SAMPLE_ROWS) -> str:
        """
        Show some rows of a table.

        Args:
            table: Name of the table.
            rows: How many rows, 1 to 20.

        Returns:
            The rows.
        """
        return self._step({"name": "sample", "arguments": {"table": table, "rows": rows}})

    def query(self, sql: str) -> str:
        """
        Run one SELECT (SQLite) and show its result.

        Args:
            sql: The SELECT statement.

        Returns:
            The result, or an error that helps.
        """
        return self._step(actions.Query(sql))

    def answer(self, value: str | None = None, sql: str | None = None) -> str:
        """
        Answer the question; this ends the episode. Give either value or sql.

        Args:
            value: The answer itself; a list or table as JSON.
            sql: A SELECT whose result is the answer.

        Returns:
            That the episode is over.
        """
        given = {name: text for name, text in (("value", value), ("sql", sql)) if text is not None}
        return self._step({"name": "answer", "arguments": given})

    def get_reward(self) -> float | None:
        """The episode's return so far; None where the services failed it."""
        if self._failed or self._episode is None:
            return None
        return self._episode.episode_return

    def _step(self, action: Any) -> str:
        if self._failed or self._episode is None or self._episode.done:
            return OVER
        try:
            text: str = self._episode.step(action).observation.text
        except ServiceError as error:
            # Raised, TRL would show it to the policy as an observation, and train on it.
            self._failed = str(error)
            return OVER
        return text

    def _close(self) -> None:
        if self._episode is not None and not self._episode.done:
            with suppress(ServiceError):
                self._episode.__exit__()
        self._episode = None


def factory(target: str, *, rubric: str = "", patience_s: float = 300.0, **options: Any) -> Callable[[], SQLEnvTools]:
    """An `environment_factory` whose environments share one channel. `options` go to SqlEnvClient."""
    client = SqlEnvClient(target, retry=Retry(patience_s=patience_s), **options)
    return lambda: SQLEnvTools(client, rubric)


def _is_infrastructure(error: ServiceError) -> bool:
    from sqlenv.errors import InvalidArgument, NotFound

    return not isinstance(error, (InvalidArgument, NotFound))
