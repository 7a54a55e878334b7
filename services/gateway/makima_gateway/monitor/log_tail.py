"""One reader of the monitor events for all clients of this process: a short memory of the newest, and who to wake."""

import asyncio
from collections import deque
from typing import Final

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.projections.checkpoint import ReadModelPosition
from makima_kernel.projections.projector import Projector

from makima_gateway.monitor.subscriptions import SubscriptionIndex
from makima_gateway.read_model.queries import MONITOR_PAGE_CHARACTERS, MONITOR_PAGE_EVENTS, MonitorEvent, Queries

MAX_RECENT_EVENTS: Final = 10_000  # events; a reader that is further behind reads from the database
MAX_RECENT_CHARACTERS: Final = 32 * 1024 * 1024  # a question alone may have a quarter of a mebibyte
EPOCH_POLL_SECONDS: Final = 0.5  # how often the epoch is asked for when nothing happens; else with each page
TAIL_RETRY_SECONDS: Final = 0.5


class LogTail:
    """`position` is what every client may have been told up to; `epoch` the log's; `generation` counts its changes.

    Clients keep a cursor and take from here what lies behind it. So a slow one costs nothing but its own delay: nothing is queued for it.
    """

    def __init__(self, queries: Queries, projector: Projector) -> None:
        self._queries = queries
        self._projector = projector
        self._recent: deque[MonitorEvent] = deque()
        self._characters = 0  # of the messages in _recent
        self._complete_after = 0  # everything above this position is in _recent
        self.started = asyncio.Event()
        self.subscriptions = SubscriptionIndex()
        self.position = 0
        self.epoch = ""
        self.generation = 0
        self.closing = False

    async def run(self) -> None:
        """Until cancelled. While the database is away, sockets stand still; they go on where they were."""
        while True:
            try:
                await self._projector.wait_for(self.position + 1, EPOCH_POLL_SECONDS)
                await (self._advance() if self.started.is_set() else self._start())
            except DATABASE_UNAVAILABLE as error:
                structlog.get_logger().warning("monitor.database_away", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(TAIL_RETRY_SECONDS)

    def read_after(self, after: int) -> list[MonitorEvent] | None:
        """The next events behind `after`, at most a page; None: they are no longer remembered here."""
        if after < self._complete_after:
            return None
        found: list[MonitorEvent] = []
        for event in reversed(self._recent):
            if event.position <= after:
                break
            found.append(event)
        found.reverse()
        return _page(found)

    async def read_from_database(self, after: int, upto: int) -> list[MonitorEvent]:
        """The next events behind `after`, at most a page, from the database."""
        return await self._queries.monitor_events(after, upto)

    def close(self) -> None:
        """Every client is told goodbye."""
        self.closing = True
        self.subscriptions.notify_all()

    async def _start(self) -> None:
        """What was said before this process began is history, not news."""
        shown = await self._projector.read_model_position()
        if shown is None or (shown.position == 0 and self._projector.ready() is not None):
            return
        self._begin_at(shown)
        self.started.set()

    async def _advance(self) -> None:
        """Under steady traffic, too, a new epoch is seen before anything of it is told: a page that was read while the log changed is dropped.

        How far the read model is, it says itself: what the projector remembers may be of before a restore, and further.
        """
        shown = await self._projector.read_model_position()
        if self._is_another_log(shown) or shown is None or shown.position <= self.position:
            return
        page = await self._queries.monitor_events(self.position, shown.position)
        if self._is_another_log(await self._projector.read_model_position()):
            return
        self._recent.extend(page)
        characters = sum(len(event.message) for event in page)
        self._characters += characters
        self._forget()
        self.position = page[-1].position if len(page) == MONITOR_PAGE_EVENTS or characters >= MONITOR_PAGE_CHARACTERS else shown.position
        self.subscriptions.notify((event.position, event.contract_id) for event in page)

    def _forget(self) -> None:
        """The oldest, as long as there are too many, or they are too large together."""
        while len(self._recent) > MAX_RECENT_EVENTS or self._characters > MAX_RECENT_CHARACTERS:
            oldest = self._recent.popleft()
            self._characters -= len(oldest.message)
            self._complete_after = oldest.position

    def _is_another_log(self, shown: ReadModelPosition | None) -> bool:
        """Told once the read model shows the other log: a client reads it anew at once. A read model that stands further back in the same
        log comes again to where it was: that is no reason for a reset.
        """
        if shown is None or str(shown.epoch) == self.epoch:
            return False
        structlog.get_logger().warning("monitor.reset", epoch=str(shown.epoch), before=self.epoch, position=shown.position)
        self.generation += 1
        self._begin_at(shown)
        self.subscriptions.notify_all()
        return True

    def _begin_at(self, shown: ReadModelPosition) -> None:
        self._recent.clear()
        self._characters = 0
        self.epoch = str(shown.epoch)
        self.position = self._complete_after = shown.position


def _page(events: list[MonitorEvent]) -> list[MonitorEvent]:
    """The first of them, as the database would cut them: a reader that stands still holds no more than a page."""
    characters = 0
    for number, event in enumerate(events[:MONITOR_PAGE_EVENTS]):
        if characters >= MONITOR_PAGE_CHARACTERS:
            return events[:number]
        characters += len(event.message)
    return events[:MONITOR_PAGE_EVENTS]
