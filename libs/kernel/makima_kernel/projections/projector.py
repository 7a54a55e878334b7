"""Applies the log to a read model: one replica at a time, rows and checkpoint in the same transaction."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Final, NoReturn, cast
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
from makima_kernel.projections.automatic_rebuild import AutomaticRebuild
from makima_kernel.projections.checkpoint import Checkpoint, Lease, LeaseLostError, ReadModelPosition
from makima_kernel.projections.projection import Applied, DecodedBatch, Projection, decode_batch
from makima_kernel.projections.subscription import Consumer, EpochChangedError
from makima_kernel.waiting import wait_with_timeout

__all__ = ["Applied", "Projection", "Projector"]

OnCommit = Callable[[int, Sequence[Applied]], None]

_LEASE: Final = timedelta(seconds=3)
_LEASE_RETRY_SECONDS: Final = 1.0  # seconds between two attempts to take the lease
_FAILURE_RETRY_SECONDS: Final = 0.5  # seconds after a failure
_CHECKPOINT_POLL_SECONDS: Final = (
    0.25  # seconds between two reads of the checkpoint in `wait_for`, because a poke may get lost
)
# A read model that is further behind is not healthy. A burst of events may take seconds to apply, and answers say
# meanwhile that they are behind.
_BEHIND: Final = timedelta(seconds=10)
_NOT_STARTED: Final = "not started yet"
_ANOTHER_LOG: Final = (
    "its tables come from another log (before a restore or `makima ledger new-epoch`); they are being rebuilt"
)

_logger = structlog.get_logger(__name__)


def _ignore(_position: int, _applied: Sequence[Applied]) -> None:
    """The default of `on_commit`."""


class Projector:
    """Applies the log to one projection. Run it in every replica; one of them is active at a time.

    `position` is the position of the tables, in standby replicas too. `active` is True while this replica
    applies. `on_commit(position, applied)` is called after each commit of this replica. `lease` is how long
    the other replicas wait for an active one that stopped responding. `max_batch` is the largest number of
    events per transaction.
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
        self._checkpoint = Checkpoint(pool, projection.name, owner, lease, projection.fold_number)
        self._rebuild = AutomaticRebuild(projection, pool, log, self._checkpoint)
        self._on_commit = on_commit
        # `_batch`: events in the next transaction; 1 after a failure, then doubled up to `_max_batch`.
        self._max_batch = self._batch = max_batch
        # The subscription of this replica while it is active; on a standby replica None or no longer in use.
        self._consumer: Consumer | None = None
        self._advanced = asyncio.Event()  # replaced by a new event, and set, each time `position` changes
        self._problem: str | None = _NOT_STARTED  # why this replica cannot apply events; None: it can
        self._stands_at = -1  # `_problem` arose at this position; it is over when any replica gets beyond it
        self.position = 0
        self.active = False

    @property
    def lag(self) -> int:
        """How many events of the log are not applied yet; 0 on a standby replica."""
        return max(0, self._consumer.head - self.position) if self.active and self._consumer else 0

    def ready(self) -> str | None:
        """None if this replica applies events or waits, else the reason. Does not look at lag and rebuild."""
        return self._named(self._problem)

    async def check_replica(self) -> str | None:
        """Why this replica should not answer; None if it may.

        It has not begun to follow; or it rebuilds outdated tables, and says how far it is (the others answer
        meanwhile, with the tables of before); or the tables show another log, so that answers would be wrong.
        """
        problem = self._problem if self._problem == _NOT_STARTED else self._rebuild.problem()
        if problem is None:
            with suppress(*DATABASE_UNAVAILABLE):  # `check_read_model` says so
                problem = _ANOTHER_LOG if (await self._checkpoint.lag()).of_another_log else None
        return self._named(problem)

    async def check_read_model(self) -> str | None:
        """Why the tables, which all replicas read, do not follow the log; None if they do.

        The oldest event that is not applied may be 10 s old. The lag is read from the database, so that it
        is told by standby replicas too. Answers say meanwhile that they are behind (`Makima-Read-Behind`).
        """
        problem = self._problem if self._problem != _NOT_STARTED else None
        problem = problem or (self._consumer.problem if self.active and self._consumer else None)
        return self._named(problem or await self._lagging())

    async def _lagging(self) -> str | None:
        try:
            waiting = (await self._checkpoint.lag()).waiting
        except DATABASE_UNAVAILABLE as error:
            return f"its lag cannot be read: {type(error).__name__}"
        return f"{waiting.total_seconds():.0f} s behind the log" if waiting > _BEHIND else None

    def _named(self, problem: str | None) -> str | None:
        return problem and f"projection {self._projection.name}: {problem}"

    async def read_model_position(self) -> ReadModelPosition | None:
        """Which log the tables show, and how far, whichever replica writes them; None before any has begun.

        Raises what asyncpg raises.
        """
        return await self._checkpoint.read_model_position()

    async def wait_for(self, position: int, timeout: float) -> bool:
        """Waits at most `timeout` seconds until the tables show `position`, whichever replica writes them.

        Returns False if they do not by then.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.position < position:
                    if await wait_with_timeout(self._advanced, _CHECKPOINT_POLL_SECONDS):
                        continue
                    if not self.active:
                        self._moved(await self._checkpoint.position())
        return self.position >= position

    async def run(self) -> None:
        """Runs until cancelled.

        After a failure it restarts from the checkpoint; `ready()` gives the reason.
        """
        pokes = await self._nats.subscribe(subjects.projected(self._projection.name), cb=self._poked)
        try:
            while True:
                raise_if_cancelled()
                await self._once()
        finally:
            self.active = False
            await self._rebuild.stop()
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
        except Exception as error:  # noqa: BLE001 - the outermost loop: after any error, start again from the checkpoint
            await self._failed(error)
        finally:
            self.active = False

    async def _stand_by(self) -> None:
        """Another replica holds the lease: takes over its position, and waits.

        A problem that stopped this replica may also stop the active one. So it is cleared only when some
        replica has got beyond the position where it arose, or when no event is left to apply.
        """
        self._moved(await self._checkpoint.position())
        if self.position > self._stands_at or self.position >= await self._log.head():
            self._problem = None
        await asyncio.sleep(_LEASE_RETRY_SECONDS)

    async def _failed(self, error: Exception) -> None:
        """Records the problem, and continues with batches of one event.

        The position in the reason then shows which event cannot be applied.
        """
        reason = f"failed after position {self.position}: {error!r}"
        if self._problem != reason:
            _logger.error(
                "projection.failed", projection=self._projection.name, reason=reason, exc_info=self._batch > 1
            )
        self._problem, self._stands_at, self._batch = reason, self.position, 1
        await asyncio.sleep(_FAILURE_RETRY_SECONDS)

    async def _stopped(self, reason: str) -> None:
        """The next event is unknown to this build.

        Releases the lease, as another replica may be a newer build.
        """
        if self._problem != reason:
            _logger.error("projection.stopped", projection=self._projection.name, reason=reason)
        self._problem, self._stands_at = reason, self.position
        with suppress(*DATABASE_UNAVAILABLE):
            await self._checkpoint.release()
        await asyncio.sleep(_LEASE_RETRY_SECONDS)

    async def _lead(self, held: Lease) -> None:
        self._moved(held.position)
        if not (held.of_this_log and held.of_this_fold):
            self._rebuild.start()
        # The database was restored: the rows show events that are not in the log any more.
        if not held.of_this_log:
            await self._hold(held)
        self._consumer = Consumer(self._log, self._nats, name=f"projector-{self._projection.name}")
        async with aclosing(self._consumer.batches(held.position, self._max_batch, ticks=True)) as batches:
            self.active = True
            async for batch in batches:
                if not batch:  # all events of the log are applied
                    await self._checkpoint.renew(held)
                    self._problem = None
                while batch:
                    taken, batch = batch[: self._batch], batch[self._batch :]  # noqa: PLW2901 - the rest of it
                    held = await self._apply(held, taken)
                    self._batch = min(self._batch * 2, self._max_batch)

    async def _hold(self, held: Lease) -> NoReturn:
        """Renews the lease and applies nothing, until a rebuild has replaced the tables (`LeaseLostError`)."""
        while True:
            await self._checkpoint.renew(held)
            await asyncio.sleep(self._checkpoint.lease.total_seconds() / 4)

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
            held = await self._checkpoint.advance(
                connection, held, sifted.position, event_id, self._projection.schema
            )
            if sifted.applied:
                await self._projection.apply(connection, sifted.applied)
        self._moved(held.position)
        self._on_commit(held.position, sifted.applied)
        # A poke is an optimization: replicas that miss it poll the checkpoint.
        with suppress(NatsError, OSError):
            await self._nats.publish(subjects.projected(self._projection.name), str(held.position).encode())
        return held

    async def _set_aside(self, recorded: Recorded, reason: str) -> None:
        """Sends an undecodable event to the dead letters.

        This happens before the commit, so that none is lost; if the commit fails and the event is sent again,
        the broker drops the second message because of its id.
        """
        name = self._projection.name
        _logger.error("projection.undecodable", projection=name, position=recorded.position, reason=reason)
        await dead_letter(
            self._nats,
            stream=subjects.EVENTS_STREAM,
            consumer=name,
            reason=reason,
            origin={
                "position": recorded.position,
                "stream": recorded.stream,
                "type": recorded.type,
                "schema": recorded.schema,
            },
            payload=recorded.data,
            message_id=f"{name}:{recorded.event_id}",
        )

    async def _poked(self, message: Msg) -> None:
        """The active replica has committed: a standby replica takes over the position in the message."""
        if not self.active:
            with suppress(ValueError):
                self._moved(int(message.data))

    def _moved(self, position: int) -> None:
        """Sets the position and wakes `wait_for`. The position goes back if the database was restored."""
        self.position = position
        advanced, self._advanced = self._advanced, asyncio.Event()
        advanced.set()
