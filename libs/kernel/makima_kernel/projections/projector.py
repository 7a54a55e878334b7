"""Keeps a read model equal to the fold of the log: one active replica, its checkpoint in the transaction that writes the rows."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Final, cast
from uuid import UUID

import asyncpg
import structlog
from makima_schemas import subjects
from makima_schemas.codec import UnknownEventError
from makima_schemas.envelope import Recorded
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.nats.dead_letters import dead_letter
from makima_kernel.projections.checkpoint import Checkpoint, Lease, LeaseLostError, ReadModelPosition
from makima_kernel.projections.projection import Applied, DecodedBatch, Projection, decode_batch
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.projections.subscription import Consumer, EpochChangedError
from makima_kernel.waiting import wait_with_timeout

__all__ = ["Applied", "Projection", "Projector"]

OnCommit = Callable[[int, Sequence[Applied]], None]

_LEASE: Final = timedelta(seconds=3)
_LEASE_RETRY_SECONDS: Final = 1.0  # seconds between two tries to get the lease
_FAILURE_RETRY_SECONDS: Final = 0.5  # after a failure
_CHECKPOINT_POLL_SECONDS: Final = 0.25  # a poke may get lost: look at the checkpoint that often while somebody waits
# All replicas show one read model: told too soon, a burst of events would take all of them out of service at once.
_BEHIND: Final = timedelta(seconds=10)

_logger = structlog.get_logger(__name__)


def _ignore(_position: int, _applied: Sequence[Applied]) -> None:
    """Nobody listens."""


class Projector:
    """Applies the log to one projection; run it in every replica, one of them is active at a time.

    `position` is what the tables show, in standby replicas too; `lag` how many events they are behind (active replica);
    `ready()` says what stands in the way, `check()` also how far the tables are behind. `on_commit(position, applied)` is called after each commit of this replica.
    """

    def __init__(
        self,
        projection: Projection,
        pool: asyncpg.Pool,
        log: Log,
        nats: Client,
        *,
        owner: str,
        on_commit: OnCommit = _ignore,
        lease: timedelta = _LEASE,
        max_batch: int = 1000,
    ) -> None:
        self._projection, self._pool, self._log, self._nats = projection, pool, log, nats
        self._checkpoint = Checkpoint(pool, projection.name, owner, lease)
        self._on_commit = on_commit
        self._max_batch = self._batch = max_batch
        self._consumer: Consumer | None = None
        self._advanced = asyncio.Event()
        self._problem: str | None = "not started yet"
        self._stands_at = -1  # the problem holds as long as no replica gets beyond this position
        self.position = 0
        self.active = False

    @property
    def lag(self) -> int:
        return max(0, self._consumer.head - self.position) if self.active and self._consumer else 0

    def ready(self) -> str | None:
        """None: ready; else the reason."""
        return self._problem and f"projection {self._projection.name}: {self._problem}"

    async def check(self) -> str | None:
        """As `ready()`, and not ready where the oldest event that is not applied is older than 10 s, whichever replica should apply it."""
        problem = self._problem or (self._consumer.problem if self.active and self._consumer else None)
        if problem is None:
            problem = await self._lagging()
        return problem and f"projection {self._projection.name}: {problem}"

    async def _lagging(self) -> str | None:
        try:
            standing = await self._checkpoint.lag()
        except DATABASE_UNAVAILABLE as error:
            return f"its lag is not known: {type(error).__name__}"
        if standing.of_another_log:
            return "shows another log than there is (a restore, `makima ledger new-epoch`); it is being read again"
        return f"{standing.waiting.total_seconds():.0f} s behind the log" if standing.waiting > _BEHIND else None

    async def read_model_position(self) -> ReadModelPosition | None:
        """Which log the tables show, and how far, whichever replica writes them; None before any has begun. Raises what asyncpg raises."""
        return await self._checkpoint.read_model_position()

    async def wait_for(self, position: int, timeout: float) -> bool:
        """Whether the tables show `position` within `timeout` seconds, whichever replica writes them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.position < position:
                    if await wait_with_timeout(self._advanced, _CHECKPOINT_POLL_SECONDS):
                        continue
                    if not self.active:
                        self._moved(await self._checkpoint.position())
        return self.position >= position

    async def run(self) -> None:
        """Until cancelled. Whatever goes wrong is told by `ready()` and tried again from the checkpoint."""
        pokes = await self._nats.subscribe(subjects.projected(self._projection.name), cb=self._poked)
        try:
            while True:
                raise_if_cancelled()
                await self._once()
        finally:
            self.active = False
            with suppress(NatsError, *DATABASE_UNAVAILABLE):
                await pokes.unsubscribe()
                await self._checkpoint.release()

    async def _once(self) -> None:
        try:
            held = await self._checkpoint.acquire()
            if held is None:
                await self._stand_by()
                return
            await self._lead(held)
        except (LeaseLostError, EpochChangedError) as error:
            _logger.info("projection.restarted", projection=self._projection.name, reason=str(error))
        except UnknownEventError as error:
            await self._stopped(str(error))
        except Exception as error:  # noqa: BLE001 - the outermost loop: whatever it is, the checkpoint says where to try again
            await self._failed(error)
        finally:
            self.active = False

    async def _stand_by(self) -> None:
        """What stopped us may stop the active replica, too: it is over when somebody got beyond it, or nothing is left to apply."""
        self._moved(await self._checkpoint.position())
        if self.position > self._stands_at or self.position >= await self._log.head():
            self._problem = None
        await asyncio.sleep(_LEASE_RETRY_SECONDS)

    async def _failed(self, error: Exception) -> None:
        """Event by event from the checkpoint on, then, until the reason names the one that cannot be applied."""
        reason = f"failed behind position {self.position}: {error!r}"
        if self._problem != reason:
            _logger.error("projection.failed", projection=self._projection.name, reason=reason, exc_info=self._batch > 1)
        self._problem, self._stands_at, self._batch = reason, self.position, 1
        await asyncio.sleep(_FAILURE_RETRY_SECONDS)

    async def _stopped(self, reason: str) -> None:
        """Not for us to guess. Another replica may be a newer build: let it try."""
        if self._problem != reason:
            _logger.error("projection.stopped", projection=self._projection.name, reason=reason)
        self._problem, self._stands_at = reason, self.position
        with suppress(*DATABASE_UNAVAILABLE):
            await self._checkpoint.release()
        await asyncio.sleep(_LEASE_RETRY_SECONDS)

    async def _lead(self, held: Lease) -> None:
        self._moved(held.position)
        if not held.of_this_log:  # restored to the past: our rows tell of events that never were
            await rebuild(self._projection, self._pool, self._log)
            return
        self._consumer = Consumer(self._log, self._nats, name=f"projector-{self._projection.name}")
        async with aclosing(self._consumer.batches(held.position, self._max_batch, ticks=True)) as batches:
            self.active = True
            async for batch in batches:
                if not batch:  # caught up
                    await self._checkpoint.renew(held)
                    self._problem = None
                while batch:
                    taken, batch = batch[: self._batch], batch[self._batch :]  # noqa: PLW2901 - what is left of it
                    held = await self._apply(held, taken)
                    self._batch = min(self._batch * 2, self._max_batch)

    async def _apply(self, held: Lease, batch: list[Recorded]) -> Lease:
        sifted = decode_batch(self._projection, batch)
        for recorded, error in sifted.undecodable:
            await self._set_aside(recorded, str(error))
        if sifted.event_id is not None:
            held = await self._commit(held, sifted, sifted.event_id)
        if sifted.unknown is not None:
            raise UnknownEventError(sifted.unknown)
        return held

    async def _commit(self, held: Lease, sifted: DecodedBatch, event_id: UUID) -> Lease:
        async with self._pool.acquire() as acquired, acquired.transaction():
            connection = cast("asyncpg.Connection", acquired)
            held = await self._checkpoint.advance(connection, held, sifted.position, event_id, self._projection.schema)
            if sifted.applied:
                await self._projection.apply(connection, sifted.applied)
        self._moved(held.position)
        self._on_commit(held.position, sifted.applied)
        with suppress(NatsError, OSError):  # only a poke: who misses it looks for himself
            await self._nats.publish(subjects.projected(self._projection.name), str(held.position).encode())
        return held

    async def _set_aside(self, recorded: Recorded, reason: str) -> None:
        """Before the commit, so that none is lost; its id keeps a repeat from being stored twice."""
        name = self._projection.name
        _logger.error("projection.undecodable", projection=name, position=recorded.position, reason=reason)
        await dead_letter(
            self._nats,
            stream=subjects.EVENTS_STREAM,
            consumer=name,
            reason=reason,
            origin={"position": recorded.position, "stream": recorded.stream, "type": recorded.type, "schema": recorded.schema},
            payload=recorded.data,
            message_id=f"{name}:{recorded.event_id}",
        )

    async def _poked(self, message: Msg) -> None:
        if not self.active:
            with suppress(ValueError):
                self._moved(int(message.data))

    def _moved(self, position: int) -> None:
        """Also backwards: a restored database shows what it shows."""
        self.position = position
        advanced, self._advanced = self._advanced, asyncio.Event()
        advanced.set()
