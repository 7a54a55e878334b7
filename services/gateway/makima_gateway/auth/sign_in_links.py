"""Links that sign a browser in: `/?code=…` and `/?token=…` (interfaces.md, Web page).

The answer leads to the clean address, so that the secret does not stay in the history; that no page tells it to another
is said by a header that stands on every answer (`Referrer-Policy`).
"""

from typing import Final, cast
from urllib.parse import parse_qsl, urlencode

from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_schemas.refusal import Refused
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from makima_gateway.auth.browser import set_cookie
from makima_gateway.auth.sessions import Sessions
from makima_gateway.http.middleware import SIGN_IN_PATH
from makima_gateway.http.problems import problem_response, unavailable

SECRETS: Final = ("code", "token")
MAX_SECRET: Final = 512  # characters
MAX_QUERY_FIELDS: Final = 50


class SignInLinks:
    """ASGI middleware, inside `RequestMiddleware`, which has checked the host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = _secret(scope)
        if given is None:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        await (await _answer(connection, given))(scope, receive, send)


async def _answer(connection: HTTPConnection, given: str) -> Response:
    """303 to the clean address: signed in, or to be asked there for a token."""
    if "prefetch" in connection.headers.get("sec-purpose", connection.headers.get("purpose", "")):
        return Response(status_code=503)  # nobody has opened the link yet: the code stays
    clean = Response(status_code=303, headers={"Location": _clean(connection), "Cache-Control": "no-store"})
    # A link on another site's page would sign a person in as somebody else, whose token is in it.
    if connection.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return clean
    try:
        opened = await cast("Sessions", connection.state.access.sessions).sign_in(given)
    except Refused:
        return clean
    except DATABASE_UNAVAILABLE as error:
        return problem_response(unavailable(error))
    if opened is not None:
        clean.headers["Set-Cookie"] = set_cookie(connection, opened)
    return clean


def _secret(scope: Scope) -> str | None:
    """The secret in the query of a sign-in link; None: the request is none."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != SIGN_IN_PATH:
        return None
    found = [value for name, value in _query(scope) if name in SECRETS]
    return found[0][:MAX_SECRET] if found else None


def _clean(connection: HTTPConnection) -> str:
    rest = [(name, value) for name, value in _query(connection.scope) if name not in SECRETS]
    return f"{SIGN_IN_PATH}?{urlencode(rest)}" if rest else SIGN_IN_PATH


def _query(scope: Scope) -> list[tuple[str, str]]:
    try:
        return parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return []
