"""What tests of several training processes run in each: `python -m torch.distributed.run … -m tests.trainer_processes`.

TRL's own vLLM code with a client in the place of vLLM's, since vLLM does not run without a GPU: it is the calls between
the processes that are looked at. Every process prints what its conversations were answered, as a line of JSON.
"""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

from accelerate import Accelerator
from trl.generation.vllm_generation import VLLMGeneration

from trainer.generate import Ids
from trainer.vllm import vllm_turns

END = 0
TURNS = {0: [3, 1], 1: [2, 2, 2, 1], 2: []}
"""How many conversations a process asks about, call by call: other numbers, and more or fewer calls."""


class Echo:
    """Answers a conversation with its tokens plus 100, and their log-probabilities with minus the token."""

    def generate(self, prompts: list[Ids], features: Any = None, **sampling: Any) -> dict[str, Any]:
        """As VLLMClient's."""
        assert sampling["n"] == 1
        return {
            "prompt_ids": prompts,
            "completion_ids": [[token + 100 for token in one] for one in prompts],
            "logprobs": [[[-float(token)] for token in one] for one in prompts],
            "logprob_token_ids": [[[token] for token in one] for one in prompts],
        }


def main() -> None:
    """Asks for turns as rollouts would, and says what came."""
    accelerator = Accelerator(cpu=True)
    generation: Any = VLLMGeneration.__new__(VLLMGeneration)
    plain = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "structured_outputs_regex")
    for name in plain:
        setattr(generation, name, None)
    generation.mode, generation.accelerator, generation.enable_sleep_mode = "server", accelerator, False
    generation.max_completion_length, generation.logprobs, generation.generation_kwargs = 8, 0, {}
    if accelerator.is_main_process:
        generation.vllm_client = Echo()
    trainer = SimpleNamespace(
        accelerator=accelerator,
        args=SimpleNamespace(vllm_mode="server", vllm_tensor_parallel_size=1),
        processing_class=SimpleNamespace(eos_token_id=END),
        vllm_generation=generation,
    )
    rank = accelerator.process_index
    answers = []
    with vllm_turns(trainer) as generate:
        for call, count in enumerate(TURNS[rank]):
            turns = generate([[rank + 1, call + 1, i + 1] for i in range(count)], 0)
            answers.append([turns.ids, turns.logprobs])
    # One write for a line: the processes share a pipe, and print writes the end of a line by itself.
    line = json.dumps({"rank": rank, "answers": answers})
    os.write(1, f"{line}\n".encode())
    accelerator.end_training()


if __name__ == "__main__":
    main()
