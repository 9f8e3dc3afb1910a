"""SQLEnv: an RL environment over gRPC in which agents answer questions about databases by exploring them.

from sqlenv import SqlEnvClient
"""

from sqlenv.aio import AsyncSqlEnvClient
from sqlenv.client import Episode, RewardClient, SqlEnvClient
from sqlenv.protocol import Retry, StepResult

__all__ = ["AsyncSqlEnvClient", "Episode", "Retry", "RewardClient", "SqlEnvClient", "StepResult", "__version__"]

__version__ = "0.1.0"
