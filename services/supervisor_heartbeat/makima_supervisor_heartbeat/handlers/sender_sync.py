"""Keeps the sender cache in agreement with log and database: loads, applies events, evicts."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.projections.subscription import Consumer, EpochChangedError
from makima_schemas.codec import Event, UndecodableError, UnknownEventError, decode
from makima_schemas.contract.events import ContractAssigned, ContractCreated, ContractDeleted
from makima_schemas.envelope import Recorded
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.saved_state import SAVES
from makima_schemas.silence import MAINTENANCE_STREAM

from makima_supervisor_heartbeat.domain.contracts import OF_CONTRACT, Assigned
from makima_supervisor_heartbeat.domain.sender import Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.sender_state import (
    OfSender,
    SenderEvent,
    SenderState,
    evolve,
    initial,
)
from makima_supervisor_heartbeat.handlers.observation_queue import ObservationQueue
from makima_supervisor_heartbeat.handlers.sender_loader import SenderLoader

CATEGORIES: Final = frozenset({"supervisor", "agent", "daemon"})
CONTRACT_EVENTS: Final = frozenset(cls.__name__ for cls in OF_CONTRACT)
DATABASE_RETRY_SECONDS: Final = 0.25
EVICTION_INTERVAL_SECONDS: Final = 600.0
EVICTION_TURN_SENDERS: Final = 2000  # checked without a pause: about a millisecond

_logger = structlog.get_logger(__name__)


class SenderSync:
    """The only writer of the logged state in the sender cache.

    `on_evicted` is called after senders were evicted, so that other caches drop their references to them. If
    a sender's last heartbeat contradicts its state after an event, a reload or a takeover, the resulting
    observation goes to `observations`.
    """

    def __init__(
        self,
        senders: SenderCache,
        loader: SenderLoader,
        log: Log,
        consumer: Consumer,
        observations: ObservationQueue,
        *,
        on_evicted: Callable[[], None],
    ) -> None:
        self._senders, self._loader, self._log, self._consumer = senders, loader, log, consumer
        self._observations, self._on_evicted = observations, on_evicted
        # Every event of the log up to this position is applied to the senders.
        self.position = 0
        # Why the cache may lack events of the log; None: it lacks none.
        self._problem: str | None = "the event log was not read yet"

    async def check(self) -> str | None:
        """None: ready; else the reason."""
        return self._problem

    async def load(self) -> None:
        """Load the states from the read model, and set `position` to the log position that they show."""
        self.position = await self._loader.load_states()
        self._senders.progress.forget()
        for recorded in await self._log.stream(DEFAULT_TENANT, MAINTENANCE_STREAM):
            self._apply_maintenance(recorded)
        _logger.info("senders.loaded", senders=len(self._senders), position=self.position)

    async def follow(self) -> None:
        """Apply events until cancelled. Retries while the database is unavailable; after the log was
        restored, loads again first.
        """
        restored = False
        while True:
            raise_if_cancelled()
            try:
                if restored:
                    await self._start_over()
                    restored = False
                await self._apply_events()
            except EpochChangedError as error:
                restored = True
                self._interrupted(error)
            except DATABASE_UNAVAILABLE as error:
                self._interrupted(error)
            await asyncio.sleep(DATABASE_RETRY_SECONDS)

    async def reload(self, sender: Sender) -> None:
        """Read the stream of an evicted sender that appears again. Retries until the database answers."""
        while True:
            try:
                state, version = await self._read(sender.stream)
            except DATABASE_UNAVAILABLE as error:
                _logger.warning("sender.reload_failed", sender=sender.stream, reason=repr(error))
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
                continue
            self._senders.recall(sender, state, version)
            return

    async def _read(self, stream: str) -> tuple[SenderState, int]:
        """The state of a sender and its version, as its stream says; page by page, as saves may be many."""
        state, version = initial(stream), 0
        async for events in self._log.pages(DEFAULT_TENANT, stream):
            version = events[-1].version
            for event in filter(None, map(_decoded, events)):
                state = evolve(state, event)
        return state, version

    async def shards_acquired(self, stream_epoch: str) -> None:
        """Load the latest heartbeats when this process takes over shards, and submit those whose observation
        the log lacks.

        The former recorder may have died between recording a heartbeat and submitting its observation.
        """
        self._senders.begin(stream_epoch)
        self._senders.discard_expected()
        await self._loader.load_latest_heartbeats(stream_epoch)
        self._observations.put(self._senders.pending_observations())

    async def run_eviction(self, kept: timedelta) -> None:
        """Until cancelled, evict senders that ended and sent no heartbeat for `kept`."""
        while True:
            raise_if_cancelled()
            await asyncio.sleep(EVICTION_INTERVAL_SECONDS)
            await self.evict_ended(datetime.now(UTC) - kept)

    async def evict_ended(self, before: datetime) -> int:
        """Evict senders that ended and sent no heartbeat since `before`; returns how many.

        Evicts none before this process has loaded latest heartbeats: until then all senders look silent.
        """
        if not self._senders.stream_epoch:
            return 0
        streams, before_ns, ended = (
            self._senders.streams,
            int(before.timestamp()) * 1_000_000_000,
            list[str](),
        )
        for first in range(0, len(streams), EVICTION_TURN_SENDERS):
            ended += self._senders.ended(streams[first : first + EVICTION_TURN_SENDERS], before_ns)
            await asyncio.sleep(0)  # lets heartbeats be applied
        ended = self._senders.ended(ended, before_ns)  # check again: some may have sent heartbeats in between
        self._senders.drop(ended)
        if ended:
            self._on_evicted()
            _logger.info("senders.dropped", senders=len(ended), left=len(self._senders))
        return len(ended)

    async def _apply_events(self) -> None:
        """Apply events from `position` on. Raises `EpochChangedError` after a restore of the log."""
        async with aclosing(self._consumer.batches(self.position, ticks=True)) as batches:
            async for batch in batches:
                self._problem = None
                for recorded in batch:
                    if recorded.category in CATEGORIES and recorded.tenant == DEFAULT_TENANT:
                        await self._apply(recorded)
                    elif recorded.type in CONTRACT_EVENTS and recorded.tenant == DEFAULT_TENANT:
                        self._apply_to_contract(recorded)
                    elif recorded.stream == MAINTENANCE_STREAM:
                        self._apply_maintenance(recorded)
                    self.position = recorded.position

    async def _apply(self, recorded: Recorded) -> None:
        event = _decoded(recorded)
        if event is None:
            return
        unknown = self._senders.unknown(recorded.stream, recorded.entity_id, recorded.version)
        if unknown is not None:
            await self.reload(unknown)
        self._observations.put(
            self._senders.apply_event(
                recorded.stream, recorded.entity_id, event, recorded.position, recorded.version
            )
        )

    def _apply_maintenance(self, recorded: Recorded) -> None:
        if recorded.tenant == DEFAULT_TENANT and (event := _event_of(recorded)) is not None:
            self._senders.progress.maintain(recorded, event)

    def _apply_to_contract(self, recorded: Recorded) -> None:
        event = _event_of(recorded)
        match event:
            case ContractCreated(owner_id=owner_id):
                self._observations.put(self._senders.create_contract(recorded.entity_id, Assigned(owner_id)))
            case ContractAssigned():
                self._senders.contracts.assign(recorded.entity_id, event)
            case ContractDeleted():
                self._senders.contracts.delete(recorded.entity_id)
            case _:
                pass
        if event is not None:
            actor = recorded.meta.get("actor", "")
            self._senders.contracts.apply(recorded.entity_id, event, actor, recorded.recorded_at)

    async def _start_over(self) -> None:
        """Discard the state from the former log, load again, and submit what the last heartbeats add to it.

        A sender that this log lacks is thus registered in it without waiting for its next heartbeat.
        """
        self._senders.forget()
        await self.load()
        self._observations.put(self._senders.pending_observations())

    def _interrupted(self, error: Exception) -> None:
        self._problem = f"the event log cannot be read after position {self.position}: {error!r}"
        _logger.warning("senders.log_unavailable", position=self.position, reason=repr(error))


def _event_of(recorded: Recorded) -> Event | None:
    """The decoded event. None for a save, as long as they are many, and if it cannot be decoded: the projection
    stops then, and reports it.
    """
    if recorded.type in SAVES:
        return None
    try:
        return decode(recorded.type, recorded.schema, recorded.data)
    except (UnknownEventError, UndecodableError) as error:
        # Here it costs at most an observation that changes nothing.
        _logger.warning("sender.event_undecodable", position=recorded.position, reason=str(error))
        return None


def _decoded(recorded: Recorded) -> SenderEvent | None:
    """The decoded event, if it is one that changes a sender's state; else None."""
    event = _event_of(recorded)
    return event if isinstance(event, OfSender) else None
