"""Links that sign a browser in: `/?code=…` and `/?token=…` (interfaces.md, Web page).

The answer leads to the clean address, so that the secret does not stay in the history; that no page tells it to another
is said by a header that stands on every answer (`Referrer-Policy`). Where the link signed nobody in, that address says
why (`?sign_in=…`), for the page to show.
"""

from enum import StrEnum
from typing import Final, cast
from urllib.parse import parse_qsl, urlencode

from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_schemas.refusal import Refused
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from makima_gateway.auth.browser import set_cookie
from makima_gateway.auth.sessions import CODE_PREFIX, Sessions
from makima_gateway.http.middleware import SIGN_IN_PATH
from makima_gateway.http.problems import problem_response, unavailable

SECRETS: Final = ("code", "token")
FAILED: Final = "sign_in"  # of the clean address: why the link signed nobody in
MAX_SECRET: Final = 512  # characters
MAX_QUERY_FIELDS: Final = 50


class LinkFailure(StrEnum):
    """Why a link signed nobody in. Which of used, over and made up a code is, nobody is told."""

    CODE = "code"  # the code was used, is over, or never was one
    TOKEN = "token"  # noqa: S105 - no secret: the token is not known, was revoked, or is over
    ROLE = "role"  # the token is no person's
    SITE = "site"  # the link stands on another site's page


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
    """303 to the clean address: signed in, or to be told there why not, and asked for a token."""
    if "prefetch" in connection.headers.get("sec-purpose", connection.headers.get("purpose", "")):
        return Response(status_code=503)  # nobody has opened the link yet: the code stays
    # A link on another site's page would sign a person in as somebody else, whose token is in it.
    if connection.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return _to_clean(connection, LinkFailure.SITE)
    try:
        opened = await cast("Sessions", connection.state.access.sessions).sign_in(given)
    except Refused:
        return _to_clean(connection, LinkFailure.ROLE)
    except DATABASE_UNAVAILABLE as error:
        return problem_response(unavailable(error))
    if opened is None:
        return _to_clean(connection, LinkFailure.CODE if given.startswith(CODE_PREFIX) else LinkFailure.TOKEN)
    signed_in = _to_clean(connection, None)
    signed_in.headers["Set-Cookie"] = set_cookie(connection, opened)
    return signed_in


def _to_clean(connection: HTTPConnection, failure: LinkFailure | None) -> Response:
    headers = {"Location": _clean(connection, failure), "Cache-Control": "no-store"}
    return Response(status_code=303, headers=headers)


def _secret(scope: Scope) -> str | None:
    """The secret in the query of a sign-in link; None: the request is none."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != SIGN_IN_PATH:
        return None
    found = [value for name, value in _query(scope) if name in SECRETS]
    return found[0][:MAX_SECRET] if found else None


def _clean(connection: HTTPConnection, failure: LinkFailure | None) -> str:
    rest = [(name, value) for name, value in _query(connection.scope) if name not in (*SECRETS, FAILED)]
    rest += [] if failure is None else [(FAILED, failure)]
    return f"{SIGN_IN_PATH}?{urlencode(rest)}" if rest else SIGN_IN_PATH


def _query(scope: Scope) -> list[tuple[str, str]]:
    try:
        return parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return []
