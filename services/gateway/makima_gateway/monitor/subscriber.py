"""Sends a monitor client its messages: `hello`, then events in order, without gap or duplicate."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

import orjson
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics

from makima_gateway.auth.principal import Principal
from makima_gateway.monitor.filter import MonitorFilter
from makima_gateway.monitor.heartbeat_stream import HeartbeatStream
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.monitor.row_stream import RowStream
from makima_gateway.monitor.subscriptions import Subscription
from makima_gateway.monitor.transport import Message, Transport
from makima_gateway.monitor.visible_contracts import VisibleContracts
from makima_gateway.read_model.legacy_status import shown_event
from makima_gateway.read_model.monitor_events import MONITOR_PAGE_EVENTS, MonitorEvent

# How long after `hello` a WebSocket client has to send its first filter before events are sent: the filter
# may ask for older events with `since`, which must come first.
FIRST_FILTER_TIMEOUT_SECONDS: Final = 0.3
REVOKED_TIMEOUT_SECONDS: Final = 2.0  # for a client to read why it is disconnected
TOGETHER_SECONDS: Final = 0.2  # between two times that events are sent together
DATABASE_RETRY_SECONDS: Final = 0.5  # after an error of the database


class Subscriber:
    """One monitor client. Its state is a few cursors and a filter; no message is queued for it."""

    def __init__(
        self,
        monitor: Monitor,
        principal: Principal,
        transport: Transport,
        wanted: MonitorFilter | None = None,
        *,
        place_known: bool = True,
    ) -> None:
        """`place_known=False`: nobody says which log's position `since` of `wanted` is."""
        self._log_tail, self._log = monitor.log_tail, monitor.log
        self._reminders, self._tokens, self._sessions = monitor.reminders, monitor.tokens, monitor.sessions
        self._pulse = monitor.pulse
        self._enhanced = monitor.enhanced
        self._place_known = place_known
        self._principal = principal
        self._visible = VisibleContracts(monitor, principal)
        self._transport = transport
        self._filter = MonitorFilter()  # the filter in force
        # a filter with `since` that was received but not yet applied
        self._rewind: MonitorFilter | None = None
        self._filter_received = asyncio.Event()  # set when the first filter has arrived
        self.hello_sent = asyncio.Event()
        self._subscription = Subscription()  # wakes this subscriber
        # `_cursor`: the last position that was sent or did not match the filter. `_reminder_cursor`: the last tick of
        # StaleReminders that was handled, `_tick`: of the Pulse. `_generation`: the log tail's generation that `_cursor`
        # belongs to, and `_epoch` that log's.
        self._cursor = self._reminder_cursor = self._generation = 0
        self._tick = monitor.pulse.tick
        self._together_at = 0.0  # when the next events may be sent, on the monotonic clock
        self._epoch = ""
        # False: `_cursor` is behind the cache, and the client got `lagging` or asked for it with `since`
        self._caught_up = True
        wake = self._subscription.wake
        self._heartbeats = HeartbeatStream(monitor, self._visible, wake)
        self._rows = RowStream(
            monitor.log_tail.board, monitor.log, monitor.queries, self._visible.may_see, wake
        )
        self.revoked = False  # True: the client's token was revoked
        self._log_tail.subscriptions.subscribe(self._subscription, None)
        if wanted is not None:
            self.set_filter(wanted)

    def set_filter(self, wanted: MonitorFilter) -> None:
        """Replace the filter.

        If it has `since`, `run` moves the cursor there before it sends the next event.
        """
        self._filter = wanted
        self._rewind = wanted if wanted.since is not None else None
        self._log_tail.subscriptions.subscribe(self._subscription, wanted.contract_ids or None)
        self._heartbeats.want(wanted)
        self._rows.want(wanted.rows)
        self._filter_received.set()
        self._subscription.wake.set()

    def leave(self) -> None:
        """Remove this subscriber from everything that wakes it."""
        self._rows.want(False)
        self._log_tail.subscriptions.unsubscribe(self._subscription)
        self._heartbeats.want(MonitorFilter())

    async def until_revoked(self, cut: Callable[[], object]) -> None:
        """Wait until the client's token or session ends, then let `run` end. Run it as a task beside `run`.

        `run` cannot end while the client does not read: then `cut` has to drop the connection.
        """
        session_id = self._principal.session_id
        await (
            self._tokens.until_revoked(self._principal.token_id)
            if session_id is None
            else self._sessions.until_ended(session_id)
        )
        self.revoked = True
        self._subscription.wake.set()
        await asyncio.sleep(REVOKED_TIMEOUT_SECONDS)
        metrics.http_cut.labels("revoked").inc()
        cut()

    async def run(self) -> None:
        """Send messages until the gateway closes or the client's token is revoked."""
        await self._log_tail.started.wait()
        await self._begin()
        self._heartbeats.begin()
        self._reminder_cursor = self._reminders.tick
        # A hello before a replay carries no position to resume at: if the connection ends now, the client
        # must ask for the replay again instead of skipping it.
        resume_at = None if self._rewind is not None else self._cursor
        await self._send({"type": "hello", "epoch": self._epoch, "position": self._cursor}, resume_at)
        self.hello_sent.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_FILTER_TIMEOUT_SECONDS):
                await self._filter_received.wait()
        while not (self._log_tail.closing or self.revoked):
            self._subscription.rearm()
            try:
                if not await self._send_next():
                    await self._wait_for_events()
            except DATABASE_UNAVAILABLE:
                await asyncio.sleep(
                    DATABASE_RETRY_SECONDS
                )  # the database is unreachable: retry from the same cursor

    async def _wait_for_events(self) -> None:
        """Everything up to the log tail's position was sent. Wait for a matching event.

        Events that arrived meanwhile did not match, so move the cursor to just before the first one that
        does; if something other than an event woke us, to the log tail's position.
        """
        await self._subscription.wake.wait()
        passed_over = (
            self._log_tail.position if self._subscription.first is None else self._subscription.first - 1
        )
        self._cursor = max(self._cursor, passed_over)

    async def _send_next(self) -> bool:
        """Send new heartbeats, reminders and rows, and the next page of events; False: there was nothing new."""
        if self._generation != self._log_tail.generation:
            await self._reset("the log was replaced by another one")
        if self._rewind is not None:
            await self._seek(self._rewind)
        await self._send_tick()  # after that, as it says up to where the client was told everything
        heartbeats_sent = await self._send_heartbeats()
        reminders_sent = await self._send_stale_reminders()
        events = await self._next_events()
        await self._send_events(events)
        if not _is_full(events):
            await self._send_rows()
        await asyncio.sleep(0)  # a send does not yield to the event loop while the client's buffer has room
        return heartbeats_sent or reminders_sent or bool(events) or self._rewind is not None

    async def _send_events(self, events: Sequence[MonitorEvent]) -> None:
        await self._visible.learn({event.contract_id for event in events})
        together = self._filter.together
        collected: list[Message] = []
        for event in events:
            message = await self._message(event)
            if message is not None and together:
                collected.append(message)
            elif message is not None:
                await self._transport.send(*message)
            self._cursor = event.position
            if self._rewind is not None:  # a new filter with `since` arrived while this page was sent
                break
        if collected:
            await self._transport.send_together(collected)

    async def _message(self, event: MonitorEvent) -> Message | None:
        """What the client is told of it; None: nothing."""
        shown = shown_event(event, enhanced=self._enhanced)
        if shown is None or not self._filter.matches(shown):
            return None
        if not await self._visible.may_see(event.tenant, event.contract_id):
            return None
        return Message(shown.type, shown.message, self._event_id(event.position))

    async def _send_tick(self) -> None:
        """Say once a second that this connection lives, and how far behind the log the client is."""
        if self._tick != self._pulse.tick:
            self._tick = self._pulse.tick
            await self._transport.send("Tick", self._pulse.message(self._cursor), None)

    async def _send_rows(self) -> None:
        async for message in self._rows.messages(self._principal.tenant, self._filter, self._cursor):
            await self._transport.send("Rows", message, None)

    async def _next_events(self) -> list[MonitorEvent]:
        """The next page of events after the cursor; if they are wanted together, not before their turn."""
        if self._filter.together and (left := self._together_at - monotonic()) > 0:
            await asyncio.sleep(left)
        events = await self._page()
        if events and not _is_full(events):
            self._together_at = monotonic() + TOGETHER_SECONDS
        return events

    async def _page(self) -> list[MonitorEvent]:
        """The next page of events after the cursor, from the log tail's cache or else from the database.

        The first time that a client which was caught up falls out of the cache, send it `lagging`.
        """
        events = self._log_tail.read_after(self._cursor)
        if events is not None:
            self._caught_up = True
            return events
        if self._caught_up:
            self._caught_up = False
            await self._send({"type": "lagging", "position": self._cursor, "head": self._log_tail.position})
        upto = self._log_tail.position
        events = await self._log_tail.read_from_database(self._cursor, upto)
        if not events:
            self._cursor = max(self._cursor, upto)
        return events

    async def _send_heartbeats(self) -> bool:
        """Send the heartbeat states that changed since the last call; False: none did."""
        sent = False
        async for message in self._heartbeats.messages():
            await self._send(message)
            sent = True
        return sent

    async def _send_stale_reminders(self) -> bool:
        """Send the reminders since the last call; False: there were none."""
        pending = self._reminders.since(self._reminder_cursor)
        for reminder in pending:
            self._reminder_cursor = reminder.tick
            if not await self._visible.may_see(reminder.tenant, reminder.contract_id):
                continue
            status = await self._visible.status(reminder.contract_id) if self._filter.statuses else None
            if self._filter.matches_reminder(reminder.contract_id, status):
                await self._transport.send("StaleDetected", reminder.message, None)
        return bool(pending)

    async def _seek(self, wanted: MonitorFilter) -> None:
        """Move the cursor to `since`; send `reset` if that is of another epoch or beyond the log's end."""
        since = wanted.since
        assert since is not None
        self._rewind = None
        if wanted.epoch is not None and wanted.epoch != self._epoch:
            await self._reset("the log has another epoch: its positions belong to other events")
        elif not self._place_known and not await self._log.of_one_epoch():
            await self._reset(
                "the log has had other epochs: the id does not say of which one its position is"
            )
        elif since > self._log_tail.position and since > await self._log.head():
            await self._reset(f"position {since} is ahead of the log")
        else:
            self._cursor, self._caught_up = since, False
            self._rows.move_to(since)

    async def _begin(self) -> None:
        """Continue after all that the client can have read or written until now: what it is told is news."""
        self._cursor = await self._log_tail.shown()
        self._generation, self._epoch = self._log_tail.generation, self._log_tail.epoch
        self._rows.move_to(self._cursor)

    async def _reset(self, reason: str) -> None:
        """Let the client read its state again, as its position is not valid in this log; continue at the
        tail.
        """
        await self._begin()
        self._caught_up = True
        await self._send(
            {"type": "reset", "reason": reason, "epoch": self._epoch, "position": self._cursor}, self._cursor
        )

    async def _send(self, message: dict[str, object], resume_at: int | None = None) -> None:
        where = None if resume_at is None else self._event_id(resume_at)
        await self._transport.send(str(message["type"]), orjson.dumps(message).decode(), where)

    def _event_id(self, position: int) -> str:
        """A position alone would lead somewhere else after `makima ledger new-epoch`."""
        return f"{self._epoch}:{position}"


def _is_full(page: Sequence[MonitorEvent]) -> bool:
    """True if there are more events already, which need not wait."""
    return len(page) >= MONITOR_PAGE_EVENTS
