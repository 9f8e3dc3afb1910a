"""Is it alive, is it ready, what has it counted: /health, /ready, /metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway import metrics
from gateway.render import to_json
from gateway.state import of

router = APIRouter(tags=["Health"])


class Ready(BaseModel):
    """Whether episodes can be played now; `reason` says why not."""

    status: str
    services: dict[str, str]
    reason: str | None = None


@router.get("/health", summary="Is the gateway alive?")
async def health() -> dict[str, str]:
    """Answers as long as the process does. Whether episodes can be played: /ready."""
    return {"status": "healthy"}


@router.get(
    "/ready",
    summary="Can episodes be played?",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "A service is away; `reason` says which."}},
)
async def ready(http: Request) -> Response:
    """Asks the environment and the reward service by gRPC's health protocol."""
    services = await of(http).environment.health()
    wrong = [f"the {name} service {answer}" for name, answer in services.items() if answer != "SERVING"]
    told: dict[str, Any] = {"status": "not ready" if wrong else "ready", "services": services}
    if wrong:
        told["reason"] = "; ".join(wrong)
    headers = {"retry-after": "1"} if wrong else {}
    return Response(to_json(told), 503 if wrong else 200, headers, "application/json")


@router.get("/metrics", summary="Counters for Prometheus", response_class=Response)
async def counted(http: Request) -> Response:
    """Prometheus' text form."""
    return Response(of(http).metrics.text(), media_type=metrics.CONTENT_TYPE)
