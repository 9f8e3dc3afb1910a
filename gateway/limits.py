"""How much one client may ask for: requests and messages a second, told apart by address."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from cachetools import LRUCache

MAX_CLIENTS = 65_536


def client_of(scope: object) -> str:
    """The client of an ASGI scope: its address, or its /64 where it has a whole network of IPv6 addresses."""
    client = scope.get("client") if isinstance(scope, dict) else None
    host = str(client[0]) if client else "local"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if address.version == 4:
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


class Rates:
    """A token bucket for each client: `per_s` requests a second, twice as many at once. 0 sets no limit."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        # When each client's bucket was last full, had it been used up at a constant rate.
        self._full_at: LRUCache[str, float] = LRUCache(MAX_CLIENTS)

    def wait_s(self, client: str, refuse_over_s: float | None = None) -> float:
        """Takes one token. Returns how long to wait before going on; where that is longer than `refuse_over_s`
        nothing is taken."""
        if not self._per_s:
            return 0.0
        now = self._clock()
        full_at = max(now, self._full_at.get(client, now)) + 1 / self._per_s
        wait = max(0.0, round(full_at - now - 2.0, 6))
        if refuse_over_s is None or wait <= refuse_over_s:
            self._full_at[client] = full_at
        return wait
