"""Settings that every service has; its own are in its `config.py`. All come from the environment or a .env file."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings

from sqlenv.errors import ConfigError
from sqlenv.sandbox import Limits
from sqlenv.tasks import BUNDLED


class ServerSettings(BaseSettings):
    """What a gRPC server of ours can be told."""

    dataset_dir: Path = Field(BUNDLED, description="Folder of the data set; the bundled one by default.")
    host: str = Field("127.0.0.1", description="Address to listen on. Beyond loopback TLS or `insecure` is needed.")
    port: int = Field(0, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    unix_socket: Path | None = Field(
        None, description="Listen on this UNIX socket instead of TCP; only this user can connect to it."
    )
    tcp_too: bool = Field(False, description="With a UNIX socket: listen on host and port as well.")
    tls_cert_file: Path | None = Field(
        None, description="PEM certificate chain; turns TLS on. Read again when it changes."
    )
    tls_key_file: Path | None = Field(None, description="PEM private key of the certificate.")
    tls_client_ca_file: Path | None = Field(None, description="PEM bundle: clients must show a certificate of these.")
    tokens_file: Path | None = Field(
        None, description="Tokens that let in, as `sqlenv token new` writes them. Read again when it changes."
    )
    token: SecretStr | None = Field(None, description="One more token that lets in.")
    insecure: bool = Field(False, description="Allow plain text beyond loopback.")
    max_message_bytes: int = Field(16 * 2**20, ge=2**16, description="Largest message received or sent.")
    max_metadata_bytes: int = Field(16 * 2**10, ge=2**10, description="Largest headers of a call.")
    max_connections: int = Field(4_096, ge=1, description="Connections that may be open at once.")
    max_connection_in_flight: int = Field(
        100, ge=1, description="Calls and streams under way on one connection; a client keeps others back till then."
    )
    max_in_flight: int = Field(8_192, ge=1, description="Calls and streams under way, or waiting, of all callers.")
    max_peer_in_flight: int = Field(2_048, ge=1, description="The same of one caller.")
    alone_in_flight: int = Field(512, ge=1, description="Steps worked on at once while there is one caller.")
    shared_in_flight: int = Field(32, ge=1, description="The same when callers share: each gets an equal part.")
    ping_ms: int = Field(60_000, ge=10, description="An idle connection is pinged so often, to see if it still stands.")
    min_client_ping_ms: int = Field(10_000, ge=10, description="Clients that ping more often are disconnected.")
    connection_idle_ms: int = Field(3_600_000, ge=10, description="A connection without calls is closed after this.")
    drain_ms: int = Field(5_000, ge=0, description="After SIGTERM, how long running episodes may go on.")
    query_processes: int = Field(
        2, ge=1, le=64, description="Processes for queries that prove long; started when needed."
    )
    query_vm_steps: int = Field(10_000_000, ge=1_000, description="SQLite VM steps that one query may take.")
    query_inline_vm_steps: int = Field(10_000, ge=1_000, description="VM steps tried on the event loop itself first.")
    query_wall_ms: int = Field(1_300, ge=10, description="Wall-clock backstop of one query.")
    query_sql_bytes: int = Field(64 * 1024, ge=1_000, description="Longest SQL text.")
    query_value_bytes: int = Field(100_000, ge=1_000, description="Longest text or blob, stored or computed.")
    query_memory_bytes: int = Field(64 * 2**20, ge=2**20, description="Memory that SQLite may hold for one query.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people, or one JSON object a line.")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="TCP port of the metrics for Prometheus, 0 for a free one; not set, no metrics.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address to serve metrics on; the same rule as for `host`.")
    otel_endpoint: str = Field("", description="http(s)://host:port that traces are sent to, by OTLP over gRPC.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        cert, key, authorities = (self._variable(f"tls_{name}_file") for name in ("cert", "key", "client_ca"))
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ConfigError(f"{cert} and {key} go together: set both or neither")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ConfigError(f"{authorities} needs {cert} and {key}")
        if self.tcp_too and not self.unix_socket:
            raise ConfigError(f"{self._variable('tcp_too')} needs {self._variable('unix_socket')}")
        if self.tls_cert_file and not self.listens_on_tcp:
            words = f"{cert} is for TCP: leave it out with {self._variable('unix_socket')}"
            raise ConfigError(f"{words}, or set {self._variable('tcp_too')}=true")
        if self.listens_on_tcp and not (self.tls_cert_file or self.insecure or is_loopback(self.host)):
            words = f"refusing to listen on {self.host} in plain text"
            raise ConfigError(f"{words}: set {cert} and {key}, or {self._variable('insecure')}=true")
        if self.metrics_port is not None and not (
            self.tls_cert_file or self.insecure or is_loopback(self.metrics_host)
        ):
            words = f"refusing to serve metrics on {self.metrics_host} in plain text"
            raise ConfigError(f"{words}: set {cert} and {key}, or {self._variable('insecure')}=true")
        return self

    @property
    def listens_on_tcp(self) -> bool:
        """False where a UNIX socket is all there is."""
        return not self.unix_socket or self.tcp_too

    def _variable(self, setting: str) -> str:
        return f"{self.model_config.get('env_prefix', '')}{setting}".upper()

    def limits(self) -> Limits:
        """The sandbox's limits that these settings ask for."""
        return Limits(
            vm_steps=self.query_vm_steps,
            wall_ms=self.query_wall_ms,
            sql_bytes=self.query_sql_bytes,
            value_bytes=self.query_value_bytes,
            memory_bytes=self.query_memory_bytes,
        )


Settings = TypeVar("Settings", bound=BaseSettings)


def read_settings(kind: type[Settings], **given: Any) -> Settings:
    """Reads the settings from the environment; what is given wins. Raises ConfigError that names what is at fault."""
    try:
        return kind(**given)
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        names = [str(fault["loc"][0]).upper().removeprefix(prefix) for fault in error.errors()]
        faults = (f"{prefix}{name}: {fault['msg']}" for name, fault in zip(names, error.errors(), strict=True))
        raise ConfigError("; ".join(faults)) from None


def is_loopback(host: str) -> bool:
    """True for an address or name that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
