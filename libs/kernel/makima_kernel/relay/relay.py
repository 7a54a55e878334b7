"""Publishes the log to JetStream in order: the events table is the outbox;
each stream sequence is the event's position.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, NoReturn
from uuid import UUID

import asyncpg
import structlog
from makima_schemas import subjects
from makima_schemas.envelope import Recorded
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.sessions import changed_session
from makima_kernel.nats import streams
from makima_kernel.relay.publish_window import MisplacedError, PublishError, Window
from makima_kernel.relay.stream_identity import Match, Mismatch, NoStream, compare, last_sequence
from makima_kernel.waiting import wait_with_timeout

SQL: Final = named(Path(__file__).with_suffix(".sql"))
_PUBLISH_WINDOW_SIZE: Final = 512
_READ_BATCH_EVENTS: Final = 500
_LOG_POLL_SECONDS: Final = 0.05  # seconds; a poke comes sooner
_LEADER_RETRY_SECONDS: Final = 1.0
_LEADER_FROZEN_SECONDS: Final = (
    3.0  # seconds in which whoever holds the lock has published nothing of what there is
)
_DEPUTY_TERM_SECONDS: Final = 60.0  # a deputy looks that often whether the holder goes on by itself
_FAILURE_RETRY_SECONDS: Final = 0.25
# Between two attempts while the broker accepts nothing: doubled up to the most. A full disk lasts for hours, and
# each attempt writes log lines.
_FIRST_REFUSAL_PAUSE_SECONDS: Final = 0.05
_MAX_REFUSAL_PAUSE_SECONDS: Final = 2.0

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standby:
    """Another relay holds the lock and publishes."""


@dataclass(frozen=True, slots=True)
class Relaying:
    """This relay publishes: all events up to `Relay.position` are in the stream, and new ones follow."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """The broker or the database returned an error, or nothing; the relay tries again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The stream does not belong to this log.

    Nothing is published, because only a person can tell which is right.
    """

    reason: str


State = Standby | Relaying | Retrying | Mismatched


def _ignore(_event: Recorded) -> None:
    """The default of `on_published`."""


class Relay:
    """The relay. It runs in every service; an advisory lock lets only one publish at a time.

    The lock only saves work: two relays at once do no harm, because the broker accepts each event only at its
    sequence. So if the holder of the lock is frozen or cannot publish, another relay publishes without the
    lock. `on_published(event)` is called for each event that the broker has stored.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        nats: Client,
        *,
        log: Log | None = None,
        on_published: Callable[[Recorded], None] = _ignore,
        budget: float = 1.0,
        replicas: int = 1,
        alone: bool = True,
        clock: Callable[[], float] = monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`budget`, `replicas`: of the streams if the broker lost them, see `streams.streams`.

        `alone=False` publishes without taking the lock. `pause` waits between attempts.
        """
        self._pool, self._nats, self._log = pool, nats, log or Log(pool)
        self._budget, self._replicas, self._alone = budget, replicas, alone
        self._on_published = on_published
        self._window = Window(nats, size=_PUBLISH_WINDOW_SIZE, on_published=self._published, clock=clock)
        self._clock, self._pause = clock, pause
        # How long after the next refusal, and the position up to which the broker had accepted at the last one.
        self._refusal_pause, self._refused_after = _FIRST_REFUSAL_PAUSE_SECONDS, -1
        self._stands: tuple[int, float] | None = (
            None  # where the stream ends though the log goes on, and since when
        )
        self._poked = asyncio.Event()
        self._broken: dict[
            UUID, str
        ] = {}  # an epoch whose stream holds an event at a wrong sequence, and which
        # up to where stream and log are known to be equal, and in which epoch; None: nothing was compared yet
        self._equal: tuple[UUID, int] | None = None
        self.state: State = Retrying("not started yet")
        self.position = 0
        self.head = 0

    @property
    def lag(self) -> int:
        return max(0, self.head - self.position) if not isinstance(self.state, Standby) else 0

    def ready(self) -> str | None:
        """None if ready, else the reason."""
        match self.state:
            case Standby() | Relaying():
                return None
            case Retrying(reason) | Mismatched(reason):
                return f"relay: {reason}"

    async def run(self) -> None:
        """Runs until cancelled."""
        pokes = await self._nats.subscribe(subjects.LOG_POKE, cb=self._on_poke)
        try:
            while True:
                raise_if_cancelled()
                try:
                    await self._once()
                except (*DATABASE_UNAVAILABLE, NatsError) as error:
                    self._enter(Retrying(repr(error)))
                    await asyncio.sleep(_FAILURE_RETRY_SECONDS)
        finally:
            with suppress(NatsError, OSError):
                await pokes.unsubscribe()
                await self._window.close()

    async def _once(self) -> None:
        if not self._alone:
            await self._lead(None)
            return
        async with changed_session(self._pool) as connection:
            if await connection.fetchval(SQL["lock"]):
                await self._lead(connection)
        if await self._is_frozen():
            await self._stand_in()
        else:
            self._enter(Standby())
        await asyncio.sleep(_LEADER_RETRY_SECONDS)

    async def _is_frozen(self) -> bool:
        """True if the log has events beyond the stream's end and that
        end has not moved for `_FROZEN` seconds.

        Then the holder of the lock keeps its database session, and so the lock, but is stuck.
        """
        try:
            end = await last_sequence(self._nats)
        except NatsError:
            return False  # nobody can publish
        now = self._clock()
        if await self._log.head() <= end:
            self._stands = None
        elif self._stands is None or self._stands[0] != end:
            self._stands = end, now
        return self._stands is not None and now - self._stands[1] >= _LEADER_FROZEN_SECONDS

    async def _stand_in(self) -> None:
        """Publishes without the lock, for at most `_TERM` seconds, or until a publish fails.

        A publish also fails when another relay publishes the same position first.
        """
        _logger.warning("relay.took_over", position=self.position)
        with suppress(TimeoutError):
            async with asyncio.timeout(_DEPUTY_TERM_SECONDS):
                await self._try()

    async def _lead(self, lock: asyncpg.Connection | None) -> None:
        """Publishes until the connection that holds the lock is lost; without end if `lock` is None."""
        while lock is None or not lock.is_closed():
            raise_if_cancelled()
            await self._try()

    async def _try(self) -> None:
        """Compares stream and log, then publishes until an event is not accepted."""
        if not await self._agree():
            await asyncio.sleep(_LEADER_RETRY_SECONDS)
            return
        try:
            await self._relay()
        except MisplacedError as error:
            self._broken[await self._log.epoch()] = str(error)
        except PublishError as error:
            self._enter(Retrying(str(error)))
            await self._after_refusal()

    async def _after_refusal(self) -> None:
        """Waits, longer each time that the broker has accepted nothing since the last refusal."""
        stands = self._refused_after == self.position
        pause = self._refusal_pause if stands else _FIRST_REFUSAL_PAUSE_SECONDS
        self._refusal_pause, self._refused_after = min(2 * pause, _MAX_REFUSAL_PAUSE_SECONDS), self.position
        await self._pause(pause)

    async def _agree(self) -> bool:
        """True if the stream belongs to this log: every position since the last acknowledged one is compared,
        because what made the broker refuse an event may lie before events that it accepted.

        If there is no stream, makes one with the right first sequence.
        """
        epoch = await self._log.epoch()
        known = self._equal[1] if self._equal is not None and self._equal[0] == epoch else None
        match await compare(self._pool, self._nats, self._log, known):
            case NoStream():
                self._equal = None
                self._enter(Retrying("the broker has no stream for the events; creating it"))
                await streams.create_missing(
                    self._nats, self._log, budget=self._budget, replicas=self._replicas
                )
                return await self._agree()
            case Mismatch(reason):
                self._enter(Mismatched(reason))
                return False
            case Match(position):
                broken = self._broken.get(epoch)
                if broken is not None:
                    self._enter(Mismatched(broken))
                    return False
                self.position, self._equal = position, (epoch, position)
                return True

    async def _relay(self) -> NoReturn:
        """Publishes until an event is not accepted or the connection is lost. Raises `PublishError`."""
        await self._window.open()
        self._enter(Relaying())
        sent = self.position
        self.head = await self._log.head()
        while True:
            raise_if_cancelled()
            self._window.check()
            self._poked.clear()
            events = await self._log.after(sent, _READ_BATCH_EVENTS)
            for event in events:
                await self._window.publish(event)
            if events:
                sent = events[-1].position
                self.head = max(self.head, sent)
            if len(events) == _READ_BATCH_EVENTS:
                self.head = await self._log.head()
                continue
            await self._window.flush()
            await self._quiet()

    async def _quiet(self) -> None:
        await wait_with_timeout(self._poked, _LOG_POLL_SECONDS)

    def _published(self, event: Recorded) -> None:
        self.position = event.position
        if self._equal is not None:
            self._equal = self._equal[0], event.position
        self._on_published(event)

    async def _on_poke(self, message: object) -> None:
        del message
        self._poked.set()

    def _enter(self, state: State) -> None:
        if state == self.state:
            return
        self.state = state
        match state:
            case Mismatched(reason):
                _logger.error("relay.refused", reason=reason)
            case Retrying(reason):
                _logger.warning("relay.waiting", reason=reason, position=self.position)
            case Standby() | Relaying():
                _logger.info("relay.state", state=type(state).__name__, position=self.position)
