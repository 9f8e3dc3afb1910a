"""Batch calls: each item handled at once with the others, and failing alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from sqlenv.errors import to_status
from sqlenv.serving.fairness import Turn
from sqlenv.serving.interceptor import service_error

Request = TypeVar("Request")
Item = TypeVar("Item")


async def each(
    requests: Iterable[Request], handle: Callable[[Request], Awaitable[Any]], item: Callable[..., Item], method: str
) -> list[Item]:
    """For each request, in order, `item(response=…)` or `item(status=…)`."""

    async def one(request: Request) -> Item:
        try:
            async with Turn():
                return item(response=await handle(request))
        except Exception as error:
            return item(status=to_status(service_error(error, method)))

    return await asyncio.gather(*map(one, requests))
