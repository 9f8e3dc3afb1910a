"""Writes instances: one archive a database, `DIR/instances/<db_id>.zip`, the same bytes for the same instances.

Instances of a database differ by a few rows, so each is compressed by itself against a dictionary: the database without
a row, followed by one instance. The archive's members are that dictionary and, by number, the instances.
`reward_service.instances` reads it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from data.suite.instances import Content, serialized
from data.suite.profile import Profile
from reward_service.instances import DICTIONARY, member, write_index

__all__ = ["archive", "write_archive", "write_index"]


def archive(profile: Profile, contents: Sequence[Content]) -> bytes:
    """The archive of one database."""
    instances = [serialized(profile, content) for content in contents]
    # Deflate looks back 32 KiB: what is most like the data comes last.
    dictionary = (serialized(profile, {}) + (instances[0] if instances else b""))[-32_768:]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        _add(file, DICTIONARY, zlib.compress(dictionary, 9))
        for number, data in enumerate(instances):
            packer = zlib.compressobj(9, zdict=dictionary)
            _add(file, member(number), packer.compress(data) + packer.flush())
    return out.getvalue()


def write_archive(folder: Path, db_id: str, data: bytes) -> str:
    """Writes an archive; returns the hash of its bytes."""
    (folder / f"{db_id}.zip").write_bytes(data)
    return hashlib.sha256(data).hexdigest()[:16]


def _add(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    info.create_system = 3
    file.writestr(info, data)
