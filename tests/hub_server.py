"""A stand-in for the Hub: as much of its API as huggingface_hub needs to download a data set repository."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """One repository, "owner/name", with the files of `folder`. `requests` are the paths that were asked for."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.requests: list[str] = []
        self.breaks: set[str] = set()
        """Files whose downloads break off after half of what is left."""
        self.starts: list[int] = []
        """Where the downloads of files began."""

    def files(self) -> list[Path]:
        """What is in the repository."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def hub(folder: Path) -> Iterator[Hub]:
    """A Hub on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = Hub(folder, f"http://127.0.0.1:{server.server_port}")
    server.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self) -> None:
        state: Hub = self.server.state  # type: ignore[attr-defined]
        path = unquote(urlsplit(self.path).path)
        state.requests.append(path)
        api = path.removeprefix("/api/datasets/")
        if path.startswith(("/api/datasets/owner/secret", "/api/datasets/owner/none")):
            code = 401 if "secret" in path else 404
            self._send(code, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif api.startswith("owner/name/revision/"):
            if api.rpartition("/")[2] not in ("main", SHA):
                self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            else:
                self._json({"id": "owner/name", "sha": SHA, "siblings": [], "private": False})
        elif api.startswith("owner/name/tree/"):
            entries = []
            for file in state.files():
                content = file.read_bytes()
                relative = file.relative_to(state.folder).as_posix()
                entries.append({"type": "file", "path": relative, "size": len(content), "oid": _oid(content)})
            self._json(entries)
        elif path.startswith(f"/datasets/owner/name/resolve/{SHA}/"):
            self._file(state, path.partition(f"/{SHA}/")[2])
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _file(self, state: Hub, relative: str) -> None:
        content = (state.folder / relative).read_bytes()
        headers = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": SHA, "Accept-Ranges": "bytes"}
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        content = content[start:]
        if start:
            end = start + len(content)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{end}"
        if self.command == "GET":
            state.starts.append(start)
        self._send(206 if start else 200, content, headers, broken=relative in state.breaks)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, code: int, body: bytes, headers: dict[str, str], broken: bool = False) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if broken else body)
            self.close_connection = broken


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
