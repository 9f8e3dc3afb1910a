"""SQLEnv: an RL environment over gRPC in which agents answer questions about databases by exploring them.

from sqlenv import SqlEnvClient
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlenv.aio import AsyncSqlEnvClient
    from sqlenv.calling.protocol import Retry, StepResult
    from sqlenv.client import Episode, RewardClient, SqlEnvClient

__all__ = ["AsyncSqlEnvClient", "Episode", "Retry", "RewardClient", "SqlEnvClient", "StepResult", "__version__"]

__version__ = "0.1.0"

# Imported when first asked for: a process that only runs SQL has no use for gRPC.
_HOMES = {
    "AsyncSqlEnvClient": "sqlenv.aio",
    "Episode": "sqlenv.client",
    "RewardClient": "sqlenv.client",
    "Retry": "sqlenv.calling.protocol",
    "SqlEnvClient": "sqlenv.client",
    "StepResult": "sqlenv.calling.protocol",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sqlenv' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
