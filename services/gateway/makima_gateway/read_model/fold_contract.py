"""Folds an event of a contract's own stream onto its row. The resulting status is a property of the event."""

from typing import Final, cast

import orjson
from makima_schemas.contract.events import (
    AutoCompleteSet,
    ContractBlocked,
    ContractCreated,
    ContractEvent,
    ContractFailed,
    ContractReopened,
    ContractUnblocked,
    DeliverableCompleted,
    PhaseChanged,
    PhaseGuardSet,
    PhaseValidated,
)
from makima_schemas.contract.model import ContractStatus
from makima_schemas.contract.status_effects import ACTIVITY, counts_as_activity, destination
from makima_schemas.envelope import Recorded
from makima_schemas.times import rfc3339

from makima_gateway.read_model.rows import ContractRow, Json

# Events that change more than version, status and times. All others return early.
_MORE: Final[frozenset[type[ContractEvent]]] = frozenset(
    {
        PhaseChanged,
        PhaseValidated,
        DeliverableCompleted,
        PhaseGuardSet,
        AutoCompleteSet,
        ContractBlocked,
        ContractFailed,
        ContractUnblocked,
        ContractReopened,
    }
)


def created(recorded: Recorded, event: ContractCreated) -> ContractRow:
    """The row of a new contract: in its first phase, with no deliverable completed."""
    deliverables = [
        {"phase": phase.name, "id": item.id, "name": item.name, "completed": False, "completed_at": None}
        for phase in event.phases
        for item in phase.deliverables
    ]
    at = recorded.recorded_at
    return ContractRow(
        tenant=recorded.tenant,
        id=recorded.entity_id,
        name=event.name,
        description=event.description,
        contract_type=event.contract_type,
        owner_id=event.owner_id,
        status=ContractStatus.CREATED,
        phase=event.phases[0].name,
        phases=orjson.dumps(event.phases).decode(),
        deliverables=orjson.dumps(deliverables).decode(),
        version=recorded.version,
        phase_guard=event.phase_guard,
        auto_complete_enabled=event.auto_complete_enabled,
        stale_after_seconds=event.stale_after_seconds,
        tasks_total=0,
        tasks_pending=0,
        tasks_claimed=0,
        tasks_running=0,
        tasks_completed=0,
        tasks_failed=0,
        waiting_for=None,
        validated=None,
        blocked_reason=None,
        failure_reason=None,
        stale=False,
        supervisor_task_id=None,
        supervisor_alive=False,
        created_at=at,
        updated_at=at,
        status_changed_at=at,
        last_activity_at=at,
        completion_detected_at=None,
        created_position=recorded.position,
        validation_reason=None,
        ever_active=False,
        daemon_id=None,
    )


def apply(row: ContractRow, recorded: Recorded, event: ContractEvent) -> None:  # noqa: C901, PLR0912 - one case per event
    """Apply `event` to `row`, in place."""
    at = recorded.recorded_at
    row.version = recorded.version
    row.updated_at = at
    if counts_as_activity(event, ever_active=row.ever_active):
        row.last_activity_at = at
    row.ever_active = row.ever_active or type(event) in ACTIVITY
    status = destination(event)
    if status is not None:
        row.waiting_for = getattr(event, "waiting_for", None)
        if status is not row.status:
            row.status, row.status_changed_at = status, at
    if type(event) not in _MORE:
        return
    match event:
        case PhaseChanged(to_phase=phase):
            row.phase, row.validated, row.validation_reason = phase, None, None
        case PhaseValidated(passed=passed, reason=reason):
            row.validated, row.validation_reason = passed, reason
        case DeliverableCompleted(phase=phase, deliverable_id=deliverable):
            row.deliverables = _completed(row.deliverables, phase, deliverable, rfc3339(at))
        case PhaseGuardSet(enabled=enabled):
            row.phase_guard = enabled
        case AutoCompleteSet(enabled=enabled):
            row.auto_complete_enabled = enabled
        case ContractBlocked(reason=reason):
            row.blocked_reason = reason
        case ContractFailed(reason=reason):
            row.blocked_reason, row.failure_reason = None, reason
        case ContractUnblocked() | ContractReopened():
            row.blocked_reason = row.failure_reason = None
        case _:
            pass


def _completed(deliverables: Json, phase: str, deliverable: str, at: str) -> Json:
    """The deliverables with this one completed at `at`; completing it again changes nothing."""
    items = cast("list[dict[str, object]]", orjson.loads(deliverables))
    for item in items:
        if item["phase"] == phase and item["id"] == deliverable and not item["completed"]:
            item["completed"], item["completed_at"] = True, at
    return orjson.dumps(items).decode()
