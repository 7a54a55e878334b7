"""Converts rows of the read model into response schemas."""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, cast

import orjson

from makima_gateway.api.schemas.contracts import Contract, Deliverable, ListedContract
from makima_gateway.api.schemas.phases import AutoCompleteSummary
from makima_gateway.api.schemas.questions import Message, Question
from makima_gateway.api.schemas.tasks import Task
from makima_gateway.read_model.contract_rows import progress_at, supervisor_view, task_counts
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.legacy_status import legacy_status, shown_status
from makima_gateway.read_model.rows import ContractRow, MessageRow, QuestionRow, SupervisorRow, TaskRow

_LISTED: Final = cast(
    "Callable[[Contract], tuple[Any, ...]]", attrgetter(*(field.name for field in fields(ListedContract)))
)


def contract(
    row: ContractRow,
    supervisor: SupervisorRow | None = None,
    feed: LatestHeartbeats | None = None,
    *,
    next_gate: list[str] | None = None,
    enhanced: bool = True,
) -> Contract:
    """The contract as the API shows it.

    `feed` has its supervisor's latest heartbeat; None: none is known. A heartbeat counts as activity (domain.md,
    Activity) but is no event, so the row does not contain it: take the later of the two times. `enhanced` is the
    feature flag `enhanced_contract_status`.
    """
    latest = None if feed is None else feed.latest("supervisor", row.supervisor_task_id or "")
    last_heartbeat = None if latest is None else latest.at
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
        tasks=task_counts(row),
        waiting_for=row.waiting_for,
        blocked_reason=row.blocked_reason,
        failure_reason=row.failure_reason,
        stale=row.stale,
        created_at=row.created_at,
        updated_at=row.updated_at,
        status_changed_at=row.status_changed_at,
        last_activity_at=row.last_activity_at
        if last_heartbeat is None
        else max(row.last_activity_at, last_heartbeat),
        completion_detected_at=row.completion_detected_at,
        progress_at=progress_at(row, supervisor, latest),
        supervisor=supervisor_view(supervisor, latest),
        next_gate=next_gate or [],
    )


def listed(contract: Contract) -> ListedContract:
    """The contract as a list shows it."""
    return ListedContract(*_LISTED(contract))


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
        row.id,
        row.contract_id,
        row.question,
        row.question_type,
        options,
        row.status,
        row.answer,
        row.asked_at,
        row.answered_at,
    )


def message(row: MessageRow) -> Message:
    return Message(row.id, row.contract_id, row.role, row.content, row.sent_at)
