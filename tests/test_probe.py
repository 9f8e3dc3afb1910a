"""The probe that containers' health checks run."""

from __future__ import annotations

import http.server
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sqlenv.probe import problem
from tests.live import LiveServices


def test_a_service_that_serves_is_ready(services: LiveServices) -> None:
    assert problem(services.env) == ""
    assert problem(services.reward) == ""


def test_nobody_there() -> None:
    assert problem("127.0.0.1:1", timeout_s=1).startswith(("UNAVAILABLE", "DEADLINE_EXCEEDED"))
    assert "refused" in problem("http://127.0.0.1:1/ready", timeout_s=1)


def test_a_service_that_drains_is_not_ready() -> None:
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert problem(f"127.0.0.1:{port}") == "NOT_SERVING"
    finally:
        server.stop(None)


@pytest.mark.parametrize(("code", "expected"), [(200, ""), (503, "503: not yet")])
def test_http(code: int, expected: str) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(b"not yet")

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            assert problem(f"http://127.0.0.1:{server.server_port}/ready") == expected
        finally:
            server.shutdown()
