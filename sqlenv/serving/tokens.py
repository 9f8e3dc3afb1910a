"""Bearer tokens that a service lets in: a file of names and digests, read again whenever it changes.

A line is `name:digest`, the digest being SHA-256 of the token in hex; `#` starts a comment. `sqlenv token new` writes
one. A name may stand in several lines: while clients move from an old token to a new one, both let in. The file holds
no token, so who reads it gains nothing; a token has 256 random bits, so its digest can't be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlenv.errors import ConfigError
from sqlenv.serving.certificates import stamps

log = logging.getLogger(__name__)

PREFIX = "sqlenv_"  # so that scanners for leaked secrets know one when they see one
MAX_TOKEN_BYTES = 512
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# What `TokenBook` calls a token that came in a setting of its own rather than in the file.
FROM_SETTING = "setting"


@dataclass(frozen=True, slots=True)
class Token:
    """One that lets in: what the log calls it, and its digest."""

    name: str
    digest: str


def digest_of(token: str) -> str:
    """SHA-256 of a token, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_tokens(path: Path) -> list[Token]:
    """The tokens of a file. Raises ConfigError that names the line at fault; never with what the line holds."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        name, _, digest = line.partition(":")
        if not _NAME.fullmatch(name) or not _DIGEST.fullmatch(digest):
            words = "expected name:digest, the SHA-256 of a token in hex; `sqlenv token new` writes such a line"
            raise ConfigError(f"{path}, line {number}: {words}")
        found.append(Token(name, digest))
    return found


def check_name(name: str) -> None:
    """Raises ConfigError for what can't name a token."""
    if not _NAME.fullmatch(name):
        words = "a token's name has 1 to 64 letters, digits, and . _ @ -, and starts with a letter or a digit"
        raise ConfigError(f"{name!r}: {words}")


def new_token(path: Path, name: str) -> str:
    """Makes a token, adds its digest to the file, and returns the token, which is nowhere else. Raises ConfigError."""
    check_name(name)
    if path.exists():
        read_tokens(path)  # what is broken already should not be made longer
    token = PREFIX + secrets.token_urlsafe(32)
    try:
        # One write to a file opened for appending: two that add at once lose nothing. Only its owner may change it.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as stream:
            ended = stream.seek(0, os.SEEK_END) == 0 or (stream.seek(-1, os.SEEK_END), stream.read(1))[1] == b"\n"
            stream.write(f"{'' if ended else chr(10)}{name}:{digest_of(token)}\n".encode())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return token


def revoke(path: Path, name: str, keep_newest: bool = False) -> int:
    """Takes the tokens of that name out of the file, or all but its last; returns how many. Raises ConfigError."""
    read_tokens(path)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    its = [n for n, line in enumerate(lines) if line.partition("#")[0].partition(":")[0].strip() == name]
    gone = set(its[:-1] if keep_newest else its)
    kept = [line for n, line in enumerate(lines) if n not in gone]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.touch(0o600)
        part.chmod(path.stat().st_mode & 0o777)
        part.write_text("".join(kept), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return len(gone)


class TokenBook:
    """Which tokens let in now. `extra`: one more, beside those of the file."""

    def __init__(self, path: Path | None, extra: str = "") -> None:
        """Raises ConfigError where the file can't be read, or nobody could get in."""
        self._path = path
        self._extra = [Token(FROM_SETTING, digest_of(extra))] if extra else []
        self._files = [path] if path else []
        self._stamps = stamps(self._files)
        self._tokens = self._extra + (read_tokens(path) if path else [])
        if not self._tokens:
            raise ConfigError(f"{path} holds no token, so nobody could get in; `sqlenv token new` adds one")

    def find(self, token: str) -> Token | None:
        """The token that was shown, or None. Takes as long for any token: each digest is compared whole."""
        if len(token) > MAX_TOKEN_BYTES:
            return None
        digest = digest_of(token)
        found = None
        for known in self._tokens:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found

    def refresh(self) -> set[str]:
        """Reads the file again if it has changed; returns the digests that let in no more.

        A file that is gone or broken changes nothing but the log: a slip of the editor should not lock everybody out.
        """
        now = stamps(self._files)
        if self._path is None or now == self._stamps:
            return set()
        self._stamps = now
        try:
            tokens = self._extra + read_tokens(self._path)
        except ConfigError as error:
            log.error("the tokens stay as they were: %s", error)
            return set()
        gone = {token.digest for token in self._tokens} - {token.digest for token in tokens}
        self._tokens = tokens
        names = ", ".join(sorted({token.name for token in tokens})) or "none: nobody gets in"
        log.info("read %s again; tokens of %s let in now", self._path.name, names)
        return gone
