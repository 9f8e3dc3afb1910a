"""What both clients need to open a channel and name a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlenv.errors import ServiceError, Unavailable, from_status
from sqlenv.v1 import environment_pb2, reward_pb2

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A policy may think for minutes between steps: notice a dead connection meanwhile, and don't let proxies drop it.
    # Half a minute in all: within a call's default deadline and well within the default patience, so that what was
    # sent into the void is sent again over another connection.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 8_000),
    ("grpc.http2.ping_timeout_ms", 8_000),  # of gRPC's other pings, a minute by default, which hold up these
    ("grpc.keepalive_permit_without_calls", 1),
    # A connection for each client: a server bounds the calls on one, and idle Play streams of others shouldn't count.
    ("grpc.use_local_subchannel_pool", 1),
    # A server that was restarted should be found again at once, not after a growing back-off.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # in truth the time that an attempt may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


@dataclass(frozen=True, slots=True)
class Method:
    """A unary method: where it is, and how its messages are written and read."""

    path: str
    serialize: Any
    deserialize: Any


def _methods(module: Any, service: str) -> dict[str, Method]:
    described = module.DESCRIPTOR.services_by_name[service]
    return {
        method.name: Method(
            f"/{described.full_name}/{method.name}",
            getattr(module, method.input_type.name).SerializeToString,
            getattr(module, method.output_type.name).FromString,
        )
        for method in described.methods
        if method.name != "Play"
    }


METHODS = {
    **_methods(environment_pb2, "EnvironmentService"),
    **_methods(reward_pb2, "RewardService"),
}

# The RPC's name and the field of PlayRequest and PlayResponse that carries its messages.
PLAY_FIELDS = {
    "Reset": "reset",
    "Step": "step",
    "BatchReset": "batch_reset",
    "BatchStep": "batch_step",
    "GetEpisode": "get_episode",
    "CloseEpisode": "close_episode",
}


def play_outcome(response: environment_pb2.PlayResponse) -> Any:
    """The response that a PlayResponse carries. Raises the ServiceError that it carries instead."""
    kind = response.WhichOneof("response")
    if kind == "status":
        raise from_status(response.status)
    if kind is None:
        raise ServiceError("the server sent a Play response without content")
    return getattr(response, kind)


def broken_stream() -> Unavailable:
    """What the requests of a Play stream that broke get: every one may be sent again."""
    return Unavailable("the stream to the server broke", reason="UNREACHABLE")
