"""Settings of the gateway: SQLENV_GATEWAY_* in the environment, and PORT, which hosting platforms set."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from sqlenv.calling.access import AccessOptions
from sqlenv.settings import is_loopback

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]", "::1")


class GatewaySettings(BaseSettings):
    """Every setting of the gateway."""

    model_config = SettingsConfigDict(
        env_prefix="SQLENV_GATEWAY_", env_file=".env", extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("SQLENV_GATEWAY_PORT", "PORT"),
        description="TCP port; 0 takes a free one. PORT, which hosting platforms set, is read where this is not set.",
    )
    env_target: str = Field(
        "127.0.0.1:50051",
        description="Addresses of environment services, separated by commas: host:port or unix:/path. A host name that "
        "stands for several addresses counts as so many.",
    )
    reward_target: str = Field(
        "127.0.0.1:50052",
        description="Address of the reward service, asked for its health alone; `none` if unknown.",
    )
    env_ca_file: Path | None = Field(None, description="PEM bundle to verify the services with; turns TLS on.")
    env_cert_file: Path | None = Field(None, description="PEM certificate to show to the services.")
    env_key_file: Path | None = Field(None, description="PEM private key of that certificate.")
    env_token: SecretStr | None = Field(None, description="Token to show to the environment service.")
    env_insecure: bool = Field(False, description="Send the token in plain text beyond loopback, too.")
    env_streams: int = Field(4, ge=1, le=64, description="Play streams that the sessions share, to each target.")
    env_timeout_ms: int = Field(30_000, ge=10, description="Deadline of one call to the environment service.")
    env_patience_ms: int = Field(
        5_000, ge=0, description="How long a call is tried again while the environment service is away."
    )
    ready_timeout_ms: int = Field(2_000, ge=10, description="Deadline of each question that /ready asks.")
    max_sessions: int = Field(4_096, ge=1, description="Sessions at once, of all kinds.")
    client_sessions: int = Field(2_048, ge=1, description="Sessions at once of one client address.")
    queue_sessions: int = Field(256, ge=0, description="Requests for a session that may wait for one at capacity.")
    queue_wait_ms: int = Field(5_000, ge=0, description="How long one of them waits before it is refused.")
    session_idle_ms: int = Field(
        1_800_000, ge=100, description="A session without a socket ends after this much silence."
    )
    resume_ms: int = Field(
        120_000, ge=0, description="How long the session of a dropped socket can be resumed, if nobody needs its place."
    )
    ws_ping_ms: int = Field(20_000, ge=10, description="A WebSocket is pinged this often, so that proxies keep it.")
    ws_pong_ms: int = Field(
        600_000, ge=10, description="A pong may take this long: a client that thinks on its event loop answers late."
    )
    dead_peer_ms: int = Field(
        10_000, ge=1_000, description="A connection whose peer's kernel is silent this long is dead (TCP keep-alive)."
    )
    max_message_bytes: int = Field(2**20, ge=2**10, description="Largest request body or WebSocket message.")
    header_timeout_ms: int = Field(10_000, ge=10, description="A connection must send its request's headers in this.")
    body_timeout_ms: int = Field(30_000, ge=10, description="A request must send its body in this.")
    max_connections: int = Field(16_384, ge=1, description="Connections at once; lowered to what the process may open.")
    client_connections: int = Field(4_096, ge=1, description="Connections at once of one client address.")
    client_requests_per_s: int = Field(
        0,
        ge=0,
        description="Requests and messages a second of one client address; messages over it wait. 0: no limit.",
    )
    trusted_proxies: str = Field(
        "", description="Addresses of proxies whose X-Forwarded-For is believed, separated by commas; * for any."
    )
    allowed_hosts: str = Field(
        "", description="Host names that are answered, separated by commas. On loopback its own names, else any."
    )
    allowed_origins: str = Field(
        "", description="Origins of other sites whose pages may connect, separated by commas; * for any."
    )
    frame_ancestors: str = Field(
        "'self'", description="Sites that may show the page in a frame, as in Content-Security-Policy."
    )
    drain_ms: int = Field(5_000, ge=0, description="After SIGTERM, how long running requests may go on.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    def access(self) -> AccessOptions:
        """How the gateway gets in at the services."""
        return AccessOptions(
            ca_file=self.env_ca_file or "",
            cert_file=self.env_cert_file or "",
            key_file=self.env_key_file or "",
            token=self.env_token.get_secret_value() if self.env_token else "",
            insecure=self.env_insecure,
        )

    def hosts(self) -> list[str]:
        """Host names that are answered; `*` stands for any."""
        given = words(self.allowed_hosts)
        return given or (list(LOOPBACK_HOSTS) if is_loopback(self.host) else ["*"])

    def origins(self) -> list[str]:
        """Origins of other sites that may connect."""
        return [origin.rstrip("/") for origin in words(self.allowed_origins)]


def words(text: str) -> list[str]:
    """The parts of a setting that is a list."""
    return [part.strip() for part in text.split(",") if part.strip()]
