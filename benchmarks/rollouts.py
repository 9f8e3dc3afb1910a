"""Rollouts: all stepped by one BatchStep against TRL's environment_factory, which steps one after the other.

    python -m benchmarks.rollouts [--rollouts 32] [--delay-ms 20] [--rounds 5] [--at-least 4]

The same policy plays the same tasks both ways, through the same TRL trainer and the same services: a small model that
has learned one dialogue by heart (describe, query, answer; in tool calls), so that both ways take the same turns. Every
step takes `--delay-ms` longer than it would, as on a server far away: a proxy in front of the environment service waits
that long before it passes a Step or a BatchStep on. Generation is in the figures, both times, and shown apart. The ways
take turns, and the fastest batch of each counts: whatever else the machine does makes batches slower, and none faster.

Needs the train extra. Prints a table, writes benchmarks/results/rollouts.json. Exit status 1 where the ways did not
play the same episodes, or the ratio is below --at-least.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
from rich.console import Console
from rich.table import Table

from sqlenv import SqlEnvClient, actions
from sqlenv.launch import launch
from sqlenv.tasks import BUNDLED
from trainer.chat import to_call

TASK_ID, TABLE = "campus_pets-001", "student"
COMPLETION_TOKENS, TURN_TOKENS = 4_096, 64
TEMPERATURE = 0.05
KNOWN_BY_HEART, MOST_STEPS = 0.005, 1_500
STEPS = {"/sqlenv.v1.EnvironmentService/Step", "/sqlenv.v1.EnvironmentService/BatchStep"}
RESULTS = Path(__file__).parent / "results"
WAYS = ("environment_factory", "rollout_func")


@dataclass
class Row:
    """One way to play. Seconds are of the fastest batch: in all, and of them those in the model's `generate`.

    `step_calls`: of a batch. `rewards`: of the last batch's rollouts.
    """

    way: str
    seconds: float
    generating_s: float
    step_calls: int
    rewards: list[float]


class SlowProxy(grpc.GenericRpcHandler):
    """Passes bytes on to a server, Step and BatchStep after a delay; calls wait beside each other."""

    def __init__(self, target: str, delay_s: float) -> None:
        self._channel = grpc.aio.insecure_channel(target)
        self._delay_s = delay_s
        self.steps = 0

    def service(self, details: Any) -> Any:
        """As GenericRpcHandler."""
        method = details.method

        async def pass_on(request: bytes, context: Any) -> bytes:
            if method in STEPS:
                self.steps += 1
                await asyncio.sleep(self._delay_s)
            reply: bytes = await self._channel.unary_unary(method)(request)
            return reply

        return grpc.unary_unary_rpc_method_handler(pass_on)


@contextmanager
def slowed(target: str, delay_s: float) -> Iterator[tuple[str, SlowProxy]]:
    """A proxy in front of `target`, on a thread of its own, and its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[Any, int, SlowProxy]:
        server, proxy = grpc.aio.server(), SlowProxy(target, delay_s)
        server.add_generic_rpc_handlers((proxy,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port, proxy

    server, port, proxy = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield f"127.0.0.1:{port}", proxy
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def learned_by_heart() -> tuple[Any, Any]:
    """Tokenizer and a small model that describes, queries, answers and then says it is done, in tool calls."""
    import torch

    from trainer.chat import Chat
    from trainer.tiny import TinySize, make_model, make_tokenizer

    turns = [actions.Describe(TABLE), actions.Query(f"SELECT count(*) FROM {TABLE}"), actions.AnswerValue("1")]
    with launch(BUNDLED) as services, SqlEnvClient(services.env_target) as client:
        episode = client.reset(task_id=TASK_ID, seed=0)
        seen = [episode.observation.text, *(episode.step(action).observation.text for action in turns)]
    tokenizer = make_tokenizer([*seen, *(json.dumps(to_call(action)) for action in turns)], 800)
    chat = Chat(tokenizer, "tool")
    messages = chat.opening(seen[0])
    for action, after in zip(turns, seen[1:], strict=True):
        messages += [chat.turn(action), chat.seen(after, to_call(action)[0])]
    messages.append({"role": "assistant", "content": "done"})
    ids = tokenizer(chat.render(messages), add_special_tokens=False)["input_ids"]
    model = make_model(tokenizer, TinySize(hidden=32, layers=1, heads=4, mlp=64, context=2_048))
    batch = torch.tensor([ids])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(MOST_STEPS):
        loss = model(input_ids=batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss.item() < KNOWN_BY_HEART:
            return tokenizer, model.eval()
    raise SystemExit(f"the policy could not learn one dialogue: loss {loss.item():.4f}")


def trainer_of(way: str, address: str, rollouts: int, tokenizer: Any, model: Any, folder: Path) -> Any:
    """A GRPOTrainer that plays its rollouts one way or the other. It learns nothing: the rate is 0."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from trainer.chat import Chat
    from trainer.config import Grpo, Limits, Policy, RunConfig, Services
    from trainer.grpo import TASK, make_rollout_func
    from trainer.tools import factory

    args = GRPOConfig(
        output_dir=str(folder / way),
        max_steps=1,
        num_generations=rollouts,
        per_device_train_batch_size=rollouts,
        learning_rate=0.0,
        temperature=TEMPERATURE,
        max_completion_length=COMPLETION_TOKENS,
        generation_kwargs={"max_new_tokens": TURN_TOKENS},
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        save_strategy="no",
    )
    row: dict[str, Any] = {"prompt": [{"role": "user", "content": "", TASK: TASK_ID}], "task_id": TASK_ID, "seed": 0}
    common = {"model": model, "args": args, "processing_class": tokenizer}
    data = Dataset.from_list([row] * 8)
    if way == "environment_factory":
        return GRPOTrainer(train_dataset=data, environment_factory=factory(address), **common)
    config = RunConfig(
        services=Services(address=address),
        policy=Policy(form="tool", view="text"),
        limits=Limits(turns=8, completion_tokens=COMPLETION_TOKENS, turn_tokens=TURN_TOKENS),
        grpo=Grpo(temperature=TEMPERATURE, generations=rollouts),
    )
    rollout_func = make_rollout_func(SqlEnvClient(address), Chat(tokenizer, "tool"), config)
    reward = functools.partial(_returns)
    reward.__name__ = "episode_return"  # type: ignore[attr-defined]
    return GRPOTrainer(train_dataset=data, rollout_func=rollout_func, reward_funcs=[reward], **common)


def _returns(*, episode_return: list[float | None], **columns: Any) -> list[float | None]:
    return episode_return


@contextmanager
def watched(model: Any) -> Iterator[list[float]]:
    """Seconds of each call of the model's `generate`, which both ways come to."""
    plain, took = model.generate, []

    def generate(*args: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return plain(*args, **options)
        finally:
            took.append(time.perf_counter() - started)

    model.generate = generate
    try:
        yield took
    finally:
        del model.generate


def play(way: str, trainer: Any, proxy: SlowProxy) -> Row:
    """Plays a batch of rollouts."""
    rows = [trainer.train_dataset[0]] * trainer.args.per_device_train_batch_size
    inputs = [{**row, "prompt": [dict(message) for message in row["prompt"]]} for row in rows]
    trainer.model.train()
    proxy.steps = 0
    with watched(trainer.model) as generating:
        started = time.perf_counter()
        trainer._generate_and_score_completions(inputs)
        seconds = time.perf_counter() - started
    rewards = next(iter(trainer._logs["rewards"].values()))
    return Row(way, seconds, sum(generating), proxy.steps, list(rewards)[-len(rows) :])


def main() -> None:
    """Measures, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rollouts", type=int, default=32)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-least", type=float, default=4.0)
    given = parser.parse_args()
    import datasets
    import torch

    datasets.disable_progress_bars()
    torch.set_num_threads(1)  # more only wait for each other with a model of this size, and longer on a busy machine
    tokenizer, model = learned_by_heart()
    with (
        launch(BUNDLED) as services,
        slowed(services.env_target, given.delay_ms / 1000) as (address, proxy),
        tempfile.TemporaryDirectory() as folder,
    ):
        trainers = {way: trainer_of(way, address, given.rollouts, tokenizer, model, Path(folder)) for way in WAYS}
        # The first round warms up.
        played = [[play(way, trainer, proxy) for way, trainer in trainers.items()] for _ in range(given.rounds + 1)]
    rows = [min(batches, key=lambda row: row.seconds) for batches in zip(*played[1:], strict=True)]
    table = Table(title=f"{given.rollouts} rollouts of one episode, {given.delay_ms:g} ms added to every step")
    for name in ("", "s a batch", "generating", "step calls", "rollouts/s"):
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        rate = given.rollouts / row.seconds
        table.add_row(row.way, f"{row.seconds:.2f}", f"{row.generating_s:.2f}", str(row.step_calls), f"{rate:.1f}")
    Console().print(table)
    slow, fast = rows
    if any(row.rewards != slow.rewards for batch in played for row in batch):
        sys.exit("the two ways did not play the same episodes: their rewards differ")
    ratio = slow.seconds / fast.seconds
    print(f"ratio {ratio:.1f}, generation included; the rewards are the same")
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / "rollouts.json"
    figures = {"rollouts": given.rollouts, "delay_ms": given.delay_ms, "ratio": ratio, "rows": list(map(asdict, rows))}
    out.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"written to {out}")
    if ratio < given.at_least:
        sys.exit(f"the ratio is below {given.at_least:g}")


if __name__ == "__main__":
    main()
