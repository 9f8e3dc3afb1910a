"""Turns written by vLLM, in the trainer's process or on a server: what TRL's GRPOTrainer was set up with.

With several processes TRL's call to a server is a collective one: every process must call equally often, and with as
many conversations as the others, since each is given its slice of all answers by its number. Rollouts end when they
end, so a process pads its calls, and goes on calling until the rollouts of all have ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from sqlenv.errors import ConfigError, SqlEnvError
from trainer.config import RunConfig
from trainer.generate import Generate, Turns
from trainer.prefix import Ids


def check_vllm(config: RunConfig, device: str) -> None:
    """Raises ConfigError where vLLM is asked for and can't be used here: said before anything is trained."""
    if config.grpo is None or config.grpo.vllm is None:
        return
    instead = "grpo.vllm=null generates without it"
    if device == "cpu":
        words = "grpo.vllm needs a GPU, and this run is on the CPU"
        raise ConfigError(f"{words}: {instead}, slowly. The tiny profile trains on CPUs: sqlenv train run tiny.")
    if find_spec("vllm") is None:
        raise ConfigError(f"grpo.vllm needs vLLM here, for a server too: pip install 'trl[vllm]'. Or {instead}.")


@contextmanager
def vllm_turns(trainer: Any) -> Iterator[Generate]:
    """One turn for each conversation. TRL has sent vLLM the newest weights before it asks for rollouts.

    Sampling is vLLM's: the seed that a turn is given does not reach it.
    """
    if _alone(trainer):
        yield lambda conversations, seed: _turns(trainer, conversations)
        return

    def generate(conversations: Sequence[Ids], seed: int) -> Turns:
        turns = _together(trainer, conversations)
        assert turns is not None
        return turns

    yield generate
    # Not in a `finally`: where this process fails, the others are ended with it, and there is nobody to wait for.
    while _together(trainer, []) is not None:
        pass


def _alone(trainer: Any) -> bool:
    """True where a call concerns no other process."""
    args = trainer.args
    of_its_own = args.vllm_mode == "colocate" and args.vllm_tensor_parallel_size == 1
    return bool(of_its_own or trainer.accelerator.num_processes == 1)


def _together(trainer: Any, conversations: Sequence[Ids]) -> Turns | None:
    """This process's part of a call that all make; None where no process has a conversation."""
    from accelerate.utils import gather_object

    width = max(gather_object([len(conversations)]))
    if width == 0:
        return None
    nobody_reads: Ids = [trainer.processing_class.eos_token_id]
    turns = _turns(trainer, [*conversations, *[nobody_reads] * (width - len(conversations))])
    count = len(conversations)
    return Turns(turns.ids[:count], turns.logprobs[:count] if turns.logprobs else None)


def _turns(trainer: Any, conversations: Sequence[Ids]) -> Turns:
    from requests import RequestException

    try:
        _, ids, logprobs, _ = trainer.vllm_generation.generate(
            prompts=[list(one) for one in conversations], images=None, num_generations=1
        )
    except RequestException as error:
        words = "The vLLM server does not answer any more; the last checkpoint is in the run folder: --resume goes on"
        raise SqlEnvError(f"{words} from it ({error})") from None
    return Turns([list(turn) for turn in ids], [[float(token[0]) for token in turn] for turn in logprobs])
