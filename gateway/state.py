"""What the routes share: the parts of one application, found through the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from gateway.config import GatewaySettings
from gateway.dialect import Dialect
from gateway.environment import Environment
from gateway.limits import Rates
from gateway.metrics import Metrics
from gateway.sessions import Sessions


@dataclass(frozen=True)
class Gateway:
    """One application's parts."""

    settings: GatewaySettings
    environment: Environment
    sessions: Sessions
    rates: Rates
    metrics: Metrics
    dialect: Dialect


def of(connection: HTTPConnection) -> Gateway:
    """The parts of the application that serves this request."""
    return cast(Gateway, connection.app.state.gateway)
