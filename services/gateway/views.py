"""From rows to what HTTP answers."""

from dataclasses import replace
from datetime import datetime
from typing import cast

import orjson
from makima_schemas.contract.model import ContractStatus

from services.gateway.projections.rows import ContractRow, MessageRow, QuestionRow, TaskRow
from services.gateway.queries import MonitorEvent
from services.gateway.shapes import AutoCompleteSummary, Contract, Deliverable, LegacyStatus, Message, Question, Task, TaskCounts


def contract(row: ContractRow, last_heartbeat: datetime | None = None, *, enhanced: bool = True) -> Contract:
    """`last_heartbeat` of the contract's supervisor is activity too (domain.md, Activity), but no event: it is laid over here.

    `enhanced` is the feature flag `enhanced_contract_status`.
    """
    return Contract(
        id=row.id,
        name=row.name,
        description=row.description,
        contract_type=row.contract_type,
        owner_id=row.owner_id,
        status=shown_status(row.status, enhanced=enhanced),
        legacy_status=legacy_status(row.status),
        phase=row.phase,
        phases=[phase["name"] for phase in cast("list[dict[str, str]]", orjson.loads(row.phases))],
        version=row.version,
        phase_guard=row.phase_guard,
        auto_complete_enabled=row.auto_complete_enabled,
        deliverables=cast("list[Deliverable]", orjson.loads(row.deliverables)),
        tasks=TaskCounts(row.tasks_total, row.tasks_pending, row.tasks_claimed, row.tasks_running, row.tasks_completed, row.tasks_failed),
        waiting_for=row.waiting_for,
        blocked_reason=row.blocked_reason,
        failure_reason=row.failure_reason,
        stale=row.stale,
        created_at=row.created_at,
        updated_at=row.updated_at,
        status_changed_at=row.status_changed_at,
        last_activity_at=row.last_activity_at if last_heartbeat is None else max(row.last_activity_at, last_heartbeat),
        completion_detected_at=row.completion_detected_at,
    )


def shown_status(status: ContractStatus, *, enhanced: bool) -> ContractStatus:
    """With the flag off people see the statuses that there were before it."""
    return status if enhanced else ContractStatus(legacy_status(status))


def shown_event(event: MonitorEvent, *, enhanced: bool) -> MonitorEvent | None:
    """As `shown_change`, and with the statuses that its filter asks for."""
    if enhanced:
        return event
    change = shown_change(event.message, enhanced=False)
    if change is None:
        return None
    old, new = (_of_old(status) for status in (event.old_status, event.status))
    return replace(event, old_status=old, status=new, message=orjson.dumps(change).decode())


def shown_change(message: str, *, enhanced: bool) -> dict[str, object] | None:
    """A message of the monitor in the statuses that are shown; null: of what is shown, nothing has changed."""
    said = cast("dict[str, object]", orjson.loads(message))
    if enhanced or said["type"] != "StatusChanged":
        return said
    old, new = (_of_old(cast("str | None", said[name])) for name in ("old_status", "new_status"))
    return None if old == new else {**said, "old_status": old, "new_status": new}


def _of_old(status: str | None) -> LegacyStatus | None:
    return None if status is None else legacy_status(ContractStatus(status))


def legacy_status(status: ContractStatus) -> LegacyStatus:
    """The three statuses of old (plan 1.4): what is neither done nor put away was `active` there, a failed contract included."""
    match status:
        case ContractStatus.COMPLETED:
            return "completed"
        case ContractStatus.ARCHIVED:
            return "archived"
        case _:
            return "active"


def summary(row: ContractRow, *, enhanced: bool) -> AutoCompleteSummary:
    status = shown_status(row.status, enhanced=enhanced)
    return AutoCompleteSummary(row.id, row.name, status, row.phase, row.version, row.auto_complete_enabled)


def task(row: TaskRow) -> Task:
    return Task(
        id=row.id,
        contract_id=row.contract_id,
        name=row.name,
        phase=row.phase,
        role=row.role,
        is_supervisor=row.is_supervisor,
        plan=row.plan,
        status=row.status,
        connection_id=row.connection_id,
        result=row.result,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def question(row: QuestionRow) -> Question:
    options = cast("list[str]", orjson.loads(row.options))
    return Question(
        row.id, row.contract_id, row.question, row.question_type, options, row.status, row.answer, row.asked_at, row.answered_at
    )


def message(row: MessageRow) -> Message:
    return Message(row.id, row.contract_id, row.role, row.content, row.sent_at)
