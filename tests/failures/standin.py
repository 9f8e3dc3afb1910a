"""A reward service that is none: a real gRPC server that answers every method with whatever it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

Answer = Callable[[str, bytes, Any], bytes]
"""From the method's name, the request's bytes and the context to the response's bytes."""


class _Everything(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def service(self, details: Any) -> Any:
        method = details.method.rsplit("/", 1)[1]
        return grpc.unary_unary_rpc_method_handler(lambda data, context: self._answer(method, data, context))


@contextmanager
def standin(answer: Answer) -> Iterator[str]:
    """Serves `answer` and gives the address."""
    server = grpc.server(ThreadPoolExecutor(4), [_Everything(answer)], options=[("grpc.max_send_message_length", -1)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
