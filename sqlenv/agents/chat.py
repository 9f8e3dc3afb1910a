"""Plays episodes with a model behind a chat completions API: many at once, each at its own pace.

A model that calls several tools in a turn takes several steps, in the order of its calls. Calls that the environment
can't read cost a step and are explained, as everybody's are. What the endpoint fails at, after all retries, fails the
episode and not the policy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from sqlenv import actions
from sqlenv.agents.base import action_text, episode_random
from sqlenv.agents.endpoint import Endpoint, EpisodeFailed, TooLong, complete, the_only_model
from sqlenv.agents.players import Plan, Way, failed_record, mark_failed
from sqlenv.agents.rollout import Job, Trajectory, note_step, start_record
from sqlenv.agents.turns import SYSTEM, read_turn, seen_message
from sqlenv.client import Episode, SqlEnvClient
from sqlenv.errors import ServiceError, SqlEnvError
from sqlenv.v1 import types_pb2

CONCURRENCY = 16
GIVE_UP_AFTER = 10
"""Episodes that may fail one after the other: then something is wrong that waiting does not mend."""

View = Callable[[types_pb2.Observation], str]


def whole_text(observation: types_pb2.Observation) -> str:
    """The service's own text."""
    return observation.text


@dataclass
class ChatPlayer:
    """A model at an endpoint. `form`: tool (tool calls) or text; `system` None is our own words for the form, "" none.

    `max_turns`: of the model, at most; without it the environment's step budget is the bound.
    """

    label: str
    endpoint: Endpoint
    form: str = "tool"
    system: str | None = None
    view: View = whole_text
    max_turns: int | None = None
    concurrency: int = CONCURRENCY
    drawn: bool = field(default=True, init=False)

    @property
    def source(self) -> str:
        """As `Player.source`."""
        return f"{self.endpoint.model} at {self.endpoint.url}"

    def play(self, client: SqlEnvClient, plan: Plan, way: Way) -> Iterator[Trajectory]:
        """As `Player.play`. Episodes that are under way when the caller stops are closed."""
        with asyncio.Runner() as runner:
            # A thread an episode: each waits for the environment by itself. The runner ends them.
            runner.get_loop().set_default_executor(ThreadPoolExecutor(self.concurrency, "episode"))
            api = runner.run(self._open())
            todo = iter(plan.jobs)
            under_way: set[asyncio.Task[Trajectory]] = set()
            failures = 0
            try:
                while True:
                    begun = islice(todo, self.concurrency - len(under_way))
                    under_way |= {self._begin(runner, api, client, plan, job, way) for job in begun}
                    if not under_way:
                        return
                    ended = runner.run(_first_of(under_way))
                    under_way -= ended
                    # What was raised ends it all, but not before the episodes that came to their ends are told.
                    for one in sorted(ended, key=lambda task: task.exception() is not None):
                        record = one.result()
                        failures = failures + 1 if record.failed else 0
                        yield record
                    if failures >= GIVE_UP_AFTER:
                        words = f"{self.label}: {failures} episodes failed one after the other, the last with"
                        raise SqlEnvError(f"{words}: {record.failed}")
            finally:
                runner.run(_stop(api, under_way))

    def _begin(
        self, runner: asyncio.Runner, api: Any, client: SqlEnvClient, plan: Plan, job: Job, way: Way
    ) -> asyncio.Task[Trajectory]:
        return runner.get_loop().create_task(self._play_one(api, client, plan, job, way))

    async def _open(self) -> Any:
        api = self.endpoint.client()
        if not self.endpoint.model:
            try:
                model = await the_only_model(self.endpoint, api)
            except BaseException:
                await api.close()
                raise
            self.endpoint = replace(self.endpoint, model=model)
        return api

    async def _play_one(self, api: Any, client: SqlEnvClient, plan: Plan, job: Job, way: Way) -> Trajectory:
        try:
            episode = await _started(partial(client.reset, task_id=job.task_id, seed=job.seed, rubric=plan.rubric))
        except ServiceError as error:
            return self._noted(failed_record(self.label, plan, job, str(error)), way)
        record = self._noted(start_record(self.label, episode), way)
        try:
            await self._turns(api, episode, record, plan, way)
        except (EpisodeFailed, ServiceError) as error:
            mark_failed(record, str(error))
        except TooLong as error:
            if not record.turns:  # nothing was said yet: it is the bounds that don't fit, and no policy's doing
                mark_failed(record, str(error))
            else:
                record.cut_turns += 1
                record.state = "stopped"
        finally:
            if not episode.done:
                await asyncio.to_thread(episode.__exit__)
        return record

    async def _turns(self, api: Any, episode: Episode, record: Trajectory, plan: Plan, way: Way) -> None:
        """Turns until the episode or a bound ends it."""
        system = SYSTEM[self.form] if self.system is None else self.system
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": self.view(episode.observation)})
        seed = episode_random(f"{record.task_id}:{record.seed}:{way.sample}", plan.seed).getrandbits(31)
        fields = {"model": self.endpoint.model, **self.endpoint.body(way.temperature, seed)}
        if self.form == "tool":
            fields["tools"] = list(actions.TOOLS)
        while not episode.done:
            if self.max_turns is not None and record.turns >= self.max_turns:
                record.state = "stopped"
                return
            choice = await complete(self.endpoint, api, {**fields, "messages": messages})
            turn = read_turn(choice["message"], choice.get("finish_reason"))
            record.turns += 1
            record.cut_turns += turn.cut
            record.refusals += turn.refused
            record.prompt_tokens += _count(choice["usage"], "prompt_tokens")
            record.completion_tokens += _count(choice["usage"], "completion_tokens")
            messages.append(turn.message)
            for identity, action in turn.steps:
                if episode.done:
                    break  # it answered, and called more: nothing can follow
                result = await asyncio.to_thread(episode.step, action)
                note_step(record, action_text(action), result)
                messages.append(seen_message(identity, self.view(episode.observation)))

    def _noted(self, record: Trajectory, way: Way) -> Trajectory:
        record.sample = way.sample
        record.temperature = self.endpoint.temperature(way.temperature)
        return record


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else 0


async def _started(start: Callable[[], Episode]) -> Episode:
    """A started episode. Where this is cancelled meanwhile the episode begins all the same, and is closed."""
    begun = asyncio.ensure_future(asyncio.to_thread(start))
    try:
        return await asyncio.shield(begun)
    except asyncio.CancelledError:
        with suppress(ServiceError):
            await asyncio.to_thread((await begun).__exit__)
        raise


async def _first_of(tasks: set[asyncio.Task[Trajectory]]) -> set[asyncio.Task[Trajectory]]:
    """Those that have ended, as soon as one has."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done


async def _stop(api: Any, tasks: set[asyncio.Task[Trajectory]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await api.close()
