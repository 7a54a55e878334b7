"""The recorder's memory of one contract, and a story of its senders' heartbeats."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from makima_schemas.codec import encode
from makima_schemas.envelope import Recorded
from makima_schemas.heartbeat_codec import Address
from makima_schemas.silence import MAINTENANCE_STREAM, MaintenanceEnded, MaintenanceStarted
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_supervisor_heartbeat.domain.broker_time import moment
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.heartbeats import Beat, unchanged
from makima_supervisor_heartbeat.domain.progress_watch import SECOND, StuckLimits
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck

from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, address

S = SupervisorState
AGENT = address("makima.shards.3.agent.d1.c1.builder")
SUPERVISOR = address()
OTHER = address("makima.shards.3.agent.d1.c1.tester")
STUCK_AFTER: Final = 600


def beat(at: float = 0, sender: Address = AGENT, /, **said: object) -> Beat:
    """A heartbeat that arrives `at` seconds after midnight; all of a sender are alike but for what is said."""
    alike = Beat(
        sender,
        int(at * 10) + 1,
        MIDNIGHT_NS + int(at * SECOND),
        "c1",
        "a",
        S.WORKING if sender is SUPERVISOR else None,
        "plan" if sender is SUPERVISOR else None,
        "testing",
        40,
        None,
    )
    detail = {"detail": msgspec.json.encode(said["child"]).decode()} if "child" in said else {}
    return msgspec.structs.replace(alike, **said, **detail)


@dataclass
class Story:
    """The recorder's memory of contract c1, its supervisor and its agents, with what they gave to decide."""

    senders: SenderCache = field(
        default_factory=lambda: SenderCache(stuck_limits=StuckLimits(STUCK_AFTER * SECOND))
    )
    found: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    told: list[ObserveStuck | ObserveProgress] = field(default_factory=list[ObserveStuck | ObserveProgress])

    _version: int = 0

    def __post_init__(self) -> None:
        self.senders.begin("e1")
        self.senders.create_contract("c1", Assigned("ada", "d1"))
        for each in (AGENT, OTHER):
            role = each.role or ""
            joined = AgentJoined("c1", role, "a", "d1")
            works = AgentStatusChanged("c1", role, AgentStatus.READY, AgentStatus.WORKING, "task_taken", "a")
            self.senders.apply_event(each.sender, each.entity_id, joined, 1, 1)
            self.senders.apply_event(each.sender, each.entity_id, works, 2, 2)
        registered = SupervisorRegistered("c1", "d1", "a", S.WORKING, "plan")
        self.senders.apply_event(SUPERVISOR.sender, "t1", registered, 3, 1)

    def hear(self, at: float, *, sender: Address = AGENT, **said: object) -> "Story":
        heard = beat(at, sender, **said)
        known = self.senders.of(sender)
        _, observations = self.senders.on_heartbeat(known, heard, same=unchanged(heard, known.last))
        for _, each in observations:
            if isinstance(each, ObserveStuck | ObserveProgress):
                self.told.append(each)
                self.found.append(("stuck" if isinstance(each, ObserveStuck) else "progressed", at))
        return self

    def beats(self, first: int, last: int, *, sender: Address = AGENT, **said: object) -> "Story":
        """One every 30 s, all alike."""
        for at in range(first, last + 1, 30):
            self.hear(at, sender=sender, **said)
        return self

    def logged(self, at: float, *events: object, actor: str = "owner:local") -> "Story":
        for event in events:
            self.senders.contracts.apply("c1", event, actor, time(at))
        return self

    def maintenance(self, at: float, event: MaintenanceStarted | MaintenanceEnded) -> "Story":
        self._version += 1
        self.senders.progress.maintain(_recorded(self._version, at, event), event)
        return self


def time(at: float) -> datetime:
    return moment(MIDNIGHT_NS + int(at * SECOND))


def _recorded(version: int, at: float, event: object) -> Recorded:
    anyone = UUID(int=0)
    name, data = type(event).__name__, encode(event)
    return Recorded(
        version, "default", MAINTENANCE_STREAM, version, anyone, anyone, name, 1, data, {}, time(at)
    )
