"""What an action gives, in every form that a response needs, kept for the next agent that does the same.

The same action on the same database gives the same result, and the rollouts of a group do mostly the same: so what was
queried, converted and rendered once is kept, the least recently used dropped first.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from cachetools import LRUCache

from env_service.explore import Explorer
from env_service.metrics import EnvMetrics
from env_service.render import render_outcome
from sqlenv.actions import Action, AnswerSql, AnswerValue, Query, Sample
from sqlenv.convert import failure_to_proto, result_to_proto
from sqlenv.telemetry.service import Telemetry
from sqlenv.types import ErrorKind, Result
from sqlenv.v1 import types_pb2

# Whether these are met can depend on the machine, so they are tried again.
_NOT_KEPT = frozenset({ErrorKind.TIMEOUT, ErrorKind.OUT_OF_MEMORY})

# What longer actions give is not kept.
KEPT_ACTION_CHARS = 4_000

# Messages and text as Python objects take a few times their bytes on the wire.
_OVERHEAD = 4


@dataclass(frozen=True, slots=True)
class Look:
    """What an action gave: one of `result` and `error`, or neither for an answer."""

    result: types_pb2.Result | None = None
    error: types_pb2.ActionError | None = None
    text: str = ""
    vm_steps: int = 0


class Looks:
    """Looks at databases, and remembers up to `cache_bytes` of what was seen."""

    def __init__(self, explorer: Explorer, cache_bytes: int, metrics: EnvMetrics | None = None) -> None:
        self._explorer = explorer
        self._metrics = metrics or EnvMetrics(Telemetry("environment"))
        self._kept: LRUCache[tuple[str, Action, int], Look] = LRUCache(cache_bytes, _size)

    async def look(self, db_id: str, action: Action, seed: int) -> Look:
        """What `action` gives in an episode with this seed."""
        if isinstance(action, (AnswerValue, AnswerSql)):
            return Look()
        key = (db_id, action, seed if isinstance(action, Sample) else 0)
        known = self._kept.get(key)
        if known is not None:
            self._metrics.cache_hit.inc()
            return known
        self._metrics.cache_miss.inc()
        tracing = self._metrics.tracing
        with tracing.span("query") as span:
            look, keep = await self._make(db_id, action, seed)
            if span is not None:
                span.set_attributes({"db.system.name": "sqlite", "db.namespace": db_id})
                span.set_attributes({"sqlenv.outcome": _outcome(look), "sqlenv.vm_steps": look.vm_steps})
                if tracing.sql and isinstance(action, Query):
                    span.set_attribute("db.query.text", action.sql)
        if keep and _length(action) <= KEPT_ACTION_CHARS and _size(look) <= self._kept.maxsize:
            self._kept[key] = look
        return look

    async def _make(self, db_id: str, action: Action, seed: int) -> tuple[Look, bool]:
        seen = await self._explorer.act(db_id, action, seed)
        value = seen.outcome.value
        text = render_outcome(value, seen.heading)
        if isinstance(value, Result):
            return Look(result_to_proto(value), None, text, seen.outcome.vm_steps), True
        return Look(None, failure_to_proto(value), text, seen.outcome.vm_steps), value.kind not in _NOT_KEPT


def _outcome(look: Look) -> str:
    return "result" if look.error is None else ErrorKind(look.error.kind).name.lower()


def _length(action: Action) -> int:
    return sum(len(str(part)) for part in astuple(action))


def _size(look: Look) -> int:
    size = look.result.ByteSize() if look.result is not None else 200
    return _OVERHEAD * (size + len(look.text)) + 500
