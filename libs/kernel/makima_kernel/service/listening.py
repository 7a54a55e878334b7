"""Whether a service may listen where its settings say: for other machines only with TLS, or behind a proxy."""

from ipaddress import ip_address
from pathlib import Path
from typing import Protocol


class Listening(Protocol):
    """The settings about the address of the HTTP servers; each is described in `Settings`."""

    @property
    def host(self) -> str: ...
    @property
    def tls_cert_file(self) -> Path | None: ...
    @property
    def tls_key_file(self) -> Path | None: ...
    @property
    def behind_proxy(self) -> bool: ...


def refusal(settings: Listening) -> str | None:
    """Why the service may not listen there; None if it may."""
    if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
        return "tls_cert_file and tls_key_file go together: set both, or neither"
    if is_loopback(settings.host) or settings.tls_cert_file is not None or settings.behind_proxy:
        return None
    return (
        f"host {settings.host!r} accepts connections of other machines, and tokens would cross the network "
        "readable: set tls_cert_file and tls_key_file, or behind_proxy = true if a proxy ends TLS"
    )


def is_loopback(host: str) -> bool:
    """True if only this machine can connect to this address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name, or nothing, which means all addresses
        return host == "localhost"
