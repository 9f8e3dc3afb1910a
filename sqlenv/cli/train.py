"""`sqlenv train`: demonstrations, SFT and GRPO, and what came of them."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from sqlenv.calling.access import AccessOptions
from sqlenv.cli.common import CaFile, Dataset, Force, Server, environment, err, new_file, out, progress_of, safe
from sqlenv.cli.datasets import resolve
from sqlenv.errors import ConfigError, SqlEnvError

app = typer.Typer(no_args_is_help=True, help="Teach a policy: demonstrations, SFT, GRPO, pictures.")

_NEEDED = ("torch", "transformers", "trl", "datasets", "yaml")


@app.command("run")
def run(
    config: Annotated[str, typer.Argument(help="A YAML file, or a profile: tiny, qwen, smoke.", metavar="CONFIG")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Overrides, as grpo.steps=10.", metavar="[KEY=VALUE]…")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Run folder. Default: runs/CONFIG-date-time.", metavar="DIR")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    seeds: Annotated[
        str | None, typer.Option(help="Several runs, one a seed, as 0,1,2; folders seed0, seed1, … in --out.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Runs of --seeds at once, each a process with as many threads as CONFIG says.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of a table.")] = False,
) -> None:
    """
    Train a policy as CONFIG says, measure it on databases it never saw, draw what it learned.

    Ctrl-C ends after the step under way and leaves a checkpoint; --resume goes on with the same curve.

    Example: sqlenv train run tiny grpo.steps=10 --out runs/first
    """
    _check_installed()
    from trainer.config import load_config
    from trainer.report import table_of

    given = overrides or []
    if folder is None:
        if resume:
            raise ConfigError("--resume needs --out: the folder of the run to go on with")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ConfigError("several processes need --out: each would make up a folder of its own")
        folder = Path("runs") / f"{Path(config).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    settings = load_config(config, given)
    started = time.monotonic()
    if seeds:
        from trainer.seeds import Seeds

        several = Seeds(config, given, list(map(int, _numbers(seeds))), folder, jobs=jobs, resume=resume, say=_say)
        several.run()
        runs = several.folders
    else:
        from trainer.run import run as train  # loads torch: what is wrong with the words is said before

        if not train(settings, folder, resume=resume, say=_say).first:
            return
        runs = [folder]
    if settings.grpo is not None and settings.grpo.steps:
        _draw(runs, folder)
    if as_json:
        figures = {place.name: json.loads((place / "summary.json").read_text(encoding="utf-8")) for place in runs}
        print(json.dumps(figures))
        return
    out.print(table_of(runs, f"{len(runs)} run{'s' if len(runs) > 1 else ''} in {folder}, held-out databases"))
    out.print(f"{time.monotonic() - started:.0f} s in all", highlight=False)


@app.command("demos")
def demos(
    path: Annotated[Path, typer.Option("--out", help="File to write, JSON lines.", metavar="FILE")],
    episodes: Annotated[int, typer.Option(min=1, help="How many to play.")] = 1_000,
    mix: Annotated[
        list[str] | None,
        typer.Option(help="Demonstrator and weight, as careful=2; may be given several times.", metavar="NAME=WEIGHT"),
    ] = None,
    split: Annotated[str, typer.Option(help="Tasks of this split.", metavar="NAME")] = "train",
    form: Annotated[str, typer.Option(help="text (DESCRIBE pet) or tool (tool calls).")] = "tool",
    view: Annotated[str, typer.Option(help="text (as the service says it) or compact.")] = "text",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same file.")] = 0,
    only_correct: Annotated[bool, typer.Option("--only-correct", help="Leave out what ended wrong.")] = False,
    server: Server = None,
    ca_file: CaFile = None,
    dataset: Dataset = None,
    force: Force = False,
) -> None:
    """
    Play demonstrations and write them in TRL's conversational format, for assistant-only loss.

    Demonstrators: careful (looks first), impatient (guesses), recovering (mends errors), wasteful (looks too much).
    They need gold: with --server, --dataset must be the folder that the server plays.

    Example: sqlenv train demos --out demos.jsonl --mix careful=3 --mix recovering=1
    """
    from trainer.demos import demonstrate

    if form not in ("text", "tool") or view not in ("text", "compact"):
        raise ConfigError("--form is text or tool, --view is text or compact")
    weights = _weights(mix or ["careful=1"])
    place = resolve(dataset)
    count = right = 0
    with (
        new_file(path, force) as write,
        environment(server, place, AccessOptions(ca_file=ca_file)) as client,
        progress_of("demonstrations") as show,
    ):
        done = 0

        def advance(played: int) -> None:
            nonlocal done
            done += played
            show(done, episodes)

        for demo in demonstrate(
            client,
            place,
            weights,
            episodes,
            seed=seed,
            split=split,
            view="compact" if view == "compact" else "text",
            only_correct=only_correct,
            advance=advance,
        ):
            write(json.dumps(demo.to_row("tool" if form == "tool" else "text"), ensure_ascii=False))
            count += 1
            right += demo.correct
    out.print(f"{count} demonstrations, {right} of them right, written to {path}", markup=False, highlight=False)


@app.command("plots")
def plots(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, one a seed, or a folder that holds them.", metavar="RUN…")
    ],
    folder: Annotated[Path, typer.Option("--out", help="Folder to write to.", metavar="DIR")] = Path("plots"),
) -> None:
    """
    Draw what runs logged: learning curve, reward components, action mix, error kinds; PNG and SVG.

    Several runs are seeds of one configuration: their mean, with its 95% t interval over seeds.

    Example: sqlenv train plots runs/tiny --out plots
    """
    from trainer.pictures import runs_in

    _draw(runs_in(runs), folder)


def _draw(runs: list[Path], folder: Path) -> None:
    from trainer.pictures import draw_all

    names = ", ".join(path.name for path in draw_all(runs, folder))
    _say(f"pictures in {folder}: {names}")


def _check_installed() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SqlEnvError(f"training needs {', '.join(missing)}: pip install 'sqlenv[train]'")


def _say(text: str) -> None:
    err.print(safe(text), markup=False, highlight=False, soft_wrap=True)


def _numbers(text: str) -> list[str]:
    parts = text.replace(",", " ").split()
    if not parts or not all(part.isdigit() for part in parts):
        raise ConfigError(f"--seeds {text!r}: expected whole numbers, as 0,1,2")
    return parts


def _weights(given: list[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for one in given:
        name, _, weight = one.partition("=")
        try:
            weights[name] = float(weight or 1)
        except ValueError:
            raise ConfigError(f"--mix {one!r}: expected NAME=WEIGHT, as careful=2") from None
    return weights
