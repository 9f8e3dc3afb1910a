"""Certificates for tests, as files: an authority, servers and clients of it, and such that should be refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import trustme

LONG_AGO = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2020, 1, 2, tzinfo=UTC)}
PLACES = ("localhost", "127.0.0.1")


class Certs:
    """A folder of PEM files; `path("server.pem")` and `path("server.key")` are those of `server`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.stranger = trustme.CA()
        self.authority.cert_pem.write_to_path(self.path("ca.pem"))
        self.stranger.cert_pem.write_to_path(self.path("stranger-ca.pem"))
        self.write("server", self.authority.issue_cert(*PLACES))
        self.write("expired", self.authority.issue_cert(*PLACES, **LONG_AGO))
        self.write("elsewhere", self.authority.issue_cert("elsewhere.example"))
        self.write("client", self.authority.issue_cert("agent", common_name="agent"))
        self.write("expired-client", self.authority.issue_cert("agent", **LONG_AGO))
        self.write("stranger", self.stranger.issue_cert("agent"))

    def path(self, name: str) -> Path:
        """A file of the folder."""
        return self.folder / name

    def write(self, name: str, issued: trustme.LeafCert) -> None:
        """Writes `name.pem` and `name.key`, in place of what is there."""
        for suffix, blobs in ((".key", [issued.private_key_pem]), (".pem", issued.cert_chain_pems)):
            part = self.path(name + suffix + ".part")
            part.write_bytes(b"".join(blob.bytes() for blob in blobs))
            part.replace(self.path(name + suffix))

    def server(self, name: str = "server", mutual: bool = False) -> dict[str, Path]:
        """Settings of a service with that certificate."""
        found = {"tls_cert_file": self.path(f"{name}.pem"), "tls_key_file": self.path(f"{name}.key")}
        return found | ({"tls_client_ca_file": self.path("ca.pem")} if mutual else {})

    def client(self, name: str = "client") -> dict[str, Path]:
        """Arguments of a client with that certificate."""
        return {
            "ca_file": self.path("ca.pem"),
            "cert_file": self.path(f"{name}.pem"),
            "key_file": self.path(f"{name}.key"),
        }
