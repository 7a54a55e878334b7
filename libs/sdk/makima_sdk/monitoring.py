"""The monitor socket as an async iterator: every event once, in order, over any number of reconnects."""

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
from makima_sdk.problems import ProblemError, UnreachableError

FIRST_RECONNECT_DELAY_SECONDS: Final = 0.2
MAX_RECONNECT_DELAY_SECONDS: Final = 5.0
UNPROCESSABLE: Final = 422

MonitorEvent = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Filter:
    """What to be told (interfaces.md, Monitor); empty tuples mean everything."""

    contract_ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    include_stale: bool = True
    include_heartbeats: bool = False


@dataclass(slots=True)
class _StreamPosition:
    """Where in which log we are, so that a reconnect goes on from there."""

    epoch: str | None = None
    position: int | None = None

    def note(self, event: MonitorEvent) -> None:
        """A place stands in the epoch it was found in, until a reset gives another: a hello alone may be of a log that we do not know."""
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
    patience: float = 30.0,
    first_patience: float | None = None,
) -> AsyncGenerator[MonitorEvent, None]:
    """Yield the messages of `WS /contracts/monitor` as they come: `hello` first, then events, in the order of the log.

    After a cut it reconnects and goes on behind the last position; a `reset` message says that this was not possible.
    Raises `UnreachableError` when no connection came about for `patience` seconds (`first_patience`, where given, until the first one),
    `ProblemError` when it was refused (by a server that is overloaded or broken: for so long), or the filter was: nobody wants to be told
    everything instead.
    """
    place = _StreamPosition(position=since)
    asked = wanted or Filter()
    loop = asyncio.get_running_loop()
    deadline, delay = loop.time() + (patience if first_patience is None else first_patience), FIRST_RECONNECT_DELAY_SECONDS
    while True:
        reason = "the connection was closed"
        try:
            async with connect(_address(connection), additional_headers=_headers(connection)) as socket:
                await socket.send(orjson.dumps(_request(asked, place)).decode())
                deadline, delay = loop.time() + patience, FIRST_RECONNECT_DELAY_SECONDS
                async for event in _events(socket):
                    yield event
                    place.note(event)
        except InvalidStatus as error:
            if error.response.status_code < 500 or loop.time() + delay > deadline:
                raise _refused(error.response) from error
            reason = str(error)
        except (WebSocketException, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        if loop.time() + delay > deadline:
            raise UnreachableError(connection.url, reason)
        await asyncio.sleep(delay)
        delay = min(delay * 2, MAX_RECONNECT_DELAY_SECONDS)


def _refused(response: Response) -> ProblemError:
    """With the problem that came as the answer; what stands between may answer something else."""
    try:
        body = orjson.loads(response.body or b"")
    except orjson.JSONDecodeError:
        body = None
    return ProblemError(
        response.status_code, cast("Mapping[str, object]", body) if isinstance(body, dict) else {"detail": "the monitor socket was refused"}
    )


async def _events(socket: ClientConnection) -> AsyncGenerator[MonitorEvent, None]:
    async for text in socket:
        event = cast("MonitorEvent", orjson.loads(text))
        if event.get("type") == "problem":
            raise ProblemError(UNPROCESSABLE, {**event, "detail": "the filter was refused"})
        yield event


def _address(connection: Connection) -> str:
    return connection.url.rstrip("/").replace("http", "ws", 1) + API + "/contracts/monitor"


def _headers(connection: Connection) -> dict[str, str]:
    return {"Authorization": f"Bearer {connection.token}"} if connection.token else {}


def _request(asked: Filter, place: _StreamPosition) -> dict[str, object]:
    request: dict[str, object] = {"include_stale": asked.include_stale, "include_heartbeats": asked.include_heartbeats}
    if asked.contract_ids:
        request["contract_ids"] = list(asked.contract_ids)
    if asked.statuses:
        request["statuses"] = list(asked.statuses)
    if place.position is not None:
        request["since"] = place.position
    if place.epoch is not None:
        request["epoch"] = place.epoch
    return request
