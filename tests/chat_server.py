"""A stand-in for a language model: a real HTTP server that speaks chat completions, and says what a function says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `message` is wrapped as a completion; else `body` is sent as it is."""

    message: dict[str, Any] | None = None
    finish: str = "stop"
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


Brain = Callable[[dict[str, Any]], Reply]


def said(text: str | None, finish: str = "stop", **more: Any) -> Reply:
    """A message of text."""
    return Reply({"role": "assistant", "content": text, **more}, finish)


def called(*calls: tuple[str, Any], finish: str = "tool_calls") -> Reply:
    """A message of tool calls; arguments that are no string are written as JSON."""
    made = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(calls)
    ]
    return Reply({"role": "assistant", "content": None, "tool_calls": made}, finish)


def refused(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """An error as OpenAI's API says it; the client's next try comes at once."""
    body = {"error": {"message": message, "type": "error", "code": code}}
    return Reply(status=status, body=body, headers={"retry-after-ms": "1", **headers})


class ChatServer:
    """Serves `brain` at `url`. `requests` holds what was asked, `keys` with which keys, `busiest` how many at once."""

    def __init__(self, brain: Brain, models: tuple[str, ...] = ("stand-in",)) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.busiest = 0
        self._busy = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if not self.path.startswith("/v1/"):
                    self._send(Reply(body="<html>a page</html>"))
                    return
                self._send(Reply(body={"object": "list", "data": [{"id": one, "object": "model"} for one in models]}))

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with outer._lock:
                    outer.requests.append(asked)
                    outer.keys.add(self.headers.get("authorization", ""))
                    outer._busy += 1
                    outer.busiest = max(outer.busiest, outer._busy)
                try:
                    reply = brain(asked)
                    time.sleep(reply.delay_s)
                finally:
                    with outer._lock:
                        outer._busy -= 1
                self._send(reply)

            def _send(self, reply: Reply) -> None:
                body = reply.body
                if reply.message is not None:
                    choice = {"index": 0, "message": reply.message, "finish_reason": reply.finish}
                    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
                    body = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                    body["usage"] = usage
                page = isinstance(body, str) and body.startswith("<")
                kind = "text/html" if page else "application/json"
                text = body if isinstance(body, (str, bytes)) else json.dumps(body)
                sent = text.encode() if isinstance(text, str) else text
                self.send_response(reply.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(sent)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *arguments: Any) -> None:
                """A client that went away is no error here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def turns_so_far(asked: dict[str, Any]) -> int:
    """How often the assistant has spoken."""
    return sum(message["role"] == "assistant" for message in asked["messages"])


def question_in(asked: dict[str, Any]) -> str:
    """The question of the conversation, as the service puts it."""
    text = next(message["content"] for message in asked["messages"] if message["role"] == "user")
    return str(text).split("\n")[0].removeprefix("Question: ")


def table_in(asked: dict[str, Any]) -> str:
    """The first of the tables."""
    text = next(message["content"] for message in asked["messages"] if message["role"] == "user")
    return str(text).split("Tables: ")[1].split("\n")[0].split(", ")[0]
