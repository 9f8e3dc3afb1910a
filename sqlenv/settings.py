"""Settings that every service has; its own are in its `config.py`. All come from the environment or a .env file."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings

from sqlenv.errors import ConfigError
from sqlenv.sandbox import Limits
from sqlenv.tasks import BUNDLED


class ServerSettings(BaseSettings):
    """What a gRPC server of ours can be told."""

    dataset_dir: Path = Field(BUNDLED, description="Folder of the data set; the bundled one by default.")
    host: str = Field("127.0.0.1", description="Address to listen on. Beyond loopback TLS or `insecure` is needed.")
    port: int = Field(0, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    unix_socket: Path | None = Field(None, description="Listen on this UNIX socket instead of TCP.")
    tls_cert_file: Path | None = Field(None, description="PEM certificate chain; turns TLS on.")
    tls_key_file: Path | None = Field(None, description="PEM private key of the certificate.")
    tls_client_ca_file: Path | None = Field(None, description="PEM bundle: clients must show a certificate of these.")
    insecure: bool = Field(False, description="Allow plain text beyond loopback.")
    max_message_bytes: int = Field(16 * 2**20, ge=2**16, description="Largest message received or sent.")
    drain_ms: int = Field(5_000, ge=0, description="After SIGTERM, how long running episodes may go on.")
    query_threads: int = Field(2, ge=1, le=64, description="Threads for queries that prove long.")
    query_vm_steps: int = Field(10_000_000, ge=1_000, description="SQLite VM steps that one query may take.")
    query_inline_vm_steps: int = Field(10_000, ge=1_000, description="VM steps tried on the event loop itself first.")
    query_wall_ms: int = Field(2_000, ge=10, description="Wall-clock backstop of one query.")
    query_sql_bytes: int = Field(64 * 1024, ge=1_000, description="Longest SQL text.")
    query_value_bytes: int = Field(100_000, ge=1_000, description="Longest text or blob, stored or computed.")
    query_memory_bytes: int = Field(256 * 2**20, ge=2**20, description="Memory that one query may add to the process.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        cert, key, authorities = (self._variable(f"tls_{name}_file") for name in ("cert", "key", "client_ca"))
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ConfigError(f"{cert} and {key} go together: set both or neither")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ConfigError(f"{authorities} needs {cert} and {key}")
        if not (self.unix_socket or self.tls_cert_file or self.insecure or _is_loopback(self.host)):
            words = f"refusing to listen on {self.host} in plain text"
            raise ConfigError(f"{words}: set {cert} and {key}, or {self._variable('insecure')}=true")
        return self

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


Settings = TypeVar("Settings", bound=ServerSettings)


def read_settings(kind: type[Settings]) -> Settings:
    """Reads the settings from the environment. Raises ConfigError that names each variable at fault."""
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        faults = (f"{prefix}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        raise ConfigError("; ".join(faults)) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
