"""A contract as one row of a table shows it, and its supervisor, from the read model and the latest heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import orjson
from makima_schemas.contract.model import ContractStatus, WaitingFor

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat, LatestHeartbeats
from makima_gateway.read_model.legacy_status import shown_status
from makima_gateway.read_model.rows import ContractRow, SupervisorRow


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Tasks of the contract by status. The supervisor task is not counted: it drives the contract."""

    total: int
    pending: int
    claimed: int
    running: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class RowSupervisor:
    alive: bool  # false: completed, failed or silent
    stuck: bool  # alive without progress
    last_heartbeat_at: datetime | None  # its arrival at the broker; null: not known


@dataclass(frozen=True, slots=True)
class ContractSupervisor:
    """The supervisor that drives a contract."""

    task_id: str
    daemon_id: str
    state: str
    alive: bool
    stuck: bool
    last_heartbeat_at: datetime | None  # its arrival at the broker; null: not known
    progress: int | None  # percent
    activity: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A contract as a table shows it. Of two rows of a contract, that with the higher `version` is the newer one."""

    id: str
    name: str
    status: ContractStatus
    phase: str
    phase_index: int  # of `phase`, from 0
    phase_count: int
    version: int
    waiting_for: WaitingFor | None
    reason: str | None  # why it is blocked, or has failed
    stale: bool
    tasks: TaskCounts
    # when anything changed: its last event, or its supervisor's last progress; heartbeats do not count
    progress_at: datetime
    created_at: datetime
    supervisor: RowSupervisor | None  # null: none was ever heard


def contract_row_view(
    row: ContractRow, supervisor: SupervisorRow | None, feed: LatestHeartbeats, *, enhanced: bool
) -> Row:
    """The row. `enhanced` is the feature flag `enhanced_contract_status`."""
    names = [phase["name"] for phase in cast("list[dict[str, str]]", orjson.loads(row.phases))]
    latest = latest_of(feed, supervisor)
    return Row(
        id=row.id,
        name=row.name,
        status=shown_status(row.status, enhanced=enhanced),
        phase=row.phase,
        phase_index=names.index(row.phase),
        phase_count=len(names),
        version=row.version,
        waiting_for=row.waiting_for,
        reason=row.blocked_reason or row.failure_reason,
        stale=row.stale,
        tasks=task_counts(row),
        progress_at=progress_at(row, supervisor, latest),
        created_at=row.created_at,
        supervisor=None
        if supervisor is None
        else RowSupervisor(
            supervisor.alive, supervisor.stuck_proof is not None, last_heartbeat_at(supervisor, latest)
        ),
    )


def supervisor_view(
    supervisor: SupervisorRow | None, latest: LatestHeartbeat | None
) -> ContractSupervisor | None:
    """State from the newer of the two: its last event, or its latest heartbeat."""
    if supervisor is None:
        return None
    heartbeat: dict[str, object] = {} if latest is None else latest.heartbeat
    newer = (
        supervisor.alive
        and latest is not None
        and latest.at is not None
        and latest.at >= supervisor.changed_at
    )
    return ContractSupervisor(
        task_id=supervisor.task_id,
        daemon_id=supervisor.daemon_id,
        state=str(heartbeat.get("state", supervisor.state)) if newer else supervisor.state,
        alive=supervisor.alive,
        stuck=supervisor.stuck_proof is not None,
        last_heartbeat_at=last_heartbeat_at(supervisor, latest),
        progress=cast("int | None", heartbeat.get("progress")),
        activity=cast("str | None", heartbeat.get("activity")),
    )


def latest_of(feed: LatestHeartbeats, supervisor: SupervisorRow | None) -> LatestHeartbeat | None:
    return None if supervisor is None else feed.latest("supervisor", supervisor.task_id)


def last_heartbeat_at(supervisor: SupervisorRow, latest: LatestHeartbeat | None) -> datetime | None:
    """From the feed; of one that was declared silent before this process began, from the verdict's evidence."""
    if latest is not None and latest.at is not None:
        return latest.at
    return heard_by_evidence(supervisor.evidence)


def heard_by_evidence(evidence: str | None) -> datetime | None:
    """The last heartbeat that the evidence of a verdict names."""
    if evidence is None:
        return None
    members = cast("Mapping[str, object]", orjson.loads(evidence))
    return moment(members.get("last_heartbeat_at"))


def progress_at(
    row: ContractRow, supervisor: SupervisorRow | None, latest: LatestHeartbeat | None
) -> datetime:
    """When anything changed: the contract's last event, or its supervisor's last progress, if that is later."""
    reported = None if latest is None else moment(latest.heartbeat.get("progress_at"))
    recorded = None if supervisor is None else supervisor.progress_at
    return max(each for each in (row.updated_at, reported, recorded) if each is not None)


def task_counts(row: ContractRow) -> TaskCounts:
    return TaskCounts(
        row.tasks_total,
        row.tasks_pending,
        row.tasks_claimed,
        row.tasks_running,
        row.tasks_completed,
        row.tasks_failed,
    )


def moment(value: object) -> datetime | None:
    """A time of a heartbeat or of evidence; None if it is none."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
