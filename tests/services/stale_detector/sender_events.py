"""Events of supervisors, as the detector reads them from the log."""

from datetime import UTC, datetime

from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import (
    StateChangedBy,
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVIDENCE = Evidence(NOW, 120.0, NOW, NOW, 20.0, "r1", 7, "e1")


def changed(
    to: SupervisorState, connection: str | None = "x", by: StateChangedBy = "heartbeat", daemon: str = "d1"
) -> SupervisorStateChanged:
    evidence = EVIDENCE if by == "heartbeat_expired" else None
    return SupervisorStateChanged("c1", daemon, connection, SupervisorState.WORKING, to, "plan", by, evidence)


def registered(contract: str, connection: str) -> SupervisorRegistered:
    return SupervisorRegistered(contract, "d1", connection, SupervisorState.WORKING, "plan")
