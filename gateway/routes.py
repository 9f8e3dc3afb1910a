"""OpenEnv's HTTP routes: episodes that persist by `episode_id`, what the environment is, and its schemas."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from gateway.about import metadata
from gateway.errors import GatewayError
from gateway.limits import client_of
from gateway.models import (
    ErrorResponse,
    Id,
    ResetRequest,
    SessionResponse,
    SQLAction,
    SQLObservation,
    SQLState,
    StepRequest,
)
from gateway.render import action_message, to_json
from gateway.state import Gateway, of

JSON = "application/json"

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The body is not JSON."},
    404: {"model": ErrorResponse, "description": "No such session or episode."},
    408: {"model": ErrorResponse, "description": "The body came too slowly."},
    409: {"model": ErrorResponse, "description": "The episode is over, or the request_id was used for something else."},
    413: {"model": ErrorResponse, "description": "Too large."},
    421: {"model": ErrorResponse, "description": "Not a host name of this server."},
    422: {"model": ErrorResponse, "description": "Fields that can't be used, each by its name."},
    429: {"model": ErrorResponse, "description": "Too many requests or sessions of this client; see Retry-After."},
    500: {"model": ErrorResponse, "description": "A fault of ours; the server's log has it."},
    503: {"model": ErrorResponse, "description": "At capacity, or a service is away; see Retry-After."},
    504: {"model": ErrorResponse, "description": "Nothing came within timeout_s."},
}

router = APIRouter(responses=ERRORS)


def answered(payload: dict[str, Any], request_id: str | None = None) -> Response:
    """A payload as a response, with the request's id where it had one."""
    if request_id is not None:
        payload = {**payload, "request_id": request_id}
    return Response(to_json(payload), media_type=JSON)


def named(error: GatewayError, request_id: str | None) -> GatewayError:
    """The error with the request's id."""
    if request_id is not None:
        error.extra = {**error.extra, "request_id": request_id}
    return error


@router.post("/reset", response_model=SessionResponse, tags=["Environment Control"], summary="Start an episode")
async def reset(http: Request, request: Annotated[ResetRequest, Body(default_factory=ResetRequest)]) -> Response:
    """Starts an episode and gives its first observation. `metadata.episode_id` names it for /step and /state.

    With an `episode_id` that is being played the episode starts anew. Who knows the id can play the episode: leave it
    out to get one that nobody guesses.
    """
    gateway: Gateway = of(http)
    try:
        with gateway.metrics.operation("http", "reset"):
            session = gateway.sessions.known_episode(request.episode_id)
            fresh = session is None
            if session is None:
                session = await gateway.sessions.open("http", client_of(http.scope), timeout_s=request.timeout_s)
            try:
                return answered(await gateway.sessions.reset(session, request), request.request_id)
            except Exception:
                if fresh:
                    gateway.sessions.end(session)
                raise
    except GatewayError as error:
        raise named(error, request.request_id) from None


@router.post("/step", response_model=SessionResponse, tags=["Environment Control"], summary="Take a step")
async def step(http: Request, request: StepRequest) -> Response:
    """Takes one step of the episode. Send the same `request_id` again after a lost response: the step is taken once."""
    gateway: Gateway = of(http)
    try:
        with gateway.metrics.operation("http", "step"):
            session = gateway.sessions.by_episode(request.episode_id)
            action = action_message(request.action)
            payload = await gateway.sessions.step(session, action, request.request_id, request.timeout_s)
            return answered(payload, request.request_id)
    except GatewayError as error:
        raise named(error, request.request_id) from None


@router.get("/state", response_model=SQLState, tags=["State Management"], summary="Where an episode stands")
async def state(http: Request, episode_id: Annotated[Id | None, Query(min_length=1)] = None) -> Response:
    """The state of the episode that `episode_id` names. Without one: the state of a session that has no episode."""
    gateway: Gateway = of(http)
    if episode_id is None:
        return answered({"episode_id": None, "step_count": 0})
    return answered(gateway.sessions.by_episode(episode_id).state())


@router.post("/close", status_code=204, response_class=Response, tags=["Environment Control"], summary="End an episode")
async def close(http: Request, episode_id: Annotated[Id, Body(embed=True, min_length=1)]) -> Response:
    """Ends an episode and frees its session. Ending what is not there succeeds."""
    gateway: Gateway = of(http)
    session = gateway.sessions.known_episode(episode_id)
    if session is not None:
        gateway.sessions.end(session)
    return Response(status_code=204)


@router.get("/metadata", tags=["Environment Info"], summary="What this environment is")
async def about(http: Request) -> dict[str, str | None]:
    """Name, description, version, and how to play."""
    return metadata()


@router.get("/schema", tags=["Schema"], summary="JSON schemas of action, observation and state")
async def schema() -> dict[str, Any]:
    """The schemas of `SQLAction`, `SQLObservation` and `SQLState`."""
    return {
        "action": SQLAction.model_json_schema(),
        "observation": SQLObservation.model_json_schema(),
        "state": SQLState.model_json_schema(),
    }
