"""How the environment service gets in at the reward service, and what its log says where it doesn't."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import grpc

from env_service.config import EnvSettings
from sqlenv.calling.access import NO_ACCESS, Access, AccessOptions
from sqlenv.errors import HandshakeFailed, ServiceError, Unauthenticated, Unavailable
from sqlenv.serving.certificates import stamps

log = logging.getLogger(__name__)

LOG_EVERY_S = 30.0
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A reward service that restarts should be found again at once, not after a growing back-off.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),  # else a channel opened anew shares the old one's connection
]


def reward_access(settings: EnvSettings) -> AccessOptions:
    """What the settings say of TLS and token. Nothing is taken from the variables that are for clients."""
    return AccessOptions(
        ca_file=settings.reward_ca_file or "",
        cert_file=settings.reward_cert_file or "",
        key_file=settings.reward_key_file or "",
        token=settings.reward_token.get_secret_value() if settings.reward_token else "",
        insecure=settings.insecure,
    )


class RewardAccess:
    """Opens channels to the reward service, with the certificates as they are now."""

    def __init__(self, target: str, options: AccessOptions | None = None) -> None:
        """Raises ConfigError where files can't be read, or the token would travel in plain text."""
        options = NO_ACCESS if options is None else options
        self._access = Access(target, options)
        names = (options.get("ca_file"), options.get("cert_file"), options.get("key_file"))
        self._files = [Path(name) for name in names if name]
        self._stamps = stamps(self._files)
        self._logged = float("-inf")
        self.metadata = self._access.metadata

    def channel(self) -> grpc.aio.Channel:
        """A new channel. Raises ConfigError."""
        self._stamps = stamps(self._files)
        return self._access.aio_channel(OPTIONS)

    def renewed(self, error: ServiceError) -> bool:
        """True where a call could not be made and the certificates have changed since the channel was opened."""
        return isinstance(error, Unavailable) and bool(self._files) and stamps(self._files) != self._stamps

    async def report(self, error: ServiceError) -> None:
        """Says in the log why we aren't let in, if that is it; now and then, not for each call."""
        if time.monotonic() - self._logged < LOG_EVERY_S:
            return
        if self._access.explainable(error):
            error = await asyncio.to_thread(self._access.explain, error)
        if isinstance(error, (HandshakeFailed, Unauthenticated)):
            self._logged = time.monotonic()
            log.error("the reward service doesn't let us in: %s", error.message)
