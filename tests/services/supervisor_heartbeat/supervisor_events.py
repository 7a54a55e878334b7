"""Events of the supervisor t1 of contract c1, and the heartbeats and verdicts that lead to them."""

from datetime import UTC, datetime, timedelta

from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.supervisor import (
    ObserveHeartbeat,
    RestorationRequested,
    SaveKind,
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
)
from makima_supervisor_heartbeat.domain.saving import Room, Save

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORKING, IDLE, INTERRUPTED = SupervisorState.WORKING, SupervisorState.IDLE, SupervisorState.INTERRUPTED


def at(sequence: int, epoch: str = "e1") -> Arrival:
    return Arrival(epoch, sequence, NOON + timedelta(seconds=sequence))


def heartbeat(  # noqa: PLR0917 - sentences read better without names
    sequence: int,
    state: SupervisorState = WORKING,
    connection: str | None = "a",
    daemon: str = "d1",
    contract: str = "c1",
    epoch: str = "e1",
) -> ObserveHeartbeat:
    return ObserveHeartbeat(contract, daemon, connection, state, "plan", at(sequence, epoch))


def registered(sequence: int = 1, connection: str | None = "a") -> SupervisorRegistered:
    return SupervisorRegistered("c1", "d1", connection, WORKING, "plan", heard=at(sequence))


def changed(
    sequence: int,
    old: SupervisorState,
    new: SupervisorState,
    connection: str | None = "a",
    daemon: str = "d1",
) -> SupervisorStateChanged:
    return SupervisorStateChanged("c1", daemon, connection, old, new, "plan", "heartbeat", heard=at(sequence))


def evidence(sequence: int, epoch: str = "e1", watermark: int = 100) -> Evidence:
    heard = NOON + timedelta(seconds=sequence) if sequence else None
    return Evidence(
        heard,
        50.0,
        NOON + timedelta(seconds=90),
        NOON + timedelta(seconds=watermark),
        0.0,
        "test",
        sequence,
        epoch,
    )


def silenced(
    sequence: int, old: SupervisorState = WORKING, connection: str | None = "a"
) -> SupervisorStateChanged:
    return SupervisorStateChanged(
        "c1", "d1", connection, old, INTERRUPTED, "plan", "heartbeat_expired", evidence(sequence)
    )


def save(kind: SaveKind = "phase", connection: str | None = "a", contract: str = "c1") -> Save:
    return Save(contract, kind, '{"phase":"plan"}', connection, Room(0, 10**9, 0, 10**9))


def requested(daemon: str = "d2", connection: str = "b", replaces: str | None = "a") -> RestorationRequested:
    return RestorationRequested("c1", daemon, connection, "resumed", "h1", at(10), replaces)


DEAD = (registered(5), silenced(5))
RESTORING = (*DEAD, requested())
