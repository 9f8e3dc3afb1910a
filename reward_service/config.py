"""Settings of the reward service: SQLENV_REWARD_* in the environment."""

from __future__ import annotations

import dataclasses

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sqlenv.sandbox import Limits
from sqlenv.settings import ServerSettings


class RewardSettings(ServerSettings):
    """Every setting of the reward service."""

    model_config = SettingsConfigDict(
        env_prefix="SQLENV_REWARD_", env_file=".env", extra="ignore", env_ignore_empty=True
    )

    port: int = Field(50052, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    score_rows: int = Field(20_000, ge=1, description="Rows of a candidate's result that are compared at most.")
    score_bytes: int = Field(8 * 2**20, ge=2**16, description="Bytes of a candidate's result that are kept at most.")
    score_cache_entries: int = Field(16_384, ge=0, description="Verdicts and progress levels that are kept.")
    instance_cache_entries: int = Field(1_024, ge=1, description="Instances of the suite that are kept open in memory.")
    max_batch: int = Field(4_096, ge=1, description="Requests in one batch call at most.")

    def limits(self) -> Limits:
        """The sandbox's limits for candidates: a whole result is compared, not the first rows that an agent sees."""
        return dataclasses.replace(
            super().limits(),
            result_rows=self.score_rows,
            result_bytes=self.score_bytes,
            counted_rows=self.score_rows + 1,
        )
