"""Fills the senders' memory from the database, and keeps it true to the log."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import asyncpg
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.projections.subscription import Consumer, EpochChangedError

from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.handlers.follower import Follower
from makima_supervisor_heartbeat.handlers.observation_writer import ObservationWriter
from makima_supervisor_heartbeat.queries import SnapshotReader

_ENDED_SCAN_SECONDS: Final = 600.0  # seconds between two looks for those that have ended
_ENDED_SCAN_BATCH_SIZE: Final = 2000  # senders: a millisecond
_DATABASE_RETRY_SECONDS: Final = 0.25  # seconds until a database that did not answer is asked again

_logger = structlog.get_logger(__name__)


class Memory:
    """`forget` is called when senders were dropped, for whoever holds some."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        consume: Callable[[], Consumer],
        senders: SenderCache,
        follower: Follower,
        observer: ObservationWriter,
        *,
        forget: Callable[[], None],
    ) -> None:
        self._pool, self._consume, self._forget = pool, consume, forget
        self._senders, self._follower, self._observer = senders, follower, observer

    async def load(self) -> None:
        """What the log said of every sender, as of the projection's position."""
        async with self._pool.acquire() as acquired, acquired.transaction(isolation="repeatable_read", readonly=True):
            remembered = SnapshotReader(cast("asyncpg.Connection", acquired))
            self._follower.position = await remembered.position()
            async for stream, told in remembered.senders():
                self._senders.restore(stream, told)
        _logger.info("senders.loaded", senders=len(self._senders), position=self._follower.position)

    async def follow(self) -> None:
        """Until cancelled. A database that is away is asked again; after a restore of the log all that it told is forgotten first."""
        another = False
        while True:
            raise_if_cancelled()
            try:
                if another:
                    await self._begin_anew()
                    another = False
                await self._follower.run(self._consume())
            except EpochChangedError as error:
                another = True
                self._interrupted(error)
            except DATABASE_UNAVAILABLE as error:
                self._interrupted(error)
            await asyncio.sleep(_DATABASE_RETRY_SECONDS)

    def _interrupted(self, error: Exception) -> None:
        self._follower.problem = f"the senders do not know the log behind position {self._follower.position}: {error!r}"
        _logger.warning("senders.log_unavailable", position=self._follower.position, reason=repr(error))

    async def _begin_anew(self) -> None:
        """Whoever is heard and not in this log is registered in it, also without another heartbeat."""
        self._senders.forget()
        await self.load()
        self._observer.take(self._senders.pending_observations())

    async def drop_ended_ones(self, kept: timedelta) -> None:
        """Until cancelled."""
        while True:
            raise_if_cancelled()
            await asyncio.sleep(_ENDED_SCAN_SECONDS)
            await self.drop_ended(datetime.now(UTC) - kept)

    async def drop_ended(self, before: datetime) -> int:
        """How many were dropped. A shard's recorder must have held its heartbeats first: else nobody seems to have been heard."""
        if not self._senders.stream_epoch:
            return 0
        streams, before_ns, ended = self._senders.streams, int(before.timestamp()) * 1_000_000_000, list[str]()
        for first in range(0, len(streams), _ENDED_SCAN_BATCH_SIZE):
            ended += self._senders.ended(streams[first : first + _ENDED_SCAN_BATCH_SIZE], before_ns)
            await asyncio.sleep(0)  # heartbeats go on meanwhile
        ended = self._senders.ended(ended, before_ns)
        self._senders.drop(ended)
        if ended:
            self._forget()
            _logger.info("senders.dropped", senders=len(ended), left=len(self._senders))
        return len(ended)

    async def check(self) -> str | None:
        return self._follower.problem

    async def taken(self, stream_epoch: str) -> None:
        """A group has become ours: its former recorder may have died between recording a heartbeat and observing it."""
        self._senders.begin(stream_epoch)
        self._senders.discard_expected()
        async with self._pool.acquire() as acquired, acquired.transaction(readonly=True):
            async for beat in SnapshotReader(cast("asyncpg.Connection", acquired)).latest(stream_epoch):
                self._senders.set_latest(beat)
        self._observer.take(self._senders.pending_observations())
