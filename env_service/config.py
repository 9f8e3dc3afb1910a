"""Settings of the environment service: SQLENV_ENV_* in the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sqlenv.settings import ServerSettings


class EnvSettings(ServerSettings):
    """Every setting of the environment service."""

    model_config = SettingsConfigDict(env_prefix="SQLENV_ENV_", env_file=".env", extra="ignore", env_ignore_empty=True)

    port: int = Field(50051, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    reward_target: str = Field("127.0.0.1:50052", description="Address of the reward service: host:port or unix:/path.")
    reward_ca_file: Path | None = Field(
        None, description="PEM bundle to verify the reward service with; empty is plain text."
    )
    reward_cert_file: Path | None = Field(None, description="PEM certificate to show to the reward service.")
    reward_key_file: Path | None = Field(None, description="PEM private key of that certificate.")
    reward_token: SecretStr | None = Field(None, description="Token to show to the reward service.")
    reward_timeout_ms: int = Field(5_000, ge=10, description="Deadline of one scoring call.")
    reward_batch_steps: int = Field(256, ge=1, le=4_096, description="Steps scored in one call at most.")
    max_steps: int = Field(15, ge=1, le=1_000, description="Step budget of an episode, the answer included.")
    max_sessions: int = Field(16_384, ge=1, description="Episodes that may be open at once.")
    max_peer_sessions: int | None = Field(None, ge=1, description="The same of one caller; not set, the same number.")
    session_ttl_ms: int = Field(1_800_000, ge=100, description="An episode that nothing touches expires after this.")
    finished_ttl_ms: int = Field(120_000, ge=100, description="The same for an episode that has ended.")
    result_cache_bytes: int = Field(
        64 * 2**20, ge=0, description="Memory for results that are kept for the next agent."
    )
    max_batch: int = Field(1_024, ge=1, description="Requests in one BatchReset or BatchStep at most.")
    max_stream_in_flight: int = Field(64, ge=1, description="Requests of one Play stream that run at once.")
