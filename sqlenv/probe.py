"""Asks a service whether it is ready, for health checks of containers: `python -m sqlenv.probe ADDRESS`.

ADDRESS is host:port or unix:/path of a gRPC service, asked by the gRPC health protocol, or an http:// URL, which must
answer 200. Exits with 0 where it is ready; else with 1 and a line that says why.
"""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sqlenv.calling.access import Access, AccessOptions
from sqlenv.errors import ConfigError

TIMEOUT_S = 4.0


def problem(address: str, ca_file: str = "", timeout_s: float = TIMEOUT_S) -> str:
    """Why the service is not ready; "" where it is. Raises ConfigError where `ca_file` can't be read."""
    if address.startswith(("http://", "https://")):
        return _http(address, timeout_s)
    access = AccessOptions(ca_file=ca_file or None, token="")  # health needs no token
    with Access(address, access).channel([]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            status = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s).status
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"
    ready = status == health_pb2.HealthCheckResponse.SERVING
    return "" if ready else str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))


def _http(url: str, timeout_s: float) -> str:
    try:
        with urllib.request.urlopen(url, timeout=timeout_s):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code}: {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return str(error)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqlenv.probe", description=__doc__)
    parser.add_argument("address", metavar="ADDRESS", help="host:port, unix:/path, or http://host:port/path")
    parser.add_argument("--ca-file", default="", help="PEM bundle to verify a gRPC service with; turns TLS on")
    options = parser.parse_args()
    try:
        why = problem(options.address, options.ca_file)
    except ConfigError as error:
        why = str(error)
    if why:
        print(f"{options.address}: {why}", file=sys.stderr)
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
