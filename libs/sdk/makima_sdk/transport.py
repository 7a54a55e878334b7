"""What HTTP requests and the monitor socket share: the address and the token, checked before they are used, and
whether a proxy stands between.
"""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from makima_schemas.addresses import without_credentials

from makima_sdk.problems import ConnectionSettingsError

ENVIRONMENT = "check ALL_PROXY, SOCKS_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE"


def address(url: str) -> str:
    """The base URL without a slash at its end. Raises `ConnectionSettingsError` if it is no HTTP address."""
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConnectionSettingsError(
            f"{without_credentials(url)[:200]!a} is no address of a makima server: "
            "write it as http://host:port or https://host"
        )
    return url.rstrip("/")


def authorization(token: str | None) -> dict[str, str]:
    """The header that carries the token; none without one.

    Raises `ConnectionSettingsError`, which does not contain the token, if no token can look like this.
    """
    if not token:
        return {}
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConnectionSettingsError(
            "the access token has a space, a line break or another character that no token has: "
            "check MAKIMA_TOKEN, or `token` of the context"
        )
    return {"Authorization": f"Bearer {token}"}


def is_loopback(url: str) -> bool:
    """True if the server runs on this machine, so that no proxy can reach it for us."""
    parts = _split(url)
    host = (parts and parts.hostname) or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _split(url: str) -> SplitResult | None:
    """The parts of a URL; None if it has no form of one, for example a port that is no number."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a property that raises
    except ValueError:
        return None
    return parts if url.isascii() and url.isprintable() and " " not in url else None
