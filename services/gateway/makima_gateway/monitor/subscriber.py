"""What a reader of the monitor is told, whatever carries it: hello, then what the log says, in order, with no gap and no repeat."""

import asyncio
from contextlib import suppress
from typing import Final

import orjson
from makima_kernel.event_log.errors import AWAY
from makima_schemas.contract.model import ContractStatus
from makima_schemas.times import rfc3339

from makima_gateway.auth.principal import Principal
from makima_gateway.monitor.filter import Watch
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.monitor.subscriptions import Ear
from makima_gateway.monitor.transport import Line
from makima_gateway.read_model.latest_heartbeats import Latest
from makima_gateway.read_model.legacy_status import shown_event, shown_status
from makima_gateway.read_model.queries import MonitorEvent

GRACE_SECONDS: Final = 0.3  # for a first filter, which may ask for what was before
PAUSE_SECONDS: Final = 0.5


class Teller:
    """One reader. `_cursor` is the last position that it was told of, or that its filter passed over; nothing else is kept for it."""

    def __init__(self, monitor: Monitor, principal: Principal, line: Line, watch: Watch | None = None) -> None:
        self._hub, self._feed, self._log = monitor.hub, monitor.feed, monitor.log
        self._reminders, self._queries = monitor.reminders, monitor.queries
        self._owners, self._tokens = monitor.owners, monitor.tokens
        self._enhanced = monitor.enhanced
        self._principal = principal
        self._line = line
        self._watch = Watch()
        self._rewind: Watch | None = None
        self._asked = asyncio.Event()
        self.greeted = asyncio.Event()
        self._ear = Ear()
        self._cursor = self._tick = self._reminded = self._generation = 0
        self._live = True
        self.revoked = False
        self._hub.ears.listen(self._ear, None)
        if watch is not None:
            self.watch(watch)

    def watch(self, watch: Watch) -> None:
        """From now on this filter holds, instead of the one before."""
        self._watch = watch
        self._rewind = watch if watch.since is not None else None
        self._hub.ears.listen(self._ear, watch.contract_ids or None)
        (self._feed.listeners.wake if watch.include_heartbeats else self._feed.listeners.leave)(self._ear.wake)
        self._asked.set()
        self._ear.wake.set()

    def leave(self) -> None:
        """Nobody wakes it any more."""
        self._hub.ears.leave(self._ear)
        self._feed.listeners.leave(self._ear.wake)

    async def until_revoked(self) -> None:
        """Beside `tell`, which ends when the reader's token does."""
        await self._tokens.until_revoked(self._principal.token_id)
        self.revoked = True
        self._ear.wake.set()

    async def tell(self) -> None:
        """Until the gateway closes, or the reader's token is `revoked`."""
        await self._hub.started.wait()
        self._cursor, self._tick, self._generation = self._hub.position, self._feed.tick, self._hub.generation
        self._reminded = self._reminders.tick
        resume_at = None if self._rewind is not None else self._cursor  # who goes back first must not skip that when it is cut off now
        await self._say({"type": "hello", "epoch": self._hub.epoch, "position": self._cursor}, resume_at)
        self.greeted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._asked.wait()
        while not (self._hub.closing or self.revoked):
            self._ear.look()
            try:
                if not await self._tell():
                    await self._sleep()
            except AWAY:
                await asyncio.sleep(PAUSE_SECONDS)  # the database is away: stand still, and go on where we were

    async def _sleep(self) -> None:
        """We have been told all that there is; what comes until we are woken is for others."""
        await self._ear.wake.wait()
        passed_over = self._hub.position if self._ear.first is None else self._ear.first - 1
        self._cursor = max(self._cursor, passed_over)

    async def _tell(self) -> bool:
        """A page of what is new; False: nothing was."""
        if self._generation != self._hub.generation:
            await self._reset("the log is another one than before")
        if self._rewind is not None:
            await self._go_back(self._rewind)
        heard = await self._tell_heartbeats()
        reminded = await self._remind()
        events = await self._next_events()
        if self._principal.sight.owner_id is not None:
            await self._owners.learn(self._principal.tenant, {event.contract_id for event in events})
        for event in events:
            shown = shown_event(event, enhanced=self._enhanced)
            if shown is not None and self._watch.lets_through(shown) and await self._may_see(event.tenant, event.contract_id):
                await self._line.say(shown.type, shown.message, event.position)
            self._cursor = event.position
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

    async def _tell_heartbeats(self) -> bool:
        upto = self._feed.tick
        news = self._feed.since(self._tick) if self._watch.include_heartbeats else ()
        self._tick = upto
        for sender in news:
            latest = self._feed.latest(*sender)
            if latest is None or latest.tick > upto or not self._watch.include_heartbeats:
                continue  # forgotten, or said again since: the next round has it
            if self._watch.lets_heartbeat_through(latest) and await self._may_see(latest.tenant, latest.contract_id):
                await self._say(_heartbeat(latest))
        return bool(news)

    async def _remind(self) -> bool:
        news = self._reminders.since(self._reminded)
        for reminder in news:
            self._reminded = reminder.tick
            if not await self._may_see(reminder.tenant, reminder.contract_id):
                continue
            status = await self._status(reminder.contract_id) if self._watch.statuses else None
            if self._watch.lets_reminder_through(reminder.contract_id, status):
                await self._line.say("StaleDetected", reminder.message, None)
        return bool(news)

    async def _may_see(self, tenant: str, contract_id: str | None) -> bool:
        if tenant != self._principal.tenant:
            return False
        owner_id = self._principal.sight.owner_id
        return owner_id is None or (contract_id is not None and await self._owners.of(tenant, contract_id) == owner_id)

    async def _status(self, contract_id: str) -> ContractStatus | None:
        row = await self._queries.contract(self._principal.tenant, contract_id)
        return None if row is None else shown_status(row.status, enhanced=self._enhanced)

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
        await self._say({"type": "reset", "reason": reason, "epoch": self._hub.epoch, "position": self._cursor}, self._cursor)

    async def _say(self, message: dict[str, object], resume_at: int | None = None) -> None:
        await self._line.say(str(message["type"]), orjson.dumps(message).decode(), resume_at)


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
