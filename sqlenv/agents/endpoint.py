"""An OpenAI-compatible endpoint: where it is, how to ask it, and what its errors mean for an episode.

The key comes from a file or from OPENAI_API_KEY. It is in no record, no log and no message.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlenv.errors import ConfigError, SqlEnvError
from sqlenv.settings import is_loopback

OPENAI = "https://api.openai.com/v1"
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 8.0
"""Between tries of what failed behind the endpoint; the client's own waits, for what it sees fail itself, are alike."""
NO_KEY = "EMPTY"
"""What is sent where there is no key: local servers want none, but the client wants something."""

_TOO_LONG = re.compile(
    r"context[_ ](length|size|window)|maximum context|too many tokens|prompt is too long", re.IGNORECASE
)


class EpisodeFailed(Exception):
    """An episode could not go on, for no fault of the policy: the endpoint's, after all retries."""


class TooLong(Exception):
    """The conversation is longer than the model's context: the policy's own bound."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`timeout_s` bounds one try of a request; `retries` follow with growing waits, after 408, 409, 429, 5xx and broken
    connections. `request` goes into each request's body as it is; None leaves a field out (temperature, max_tokens)."""

    url: str = OPENAI
    model: str = ""
    key: str = field(default="", repr=False)
    timeout_s: float = 120.0
    retries: int = 6
    max_tokens: int | None = 1_024
    request: Mapping[str, Any] = field(default_factory=dict)

    def client(self) -> Any:
        """An AsyncOpenAI client. Raises ConfigError where the package is missing."""
        openai = _package()
        return openai.AsyncOpenAI(
            api_key=self.key or NO_KEY, base_url=self.url, timeout=self.timeout_s, max_retries=self.retries
        )

    def temperature(self, wanted: float) -> float | None:
        """What is asked for; None where `request` leaves it to the endpoint."""
        asked = self.request.get("temperature", wanted)
        return float(asked) if isinstance(asked, (int, float)) else None

    def body(self, temperature: float, seed: int) -> dict[str, Any]:
        """The fields of a request beside the conversation."""
        fields: dict[str, Any] = {"temperature": temperature, "seed": seed, "max_tokens": self.max_tokens}
        return {name: value for name, value in {**fields, **self.request}.items() if value is not None}

    def words(self, error: Exception) -> str:
        """An error as a line of text: the status, the endpoint's own words, never the key."""
        body = getattr(error, "body", None)
        said = body.get("message") if isinstance(body, dict) else None
        status = getattr(error, "status_code", None)
        text = f"HTTP {status}: {said or error}" if status else f"{said or error}"
        if error.__cause__ is not None and not status:
            text = f"{text} ({error.__cause__})"
        return self.line(text)

    def line(self, text: str) -> str:
        """What the endpoint said as one line that is not too long. The key goes first: a cut could leave half of it."""
        return " ".join((text.replace(self.key, "…") if self.key else text).split())[:300]


def make_endpoint(url: str, key: str = "", *, insecure: bool = False, **options: Any) -> Endpoint:
    """An endpoint whose URL and key can be used. Raises ConfigError that says why not."""
    url = url or os.environ.get("OPENAI_BASE_URL", "") or OPENAI
    key = key or os.environ.get("OPENAI_API_KEY", "")
    wanted = "openai: wants a URL like http://127.0.0.1:8000/v1, or nothing for OpenAI's own"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # brackets that don't close, a port that is no number
        raise ConfigError(f"{wanted} ({error})") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ConfigError(wanted)
    if parts.username or parts.password or parts.query:
        raise ConfigError("the endpoint's URL may hold no user, password or query: keys belong into --api-key-file")
    if key and parts.scheme == "http" and not insecure and not is_loopback(host):
        words = f"refusing to send the API key to {host} in plain text: anybody on the way could read it"
        raise ConfigError(f"{words}; use https, or say --insecure")
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise ConfigError("the API key has characters that no key has; was it copied whole, without a line break?")
    _package()
    return Endpoint(url, key=key, **options)


async def the_only_model(endpoint: Endpoint, api: Any) -> str:
    """The model that the endpoint serves, where it serves one. Raises ConfigError that lists them otherwise."""
    openai = _package()
    try:
        served = [model.id async for model in api.models.list()]
    except openai.APIConnectionError as error:
        raise SqlEnvError(f"no model answers at {endpoint.url}: {endpoint.words(error)}") from None
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise _refused(endpoint, error) from None
    except (openai.OpenAIError, AttributeError, TypeError, ValueError) as error:
        words = f"{endpoint.url} does not say which models it serves ({endpoint.words(error)})"
        raise ConfigError(f"{words}: name one with --model. Does its address end in /v1?") from None
    if len(served) == 1:
        return str(served[0])
    some = ", ".join(sorted(map(str, served))[:8]) or "none"
    raise ConfigError(f"{endpoint.url} serves {len(served)} models ({some}): name one with --model")


async def complete(endpoint: Endpoint, api: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """One chat completion as a dict: its first choice, whose `message` is a dict, and `usage`.

    Raises EpisodeFailed, TooLong, and SqlEnvError where no other request would fare better.
    """
    waited = 0
    while True:
        found = await _asked(endpoint, api, body)
        upstream = _upstream_error(found)
        if upstream is None:
            return found
        status, said = upstream
        words = endpoint.line(f"HTTP 200 with an error in it{f', {status}' if status else ''}: {said}")
        if _TOO_LONG.search(words):
            raise TooLong(words)
        if not _passes(status) or waited == endpoint.retries:
            raise EpisodeFailed(words)
        await asyncio.sleep(min(FIRST_WAIT_S * 2**waited, LONGEST_WAIT_S))
        waited += 1


async def _asked(endpoint: Endpoint, api: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """One answer with HTTP status 200; the client has tried again what may pass."""
    openai = _package()
    known = {name: value for name, value in body.items() if name in _KNOWN}
    extra = {name: value for name, value in body.items() if name not in _KNOWN}
    try:
        answered = await api.chat.completions.create(**known, extra_body=extra or None)
        # Servers say what the API has no place for; that is for `read_turn` to make sense of.
        found = answered.model_dump(warnings=False) if hasattr(answered, "model_dump") else None
    except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
        raise _refused(endpoint, error) from None
    except openai.RateLimitError as error:
        if getattr(error, "code", None) == "insufficient_quota":
            raise _refused(endpoint, error) from None
        raise EpisodeFailed(endpoint.words(error)) from None
    except openai.APIStatusError as error:
        if _TOO_LONG.search(f"{getattr(error, 'code', '')} {error}"):
            raise TooLong(endpoint.words(error)) from None
        raise EpisodeFailed(endpoint.words(error)) from None
    except (openai.OpenAIError, ValueError, RecursionError) as error:  # the latter two: a body that is no JSON
        raise EpisodeFailed(endpoint.words(error)) from None
    found = found or {}
    choices = found.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        message = choices[0].get("message") or {}
        if isinstance(message, dict):
            return {**choices[0], "message": message, "usage": found.get("usage") or {}}
    if found.get("error"):
        return {"error": found["error"]}
    raise EpisodeFailed(f"{endpoint.url} answers, but not with a chat completion: does its address end in /v1?")


def _upstream_error(choice: Mapping[str, Any]) -> tuple[int, str] | None:
    """Status (0: not told) and words of an error that came with HTTP 200: gateways pass on so what is behind them."""
    error = choice.get("error")
    if not error:
        return (0, "finish_reason is error") if choice.get("finish_reason") == "error" else None
    if not isinstance(error, Mapping):
        return 0, str(error)
    code = error.get("code")
    return (code if isinstance(code, int) else 0), str(error.get("message") or error)


def _passes(status: int) -> bool:
    """True for what may pass by itself."""
    return status in (0, 408, 409, 429) or status >= 500


_KNOWN = {"model", "messages", "tools", "temperature", "seed", "max_tokens"}


def _refused(endpoint: Endpoint, error: Exception) -> SqlEnvError:
    words = endpoint.words(error)
    advice = _ADVICE.get(getattr(error, "status_code", 0), "")
    return SqlEnvError(f"{endpoint.url} refused: {words}{advice}")


_ADVICE = {
    401: ". The key comes from --api-key-file or OPENAI_API_KEY.",
    404: ". Is --model right, and does the address end in /v1?",
}


def _package() -> Any:
    try:
        import openai
    except ImportError:
        raise ConfigError("agents behind an API need the openai package: pip install 'sqlenv[openai]'") from None
    return openai
