"""From what `--dataset` names to a data set in our layout."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from rich.console import Console

from sqlenv.errors import DataSetError
from sqlenv.tasks import BUNDLED

RAW_FILES = ("tables.json", "dev_tables.json", "dev.json", "train.json", "train_spider.json", "questions.jsonl")
RAW_FOLDERS = ("database", "dev_databases", "train_databases", "test_database")


def resolve(dataset: Path | None) -> Path:
    """The folder to serve: the bundled set, `dataset` itself, or what an import of it left in the cache.

    Raises DataSetError where there is no such folder or it can't be imported.
    """
    if dataset is None:
        return BUNDLED
    if not dataset.is_dir():
        raise DataSetError(f"{dataset}: no such folder")
    if (dataset / "tasks.jsonl").is_file() or not _looks_raw(dataset):
        return dataset
    out = cache_folder() / f"{dataset.resolve().name}-{_fingerprint(dataset)}"
    if not (out / "tasks.jsonl").is_file():
        # Lazily: only the one who brings a data set of another layout needs the importer.
        from data.spider import import_dataset

        console = Console(stderr=True)
        console.print(f"importing {dataset} into {out}", markup=False, highlight=False, soft_wrap=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        report = import_dataset(dataset, out, dataset.resolve().name)
        words = f"{report.tasks} tasks imported, {len(report.dropped)} left out"
        console.print(f"{words}; `sqlenv data check {out}` says more", markup=False, highlight=False, soft_wrap=True)
    return out


def cache_folder() -> Path:
    """Where imported data sets are kept (https://specifications.freedesktop.org/basedir-spec)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "sqlenv" / "datasets"


def _looks_raw(folder: Path) -> bool:
    return any((folder / name).is_file() for name in RAW_FILES) or any((folder / n).is_dir() for n in RAW_FOLDERS)


def _fingerprint(folder: Path) -> str:
    """Changes when a file of the data set does: by size and time, as its databases may be gigabytes."""
    total = hashlib.sha256(str(folder.resolve()).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            about = path.stat()
            total.update(f"{path.relative_to(folder)}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return total.hexdigest()[:12]
