"""How a client gets in: TLS, a certificate of its own, a token. Both clients open their channels through this.

What isn't given comes from the environment: SQLENV_CA_FILE, SQLENV_CERT_FILE, SQLENV_KEY_FILE and SQLENV_TOKEN. An
empty string means none, whatever the environment says.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import grpc

from sqlenv.calling import handshake
from sqlenv.errors import ConfigError, HandshakeFailed, ServiceError, Unavailable
from sqlenv.serving.certificates import check_authorities, check_pair, read_file
from sqlenv.settings import is_loopback

# A server that stays away is looked at so often.
LOOK_EVERY_S = 5.0
DEFAULT_PORT = 443

Options = Sequence[tuple[str, Any]]


class AccessOptions(TypedDict, total=False):
    """Keyword arguments of the clients.

    ca_file: PEM bundle to verify the server with; turns TLS on. cert_file, key_file: PEM certificate and key of this
    client, where the server wants one. token: sent with each call. insecure: send the token in plain text beyond
    loopback, too.
    """

    ca_file: str | Path | None
    cert_file: str | Path | None
    key_file: str | Path | None
    token: str | None
    insecure: bool


NO_ACCESS = AccessOptions(ca_file="", cert_file="", key_file="", token="")
"""Plain text without a token, whatever the environment says: for services that this process started itself."""


class Access:
    """How to get in at `target` ("host:port" or "unix:/path")."""

    def __init__(self, target: str, options: AccessOptions) -> None:
        """Raises ConfigError where files can't be read or the token would travel in plain text."""
        self._target = target
        # TLS is for TCP; what the environment says of it is not meant for a socket on this machine.
        env = {} if target.startswith("unix") else os.environ
        self._ca_file = _given(options.get("ca_file"), env.get("SQLENV_CA_FILE"))
        self._cert_file = _given(options.get("cert_file"), env.get("SQLENV_CERT_FILE"))
        self._key_file = _given(options.get("key_file"), env.get("SQLENV_KEY_FILE"))
        self._looked = float("-inf")
        token = options.get("token")
        token = os.environ.get("SQLENV_TOKEN", "") if token is None else token
        if bool(self._cert_file) != bool(self._key_file):
            raise ConfigError("cert_file and key_file go together: give both or neither")
        if self._cert_file and not self._ca_file:
            raise ConfigError("cert_file needs ca_file, the certificates to verify the server with")
        if token and not self._ca_file and not options.get("insecure") and not _is_local(target):
            words = f"refusing to send the token to {target} in plain text: anybody on the way could read it"
            raise ConfigError(f"{words}; pass ca_file for TLS, or insecure=True (--insecure)")
        if not re.fullmatch(r"[\x21-\x7e]*", token):
            raise ConfigError("the token has characters that no token has; was it copied whole, without a line break?")
        self.metadata: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {token}"),) if token else ()
        """To be sent with each call."""

    def __repr__(self) -> str:
        return f"Access({self._target!r}, tls={bool(self._ca_file)}, token={'…' if self.metadata else None})"

    def channel(self, options: Options) -> grpc.Channel:
        """A channel for threads. Raises ConfigError."""
        tls = self._credentials()
        return grpc.secure_channel(self._target, tls, options) if tls else grpc.insecure_channel(self._target, options)

    def aio_channel(self, options: Options) -> grpc.aio.Channel:
        """A channel for asyncio. Raises ConfigError."""
        tls = self._credentials()
        aio = grpc.aio
        return aio.secure_channel(self._target, tls, options) if tls else aio.insecure_channel(self._target, options)

    def explainable(self, error: ServiceError) -> bool:
        """True where `explain` may have something to say; it may block for two seconds."""
        if not isinstance(error, Unavailable) or error.reason != Unavailable.default_reason:
            return False
        return handshake.from_details(error.message) is not None or time.monotonic() - self._looked >= LOOK_EVERY_S

    def explain(self, error: ServiceError) -> ServiceError:
        """HandshakeFailed with the reason in place of an Unavailable that TLS is behind; else the error itself."""
        words = handshake.from_details(error.message) if self._ca_file else None
        if words is None and (place := _place(self._target)):
            self._looked = time.monotonic()
            words = handshake.look(*place, self._ca_file, self._cert_file, self._key_file)
        return HandshakeFailed(f"can't talk to {self._target}: {words}") if words else error

    def _credentials(self) -> grpc.ChannelCredentials | None:
        if not self._ca_file:
            return None
        check_authorities(Path(self._ca_file))
        key = chain = None
        if self._cert_file and self._key_file:
            check_pair(Path(self._cert_file), Path(self._key_file))
            key, chain = read_file(Path(self._key_file)), read_file(Path(self._cert_file))
        return grpc.ssl_channel_credentials(read_file(Path(self._ca_file)), key, chain)


def _given(value: str | Path | None, default: str | None) -> str | Path | None:
    return (default if value is None else value) or None


def _is_local(target: str) -> bool:
    place = _place(target)
    return target.startswith("unix") or (place is not None and is_loopback(place[0]))


def _place(target: str) -> tuple[str, int] | None:
    """Host and port of a target as gRPC takes it; None for a UNIX socket."""
    if target.startswith("unix"):
        return None
    name = re.sub(r"^(dns|ipv4|ipv6):(//[^/]*/)?", "", target)
    found = re.fullmatch(
        r"\[(?P<six>[^\]]+)\](?::(?P<six_port>\d+))?|(?P<host>[^:]*)(?::(?P<port>\d+))?|(?P<bare>.+)", name
    )
    assert found is not None
    host = found["six"] or found["host"] or found["bare"] or ""
    return host, int(found["six_port"] or found["port"] or DEFAULT_PORT)
