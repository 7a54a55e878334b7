"""Opens connections to NATS, with options by which a process neither freezes nor gives up in a broker
outage.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, TypedDict
from urllib.parse import urlsplit

from faststream.nats import NatsBroker
from makima_schemas.addresses import without_credentials
from makima_schemas.permissions import inbox
from nats.aio.client import Client

from makima_kernel.cancellation import raise_if_cancelled

DEFAULT_INBOX: Final = "_INBOX"

OnClosed = Callable[[], Coroutine[None, None, None]]


async def ignore_close() -> None:
    """The `on_closed` of a short-lived connection, which its creator closes."""


class BrokerUnreachableError(ConnectionError):
    """No NATS server accepted the connection within the timeout; the message contains the last error."""


class _Options(TypedDict):
    allow_reconnect: bool
    max_reconnect_attempts: int
    reconnect_time_wait: int
    ping_interval: int
    max_outstanding_pings: int
    connect_timeout: int


# By default nats-py gives up after 60 attempts. Its pull subscribers then spin without yielding to the event
# loop, so that neither timers nor signal handlers run. It waits `reconnect_time_wait` seconds between two
# attempts at the same server.
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
    """Opens a connection that reconnects without limit.

    `on_closed` runs if it is closed nevertheless: it should end the process at once, unless that is shutting
    down. Raises `BrokerUnreachableError` if the first connection takes longer than `timeout` seconds.
    """
    last: Exception | None = None

    async def remember(error: Exception) -> None:
        nonlocal last
        last = error

    connection = Client()
    try:
        async with asyncio.timeout(timeout):
            await connection.connect(
                url,
                name=name,
                closed_cb=on_closed,
                error_cb=remember,
                inbox_prefix=_inbox_prefix(url),
                **_OPTIONS,
            )
    except TimeoutError as error:
        raise BrokerUnreachableError(
            f"no NATS server at {without_credentials(url)} within {timeout:g} s: {last!r}"
        ) from error
    return connection


def broker(url: str, name: str, *, on_closed: OnClosed) -> NatsBroker:
    """A FastStream broker with the same options, without FastStream's two INFO lines per message, and without
    its cast of what our own decoders have made. So it builds no pydantic model of a handler's types either,
    which took most of the processor time of a service's start: what these types say goes into the AsyncAPI
    document alone.
    """
    return NatsBroker(
        url,
        name=name,
        closed_cb=on_closed,
        logger=None,
        apply_types=False,
        serializer=None,
        inbox_prefix=_inbox_prefix(url),
        **_OPTIONS,
    )


async def confirm_subscriptions(connection: Client) -> None:
    """Returns when the server has processed everything that was sent before, in particular subscriptions.

    nats-py's `flush()` sends its PING ahead of commands that are still in its buffer, so the first PONG
    proves nothing. By then the buffer has been written, so the second PONG comes after those commands.
    `flush()` also swallows a cancellation, hence the check at the end.
    """
    await connection.flush()
    await connection.flush()
    raise_if_cancelled()


def _inbox_prefix(url: str) -> str:
    """The inbox prefix of the user in `url`: a user may only subscribe to its own inboxes."""
    user = urlsplit(url).username
    return inbox(user) if user else DEFAULT_INBOX
