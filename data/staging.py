"""Writes a folder all or nothing: into a hidden folder beside it first, renamed at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlenv.errors import DataSetError


@contextmanager
def staged(out: Path, force: bool = False) -> Iterator[Path]:
    """An empty folder that becomes `out` where the block ends well, and vanishes where it does not.

    Raises DataSetError where `out` holds something already, unless `force` is set and it is a data set.
    """
    _refuse_taken(out, force)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", suffix=".part", dir=out.parent))
    except OSError as error:
        raise DataSetError(f"{out}: can't be written: {error.strerror}") from None
    try:
        yield folder
        folder.chmod(0o755)  # mkdtemp's folders are for their owner alone
        _refuse_taken(out, force)  # another import may have been faster
        _swap(folder, out)
    except OSError as error:
        raise DataSetError(f"{error.filename or out}: {error.strerror}; {out} is unchanged") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(folder: Path, out: Path) -> None:
    """Puts `folder` in the place of `out`; what was there is put back where that fails."""
    old = folder.with_suffix(".old")
    if out.exists():
        os.replace(out, old)
    try:
        os.replace(folder, out)
    except OSError:
        if old.exists():
            os.replace(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _refuse_taken(out: Path, force: bool) -> None:
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() and not force:
        raise DataSetError(f"{out}: exists already and is not empty; choose another folder or force it")
    # Force replaces a data set by a newer one; it must not sweep away a folder of other things.
    if out.exists() and not (out / "tasks.jsonl").is_file():
        raise DataSetError(f"{out}: exists already and is no data set (no tasks.jsonl); not replaced even by force")
