"""A TCP proxy that fails on demand: it cuts, delays, freezes or holds what passes, and shows what it has seen."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

UP, DOWN = "up", "down"


class Proxy:
    """Forwards "127.0.0.1:port" (`address`) to what `upstream` names for each new connection.

    Its methods may be called from any thread. UP is from client to server, DOWN the other way.
    """

    def __init__(self, upstream: str | Callable[[], str | None]) -> None:
        self._upstream = upstream if callable(upstream) else lambda: upstream
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._gates: dict[str, asyncio.Event] = {}
        self.cuts: Iterator[int] = iter(())
        """Byte offsets, both directions counted together, at which the next connections are cut."""
        self.delay_s = 0.0
        self.seen = {UP: 0, DOWN: 0}
        """Bytes read from each side, those included that are held back."""
        self.connections = self.cut_count = 0
        self.address = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hold(self, *directions: str) -> None:
        """Stops forwarding without closing anything; with both directions a peer that is gone without a word."""
        self._do(self._set(directions or (UP, DOWN), False))

    def release(self) -> None:
        """Forwards again, what was held included."""
        self._do(self._set((UP, DOWN), True))

    def abandon(self) -> None:
        """Forwards nothing more on the connections that are open now, ever, and closes none; new ones work."""
        self._do(self._abandon())

    def drop(self) -> None:
        """Cuts every connection at once; what was held is lost."""
        self._do(self._drop())

    def wait_for(self, direction: str, more_than: int, timeout_s: float = 20.0) -> None:
        """Waits until more than so many bytes came from one side."""
        deadline = time.monotonic() + timeout_s
        while self.seen[direction] <= more_than:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no more than {self.seen[direction]} bytes {direction}")
            time.sleep(0.002)

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _start(self) -> None:
        for direction in (UP, DOWN):
            self._gates[direction] = asyncio.Event()
            self._gates[direction].set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._drop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _set(self, directions: tuple[str, ...], is_open: bool) -> None:
        for direction in directions:
            gate = self._gates[direction]
            gate.set() if is_open else gate.clear()

    async def _abandon(self) -> None:
        for link in self._links:
            link.alive.clear()

    async def _drop(self) -> None:
        for link in list(self._links):
            link.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        target = self._upstream()
        link = _Link(writer, next(self.cuts, None))
        self._links.add(link)
        try:
            if target is None:
                return
            host, port = target.rsplit(":", 1)
            up_reader, link.up = await asyncio.open_connection(host, int(port))
            pumps = [
                asyncio.ensure_future(self._pump(link, reader, link.up, UP)),
                asyncio.ensure_future(self._pump(link, up_reader, writer, DOWN)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # nobody there, or the proxy ends: the client sees its connection end
        finally:
            link.cut()
            self._links.discard(link)

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> None:
        # Read on while forwarding is held up, so that `seen` tells what has been sent.
        passing: asyncio.Queue[bytes] = asyncio.Queue(64)

        async def read() -> None:
            with suppress(OSError):
                while data := await reader.read(65_536):
                    self.seen[direction] += len(data)
                    await passing.put(data)
            await passing.put(b"")

        reading = asyncio.ensure_future(read())
        try:
            await self._forward(link, passing, writer, direction)
        finally:
            reading.cancel()

    async def _forward(
        self, link: _Link, passing: asyncio.Queue[bytes], writer: asyncio.StreamWriter, direction: str
    ) -> None:
        with suppress(OSError):
            while data := await passing.get():
                await link.alive.wait()
                await self._gates[direction].wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                link.passed += len(data)
                over = link.passed - link.cut_at if link.cut_at is not None else -1
                writer.write(data[: len(data) - over] if over > 0 else data)
                await writer.drain()
                if over >= 0:
                    self.cut_count += 1
                    return


class _Link:
    """One connection and the one it is forwarded to."""

    def __init__(self, down: asyncio.StreamWriter, cut_at: int | None) -> None:
        self.down = down
        self.up: asyncio.StreamWriter | None = None
        self.cut_at = cut_at
        self.passed = 0
        self.alive = asyncio.Event()
        self.alive.set()

    def cut(self) -> None:
        for writer in (self.down, self.up):
            if writer is not None:
                writer.transport.abort()
