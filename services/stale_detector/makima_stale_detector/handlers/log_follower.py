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
from makima_kernel.telemetry import metrics
from makima_schemas.agent import AgentStatus
from makima_schemas.codec import CLASS_BY_NAME, Event, UndecodableError, UnknownEventError, decode
from makima_schemas.contract.events import ContractCreated, ContractDeleted
from makima_schemas.envelope import Recorded
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.maintenance import Windows
from makima_schemas.maintenance import evolve as evolve_maintenance
from makima_schemas.planned_maintenance import Plans
from makima_schemas.planned_maintenance import evolve as evolve_plans
from makima_schemas.silence import (
    MAINTENANCE_STREAM,
    MaintenanceEnded,
    MaintenancePlanned,
    MaintenanceStarted,
)
from nats.aio.client import Client

from makima_stale_detector.domain.members import sender as tracked
from makima_stale_detector.domain.members.registry import SenderRegistry
from makima_stale_detector.domain.members.sender import Sender, Tracked
from makima_stale_detector.domain.verdicts import mass_silence
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.queries import Queries

EVENTS: Final[frozenset[type]] = (
    tracked.EVENTS
    | mass_silence.EVENTS
    | {ContractCreated, ContractDeleted, MaintenancePlanned, MaintenanceStarted, MaintenanceEnded}
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
        # By contract id: names of its supervisors and agents that are alive or being restarted, also while there is
        # no such contract.
        self._of_contract: dict[str, tuple[str, ...]] = {}
        self._holds: dict[str, Hold] = {}  # by owner id
        self.position = 0  # of the log, up to which the detector's state is folded
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
                    self._maintain(Windows(), Plans())
                self.problem = f"the event log cannot be read: {error!r}"
                structlog.get_logger().warning("detector.log_unavailable", reason=repr(error))
                await asyncio.sleep(LOG_RETRY_SECONDS)

    async def refresh(self, owner: str, tenant: str, stream: str) -> None:
        """Read the newer events of one owner's hold stream now, as a version
        conflict showed a newer version.
        """
        for recorded in await self._log.stream(tenant, stream, after=self._hold(owner).version):
            self._apply_event(recorded)

    async def refresh_maintenance(self) -> None:
        """Read the newer events of the maintenance stream now, as `refresh`."""
        after = self._detector.maintenance.version
        for recorded in await self._log.stream(DEFAULT_TENANT, MAINTENANCE_STREAM, after=after):
            self._apply_event(recorded)  # one by one: whoever was covered in between has a full timeout

    async def _follow(self) -> None:
        position = await self._load()
        async with aclosing(self._batches(position)) as batches:
            async for batch in batches:
                for recorded in batch:
                    if CLASS_BY_NAME.get(recorded.type) in EVENTS:
                        self._apply_event(recorded)
                self.position = batch[-1].position

    def _batches(self, position: int) -> AsyncGenerator[list[Recorded]]:
        return Consumer(self._log, self._nats, name="detector-follows").batches(position)

    async def _load(self) -> int:
        """Load the detector's state from the read model and return the log position that it shows.

        The read model may lag behind; the events after that position are applied by `_follow`.
        """
        start = await self._queries.snapshot()
        self._senders = SenderRegistry(start.senders)
        self._owners = start.owners
        self._holds = start.holds
        self._of_contract.clear()
        alive = [tracked for each in start.senders if (tracked := self._tracked(each)) is not None]
        for gone in self._detector.restarts.names - {
            each.name for each in start.senders if _restarting(each)
        }:
            self._detector.restarts.forget(gone)
        for gone in self._detector.tracked.keys() - {each.sender.name for each in alive}:
            self._detector.untrack(gone)
        self._detector.load(alive)
        self._detector.load_holds(start.holds)
        self._count_holds()
        # Not of the read model: the stream is short, and what it says beyond `position` is applied only once.
        await self.refresh_maintenance()
        if start.position >= self._stopped_at:
            self.problem = None
        self.position = start.position
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
                for name in self._of_contract.get(recorded.entity_id, ()):
                    waiting = self._senders.get(name)
                    if waiting is not None:
                        self._apply_tracked(waiting)
            case ContractDeleted():
                self._owners.pop(recorded.entity_id, None)
                for name in self._of_contract.get(recorded.entity_id, ()):
                    self._detector.untrack(name)
                    self._detector.restarts.forget(name)
            case MaintenancePlanned() | MaintenanceStarted() | MaintenanceEnded():
                windows = evolve_maintenance(self._detector.maintenance, recorded, event)
                self._maintain(windows, evolve_plans(self._detector.plans, recorded, event))
            case _:
                self._apply_hold(recorded, event)
                self._apply_sender(recorded, event)

    def _maintain(self, windows: Windows, plans: Plans) -> None:
        self._detector.maintain(windows)
        self._detector.plans = plans
        metrics.exported(metrics.maintenance_now).set(len(windows.open))
        metrics.exported(metrics.maintenance_planned).set(len(plans.by_scope))

    def _apply_hold(self, recorded: Recorded, event: Event) -> None:
        owner = mass_silence.owner_of(recorded)
        if owner is not None:
            self._holds[owner] = mass_silence.evolve(self._hold(owner), recorded, event)
            self._detector.hold(owner, self._holds[owner])
            self._count_holds()

    def _count_holds(self) -> None:
        metrics.exported(metrics.holds_now).set(sum(each.held for each in self._holds.values()))

    def _apply_sender(self, recorded: Recorded, event: Event) -> None:
        name = tracked.sender_of_event(recorded, event)
        if name is None:
            return
        sender = tracked.evolve(self._senders.get(name), recorded, event)
        if sender is None:
            return
        self._senders.put(sender)
        self._apply_tracked(sender)

    def _apply_tracked(self, sender: Sender) -> None:
        found = self._tracked(sender)
        if found is not None:
            self._detector.track(found.sender, found.owner)
        else:
            self._detector.untrack(sender.name)

    def _tracked(self, sender: Sender) -> Tracked | None:
        """The sender with the owner of its contract; None if it is not to be tracked: it does not live, or
        there is no such contract. An agent that is being restarted has another deadline instead.

        A supervisor or agent of no contract has no owner: in a group with others it would hold their verdicts, or
        they its own. It is tracked as soon as its contract is created.
        """
        if sender.contract_id is None:
            return Tracked(sender, "") if sender.alive else None
        others = tuple(name for name in self._of_contract.pop(sender.contract_id, ()) if name != sender.name)
        restarting = _restarting(sender)
        living = (*others, sender.name) if sender.alive or restarting else others
        if living:
            self._of_contract[sender.contract_id] = living
        owner = self._owners.get(sender.contract_id)
        if restarting and owner is not None:
            self._detector.restarts.watch(sender, owner)
        else:
            self._detector.restarts.forget(sender.name)
        return Tracked(sender, owner) if sender.alive and owner is not None else None

    def _hold(self, owner: str) -> Hold:
        return self._holds.get(owner, Hold())


def _restarting(sender: Sender) -> bool:
    return sender.status is AgentStatus.RESTARTING
