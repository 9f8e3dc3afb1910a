"""A file of episodes that is whole when all went well, and kept under another name when it did not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from sqlenv.cli.common import err
from sqlenv.errors import SqlEnvError


def partial_name(path: Path) -> Path:
    """Where the lines go that were written before something stopped the work: x.partial.jsonl for x.jsonl, with a
    number where an earlier one is there."""
    names = chain([""], (f"-{number}" for number in count(2)))
    places = (path.with_name(f"{path.stem}.partial{name}{path.suffix}") for name in names)
    return next(place for place in places if not place.exists())


@contextmanager
def kept_file(path: Path | None, force: bool) -> Iterator[Callable[[str], None]]:
    """A function that writes a line to `path`, which appears when the block has ended without an error.

    After an error or Ctrl-C the lines are in `partial_name(path)`, and it says so: episodes may have cost money. None
    takes lines and drops them. Raises SqlEnvError where the file exists and `force` does not allow to replace it.
    """
    if path is None:
        yield lambda line: None
        return
    if path.exists() and not force:
        raise SqlEnvError(f"{path} exists; --force overwrites it")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    written = 0
    try:
        with part.open("w", encoding="utf-8", errors="surrogatepass") as stream:

            def write(line: str) -> None:
                nonlocal written
                print(line, file=stream, flush=True)
                written += 1

            yield write
        part.replace(path)
    finally:
        if part.exists() and written:
            kept = part.replace(partial_name(path))
            words = f"{written} episodes that were played are kept in {kept}"
            err.print(words, markup=False, highlight=False, soft_wrap=True)
        part.unlink(missing_ok=True)
