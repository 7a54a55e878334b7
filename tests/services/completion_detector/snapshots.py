"""What the detector knows of a contract after some events."""

from makima_completion_detector.domain.next_action import Switches
from makima_completion_detector.domain.snapshot import Snapshot, fold
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, Deliverable, Gate, Phase

PLAN = Phase("plan", (Deliverable("plan-document", "Plan document"),))
EXECUTE = Phase("execute", (Deliverable("pull-request", "Pull request"),))
PLANNED = e.DeliverableCompleted("plan", "plan-document")
SHIPPED = e.DeliverableCompleted("execute", "pull-request")
STARTED = e.ContractStarted()
EXECUTING = e.PhaseChanged("plan", "execute")
ON = Switches()
COMPLETED = (e.CompletionStarted(), e.ContractCompleted("no_worktrees"))


def created(*phases: Phase, guard: bool = False, auto_complete: bool = True) -> e.ContractCreated:
    return e.ContractCreated(
        "a contract", "", "simple", "owner", phases or (PLAN, EXECUTE), guard, auto_complete
    )


REOPENED = (
    created(),
    STARTED,
    EXECUTING,
    SHIPPED,
    *COMPLETED,
    e.ContractReopened(None, ContractStatus.ACTIVE),
)


def after(*events: Event) -> Snapshot:
    snapshot: Snapshot | None = None
    for version, event in enumerate(events, start=1):
        snapshot = fold(snapshot, event, version)
    assert snapshot is not None
    return snapshot


def with_gate(gate: Gate) -> Phase:
    return Phase("plan", PLAN.deliverables, gate)
