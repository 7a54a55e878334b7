"""The one way to the broker: options that keep a process from freezing or giving up while the broker is away."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, TypedDict
from urllib.parse import urlsplit

from faststream.nats import NatsBroker
from makima_schemas.permissions import inbox
from nats.aio.client import Client

from makima_kernel.cancellation import raise_if_cancelled

DEFAULT_INBOX: Final = "_INBOX"

OnClosed = Callable[[], Coroutine[None, None, None]]


async def ignore_close() -> None:
    """The `on_closed` of a connection that lasts for one piece of work: whoever made it closes it."""


class BrokerUnreachableError(ConnectionError):
    """No NATS server let us in within the timeout; the message carries its last word."""


class _Options(TypedDict):
    allow_reconnect: bool
    max_reconnect_attempts: int
    reconnect_time_wait: int
    ping_interval: int
    max_outstanding_pings: int
    connect_timeout: int


# By default nats-py gives up after 60 attempts; its pull subscribers then spin without yielding, and neither timers nor
# signal handlers run. It waits `reconnect_time_wait` seconds between two tries of the same server.
_OPTIONS: Final = _Options(
    allow_reconnect=True,
    max_reconnect_attempts=-1,
    reconnect_time_wait=0.1,  # pyright: ignore[reportArgumentType] - declared int, but it ends in asyncio.sleep
    ping_interval=10,
    max_outstanding_pings=2,
    connect_timeout=2,
)


async def connect(
    url: str,
    name: str,
    *,
    on_closed: OnClosed,
    timeout: float = 10.0,
) -> Client:
    """A connection that reconnects for ever.

    `on_closed` runs when it is closed all the same: end the process there at once, unless it is shutting down.
    Raises `BrokerUnreachableError` if the first connection takes longer than `timeout` seconds.
    """
    last: Exception | None = None

    async def remember(error: Exception) -> None:
        nonlocal last
        last = error

    connection = Client()
    try:
        async with asyncio.timeout(timeout):
            await connection.connect(url, name=name, closed_cb=on_closed, error_cb=remember, inbox_prefix=_inbox_prefix(url), **_OPTIONS)
    except TimeoutError as error:
        raise BrokerUnreachableError(f"no NATS server at {_without_credentials(url)} within {timeout:g} s: {last!r}") from error
    return connection


def broker(url: str, name: str, *, on_closed: OnClosed) -> NatsBroker:
    """A FastStream broker with the same options, and without its two INFO lines per message."""
    return NatsBroker(url, name=name, closed_cb=on_closed, logger=None, inbox_prefix=_inbox_prefix(url), **_OPTIONS)


async def confirm_subscriptions(connection: Client) -> None:
    """Returns when the server has everything that was sent before, subscriptions above all.

    nats-py's `flush()` writes its PING past the commands that still wait to be written, so the first PONG proves nothing; by
    then they are written, and the second comes after them. It swallows a cancellation on the way.
    """
    await connection.flush()
    await connection.flush()
    raise_if_cancelled()


def _inbox_prefix(url: str) -> str:
    """A user hears only what is sent to inboxes of its own."""
    user = urlsplit(url).username
    return inbox(user) if user else DEFAULT_INBOX


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
