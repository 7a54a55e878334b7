"""The monitor as Server-Sent Events: the WebSocket's messages, and `Last-Event-ID` to resume."""

import asyncio
from collections.abc import Sequence
from typing import Final

from makima_kernel.telemetry import metrics
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from makima_gateway.auth.principal import Principal
from makima_gateway.http.connections import CUT
from makima_gateway.monitor.filter import MonitorFilter
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.monitor.subscriber import Subscriber
from makima_gateway.monitor.transport import Message

MEDIA_TYPE: Final = "text/event-stream"
KEEP_ALIVE_SECONDS: Final = 15.0  # proxies close a connection without data after a minute, some earlier
RETRY_MS: Final = 1000  # the client's delay before it reconnects
HEADERS: Final = (
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # else nginx delays events until its buffer is full
)


class EventStream(Response):
    """A response that lasts until the client disconnects, its token is revoked or the gateway stops.

    A client that does not read delays only itself.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self, monitor: Monitor, principal: Principal, wanted: MonitorFilter, *, place_known: bool = True
    ) -> None:
        """`place_known=False`: `since` of `wanted` is a position of a log whose epoch the client does not tell."""
        super().__init__()
        self._monitor, self._principal = monitor, principal
        self._filter, self._place_known = wanted, place_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = _StreamTransport(send)
        subscriber = Subscriber(
            self._monitor, self._principal, transport, self._filter, place_known=self._place_known
        )
        with metrics.exported(metrics.open_sockets).track_inprogress():
            try:
                await send(
                    {"type": "http.response.start", "status": self.status_code, "headers": list(HEADERS)}
                )
                await transport.write(f"retry: {RETRY_MS}\n\n")
                async with asyncio.TaskGroup() as group:
                    sending = group.create_task(subscriber.run(), name="monitor stream")
                    ending = subscriber.until_revoked(scope["state"][CUT])
                    beside = (transport.keep_alive(), ending, _gone(receive, sending))
                    others = [group.create_task(each) for each in beside]
                    await asyncio.wait([sending])
                    for other in others:
                        other.cancel()
                await send({"type": "http.response.body", "body": b""})
            finally:
                subscriber.leave()


class _StreamTransport:
    """A `Transport` that writes Server-Sent Events.

    `resume_at` becomes the event's id, and so the next `Last-Event-ID`.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(self, kind: str, message: str, resume_at: str | None) -> None:
        where = "" if resume_at is None else f"id: {resume_at}\n"
        await self.write(f"{where}event: {kind}\ndata: {message}\n\n")

    async def send_together(self, messages: Sequence[Message]) -> None:
        """Each an event of its own, which has its own place to resume at."""
        for message in messages:
            await self.send(*message)

    async def keep_alive(self) -> None:
        """Until cancelled: send a comment every `KEEP_ALIVE_SECONDS`."""
        while True:
            await asyncio.sleep(KEEP_ALIVE_SECONDS)
            await self.write(": still here\n\n")

    async def write(self, text: str) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive, sending: asyncio.Task[None]) -> None:
    """Cancel `sending` when the client disconnects.

    A send to a disconnected client is dropped without an error, so only `receive` tells of the disconnect.
    """
    while (await receive())["type"] != "http.disconnect":
        pass
    sending.cancel()
