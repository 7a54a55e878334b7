"""Serves the web page (interfaces.md, Web page), built by `make web` into `makima_gateway/web_build`.

A page's address answers a browser, which asks for HTML, with the page, and any other client as an address that
does not exist; the page also says that an address does not exist. The API is under /api/v1. What the page is made of needs no token; what it shows does.
"""

import mimetypes
import re
from html import escape
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

BUILT: Final = Path(__file__).parent.parent / "web_build"
ADDRESSES: Final = (
    "/",
    "/contracts",
    "/contracts/{contract_id}",
    "/agents",
    "/agents/{contract_id}/{role}",
    "/system",
)
BUILD_COMMAND: Final = "make web"
REFUSED: Final = re.compile(r"q=0(\.0*)?")  # a parameter of a media type that the client does not take
# The name of an asset holds the hash of its content, so a browser never needs to ask for it again.
IMMUTABLE: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
# A page holds names of assets: it is asked for each time, and nothing of a session stays in a cache.
NO_STORE: Final = {"Cache-Control": "no-store"}
# What differs between a browser and other clients must not be mixed up by a cache between.
PAGE_HEADERS: Final = {**NO_STORE, "Vary": "Accept"}
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("text/javascript", ".js")


def routes(built: Path = BUILT) -> list[Route]:
    """The page's routes, for the files in folder `built`."""

    async def page(request: Request) -> Response:
        if not wants_html(request.headers.get("accept", "")):
            raise HTTPException(404)
        return _page(built)

    async def asset(request: Request) -> Response:
        return _file(built / "assets", request.path_params["name"], IMMUTABLE)

    async def theme(_request: Request) -> Response:
        return _file(built, "theme.js", NO_STORE)

    async def nowhere(_request: Request) -> Response:
        return _page(built, 404)

    return [
        *(Route(address, page, include_in_schema=False) for address in ADDRESSES),
        Route("/assets/{name}", asset, include_in_schema=False),
        Route("/theme.js", theme, include_in_schema=False),
        _Nowhere("/{path:path}", nowhere, include_in_schema=False),  # the last of all routes
    ]


class _Nowhere(Route):
    """An address that does not exist, for a browser: the page says so. For any other client it is no route at all."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        asks = (
            scope["type"] == "http"
            and scope["method"] in {"GET", "HEAD"}
            and not scope["path"].startswith("/api/")
        )
        if not asks or not wants_html(Headers(scope=scope).get("accept", "")):
            return Match.NONE, {}
        return super().matches(scope)


def wants_html(accept: str) -> bool:
    """True if an Accept header names `text/html`; `*/*` alone, as programs send it, does not."""
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        if media_type == "text/html":
            return not any(REFUSED.fullmatch(parameter) for parameter in parameters)
    return False


def _page(built: Path, status: int = 200) -> Response:
    index = built / "index.html"
    if index.is_file():
        return FileResponse(index, status, PAGE_HEADERS, "text/html")
    return Response(_not_built(), 503, {**PAGE_HEADERS, "Retry-After": "30"}, "text/html")


def _file(folder: Path, name: str, headers: dict[str, str]) -> Response:
    """The file `name` of the folder, which is one segment of a path. Raises 404 if it has no such file."""
    path = folder / name
    if path.parent != folder or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, headers=headers, media_type=mimetypes.guess_type(name)[0])


def _not_built() -> str:
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>makima: the page is not built</title>"
        "<h1>The page is not built</h1>"
        f"<p>This command, in the checkout, builds it: <code>{escape(BUILD_COMMAND)}</code>. Then load this page again.</p>"
        '<p>The API works without it: <a href="/docs">/docs</a>. In a terminal: <code>makima contracts monitor</code>.</p>'
    )
