"""The story of a contract and its supervisor, as the log tells it to the stale detector."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from makima_schemas.codec import Event, encode
from makima_schemas.envelope import EventMeta, Recorded
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged
from makima_stale_detector.domain.staleness import Progress, contract_of, evolve

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Story:
    """Events of contract `c1`, a minute apart."""

    progress: Progress | None = None
    position: int = 0
    at: dict[int, datetime] = field(default_factory=dict[int, datetime])

    def tell(self, *events: Event) -> "Story":
        for event in events:
            self.position += 1
            supervised = isinstance(event, SupervisorRegistered | SupervisorStateChanged)
            stream = (
                "supervisor-t1"
                if supervised
                else "silence-c1"
                if isinstance(event, StaleDetected | StaleCleared)
                else "contract-c1"
            )
            now = self.at[self.position] = START + timedelta(minutes=self.position)
            recorded = Recorded(
                self.position,
                "default",
                stream,
                self.position,
                UUID(int=1),
                UUID(int=2),
                type(event).__name__,
                1,
                encode(event),
                EventMeta(),
                now,
            )
            assert contract_of(recorded, event) == "c1"
            self.progress = evolve(self.progress, recorded, event)
        return self

    @property
    def known(self) -> Progress:
        assert self.progress is not None
        return self.progress


def heard(state: SupervisorState = SupervisorState.WORKING, minute: int = 0) -> SupervisorRegistered:
    return SupervisorRegistered(
        "c1", "d1", "x", state, "plan", Arrival("e", 1, START + timedelta(minutes=minute))
    )


def said(state: SupervisorState, minute: int) -> SupervisorStateChanged:
    arrival = Arrival("e", 1, START + timedelta(minutes=minute))
    return SupervisorStateChanged(
        "c1", "d1", "x", SupervisorState.WORKING, state, "plan", "heartbeat", heard=arrival
    )


def silent(last_heard_minute: int) -> SupervisorStateChanged:
    last = START + timedelta(minutes=last_heard_minute)
    evidence = Evidence(last, 120.0, last, last, 0.0, "r1", 7, "e")
    return SupervisorStateChanged(
        "c1",
        "d1",
        "x",
        SupervisorState.WORKING,
        SupervisorState.INTERRUPTED,
        "plan",
        "heartbeat_expired",
        evidence,
    )
