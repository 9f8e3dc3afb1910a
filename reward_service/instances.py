"""The instance suite as stored beside a data set: small databases on which wrong answers give themselves away.

    DIR/instances/index.json     for each task the hash of its gold and the numbers of its instances
    DIR/instances/<db_id>.zip    the instances of a database, each a whole SQLite file, compressed
    DIR/instances/report.json    for people: mutants killed, proved equal and left

`data.suite` builds it. Only the reward service reads it: on an instance an agent could see what tells answers apart.
An archive is opened when a task of its database is first scored.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cachetools import LRUCache

from sqlenv.errors import DataSetError, Unavailable
from sqlenv.sandbox import Limits, Sandbox

FOLDER = "instances"
INDEX = "index.json"
DICTIONARY = "dictionary"
FORMAT = 1


def member(number: int) -> str:
    """The name of an instance within its archive."""
    return f"{number:04}"


def gold_mark(sql: str) -> str:
    """What the index keeps of a gold query: instances chosen for another text of it are not used."""
    return hashlib.sha256(sql.encode()).hexdigest()[:12]


def write_index(folder: Path, archives: Mapping[str, str], tasks: Mapping[str, tuple[str, list[int]]]) -> None:
    """Writes the index: hashes of the archives by db_id, gold marks and instance numbers by task_id."""
    index = {"format": FORMAT, "archives": archives, "tasks": {k: [mark, *ids] for k, (mark, ids) in tasks.items()}}
    text = json.dumps(index, separators=(",", ":")).replace('],"', '],\n"')
    (folder / INDEX).write_text(text + "\n", encoding="utf-8")


class Suite:
    """The stored suite of one data set. Sandboxes of the instances used last are kept open."""

    def __init__(self, directory: Path, limits: Limits, max_open: int) -> None:
        """Raises DataSetError where the index is broken."""
        self._folder = directory / FOLDER
        self._limits = limits
        text = (self._folder / INDEX).read_text(encoding="utf-8")
        self.hash = hashlib.sha256(text.encode()).hexdigest()[:8]
        self._tasks = _read_index(text, self._folder / INDEX)
        self._hashes = _read_hashes(text)
        self._archives: dict[str, _Archive] = {}
        self._open: LRUCache[tuple[str, int], Sandbox] = LRUCache(max(1, max_open))
        self._lock = threading.Lock()
        self.on_look_up: Callable[[bool], None] = lambda found: None  # told whether an instance was open already

    @classmethod
    def find(cls, directory: Path, limits: Limits, max_open: int) -> Suite | None:
        """The suite of a data set; None where none is stored."""
        return cls(directory, limits, max_open) if (directory / FOLDER / INDEX).is_file() else None

    def numbers(self, task_id: str, sql: str) -> tuple[int, ...]:
        """The instances of a task whose gold is `sql`; none where the suite was built for another gold."""
        return () if self.is_stale(task_id, sql) else self._tasks[task_id][1]

    def is_stale(self, task_id: str, sql: str) -> bool:
        """True where the suite was built without this task, or for another gold."""
        return self._tasks.get(task_id, ("", ()))[0] != gold_mark(sql)

    def data(self, db_id: str, number: int) -> bytes:
        """An instance as the bytes of an SQLite file.

        Raises DataSetError where it isn't there, Unavailable where the archive isn't the one that the index names.
        """
        with self._lock:
            found = self._archives.get(db_id)
            if found is None:
                found = self._archives[db_id] = _Archive(self._folder / f"{db_id}.zip", self._hashes.get(db_id))
        return found.read(number)

    def sandbox(self, db_id: str, number: int) -> Sandbox:
        """An instance to run queries on."""
        key = (db_id, number)
        sandbox = self._open.get(key)
        self.on_look_up(sandbox is not None)
        if sandbox is None:
            sandbox = self._open[key] = Sandbox.from_bytes(self.data(db_id, number), self._limits)
        return sandbox

    def close(self) -> None:
        """Closes all instances."""
        for sandbox in self._open.values():
            sandbox.close()
        self._open.clear()


class _Archive:
    def __init__(self, path: Path, expected: str | None) -> None:
        self._path = path
        try:
            self._bytes = path.read_bytes()
            if expected is not None and hashlib.sha256(self._bytes).hexdigest()[:16] != expected:
                words = "the instances are not those their index was written for: changed since the start, or damaged"
                raise Unavailable(words, "DATASET_CHANGED", retry_after_s=5.0)
            with zipfile.ZipFile(io.BytesIO(self._bytes)) as file:
                self._places = {i.filename: (i.header_offset, i.compress_size) for i in file.infolist()}
                self._dictionary = zlib.decompress(file.read(DICTIONARY))
        except (OSError, zipfile.BadZipFile, KeyError, zlib.error) as error:
            raise DataSetError(f"{path}: not an archive of instances: {error}") from None

    def read(self, number: int) -> bytes:
        try:
            offset, size = self._places[member(number)]
            # A local header is 30 bytes, the name and the extra field; what follows is stored as it is.
            names = int.from_bytes(self._bytes[offset + 26 : offset + 28], "little")
            extra = int.from_bytes(self._bytes[offset + 28 : offset + 30], "little")
            start = offset + 30 + names + extra
            unpacker = zlib.decompressobj(zdict=self._dictionary)
            return unpacker.decompress(self._bytes[start : start + size]) + unpacker.flush()
        except (KeyError, zlib.error) as error:
            raise DataSetError(f"{self._path}: instance {number} can't be read: {error}") from None


def _read_hashes(text: str) -> dict[str, str]:
    """The archives' hashes, by db_id; `text` is an index that was read before."""
    archives: dict[str, str] = json.loads(text).get("archives", {})
    return archives


def _read_index(text: str, path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    try:
        index: dict[str, Any] = json.loads(text)
        if index["format"] != FORMAT:
            raise DataSetError(
                f"{path}: format {index['format']!r}, expected {FORMAT}: run sqlenv data build-instances"
            )
        return {
            str(task_id): (str(entry[0]), tuple(int(number) for number in entry[1:]))
            for task_id, entry in index["tasks"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataSetError(f"{path}: not an index of instances: {error!r}") from None
