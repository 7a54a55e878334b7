"""The monitor socket: hello, then what the log says, in order, with no gap and no repeat; a slow reader costs only its own delay."""

import asyncio
from contextlib import suppress
from typing import Final

import orjson
from makima_kernel.log.away import AWAY
from makima_kernel.service import metrics
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import Code
from makima_schemas.times import rfc3339
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from services.gateway.context import Gateway
from services.gateway.feed import Latest
from services.gateway.principal import Principal
from services.gateway.queries import MonitorEvent
from services.gateway.watch import Watch

GRACE_SECONDS: Final = 0.3  # for a first message, which may ask for what was before
PAUSE_SECONDS: Final = 0.5
GOING_AWAY: Final = 1001


class MonitorSocket:
    """One client. `_cursor` is the last position that it was told of, or that its filter passed over; nothing else is kept for it."""

    def __init__(self, websocket: WebSocket, gateway: Gateway, principal: Principal) -> None:
        self._socket = websocket
        self._hub, self._feed, self._log = gateway.hub, gateway.feed, gateway.log
        self._reminders, self._queries = gateway.reminders, gateway.queries
        self._principal = principal
        self._watch = Watch()
        self._rewind: Watch | None = None
        self._asked = asyncio.Event()
        self._greeted = asyncio.Event()
        self._wake = asyncio.Event()
        self._cursor = self._tick = self._reminded = self._generation = 0
        self._live = True

    async def run(self) -> None:
        """From the handshake to the last word."""
        await self._socket.accept(subprotocol=_bearer(self._socket))
        self._hub.wake(self._wake)
        with metrics.open_sockets.track_inprogress(), suppress(WebSocketDisconnect):
            try:
                async with asyncio.TaskGroup() as both:
                    talking = both.create_task(self._talk(), name="monitor socket")
                    await self._listen()
                    talking.cancel()
            except* WebSocketDisconnect:
                pass  # while we were talking
            finally:
                self._hub.leave(self._wake)
                self._feed.leave(self._wake)

    async def _listen(self) -> None:
        """Ends with the connection."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                watch = Watch.model_validate_json(message.get("text") or message.get("bytes") or b"")
            except ValidationError as error:
                await self._refuse(error)
                continue
            self._watch = watch
            self._rewind = watch if watch.since is not None else None
            (self._feed.wake if watch.include_heartbeats else self._feed.leave)(self._wake)
            self._asked.set()
            self._wake.set()

    async def _talk(self) -> None:
        await self._hub.started.wait()
        self._cursor, self._tick, self._generation = self._hub.position, self._feed.tick, self._hub.generation
        self._reminded = self._reminders.tick
        await self._say({"type": "hello", "epoch": self._hub.epoch, "position": self._cursor})
        self._greeted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._asked.wait()
        while not self._hub.closing:
            self._wake.clear()
            try:
                if not await self._tell():
                    await self._wake.wait()
            except AWAY:
                await asyncio.sleep(PAUSE_SECONDS)  # the database is away: stand still, and go on where we were
        await self._socket.close(GOING_AWAY, "the server is going away; connect again and go on with since")

    async def _tell(self) -> bool:
        """A page of what is new; False: nothing was."""
        if self._generation != self._hub.generation:
            await self._reset("the log is another one than before")
        if self._rewind is not None:
            await self._go_back(self._rewind)
        heard = await self._tell_heartbeats()
        reminded = await self._remind()
        events = await self._next_events()
        for event in events:
            await self._tell_event(event)
            if self._rewind is not None:  # asked for while we were sending
                break
        await asyncio.sleep(0)  # a send does not yield as long as the client keeps up
        return heard or reminded or bool(events) or self._rewind is not None

    async def _next_events(self) -> list[MonitorEvent]:
        """From the hub's memory, or, too far behind for that, from the database; a reader that was live is told."""
        events = self._hub.newer(self._cursor)
        if events is not None:
            self._live = True
            return events
        if self._live:
            self._live = False
            await self._say({"type": "lagging", "position": self._cursor, "head": self._hub.position})
        upto = self._hub.position
        events = await self._hub.stored(self._cursor, upto)
        if not events:
            self._cursor = max(self._cursor, upto)
        return events

    async def _tell_event(self, event: MonitorEvent) -> None:
        if event.tenant == self._principal.tenant and self._watch.lets_through(event):
            await self._socket.send_text(event.message)
        self._cursor = event.position

    async def _tell_heartbeats(self) -> bool:
        if not self._watch.include_heartbeats:
            self._tick = self._feed.tick
            return False
        news = self._feed.since(self._tick)
        for latest in news:
            self._tick = latest.tick
            if self._watch.lets_heartbeat_through(latest):
                await self._say(_heartbeat(latest))
        return bool(news)

    async def _remind(self) -> bool:
        news = self._reminders.since(self._reminded)
        for reminder in news:
            self._reminded = reminder.tick
            status = await self._status(reminder.contract_id) if self._watch.statuses else None
            if self._watch.lets_reminder_through(reminder.contract_id, status):
                await self._socket.send_text(reminder.message)
        return bool(news)

    async def _status(self, contract_id: str) -> ContractStatus | None:
        row = await self._queries.contract(self._principal.tenant, contract_id)
        return None if row is None else row.status

    async def _go_back(self, asked: Watch) -> None:
        since = asked.since
        assert since is not None
        self._rewind = None
        if asked.epoch is not None and asked.epoch != self._hub.epoch:
            await self._reset("another epoch: positions mean other events now")
        elif since > self._hub.position and since > await self._log.head():
            await self._reset(f"position {since} is ahead of the log")
        else:
            self._cursor, self._live = since, False

    async def _reset(self, reason: str) -> None:
        """What lies before cannot be told any more: the client reads the state anew, and we go on from here."""
        self._generation, self._cursor, self._live = self._hub.generation, self._hub.position, True
        await self._say({"type": "reset", "reason": reason, "epoch": self._hub.epoch, "position": self._cursor})

    async def _refuse(self, error: ValidationError) -> None:
        await self._greeted.wait()  # hello is the first word, also to one who speaks at once
        errors = [{"path": ".".join(str(part) for part in item["loc"]), "message": item["msg"]} for item in error.errors()]
        await self._say({"type": "problem", "code": Code.INVALID_REQUEST, "detail": "the filter in force is kept", "errors": errors})

    async def _say(self, message: dict[str, object]) -> None:
        await self._socket.send_text(orjson.dumps(message).decode())


def _heartbeat(latest: Latest) -> dict[str, object]:
    said = latest.heartbeat
    return {
        "type": "Heartbeat",
        "timestamp": None if latest.at is None else rfc3339(latest.at),
        "contract_id": latest.contract_id,
        "state": said.get("state"),
        "activity": said.get("activity"),
        "progress": said.get("progress"),
    }


def _bearer(websocket: WebSocket) -> str | None:
    """The subprotocol that carries a token must be taken up, or the client gives up the connection."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    return next((name for name in offered if name.startswith("bearer.")), None)
