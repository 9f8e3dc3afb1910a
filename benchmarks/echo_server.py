"""The floor: a gRPC server that answers every request with the same bytes. `python -m benchmarks.echo_server BYTES`."""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
import uvloop


async def serve(size: int) -> None:
    """Serves Unary and Stream until killed."""
    response = b"x" * size

    async def unary(request: bytes, context: Any) -> bytes:
        return response

    async def stream(requests: Any, context: Any) -> None:
        while await context.read() is not grpc.aio.EOF:
            await context.write(response)

    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(options=options)
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
