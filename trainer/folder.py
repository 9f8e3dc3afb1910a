"""The run folder: everything that is needed to reproduce a run, and to go on with it.

config.yaml      the configuration, overrides applied
run.json         versions, seed, data set, git revision, command line
data/            procedural worlds, where the run made them
<stage>/         one folder a stage: checkpoints, model, history.json (its log), done.json when it has ended
summary.json     the figures
tensorboard/     for `tensorboard --logdir`
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import apsw
import yaml

from sqlenv import __version__
from sqlenv.errors import ConfigError, DataSetError
from trainer.config import RunConfig

MAY_CHANGE = re.compile(
    r"(sft\.\d+|grpo)\.micro_batch|grpo\.vllm\.(url|gpu_memory)|evaluation\.batch|report_to(\.\d+)?"
    r"|services\.(address|ca_file|gold|patience_s)"
)
"""Keys that say how a run is run and not which run it is: where services are, and how much goes into memory at once."""

LIBRARIES = ("torch", "transformers", "trl", "accelerate", "datasets", "peft", "vllm", "numpy")


class RunFolder:
    """A run's folder on disk. Of several processes the first, `main`, writes."""

    def __init__(self, path: Path, main: bool = True) -> None:
        self.path = path
        self.main = main

    def open(self, config: RunConfig, resume: bool) -> None:
        """Makes it, or checks that the run in it can go on. Raises ConfigError where it can't, with what to do."""
        if not self.main:
            return
        ours = config.model_dump(mode="json")
        file = self.path / "config.yaml"
        if file.is_file():
            if not resume:
                raise ConfigError(
                    f"{self.path} holds a run already; say --resume to go on with it, or name another --out"
                )
            found = differences(yaml.safe_load(file.read_text(encoding="utf-8")), ours)
            changed = [
                f"{key} was {old!r:.60}, now {new!r:.60}" for key, old, new in found if not MAY_CHANGE.fullmatch(key)
            ]
            if changed:
                words = "the run was started with another configuration, and would not be the same run"
                raise ConfigError(f"{self.path}: {words}: {'; '.join(changed)}")
            file.write_text(yaml.safe_dump(ours, sort_keys=False), encoding="utf-8")
            return
        if resume:
            raise ConfigError(f"{self.path}: there is no run to go on with")
        if self.path.is_dir() and any(self.path.iterdir()):
            raise ConfigError(f"{self.path} is not empty, and holds no run; name another --out")
        self.path.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(ours, sort_keys=False), encoding="utf-8")

    def note(self, dataset_version: str, dataset: str) -> None:
        """Writes run.json at the first start; later checks that the data set is still that one. Raises DataSetError."""
        file = self.path / "run.json"
        if file.is_file():
            there = json.loads(file.read_text(encoding="utf-8"))["dataset_version"]
            if there != dataset_version:
                words = f"the run was started on data set {there}, but the services play {dataset_version}"
                raise DataSetError(f"{self.path}: {words}. Serve the same data set, or start a new run.")
            return
        self.write("run.json", {"dataset": dataset, "dataset_version": dataset_version, **about_this_machine()})

    def write(self, name: str, value: Any) -> None:
        """Writes a file of JSON, in the first process."""
        if self.main:
            write_json(self.path / name, value)

    def stage(self, name: str) -> Path:
        """The folder of a stage."""
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder

    def done(self, name: str) -> dict[str, Any] | None:
        """What a stage that has ended came to; None where it has not."""
        file = self.path / name / "done.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None

    def finish(self, name: str, figures: dict[str, Any]) -> None:
        """Marks a stage as ended. Comes last, when its model is on disk."""
        write_json(self.path / name / "done.json", figures)


def last_checkpoint(stage: Path) -> Path | None:
    """The newest whole checkpoint of a stage: one whose trainer state was written, which comes last."""
    found = [path for path in stage.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def differences(old: Any, new: Any, at: str = "") -> list[tuple[str, Any, Any]]:
    """Where two nested values differ: key, as grpo.lr or sft.0.lr, and both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = {key: (old.get(key), new.get(key)) for key in sorted({*old, *new})}
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = dict(enumerate(zip(old, new, strict=True)))
    else:
        return [] if old == new else [(at, old, new)]
    return [found for key, (a, b) in pairs.items() for found in differences(a, b, f"{at}.{key}" if at else str(key))]


def write_json(path: Path, value: Any) -> None:
    """Writes a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    part.replace(path)


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes rows as JSON lines."""
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def about_this_machine() -> dict[str, Any]:
    """Versions, machine and revision."""
    versions = {"python": platform.python_version(), "sqlenv": __version__, "sqlite": apsw.sqlite_lib_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "versions": versions,
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "git": git_revision(),
    }


def git_revision() -> str:
    """The revision of the source, "+changes" behind it where files differ; in an image GIT_REVISION; else ""."""
    here = Path(__file__).parent
    try:
        revision = _git(here, "rev-parse", "HEAD")
        return revision + ("+changes" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("GIT_REVISION", "")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
