"""Options of `sqlenv eval` that are about language models alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PANEL = "Language models"


class FormName(StrEnum):
    """Forms of actions."""

    TEXT = "text"
    TOOL = "tool"


class ViewName(StrEnum):
    """Ways to show observations."""

    TEXT = "text"
    COMPACT = "compact"


class Device(StrEnum):
    """Where a model runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Sample = Annotated[
    int, typer.Option(min=0, help="So many sampled episodes a task beside the greedy one.", rich_help_panel=PANEL)
]
Greedy = Annotated[
    bool, typer.Option("--greedy/--no-greedy", help="Play a greedy episode of each task.", rich_help_panel=PANEL)
]
Temperature = Annotated[float, typer.Option(min=0.01, max=5, help="Of sampled episodes.", rich_help_panel=PANEL)]
Model = Annotated[
    str | None,
    typer.Option(help="Which model openai: means. Default: the only one served.", rich_help_panel=PANEL),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(help="File with the key for openai:. Default: OPENAI_API_KEY.", metavar="FILE", rich_help_panel=PANEL),
]
Form = Annotated[
    FormName | None,
    typer.Option(help="How actions are written. Default: as trained, else tool.", rich_help_panel=PANEL),
]
View = Annotated[
    ViewName | None,
    typer.Option(help="How observations are shown. Default: as trained, else text.", rich_help_panel=PANEL),
]
SystemFile = Annotated[
    Path | None,
    typer.Option(
        help="File with the system prompt; an empty one for none. Default: as trained, else our own.",
        metavar="FILE",
        rich_help_panel=PANEL,
    ),
]
MaxTurns = Annotated[int | None, typer.Option(min=1, help="Turns of a model at most.", rich_help_panel=PANEL)]
MaxTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Tokens of a turn. Default: as trained, else 1,024.", rich_help_panel=PANEL),
]
Request = Annotated[
    list[str] | None,
    typer.Option(
        help="A field of requests to openai:, as top_p=0.9; null leaves one out, as temperature=null.",
        metavar="NAME=JSON",
        rich_help_panel=PANEL,
    ),
]
RequestTimeout = Annotated[
    float, typer.Option(min=1, help="Seconds that openai: may take for one answer.", rich_help_panel=PANEL)
]
Retries = Annotated[
    int, typer.Option(min=0, max=20, help="Tries after a failed request, ever later.", rich_help_panel=PANEL)
]
OnDevice = Annotated[Device, typer.Option(help="Where model: runs.", rich_help_panel=PANEL)]
