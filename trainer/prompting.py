"""How a trained policy wants to be prompted: `sqlenv.json`, kept beside its weights.

A model folder is complete with it: whoever evaluates or serves the model asks it as it was trained. Loads no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from sqlenv.errors import ConfigError
from trainer.chat import Form
from trainer.config import Limits, RunConfig
from trainer.view import ViewName

FILE = "sqlenv.json"


class Prompting(BaseModel):
    """`max_steps`: the step budget of the episodes it was trained on; None where nothing is known of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Form = "text"
    view: ViewName = "text"
    system: str = ""
    template_kwargs: dict[str, Any] = {}
    limits: Limits = Limits()
    max_steps: int | None = None

    @classmethod
    def of(cls, config: RunConfig) -> Self:
        """That of a run's policy."""
        policy, services = config.policy, config.services
        return cls(
            form=policy.form,
            view=policy.view,
            system=policy.system,
            template_kwargs=policy.template_kwargs,
            limits=config.limits,
            max_steps=None if services.address else services.max_steps,
        )

    def write(self, folder: Path) -> None:
        """Puts it into a model's folder."""
        (folder / FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_prompting(model: str) -> Prompting | None:
    """What `sqlenv.json` in the model's folder says, or the configuration of the run that the folder is part of.

    None for models that we have not trained. Raises ConfigError where a file is broken.
    """
    folder = Path(model)
    for file in (folder / FILE, folder.parent.parent / "config.yaml"):
        if folder.is_dir() and file.is_file():
            try:
                value = yaml.safe_load(file.read_text(encoding="utf-8"))
                if file.name == FILE:
                    return Prompting.model_validate(value)
                return Prompting.of(RunConfig.model_validate(value))
            except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
                first = str(error).splitlines()[0]
                raise ConfigError(f"{file}: does not say how the model is prompted ({first})") from None
    return None
