"""Why a connection came to nothing: gRPC's words for it, or a look of our own, put so that one knows what to change.

Where a plain-text client meets a server that speaks TLS, or one without a certificate meets one that wants it, gRPC
says "Socket closed" and no more. A TLS handshake of our own then tells which it is.
"""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from pathlib import Path

PROBE_S = 1.0

_PLAIN = "the server speaks plain text, not TLS: leave ca_file out (--ca-file, SQLENV_CA_FILE)"
_TLS = "the server speaks TLS: pass ca_file (--ca-file, SQLENV_CA_FILE), the certificates to verify it with"

# The first pattern that is found in gRPC's details speaks.
_DETAILS = [
    ("WRONG_VERSION_NUMBER", _PLAIN),
    ("certificate has expired", "the server's certificate has expired"),
    ("certificate is not yet valid", "the server's certificate isn't valid yet, or a clock is wrong"),
    (
        "unable to get local issuer|self.signed certificate|CERTIFICATE_VERIFY_FAILED",
        "the server's certificate isn't of an authority in ca_file",
    ),
    ("Hostname Verification|No match found for server name", "the server's certificate is for another name"),
    ("TLSV1_ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL", "client and server have no version of TLS in common"),
]

_NO_CERTIFICATE = "the server ended the connection after TLS began: it wants a certificate of the client, most likely; "
_NO_CERTIFICATE += "pass cert_file and key_file"
_OWN = [
    ("expired", "the client's certificate has expired"),
    ("not yet valid", "the client's certificate isn't valid yet, or a clock is wrong"),
]
_OWN_ELSE = "the server doesn't take the client's certificate: it is of another authority, or not meant for clients"


def from_details(details: str) -> str | None:
    """What gRPC's details say about TLS; None where nothing."""
    return _found(_DETAILS, details)


def look(
    host: str, port: int, ca_file: str | Path | None, cert_file: str | Path | None, key_file: str | Path | None
) -> str | None:
    """Tries a TLS handshake as this client would, within PROBE_S; what is wrong, or None where nothing was found."""
    context = _client(cert_file, key_file)
    context.set_alpn_protocols(["h2"])
    try:
        with socket.create_connection((host, port), PROBE_S) as bare:
            try:
                with context.wrap_socket(bare, server_hostname=host) as wrapped:
                    if not ca_file:
                        return _TLS
                    # Since TLS 1.3 a server looks at the certificate when the client is through already. If it is
                    # content, it speaks first; if not, gRPC closes without a word.
                    if wrapped.recv(1):
                        return None
            except ssl.SSLError as error:
                if not ca_file:
                    return _TLS if "ALERT" in (error.reason or "") else None
                if not re.search("ALERT|EOF", error.reason or ""):
                    return None
    except (OSError, ValueError):
        return None
    if not cert_file or not key_file:
        return _NO_CERTIFICATE
    return _found(_OWN, _own_fault(cert_file, key_file)) or _OWN_ELSE


def _client(cert_file: str | Path | None, key_file: str | Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # gRPC says itself what it finds wrong with the server's certificate
    context.verify_mode = ssl.CERT_NONE
    if cert_file:
        context.load_cert_chain(cert_file, key_file, password="")
    return context


def _own_fault(cert_file: str | Path, key_file: str | Path) -> str:
    """What a server that trusts just this client certificate would find wrong with it; "" where nothing."""
    judge = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    judge.load_cert_chain(cert_file, key_file, password="")
    judge.load_verify_locations(cert_file)
    judge.verify_mode = ssl.CERT_REQUIRED
    judge.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = judge.wrap_bio(there, back, server_side=True)
    client = _client(cert_file, key_file).wrap_bio(back, there)
    try:
        for _ in range(4):
            for end in (client, server):
                with suppress(ssl.SSLWantReadError):
                    end.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError:
        pass
    return ""


def _found(patterns: list[tuple[str, str]], text: str) -> str | None:
    return next((words for pattern, words in patterns if re.search(pattern, text)), None)
