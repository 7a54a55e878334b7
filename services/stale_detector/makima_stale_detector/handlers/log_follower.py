"""Keeps the detector's senders, owners and holds in memory up to date with the log."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.projections.subscription import Consumer, EpochChangedError
from makima_schemas.codec import CLASS_BY_NAME, Event, UndecodableError, UnknownEventError, decode
from makima_schemas.contract.events import ContractArchived, ContractCreated, ContractDeleted
from makima_schemas.envelope import Recorded
from nats.aio.client import Client

from makima_stale_detector.domain.members import sender as tracked
from makima_stale_detector.domain.members.registry import SenderRegistry
from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.verdicts import mass_silence
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.queries import Queries

EVENTS: Final[frozenset[type]] = (
    tracked.EVENTS | mass_silence.EVENTS | {ContractCreated, ContractArchived, ContractDeleted}
)
LOG_RETRY_SECONDS: Final = 0.5


class LogFollower:
    """Loads the detector's state from the read model, then applies the events of the log from there on."""

    def __init__(self, detector: Detector, queries: Queries, log: Log, nats: Client) -> None:
        self._detector = detector
        self._queries = queries
        self._log, self._nats = log, nats
        self._senders = SenderRegistry()
        self._owners: dict[str, str] = {}  # owner id by contract id
        # By contract id: names of supervisors that registered before the contract's `ContractCreated` was
        # read.
        self._early: dict[str, set[str]] = {}
        self._holds: dict[str, Hold] = {}  # by owner id
        # Set once the detector has loaded all senders that the log lists as alive.
        self.loaded = asyncio.Event()
        # Why the detector's state may be behind the log; None: it is current.
        self.problem: str | None = "the tracked senders were not read yet"
        # Position of an event of a type unknown to this version: the state is behind the log until the read
        # model is past it.
        self._stopped_at = 0

    async def run(self) -> None:
        """Follow the log until cancelled; on a failure set `problem`, pause, and load again."""
        while True:
            raise_if_cancelled()
            try:
                await self._follow()
            except (*DATABASE_UNAVAILABLE, EpochChangedError, UnknownEventError) as error:
                if isinstance(error, EpochChangedError):
                    self._stopped_at = 0
                self.problem = f"the event log cannot be read: {error!r}"
                structlog.get_logger().warning("detector.log_unavailable", reason=repr(error))
                await asyncio.sleep(LOG_RETRY_SECONDS)

    async def refresh(self, owner: str, tenant: str, stream: str) -> None:
        """Read the newer events of one owner's hold stream now, as a version
        conflict showed a newer version.
        """
        for recorded in await self._log.stream(tenant, stream, after=self._hold(owner).version):
            self._apply_event(recorded)

    async def _follow(self) -> None:
        position = await self._load()
        async with aclosing(self._batches(position)) as batches:
            async for batch in batches:
                for recorded in batch:
                    if CLASS_BY_NAME.get(recorded.type) in EVENTS:
                        self._apply_event(recorded)

    def _batches(self, position: int) -> AsyncGenerator[list[Recorded]]:
        return Consumer(self._log, self._nats, name="detector-follows").batches(position)

    async def _load(self) -> int:
        """Load the detector's state from the read model and return the log position that it shows.

        The read model may lag behind; the events after that position are applied by `_follow`.
        """
        start = await self._queries.snapshot()
        alive = [each for each in start.senders if each.sender.alive]
        for gone in self._detector.tracked.keys() - {each.sender.name for each in alive}:
            self._detector.untrack(gone)
        self._senders = SenderRegistry(each.sender for each in start.senders)
        self._owners = start.owners
        self._holds = start.holds
        self._early.clear()
        for each in alive:
            self._group_of(each.sender)
        self._detector.load(alive)
        self._detector.load_holds(start.holds)
        if start.position >= self._stopped_at:
            self.problem = None
        self.loaded.set()
        structlog.get_logger().info("detector.loaded", tracked=len(alive), position=start.position)
        return start.position

    def _apply_event(self, recorded: Recorded) -> None:
        try:
            event = decode(recorded.type, recorded.schema, recorded.data)
        except UndecodableError:
            return  # the projection dead-letters it, with the reason
        except UnknownEventError:
            self._stopped_at = recorded.position
            raise
        match event:
            case ContractCreated(owner_id=owner_id):
                self._owners[recorded.entity_id] = owner_id
                for name in self._early.pop(recorded.entity_id, ()):
                    unmatched = self._senders.get(name)
                    if unmatched is not None and unmatched.alive:
                        self._detector.track(unmatched, owner_id)
            case ContractArchived() | ContractDeleted():
                self._owners.pop(recorded.entity_id, None)
            case _:
                self._apply_hold(recorded, event)
                self._apply_sender(recorded, event)

    def _apply_hold(self, recorded: Recorded, event: Event) -> None:
        owner = mass_silence.owner_of(recorded)
        if owner is not None:
            self._holds[owner] = mass_silence.evolve(self._hold(owner), recorded, event)
            self._detector.hold(owner, self._holds[owner])

    def _apply_sender(self, recorded: Recorded, event: Event) -> None:
        name = tracked.sender_of_event(recorded, event)
        if name is None:
            return
        sender = tracked.evolve(self._senders.get(name), recorded, event)
        if sender is None:
            return
        self._senders.put(sender)
        if sender.alive:
            self._detector.track(sender, self._group_of(sender))
        else:
            self._detector.untrack(name)

    def _group_of(self, sender: Sender) -> str:
        """Owner id of the sender's contract; "" for a daemon, or while the contract is not known."""
        if sender.contract_id is None:
            return ""
        if sender.contract_id not in self._owners:
            self._early.setdefault(sender.contract_id, set()).add(sender.name)
        return self._owners.get(sender.contract_id, "")

    def _hold(self, owner: str) -> Hold:
        return self._holds.get(owner, Hold())
