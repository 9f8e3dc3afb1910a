"""A policy plays a batch of episodes: generate for all, step all by one BatchStep, until each has answered.

A rollout's tokens are the prompt's, then turns of the model and what the environment said between them, apart in
`mask`: 1 for what the model wrote, its end marks included, 0 for the rest. The last thing in a rollout is the model's
own last turn: what the environment says to an answer is never read by anybody, so nothing is generated after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlenv.agents.rollout import Job
from sqlenv.client import SqlEnvClient
from trainer.chat import Chat
from trainer.episodes import Played, play_batch
from trainer.generate import Generate, seed_of
from trainer.prefix import Ids
from trainer.view import VIEWS, ViewName


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one rollout. `turns`: actions at most, beside the server's own step budget. Tokens: of all turns and
    observations after the prompt; and of one turn, which must leave room for its end mark."""

    turns: int = 15
    completion_tokens: int = 1_024
    turn_tokens: int = 128


@dataclass(slots=True)
class Rollout:
    """One episode with its tokens. `mask` and `logprobs` are as long as `completion`."""

    prompt: Ids
    completion: Ids = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    played: Played | None = None
    turns: int = 0
    ended: bool = True  # the last turn closed itself

    def add(self, ids: Ids, mask: int, logprobs: list[float] | None = None) -> None:
        """Appends tokens."""
        self.completion += ids
        self.mask += [mask] * len(ids)
        self.logprobs += logprobs or [0.0] * len(ids)

    @property
    def reward(self) -> float | None:
        """The episode's return; None where the services failed it."""
        return self.played.reward if self.played else None


def roll_out(
    client: SqlEnvClient,
    jobs: Sequence[Job],
    chat: Chat,
    view: ViewName,
    generate: Generate,
    bounds: Bounds,
    *,
    seed: int,
    agent: str = "policy",
    rubric: str = "",
) -> list[Rollout]:
    """Plays the jobs, in their order. `seed` decides all sampling.

    An episode that runs out of turns or tokens ends there, unanswered. One that the services could not go on with has
    reward None and a mask of zeros: it trains nothing.
    """
    end = chat.tokenizer.eos_token_id
    rollouts: dict[int, Rollout] = {}

    def started(played: Sequence[Played]) -> None:
        for one in played:
            prompt = chat.prompt_ids(VIEWS[view](one.observation)) if not one.failed else [end]
            rollouts[id(one)] = Rollout(prompt, played=one)

    turn = 0

    def decide(running: Sequence[Played]) -> list[str | None]:
        nonlocal turn
        live = []
        for one in running:
            rollout = rollouts[id(one)]
            if _next_fits(rollout, one, chat, view, bounds):
                live.append(rollout)
        turn += 1
        texts: dict[int, str] = {}
        if live:
            wrote = generate([one.prompt + one.completion for one in live], seed_of(seed, turn))
            for i, rollout in enumerate(live):
                ids = wrote.ids[i] or [end]
                rollout.add(ids, 1, wrote.logprobs[i] if wrote.logprobs and wrote.ids[i] else None)
                rollout.turns += 1
                rollout.ended = ids[-1] == end
                texts[id(rollout)] = chat.said(ids)
        return [texts.get(id(rollouts[id(one)])) for one in running]

    played = play_batch(client, jobs, decide, agent=agent, rubric=rubric, started=started)
    done = [rollouts[id(one)] for one in played]
    for rollout in done:
        if not rollout.completion:
            rollout.add([end], 0)
        if rollout.reward is None:
            rollout.mask = [0] * len(rollout.mask)
    return done


def _next_fits(rollout: Rollout, one: Played, chat: Chat, view: ViewName, bounds: Bounds) -> bool:
    """Puts what the environment said behind the last turn, if another turn may follow."""
    if rollout.turns >= bounds.turns:
        return False
    if rollout.turns == 0:
        return True
    between = chat.between_ids(VIEWS[view](one.observation), rollout.ended)
    if len(rollout.completion) + len(between) + bounds.turn_tokens > bounds.completion_tokens:
        return False
    rollout.add(between, 0)
    return True
