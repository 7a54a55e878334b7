"""The monitor WebSocket as an async iterator: every event once, in log order, also across reconnects."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Final, cast

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.http11 import Response

from makima_sdk.connection import Connection
from makima_sdk.http import API
from makima_sdk.problems import ConnectionSettingsError, ProblemError, UnreachableError
from makima_sdk.transport import ENVIRONMENT, address, authorization, is_loopback

FIRST_RECONNECT_DELAY_SECONDS: Final = 0.2
MAX_RECONNECT_DELAY_SECONDS: Final = 5.0
# How long the server may take to say goodbye. In a replay its answer stands behind messages that nobody reads.
CLOSE_SECONDS: Final = 0.5
UNPROCESSABLE: Final = 422
TICK: Final = "Tick"  # each second: the connection lives, and how far behind the log it is

MonitorEvent = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages to receive (interfaces.md, Monitor); an empty tuple means no restriction."""

    contract_ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    include_stale: bool = True
    include_heartbeats: bool = False


@dataclass(slots=True)
class _StreamPosition:
    """The last position that the caller received, so that a reconnect resumes after it."""

    epoch: str | None = None  # identity of the log that `position` refers to; another one after a restore
    position: int | None = None  # log position; None before the first message

    def note(self, event: MonitorEvent) -> None:
        """Update the position from a message.

        `hello` sets the epoch only if none is known. On a reconnect it may come from a restored log: the old
        epoch is kept until the server, which receives it with `since`, answers with `reset`.
        """
        match event:
            case {"type": "hello", "epoch": str(epoch), "position": int(position)}:
                self.epoch = epoch if self.epoch is None else self.epoch
                self.position = position if self.position is None else self.position
            case {"type": "reset", "epoch": str(epoch), "position": int(position)}:
                self.epoch, self.position = epoch, position
            case {"position": int(position)}:
                self.position = position
            case _:
                pass


async def monitor(
    connection: Connection,
    wanted: Filter | None = None,
    *,
    since: int | None = None,
    epoch: str | None = None,
    patience: float = 30.0,
    first_patience: float | None = None,
    ticks: bool = False,
) -> AsyncGenerator[MonitorEvent, None]:
    """Yield the messages of `WS /contracts/monitor` as they arrive: `hello` first, then events in log order.

    `since` is the log position after which to start; None starts with new events. `epoch` says of which log
    that position is, as `hello` told it: without it, a position of before a restore leads to other events.
    After a lost connection it reconnects and resumes after the last position; a `reset` message says that this
    was not possible.

    With `ticks` also the server's `Tick` of each second, which tells how far behind the log this connection is; it
    is in no order and is not told again.

    Raises `UnreachableError` if no connection is made for `patience` seconds (`first_patience`, if given, for
    the first connection). Raises `ProblemError` if the server refuses the connection (at once for a 4xx
    status, after `patience` for a 5xx status), or if it refuses the filter: continuing without it would
    deliver all events. Raises `ConnectionSettingsError` as `Http` does.
    """
    place = _StreamPosition(epoch, since)
    monitor_filter = wanted or Filter()
    loop = asyncio.get_running_loop()
    deadline, delay = (
        loop.time() + (patience if first_patience is None else first_patience),
        FIRST_RECONNECT_DELAY_SECONDS,
    )
    while True:
        reason = "the connection was closed"
        try:
            async with _connect(connection) as socket:
                await socket.send(orjson.dumps(_request(monitor_filter, place)).decode())
                deadline, delay = loop.time() + patience, FIRST_RECONNECT_DELAY_SECONDS
                async for event in _events(socket):
                    if event.get("type") != TICK:
                        yield event
                        place.note(event)
                    elif ticks:
                        yield event
        except InvalidStatus as error:
            if error.response.status_code < 500 or loop.time() + delay > deadline:
                raise _refused(error.response) from error
            reason = str(error)
        except (WebSocketException, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        except ImportError as error:  # a SOCKS proxy, without the library for it
            raise ConnectionSettingsError(f"{error}: {ENVIRONMENT}") from error
        if loop.time() + delay > deadline:
            raise UnreachableError(connection.url, reason)
        await asyncio.sleep(delay)
        delay = min(delay * 2, MAX_RECONNECT_DELAY_SECONDS)


def _refused(response: Response) -> ProblemError:
    """The problem in the response; a generic one if the response is no JSON object (from a proxy, for
    example).
    """
    try:
        body = orjson.loads(response.body or b"")
    except orjson.JSONDecodeError:
        body = None
    return ProblemError(
        response.status_code,
        cast("Mapping[str, object]", body)
        if isinstance(body, dict)
        else {"detail": "the server refused the monitor connection"},
    )


async def _events(socket: ClientConnection) -> AsyncGenerator[MonitorEvent, None]:
    async for text in socket:
        event = cast("MonitorEvent", orjson.loads(text))
        if event.get("type") == "problem":
            raise ProblemError(UNPROCESSABLE, {**event, "detail": "the server refused the filter"})
        yield event


def _connect(connection: Connection) -> connect:
    return connect(
        address(connection.url).replace("http", "ws", 1) + API + "/contracts/monitor",
        additional_headers=authorization(connection.token),
        close_timeout=CLOSE_SECONDS,
        proxy=None if is_loopback(connection.url) else True,
    )


def _request(monitor_filter: Filter, place: _StreamPosition) -> dict[str, object]:
    request: dict[str, object] = {
        "include_stale": monitor_filter.include_stale,
        "include_heartbeats": monitor_filter.include_heartbeats,
    }
    if monitor_filter.contract_ids:
        request["contract_ids"] = list(monitor_filter.contract_ids)
    if monitor_filter.statuses:
        request["statuses"] = list(monitor_filter.statuses)
    if place.position is not None:
        request["since"] = place.position
    if place.epoch is not None:
        request["epoch"] = place.epoch
    return request
