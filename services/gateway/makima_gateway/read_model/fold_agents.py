"""Folds the events of agents onto their rows, and derives the row of a contract's supervisor.

A supervisor has no events of an agent: what it is as an agent follows from its own stream (agents.md, Who is who).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

import orjson
from makima_schemas.agent import (
    BEATING,
    AgentEvent,
    AgentJoined,
    AgentLeft,
    AgentProgressed,
    AgentStatus,
    AgentStatusChanged,
    AgentStep,
    AgentStuck,
    Restarts,
    tells_restarts,
)
from makima_schemas.codec import encode
from makima_schemas.connections import fence
from makima_schemas.contract.events import (
    ContractArchived,
    ContractCompleted,
    ContractFailed,
    ContractReopened,
)
from makima_schemas.contract.model import TERMINAL_STATUSES, ContractStatus
from makima_schemas.envelope import Recorded
from makima_schemas.supervisor import SupervisorState, SupervisorStuck
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE, agent_status
from makima_schemas.times import rfc3339

from makima_gateway.read_model.rows import (
    AgentKey,
    AgentRow,
    ContractRow,
    Json,
    RestartCount,
    Rows,
    StuckProof,
    SupervisorRow,
)

# The events with which a contract ends, or goes on: its agents are missed from then on, or are not.
ENDS: Final = (ContractCompleted, ContractFailed, ContractArchived, ContractReopened)


@dataclass(frozen=True, slots=True)
class Step:
    """How an event changes an agent's status."""

    old: AgentStatus
    new: AgentStatus
    trigger: str
    reason: str | None = None
    evidence: Json | None = None


def step(event: AgentStep) -> Step:
    """All three are changes of the agent's status."""
    match event:
        case AgentJoined():
            return Step(event.old_status, event.new_status, "join")
        case AgentLeft():
            return Step(event.old_status, AgentStatus.OFFLINE, "leave")
        case AgentStatusChanged():
            evidence = None if event.evidence is None else encode(event.evidence).decode()
            return Step(event.old_status, event.new_status, event.trigger, event.reason, evidence)


def apply(rows: Rows, contract: ContractRow | None, recorded: Recorded, event: AgentEvent) -> None:
    """Apply `event` to `rows`, in place. Agents of a deleted contract are not shown."""
    if contract is None:
        return
    row = _known(rows, contract, event.role, recorded)
    if isinstance(event, AgentStuck | AgentProgressed):
        row.progress_at = event.progress_at
        row.stuck_proof = stuck_proof(recorded, event) if isinstance(event, AgentStuck) else None
        row.stuck = row.stuck_proof is not None
        return
    change = step(event)
    if isinstance(event, AgentJoined):
        connect(row, event.connection_id, event.daemon_id)
        row.joined_at, row.since = event.joined_at or recorded.recorded_at, recorded.recorded_at
        row.stuck, row.stuck_proof, row.progress_at = False, None, None
    if tells_restarts(event):
        count = restart_count(recorded, event)
        row.restarts = None if count is None else orjson.dumps(count).decode()
    _move(row, contract, recorded, change)


def restart_count(recorded: Recorded, event: AgentStep) -> RestartCount | None:
    """What the event tells of a restart after a crash. Its time is by our clock, not by the daemon's."""
    reported: Restarts | None = getattr(event, "restarts", None)
    if reported is None:
        return None
    starts = recorded.recorded_at + timedelta(seconds=reported.delay_seconds)
    return RestartCount(attempts=reported.attempts, of=reported.of, next_at=rfc3339(starts))


def supervisor_task_created(rows: Rows, contract: ContractRow, recorded: Recorded) -> None:
    """A contract with a supervisor task has an agent behind it, `offline` until it is first heard."""
    _known(rows, contract, SUPERVISOR_ROLE, recorded)


def derive_supervisor(rows: Rows, contract: ContractRow, recorded: Recorded) -> None:
    """The agent's row of the supervisor that drives the contract, which this event has loaded."""
    supervisor = _driving(rows, contract)
    if supervisor is None:
        return
    row = _known(rows, contract, SUPERVISOR_ROLE, recorded)
    connect(row, supervisor.connection_id, supervisor.daemon_id)
    row.joined_at = row.joined_at if supervisor.evidence is not None else supervisor.changed_at
    status = agent_status(
        SupervisorState(supervisor.state),
        restart_requested=supervisor.restart_requested,
        contract_ended=contract.status in TERMINAL_STATUSES,
    )
    if status != row.agent_status:
        _move(
            row, contract, recorded, Step(row.agent_status, status, recorded.type, None, supervisor.evidence)
        )
    row.progress_at = supervisor.progress_at
    row.stuck_proof = supervisor.stuck_proof if status is AgentStatus.WORKING else None
    row.stuck = row.stuck_proof is not None


def follow_contract(rows: Rows, contract: ContractRow, recorded: Recorded) -> None:
    """After one of `ENDS`. The agents of an archived contract, and its supervisor, are loaded."""
    derive_supervisor(rows, contract, recorded)
    if contract.status is ContractStatus.ARCHIVED:
        for row in rows.agents.values():
            if (row.tenant, row.contract_id) == (contract.tenant, contract.id):
                row.hidden = row.hidden or row.agent_status not in BEATING


def stuck_proof(recorded: Recorded, event: AgentStuck | SupervisorStuck) -> Json:
    proof = StuckProof(
        event=recorded.type, version=recorded.version, position=recorded.position, activity=event.activity
    )
    return orjson.dumps(proof).decode()


def connect(row: AgentRow, connection_id: str | None, daemon_id: str | None) -> None:
    """This connection is in force from here on; the one before it is fenced."""
    fenced = fence(tuple(cast("list[str]", orjson.loads(row.fenced))), row.connection_id, connection_id)
    row.connection_id, row.daemon_id, row.fenced = connection_id, daemon_id, orjson.dumps(fenced).decode()


def _move(row: AgentRow, contract: ContractRow, recorded: Recorded, change: Step) -> None:
    if row.agent_status != change.new:
        row.since = recorded.recorded_at
    row.agent_status, row.trigger, row.reason, row.evidence = (
        change.new,
        change.trigger,
        change.reason,
        change.evidence,
    )
    row.version, row.position, row.event = recorded.version, recorded.position, recorded.type
    left_behind = contract.status is ContractStatus.ARCHIVED and change.new not in BEATING
    row.hidden = left_behind or change.trigger == "cleanup"
    if change.new is not AgentStatus.WORKING:
        row.stuck, row.stuck_proof = False, None


def _known(rows: Rows, contract: ContractRow, role: str, recorded: Recorded) -> AgentRow:
    """The agent's row; a role whose first event is no `AgentJoined` counts as `offline` before it."""
    key: AgentKey = (contract.tenant, contract.id, role)
    if key not in rows.agents:
        rows.agents[key] = AgentRow(
            *key,
            owner_id=contract.owner_id,
            agent_status=AgentStatus.OFFLINE,
            connection_id=None,
            daemon_id=None,
            since=recorded.recorded_at,
            joined_at=None,
            version=recorded.version,
            position=recorded.position,
            event=recorded.type,
            trigger="",
            reason=None,
            evidence=None,
            hidden=False,
            stuck=False,
            progress_at=None,
            fenced="[]",
            stuck_proof=None,
            restarts=None,
        )
    return rows.agents[key]


def _driving(rows: Rows, contract: ContractRow) -> SupervisorRow | None:
    task_id = contract.supervisor_task_id
    return None if task_id is None else rows.supervisors.get((contract.tenant, task_id))
