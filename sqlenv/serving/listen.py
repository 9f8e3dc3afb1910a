"""Where a server listens, and what it lets a connection do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import grpc

from sqlenv.errors import ConfigError
from sqlenv.serving.certificates import Certificates
from sqlenv.settings import ServerSettings

# Who connects has so long to say what HTTP/2 says first, or to get through TLS.
GREETING_MS = 20_000
PING_TIMEOUT_MS = 20_000


def options(settings: ServerSettings) -> list[tuple[str, int]]:
    """gRPC's options for a server."""
    return [
        ("grpc.so_reuseport", 0),  # a second server on the same port is a mistake, not a replica
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", settings.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_metadata_bytes),
        ("grpc.max_concurrent_streams", settings.max_connection_in_flight),
        # Its guess at demand refuses a call in some thousands where 64 are under way, and 1,024 may be.
        ("grpc.http.overload_protection", 0),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.server_handshake_timeout_ms", GREETING_MS),
        ("grpc.http2.settings_timeout", GREETING_MS),
        # A rollout may think for minutes between two steps: its pings are welcome, with or without a call under way,
        # and ours find out that the other end is gone.
        ("grpc.http2.min_ping_interval_without_data_ms", settings.min_client_ping_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_time_ms", settings.ping_ms),
        ("grpc.keepalive_timeout_ms", PING_TIMEOUT_MS),
        ("grpc.http2.ping_timeout_ms", PING_TIMEOUT_MS),  # for other pings, which hold up ours: a minute by default
        ("grpc.max_connection_idle_ms", settings.connection_idle_ms),
    ]


def listen(server: grpc.aio.Server, settings: ServerSettings) -> str:
    """Adds the server's ports; returns the address that a client connects to. Raises ConfigError."""
    address = ""
    if settings.unix_socket:
        _clear(settings.unix_socket)
        address = f"unix:{settings.unix_socket.absolute()}"
        umask = os.umask(0o177)  # only this user may connect
        try:
            _add(server, address, None)
        finally:
            os.umask(umask)
    if settings.listens_on_tcp:
        host = f"[{settings.host}]" if ":" in settings.host.strip("[]") else settings.host
        credentials = None
        if settings.tls_cert_file and settings.tls_key_file:
            files = (settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
            credentials = Certificates(*files).credentials()
        address = f"{host}:{_add(server, f'{host}:{settings.port}', credentials)}"
    return address


def _add(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials:
            return int(server.add_secure_port(address, credentials))
        return int(server.add_insecure_port(address))
    except RuntimeError as error:
        raise ConfigError(f"can't listen on {address}: the port is taken, or not ours to take") from error


def _clear(path: Path) -> None:
    """Removes the socket that a killed server left; one that somebody answers on is not ours to take."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"can't listen on {path}: {error.strerror or error}") from None
        else:
            raise ConfigError(f"can't listen on {path}: another server answers there")
