"""Unpacks the zip archives in a download, without trusting them."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from sqlenv.errors import DataSetError

DEPTH = 2
"""How deep archives may lie in each other: BIRD's have the databases in one of their own."""

MAX_ENTRIES = 200_000
_CHUNK_BYTES = 1 << 20


def overlay(source: Path, work: Path) -> None:
    """Shows `source` in the empty folder `work`: files as links, and what zip archives hold in the archives' places.

    Raises DataSetError where an archive is broken, would write outside `work`, or is larger than what the disk has.
    """
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if any(part.startswith(".") for part in relative.parts) or not path.is_file():
            continue
        place = work / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".zip":
            _unpack(path, place.parent, DEPTH)
        elif not place.exists():
            place.symlink_to(path.resolve())


def _unpack(archive: Path, folder: Path, depth: int) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir() and not _is_clutter(entry.filename)]
            _refuse_too_large(archive, entries, folder)
            for entry in entries:
                place = folder / _safe(archive, entry)
                if place.exists():  # a file of the download itself goes first
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as packed, place.open("xb") as unpacked:
                    _copy(packed, unpacked, entry.file_size, archive)
                if place.suffix.lower() == ".zip" and depth > 1:
                    _unpack(place, place.parent, depth - 1)
                    place.unlink()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:  # encrypted: RuntimeError
        raise DataSetError(f"{archive.name}: can't be unpacked: {error}") from None


def _is_clutter(name: str) -> bool:
    """What macOS and editors leave in archives."""
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in _parts(name).parts)


def _parts(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))  # some archivers on Windows write theirs


def _safe(archive: Path, entry: zipfile.ZipInfo) -> PurePosixPath:
    """The entry's path. Raises DataSetError where it leads out of the folder or is no ordinary file."""
    name = _parts(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if not name.parts or name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or "\0" in entry.filename:
        raise DataSetError(f"{archive.name}: refused, it would write outside its folder: {entry.filename!r:.120}")
    if kind not in (0, stat.S_IFREG):
        raise DataSetError(f"{archive.name}: refused, {entry.filename!r:.120} is a link or a device, not a file")
    return name


def _refuse_too_large(archive: Path, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    size, free = sum(entry.file_size for entry in entries), shutil.disk_usage(folder).free
    if len(entries) > MAX_ENTRIES:
        raise DataSetError(f"{archive.name}: refused, it holds {len(entries):,} files")
    if size > free:
        raise DataSetError(f"{archive.name}: needs {size / 1e9:,.1f} GB unpacked; {folder} has {free / 1e9:,.1f} GB")


def _copy(packed: IO[bytes], unpacked: IO[bytes], size: int, archive: Path) -> None:
    """Copies no more than the entry said it has: a list of contents can lie."""
    written = 0
    while chunk := packed.read(_CHUNK_BYTES):
        written += len(chunk)
        if written > size:
            raise DataSetError(f"{archive.name}: refused, an entry is larger than its list of contents says")
        unpacked.write(chunk)
