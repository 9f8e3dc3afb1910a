"""The environment services that are there: their addresses, looked up again and again, and the clients to each."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time

from gateway.config import GatewaySettings, words
from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.calling.protocol import Retry
from sqlenv.errors import Unavailable

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
AWAY_S = 5.0


class Replica:
    """One environment service, with the streams to it that all sessions share."""

    def __init__(self, target: str, settings: GatewaySettings, patience_s: float) -> None:
        self.target = target
        self._away_until = 0.0
        self.clients = [
            AsyncSqlEnvClient(
                target,
                timeout_s=settings.env_timeout_ms / 1000,
                retry=Retry(patience_s=patience_s, longest_wait_s=0.5),
                stream=True,
                **settings.access(),
            )
            for _ in range(settings.env_streams)
        ]
        self._turns = itertools.cycle(self.clients)

    @property
    def away(self) -> bool:
        """True where it did not answer just now."""
        return time.monotonic() < self._away_until

    def went_away(self) -> None:
        """It did not answer: others are asked first for a while."""
        self._away_until = time.monotonic() + AWAY_S

    def client(self) -> AsyncSqlEnvClient:
        """The next of its clients."""
        return next(self._turns)


class Replicas:
    """All of them. One that is no longer among the addresses gets no new episodes, and keeps those it has."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._current: list[Replica] = []
        self._all: dict[str, Replica] = {}
        self._of: dict[AsyncSqlEnvClient, Replica] = {}
        self._turns = itertools.count()

    @property
    def targets(self) -> list[str]:
        """The addresses as they are now."""
        return [replica.target for replica in self._current]

    async def refresh(self) -> None:
        """Looks the addresses up."""
        targets = await resolve(words(self._settings.env_target))
        for target in targets:
            if target not in self._all:
                # With others to go to, nobody waits long for one.
                patience_s = self._settings.env_patience_ms / 1000 / (2 if len(targets) > 1 else 1)
                replica = self._all[target] = Replica(target, self._settings, patience_s)
                self._of |= dict.fromkeys(replica.clients, replica)
        if self._current and targets != self.targets:
            log.info("environment services: %d, were %d", len(targets), len(self._current))
        self._current = [self._all[target] for target in targets]

    async def watch(self) -> None:
        """Looks the addresses up again and again, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.refresh()

    async def close(self) -> None:
        """Closes all clients."""
        await asyncio.gather(*(client.close() for client in self._of))

    def pick(self) -> AsyncSqlEnvClient:
        """A client for a new episode: of the services that answer, each in its turn."""
        well = [replica for replica in self._current if not replica.away] or self._current
        return well[next(self._turns) % len(well)].client()

    def instead(self, client: AsyncSqlEnvClient, error: Unavailable) -> AsyncSqlEnvClient | None:
        """A client of another service, where the one of `client` is away and another is not."""
        if error.reason not in ("UNREACHABLE", "DRAINING"):
            return None
        replica = self._of[client]
        replica.went_away()
        others = [other for other in self._current if other is not replica and not other.away]
        return others[next(self._turns) % len(others)].client() if others else None


async def resolve(targets: list[str]) -> list[str]:
    """Each target as it is, or, where its host name stands for several addresses (replicas), each of them."""
    found: list[str] = []
    loop = asyncio.get_running_loop()
    for target in targets:
        host, _, port = target.rpartition(":")
        if target.startswith(("unix:", "dns:", "ipv4:", "ipv6:")) or not port.isdigit() or host.startswith("["):
            found.append(target)
            continue
        try:
            addresses = {str(info[4][0]) for info in await loop.getaddrinfo(host, int(port), type=1)}
        except OSError:
            addresses = set()  # not there yet: gRPC asks for the name again with each try
        several = sorted(address for address in addresses if ":" not in address)
        found += [f"{address}:{port}" for address in several] if len(several) > 1 else [target]
    return list(dict.fromkeys(found))
