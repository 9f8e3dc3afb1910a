"""Supervised fine-tuning on demonstrations: TRL's SFTTrainer, loss on what the assistant says alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from sqlenv.errors import ConfigError
from trainer.callbacks import History
from trainer.chat import Chat, Message
from trainer.config import RunConfig, SftStage
from trainer.optimizer import Maker
from trainer.policy import lora_config


def to_dataset(rows: Sequence[dict[str, Any]], chat: Chat) -> Dataset:
    """Demonstrations as a data set of messages, with the tools and the template's arguments where there are any.

    `on_mixed_types="use_json"` keeps each tool call's arguments as they are: as Arrow structs they would all be given
    all keys, the missing ones as null, and the template would teach to write them.
    """
    system: list[Message] = [{"role": "system", "content": chat.system}] if chat.system else []
    lines: list[dict[str, Any]] = [{"messages": [*system, *row["messages"]]} for row in rows]
    for line in lines:
        if chat.tools:
            line["tools"] = chat.tools
        if chat.template_kwargs:
            line["chat_template_kwargs"] = chat.template_kwargs
    return Dataset.from_list(lines, on_mixed_types="use_json")


def make_sft(
    stage: SftStage,
    config: RunConfig,
    model: Any,
    chat: Chat,
    rows: Sequence[dict[str, Any]],
    folder: Path,
    device: str,
) -> SFTTrainer:
    """The trainer, ready to train. Raises ConfigError where batches don't come out even, or there are no rows."""
    if not rows:
        raise ConfigError(f"stage {stage.name}: there are no demonstrations; only_correct may leave none")
    world = int(os.environ.get("WORLD_SIZE", "1"))
    micro = stage.micro_batch or max(1, stage.batch // world)
    if stage.batch % (micro * world):
        raise ConfigError(f"stage {stage.name}: batch {stage.batch} is no multiple of {micro} times {world} processes")
    per_epoch = -(-len(rows) // stage.batch)
    args = SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=stage.batch // (micro * world),
        num_train_epochs=stage.epochs,
        learning_rate=stage.lr,
        lr_scheduler_type=stage.schedule,
        warmup_steps=round(stage.warmup * stage.epochs * per_epoch),
        adam_beta2=0.95,
        logging_steps=max(1, per_epoch // 10),
        save_strategy="steps",
        save_steps=stage.save_steps,
        save_total_limit=1,
        report_to=list(config.report_to),
        run_name=stage.name,
        use_cpu=device == "cpu",
        bf16=device == "cuda",
        gradient_checkpointing=device == "cuda",
        assistant_only_loss=True,
        max_length=config.limits.completion_tokens * 2,
        train_sampling_strategy="group_by_length",
        dataloader_pin_memory=device == "cuda",
        ddp_find_unused_parameters=False,
        seed=config.seed,
        data_seed=config.seed,
        disable_tqdm=True,
    )
    return SFTTrainer(
        model=model,
        args=args,
        train_dataset=to_dataset(rows, chat),
        processing_class=chat.tokenizer,
        peft_config=lora_config(config.policy),
        optimizer_cls_and_kwargs=(Maker, {"lr": stage.lr, "muon_lr": stage.muon_lr}) if stage.muon_lr else None,
        callbacks=[History(folder)],
    )
