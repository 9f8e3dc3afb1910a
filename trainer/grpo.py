"""GRPO with TRL, its rollouts played through our services in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func is experimental, and trl is pinned

from datasets import Dataset
from trl import GRPOConfig

from sqlenv.agents.rollout import Job
from sqlenv.client import SqlEnvClient
from sqlenv.errors import ConfigError, SqlEnvError
from trainer.callbacks import History, Measuring, train_to_end
from trainer.chat import Chat
from trainer.config import Grpo, RunConfig
from trainer.generate import Sampling, of_trainer, seed_of
from trainer.lengths import ByLength
from trainer.policy import lora_config
from trainer.rewards import extras, make_reward
from trainer.rollout import Bounds, Rollout, roll_out

TASK = "task_id"
"""Key of a prompt's message that names the task: all that a rollout function is given are prompts."""


def task_rows(client: SqlEnvClient, split: str) -> list[dict[str, Any]]:
    """A row for each task of the split. The policy sees what the episode's reset shows; this is for logs."""
    tasks = list(client.list_tasks(split=split))
    if not tasks:
        raise SqlEnvError(f"the served data set has no tasks in split {split!r}")
    return [{"prompt": [{"role": "user", "content": task.question, TASK: task.task_id}]} for task in tasks]


def make_rollout_func(
    client: SqlEnvClient, chat: Chat, config: RunConfig, noted: Callable[[Sequence[Rollout]], None] | None = None
) -> Callable[[list[Any], Any], dict[str, Any]]:
    """A TRL `rollout_func`. All that is drawn follows from the run's seed, the step and the process's rank."""
    grpo, limits = _grpo(config), config.limits
    bounds = Bounds(limits.turns, limits.completion_tokens, limits.turn_tokens)
    sampling = Sampling(limits.turn_tokens, grpo.temperature, grpo.top_p)

    def rollout_func(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        step = trainer.state.global_step
        # One seed a task and step: the rollouts of a group see the same rows, and differ by what the policy does.
        jobs = [Job(p[-1][TASK], seed_of(config.seed, step, p[-1][TASK])) for p in prompts]
        seed = seed_of(config.seed, step, trainer.accelerator.process_index)
        with of_trainer(trainer, sampling) as generate:
            rollouts = roll_out(
                client,
                jobs,
                chat,
                config.policy.view,
                generate,
                bounds,
                seed=seed,
                rubric=config.services.rubric,
            )
        failed = [one.played.failed for one in rollouts if one.played is not None and one.played.failed]
        if len(failed) > grpo.max_failed * len(rollouts):
            words = f"{len(failed)} of {len(rollouts)} episodes could not be played, first: {failed[0]}"
            raise SqlEnvError(
                f"step {step}: {words}. The last checkpoint is in the run folder: --resume goes on from it."
            )
        if noted:
            noted(rollouts)
        return {
            "prompt_ids": [one.prompt for one in rollouts],
            "completion_ids": [one.completion for one in rollouts],
            "logprobs": [one.logprobs for one in rollouts] if trainer.use_vllm else None,
            "env_mask": [one.mask for one in rollouts],
            **extras(rollouts),
        }

    return rollout_func


def make_grpo(
    config: RunConfig,
    model: Any,
    chat: Chat,
    client: SqlEnvClient,
    folder: Path,
    device: str,
    noted: Callable[[Sequence[Rollout]], None] | None = None,
) -> Any:
    """The trainer, ready to train."""
    grpo = _grpo(config)
    return ByLength(
        model=model,
        reward_funcs=[make_reward(grpo.generations)],
        args=GRPOConfig(**_arguments(config, grpo, folder, device)),
        train_dataset=Dataset.from_list(task_rows(client, grpo.split)),
        processing_class=chat.tokenizer,
        rollout_func=make_rollout_func(client, chat, config, noted),
        peft_config=lora_config(config.policy),
        callbacks=[History(folder)],
    )


def run_grpo(
    config: RunConfig,
    model: Any,
    chat: Chat,
    client: SqlEnvClient,
    folder: Path,
    device: str,
    measure: Callable[[Any, int], dict[str, float]],
    say: Callable[[str], None],
    show: bool,
) -> Any:
    """Trains `model` and returns it; goes on from the newest checkpoint in `folder`.

    `measure` is given the model and returns what is to be logged. Raises KeyboardInterrupt, with a checkpoint saved,
    where it was told to stop; SqlEnvError where the services stayed away for longer than the client's patience, or
    where no vLLM server answers.
    """
    try:
        trainer = make_grpo(config, model, chat, client, folder, device)
    except ConnectionError as error:
        raise SqlEnvError(f"{error} What was trained before is in the run folder: --resume goes on from it.") from None

    def measured(step: int) -> dict[str, float]:
        return measure(trainer.accelerator.unwrap_model(trainer.model), step)

    trainer.add_callback(Measuring(measured, config.evaluation.every, trainer.log))
    return train_to_end(trainer, "grpo", folder, say, show)


def _arguments(config: RunConfig, grpo: Grpo, folder: Path, device: str) -> dict[str, Any]:
    total = grpo.prompts * grpo.generations
    world = int(os.environ.get("WORLD_SIZE", "1"))
    micro = grpo.micro_batch or max(1, total // world)
    if total % (micro * world):
        words = f"{grpo.prompts} prompts of {grpo.generations} rollouts are no multiple of micro_batch {micro}"
        raise ConfigError(f"grpo: {words} times {world} processes")
    arguments: dict[str, Any] = {
        "output_dir": str(folder),
        "max_steps": grpo.steps,
        "num_generations": grpo.generations,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": total // (micro * world),
        "learning_rate": grpo.lr,
        "lr_scheduler_type": grpo.schedule,
        "warmup_steps": round(grpo.warmup * grpo.steps),
        "temperature": grpo.temperature,
        "top_p": grpo.top_p,
        "beta": grpo.beta,
        "loss_type": grpo.loss,
        "max_completion_length": config.limits.completion_tokens,
        "chat_template_kwargs": config.policy.template_kwargs or None,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": grpo.save_steps,
        "save_total_limit": grpo.keep_checkpoints,
        "report_to": list(config.report_to),
        "run_name": "grpo",
        "use_cpu": device == "cpu",
        "bf16": device == "cuda",
        "gradient_checkpointing": device == "cuda",
        "dataloader_pin_memory": device == "cuda",
        "ddp_find_unused_parameters": False,
        "seed": config.seed,
        "data_seed": config.seed,
        "disable_tqdm": True,
    }
    if grpo.vllm is not None:
        arguments |= {
            "use_vllm": True,
            "vllm_mode": grpo.vllm.mode,
            "vllm_gpu_memory_utilization": grpo.vllm.gpu_memory,
            "generation_kwargs": {"max_tokens": config.limits.turn_tokens},
        }
        if grpo.vllm.mode == "server" and grpo.vllm.url:
            arguments["vllm_server_base_url"] = grpo.vllm.url
    return arguments | grpo.options


def _grpo(config: RunConfig) -> Grpo:
    if config.grpo is None:
        raise ConfigError("the configuration has no grpo section")
    return config.grpo
