"""Certificates of a server, read again for each new connection when their files have changed.

So a certificate is renewed by replacing its files: connections that stand go on, new ones get the new certificate.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Sequence
from pathlib import Path

import grpc

from sqlenv.errors import ConfigError

log = logging.getLogger(__name__)


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def check_pair(cert_file: Path, key_file: Path) -> None:
    """Raises ConfigError where certificate and key can't be read or don't belong together.

    gRPC itself would only find out when the first client comes.
    """
    read_file(cert_file)
    read_file(key_file)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert_file, key_file, password="")
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or "not PEM, or encrypted"
        words = f"{cert_file} and {key_file} are no certificate with its key"
        raise ConfigError(f"{words} ({str(why).lower().replace('_', ' ')})") from None


def check_authorities(path: Path) -> None:
    """Raises ConfigError where the file holds no certificates."""
    read_file(path)
    try:
        ssl.create_default_context().load_verify_locations(path)
    except ssl.SSLError:
        raise ConfigError(f"{path} holds no certificates in PEM form") from None


class Certificates:
    """The files of a server: certificate chain, key, and with mutual TLS the authorities of its clients."""

    def __init__(self, cert_file: Path, key_file: Path, client_ca_file: Path | None) -> None:
        """Raises ConfigError where they can't be used."""
        self._files = [path for path in (cert_file, key_file, client_ca_file) if path]
        self._cert_file, self._key_file, self._client_ca_file = cert_file, key_file, client_ca_file
        self._stamps = stamps(self._files)
        self._configuration = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials for a port; with authorities of clients, who shows no certificate of theirs is refused."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration, self._current, require_client_authentication=self._client_ca_file is not None
        )

    def _current(self) -> grpc.ServerCertificateConfiguration:
        # Called by a thread of gRPC's for each connection. What it raised would be lost, and the connection with it.
        now = stamps(self._files)
        if now != self._stamps:
            try:
                self._configuration = self._read()
                log.info("read the certificate again")
            except ConfigError as error:
                log.error("the certificate stays as it was: %s", error)
            self._stamps = now
        return self._configuration

    def _read(self) -> grpc.ServerCertificateConfiguration:
        check_pair(self._cert_file, self._key_file)
        if self._client_ca_file:
            check_authorities(self._client_ca_file)
        authorities = read_file(self._client_ca_file) if self._client_ca_file else None
        pair = (read_file(self._key_file), read_file(self._cert_file))
        return grpc.ssl_server_certificate_configuration([pair], authorities)


def stamps(files: Sequence[Path]) -> list[tuple[int, int, int] | None]:
    """For each file what differs once it was written or replaced; None where there is none."""
    found: list[tuple[int, int, int] | None] = []
    for path in files:
        try:
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append(None)
    return found
