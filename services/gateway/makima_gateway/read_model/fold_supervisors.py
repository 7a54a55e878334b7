"""Folds events of other streams onto the rows: supervisors, daemons, silence, staleness, completion."""

from datetime import datetime

from makima_schemas.codec import encode
from makima_schemas.completion import CompletionDetected
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import ENDED, SupervisorRegistered, SupervisorStateChanged

from makima_gateway.read_model.rows import ContractRow, DaemonRow, Json, Rows, SupervisorRow

Foreign = (
    SupervisorRegistered
    | SupervisorStateChanged
    | DaemonConnected
    | DaemonDisconnected
    | CompletionDetected
    | StaleDetected
    | StaleCleared
)


def apply(rows: Rows, contract: ContractRow | None, recorded: Recorded, event: Foreign) -> None:
    """Apply `event` to `rows`, in place; `contract` is the row that it concerns, if there is one."""
    match event:
        case SupervisorRegistered() | SupervisorStateChanged():
            _supervisor(rows, contract, recorded, event)
        case DaemonConnected() | DaemonDisconnected():
            _daemon(rows, recorded, event)
        case CompletionDetected():
            if contract is not None:
                contract.completion_detected_at = recorded.recorded_at
        case StaleDetected():
            if contract is not None:
                contract.stale = True
        case StaleCleared():
            if contract is not None:
                contract.stale = False


def _supervisor(
    rows: Rows,
    contract: ContractRow | None,
    recorded: Recorded,
    event: SupervisorRegistered | SupervisorStateChanged,
) -> None:
    """Update the supervisor's row, and its contract: the supervisor heard last drives it."""
    task_id = recorded.entity_id
    state = event.state if isinstance(event, SupervisorRegistered) else event.new_state
    evidence = None if isinstance(event, SupervisorRegistered) else event.evidence
    alive = state not in ENDED
    known = rows.supervisors.get((recorded.tenant, task_id))
    rows.supervisors[(recorded.tenant, task_id)] = SupervisorRow(
        tenant=recorded.tenant,
        task_id=task_id,
        contract_id=event.contract_id,
        daemon_id=event.daemon_id,
        connection_id=event.connection_id,
        state=state,
        phase=event.phase,
        alive=alive,
        registered_at=recorded.recorded_at if known is None else known.registered_at,
        changed_at=recorded.recorded_at,
        evidence=_json(evidence),
    )
    if contract is None:
        rows.unmatched_supervisors.setdefault((recorded.tenant, event.contract_id), set()).add(task_id)
        return
    silenced = isinstance(event, SupervisorStateChanged) and event.changed_by == "heartbeat_expired"
    # A verdict of silence on a supervisor that was replaced must not mark its successor as dead.
    if not silenced or contract.supervisor_task_id == task_id:
        contract.supervisor_task_id, contract.supervisor_alive = task_id, alive
    last_heard = _last_heard(event.heard, evidence) or (None if silenced else recorded.recorded_at)
    if last_heard is not None:
        contract.last_activity_at = max(contract.last_activity_at, last_heard)


def link_early_supervisors(rows: Rows, contract: ContractRow) -> None:
    """Supervisors may register before their contract exists.

    On creation link the contract to the last one that registered, preferring one that is alive.
    """
    unmatched = [
        rows.supervisors.get((contract.tenant, task_id))
        for task_id in rows.unmatched_supervisors.get((contract.tenant, contract.id), ())
    ]
    # A supervisor that has moved to another contract meanwhile does not count.
    registered = [row for row in unmatched if row is not None and row.contract_id == contract.id]
    if registered:
        last = max(registered, key=lambda row: (row.alive, row.changed_at, row.task_id))
        contract.supervisor_task_id, contract.supervisor_alive = last.task_id, last.alive


def _daemon(rows: Rows, recorded: Recorded, event: DaemonConnected | DaemonDisconnected) -> None:
    key = (recorded.tenant, recorded.entity_id)
    known = rows.daemons.get(key)
    connected = isinstance(event, DaemonConnected)
    hostname = (event.hostname if isinstance(event, DaemonConnected) else "") or (
        "" if known is None else known.hostname
    )
    evidence = event.evidence if isinstance(event, DaemonDisconnected) else None
    at = recorded.recorded_at
    rows.daemons[key] = DaemonRow(
        *key, hostname, connected, at if known is None else known.registered_at, at, _json(evidence)
    )


def _last_heard(heard: Arrival | None, evidence: Evidence | None) -> datetime | None:
    """When the broker received the event's heartbeat; for a verdict, the last one before the silence."""
    if heard is not None:
        return heard.at
    return None if evidence is None else evidence.last_heartbeat_at


def _json(evidence: Evidence | None) -> Json | None:
    return None if evidence is None else encode(evidence).decode()
