"""The cookie of a signed-in browser, and who may use it: only a page that this gateway itself served.

A browser sends the cookie with every request to this host, whoever's page asks. `SameSite=Strict` keeps away other
sites; but a site is a host without its port, and a page of another port of this machine is of the same site. So a
write, and the opening of a stream, must come from a page of this origin (decision 40).
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from makima_kernel.telemetry import metrics
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from starlette.requests import HTTPConnection

from makima_gateway.auth.sessions import OpenedSession, Session, Sessions

COOKIE: Final = "makima_session"
# Sec-Fetch-Site of a request that a person, or a page of this origin, made.
_OWN: Final = frozenset({"same-origin", "none"})
_READS: Final = frozenset({"GET", "HEAD"})
_TLS: Final = frozenset({"https", "wss"})


def cookie_name(connection: HTTPConnection) -> str:
    """Of this address: cookies do not tell ports apart, and two systems on one machine must not sign each other
    out.
    """
    port = connection.headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}_{port}" if port.isdecimal() else COOKIE


def is_secure(connection: HTTPConnection) -> bool:
    """True if the browser came over TLS, to this gateway or to a proxy before it."""
    return connection.scope["scheme"] in _TLS or connection.headers.get("origin", "").startswith("https:")


def set_cookie(connection: HTTPConnection, opened: OpenedSession | None) -> str:
    """The Set-Cookie header of a session; None: the one that deletes the cookie."""
    secure = "; Secure" if is_secure(connection) else ""
    secret, seconds = ("", 0) if opened is None else (opened.secret, opened.seconds)
    return f"{cookie_name(connection)}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


class Origins:
    """Which pages may use the cookie: those of the host that was asked, and those in `allowed`
    (`https://host:port`; for a proxy that asks under another name than the browser does).
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def refusal(self, connection: HTTPConnection, *, streams: bool) -> Refused | None:
        """Why a request may not use the cookie; None: it may."""
        headers = connection.headers
        reads = connection.scope.get("method", "WS") in _READS
        if headers.get("sec-fetch-site", "same-origin") not in (
            _OWN if reads and not streams else {"same-origin"}
        ):
            return _foreign("header.Sec-Fetch-Site")
        origin = headers.get("origin")
        # A browser names the origin of every write and WebSocket, but not of a page's own GET.
        if origin is None:
            return None if reads else _foreign("header.Origin")
        return None if self.is_own(connection, origin) else _foreign("header.Origin")

    def is_own(self, connection: HTTPConnection, origin: str) -> bool:
        """True for the origin of the page that this gateway serves under the host of this request."""
        if origin.lower() in self._allowed:
            return True
        try:
            requested, found = urlsplit(f"//{connection.headers.get('host', '')}"), urlsplit(origin.lower())
            default = {"http": 80, "https": 443}.get(found.scheme)
            ports = (requested.port or default, found.port or default)
        except ValueError:
            return False
        # Behind a proxy that ends TLS, the page is of https and the request is not; never the other way round.
        schemes = {"https"} if connection.scope["scheme"] in _TLS else {"http", "https"}
        return (
            found.scheme in schemes
            and requested.hostname is not None
            and (requested.hostname, ports[0]) == (found.hostname, ports[1])
        )


def _foreign(where: str) -> Refused:
    metrics.http_refused.labels("origin").inc()
    return Refused(
        ErrorCode.FORBIDDEN,
        f"{where}: the cookie of a session is for pages of this origin only",
        hint="programs send Authorization: Bearer …; behind a proxy that changes Host, an operator adds the page's "
        "origin: the setting http.allowed_origins",
        roles=[],
    )


async def session_of(
    connection: HTTPConnection, sessions: Sessions, origins: Origins, *, streams: bool
) -> Session | None:
    """The session whose cookie came; None: there is none. Raises `FORBIDDEN` for another's page."""
    secret = connection.cookies.get(cookie_name(connection))
    if secret is None:
        return None
    if refusal := origins.refusal(connection, streams=streams):
        raise refusal
    return await sessions.find(secret)


def check_sign_in(connection: HTTPConnection, origins: Origins) -> None:
    """Refuses to let another site's page sign a person in, as somebody else. Raises `FORBIDDEN`."""
    if "origin" in connection.headers and (refusal := origins.refusal(connection, streams=False)):
        raise refusal
