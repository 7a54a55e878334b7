"""Whether a service may connect where its settings say: to other machines only with TLS, or on a trusted network."""

from collections.abc import Iterator, Mapping
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from makima_kernel.service.listening import is_loopback

# Modes of libpq in which nothing is sent without TLS; in `prefer`, which is the default, the server may decline it.
ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
NATS_ENCRYPTED: Final = frozenset({"tls", "wss"})
TRUSTED: Final = "or set trusted_network = true if nobody else can read that network"


class Connecting(Protocol):
    """The settings about the servers that a service connects to; each is described in `Settings`."""

    @property
    def nats_url(self) -> str: ...
    @property
    def database_url(self) -> str: ...
    @property
    def trusted_network(self) -> bool: ...


def refusal(settings: Connecting, environ: Mapping[str, str]) -> str | None:
    """Why the service may not connect there; None if it may. Names no user and no password.

    `environ`: what an address does not say, asyncpg takes from `PGHOST` and `PGSSLMODE`.
    """
    if settings.trusted_network:
        return None
    found = (
        ("nats_url", _nats_in_the_clear(settings.nats_url), "begin it with tls://"),
        (
            "database_url",
            _postgres_in_the_clear(settings.database_url, environ),
            "add sslmode=verify-full to it",
        ),
    )
    return next(
        (
            f"{name} leads to another machine ({host}) without TLS, and events and passwords would cross the network "
            f"readable: {instead}, {TRUSTED}"
            for name, host, instead in found
            if host is not None
        ),
        None,
    )


def _nats_in_the_clear(url: str) -> str | None:
    """The other machine that is reached without TLS; None if there is none."""
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    host = parts.hostname or "localhost"
    return None if parts.scheme in NATS_ENCRYPTED or is_loopback(host) else host


def _postgres_in_the_clear(url: str, environ: Mapping[str, str]) -> str | None:
    """The same for an address of Postgres, which may name several servers."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    mode = query.get("sslmode") or environ.get("PGSSLMODE") or "prefer"
    hosts = unquote(parts.netloc.rpartition("@")[2]) or query.get("host") or environ.get("PGHOST", "")
    if mode in ENCRYPTED:
        return None
    return next((host for host in _names(hosts) if not is_loopback(host)), None)


def _names(hosts: str) -> Iterator[str]:
    """The hosts of a list `host:port,[host]:port`, without folders of Unix sockets."""
    for each in hosts.split(","):
        if each.startswith("["):
            yield each[1:].partition("]")[0]
        elif each and not each.startswith("/"):
            yield each.partition(":")[0]
