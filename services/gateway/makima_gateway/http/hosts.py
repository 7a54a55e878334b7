"""Refuses requests for a host that this gateway does not serve.

A page of another site can have its own name resolve to this machine (DNS rebinding); the browser then takes
the gateway for that site. Such a request carries the other site's name, so an IP address is allowed as it is. The answer is 421 (RFC 9110,
15.5.20): this server is not set to answer for that name, whatever the request is.
"""

from collections.abc import Iterable
from ipaddress import ip_address

from makima_kernel.telemetry import metrics
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

LOOPBACK_NAME = "localhost"
ANY = "*"
MAX_SHOWN = 100  # characters of the name that was asked for


class Hosts:
    """The names in `allowed`, and their subdomains where one begins with `*.`; any name if `*` is in it."""

    def __init__(self, allowed: Iterable[str]) -> None:
        names = {name.lower().rstrip(".") for name in allowed}
        self._any = ANY in names
        self._names = names | {LOOPBACK_NAME}
        self._domains = tuple(name.removeprefix(ANY) for name in names if name.startswith("*."))

    def refusal(self, host: str | None) -> Refused | None:
        """Why a request with this Host header (null: it has none) is refused; None if it is not."""
        if host is None or self._any or self._serves(_name(host)):
            return None
        metrics.http_refused.labels("host").inc()
        return Refused(
            ErrorCode.MISDIRECTED_REQUEST,
            f"header.Host: {_name(host)[:MAX_SHOWN]} is not a name of this gateway",
            hint="ask for localhost or an IP address of it; an operator can add the name: the setting http.allowed_hosts",
        )

    def _serves(self, name: str) -> bool:
        return name in self._names or name.endswith(self._domains or ("\0",)) or _is_address(name)


def _name(host: str) -> str:
    """The host without its port, in lower case."""
    bare = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return bare.lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
