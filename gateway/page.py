"""The page: the files of `static/`, at / and /web. They are the same for everybody and change only with the release."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

STATIC = Path(__file__).parent / "static"

# Browsers run no script of another type (`nosniff`), and a system's own table of types may differ.
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}

router = APIRouter(include_in_schema=False)


class Files(StaticFiles):
    """Files that browsers keep, but ask about each time: with an ETag the answer is a 304 without a body.

    Starlette resolves every path and refuses those that leave the folder.
    """

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


for _suffix, _kind in TYPES.items():
    mimetypes.add_type(_kind, _suffix)
_FILES = Files(directory=STATIC, follow_symlink=False)


def files() -> ASGIApp:
    """To be mounted at /static. A third of the bytes go over the wire where the browser takes gzip."""
    return GZipMiddleware(_FILES, minimum_size=1_000)


@router.api_route("/", methods=["GET", "HEAD"])
@router.api_route("/web", methods=["GET", "HEAD"])
async def index(http: Request) -> Response:
    """The page itself."""
    return await _FILES.get_response("index.html", http.scope)
