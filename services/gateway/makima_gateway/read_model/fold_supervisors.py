"""Folds events of other streams onto the rows: supervisors, daemons, silence, staleness, completion."""

from dataclasses import replace
from datetime import datetime

from makima_schemas.assignment import Admission, serves
from makima_schemas.codec import encode
from makima_schemas.completion import CompletionDetected
from makima_schemas.daemon import DaemonAdmitted, DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import (
    ENDED,
    RestorationProved,
    RestorationRequested,
    SupervisorProgressed,
    SupervisorRegistered,
    SupervisorRestartRequested,
    SupervisorStateChanged,
    SupervisorStuck,
)

from makima_gateway.read_model.fold_agents import derive_supervisor, stuck_proof
from makima_gateway.read_model.rows import ContractRow, DaemonRow, Json, Rows, SupervisorRow

Foreign = (
    SupervisorRegistered
    | SupervisorStateChanged
    | SupervisorRestartRequested
    | RestorationRequested
    | RestorationProved
    | SupervisorStuck
    | SupervisorProgressed
    | DaemonAdmitted
    | DaemonConnected
    | DaemonDisconnected
    | CompletionDetected
    | StaleDetected
    | StaleCleared
)


def apply(rows: Rows, contract: ContractRow | None, recorded: Recorded, event: Foreign) -> None:
    """Apply `event` to `rows`, in place; `contract` is the row that it concerns, if there is one."""
    match event:
        case SupervisorRegistered() | SupervisorStateChanged() | SupervisorRestartRequested():
            _supervisor(rows, contract, recorded, event)
            _derive(rows, contract, recorded)
        case SupervisorStuck() | SupervisorProgressed():
            _standing(rows, recorded, event)
            _derive(rows, contract, recorded)
        case RestorationRequested() | RestorationProved():
            if contract is not None:
                _restoration(rows, contract, recorded, event)
        case DaemonAdmitted() | DaemonConnected() | DaemonDisconnected():
            _daemon(rows, recorded, event)
        case CompletionDetected() | StaleDetected() | StaleCleared():
            if contract is not None:
                _found(contract, recorded, event)


def _found(
    contract: ContractRow, recorded: Recorded, event: CompletionDetected | StaleDetected | StaleCleared
) -> None:
    match event:
        case CompletionDetected():
            contract.completion_detected_at = recorded.recorded_at
        case StaleDetected():
            contract.stale = True
        case StaleCleared():
            contract.stale = False


def _standing(rows: Rows, recorded: Recorded, event: SupervisorStuck | SupervisorProgressed) -> None:
    row = rows.supervisors.get((recorded.tenant, recorded.entity_id))
    if row is not None:
        row.progress_at = event.progress_at
        row.stuck_proof = stuck_proof(recorded, event) if isinstance(event, SupervisorStuck) else None


def _derive(rows: Rows, contract: ContractRow | None, recorded: Recorded) -> None:
    if contract is not None and contract.supervisor_task_id == recorded.entity_id:
        derive_supervisor(rows, contract, recorded)


def _supervisor(
    rows: Rows,
    contract: ContractRow | None,
    recorded: Recorded,
    event: SupervisorRegistered | SupervisorStateChanged | SupervisorRestartRequested,
) -> None:
    """Update the supervisor's row, and its contract: of its daemon's supervisors the one heard last drives it."""
    task_id = recorded.entity_id
    if isinstance(event, SupervisorRestartRequested):
        if (known := rows.supervisors.get((recorded.tenant, task_id))) is not None:
            known.restart_requested = True
        return
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
        restart_requested=False,
        progress_at=None if known is None else known.progress_at,
        stuck_proof=known.stuck_proof if known is not None and alive else None,
    )
    rows.supervisors_of.setdefault((recorded.tenant, event.contract_id), set()).add(task_id)
    if contract is None:
        return
    silenced = isinstance(event, SupervisorStateChanged) and event.changed_by == "heartbeat_expired"
    if not silenced and (contract.restoring_task_id, contract.restoring_connection_id) != (
        task_id,
        event.connection_id,
    ):
        _end_restoration(contract, task_id)  # the connection before spoke first
    if contract.daemon_id is None and _serves(rows, contract, event.daemon_id):
        contract.daemon_id = event.daemon_id
    if contract.daemon_id != event.daemon_id and contract.supervisor_task_id != task_id:
        return
    # A verdict of silence on a supervisor that was replaced must not mark its successor as dead.
    if not silenced or contract.supervisor_task_id == task_id:
        contract.supervisor_task_id, contract.supervisor_alive = task_id, alive
    last_heard = _last_heard(event.heard, evidence) or (None if silenced else recorded.recorded_at)
    if last_heard is not None:
        contract.last_activity_at = max(contract.last_activity_at, last_heard)


def _restoration(
    rows: Rows,
    contract: ContractRow,
    recorded: Recorded,
    event: RestorationRequested | RestorationProved,
) -> None:
    """A connection was handed out; or it is in force, and the contract is its daemon's, as ContractAssigned will say."""
    if isinstance(event, RestorationRequested):
        contract.restoring_task_id = recorded.entity_id
        contract.restoring_daemon_id = event.daemon_id
        contract.restoring_connection_id = event.connection_id
        return
    _end_restoration(contract, recorded.entity_id)
    assign(rows, contract, event.daemon_id)
    derive_supervisor(rows, contract, recorded)


def _end_restoration(contract: ContractRow, task_id: str) -> None:
    if contract.restoring_task_id == task_id:
        contract.restoring_task_id = contract.restoring_daemon_id = contract.restoring_connection_id = None


def link_early_supervisors(rows: Rows, contract: ContractRow) -> None:
    """Supervisors may register before their contract exists.

    On creation link the contract to the last one that registered, preferring one that is alive.
    """
    registered = [row for row in _supervisors_of(rows, contract) if _serves(rows, contract, row.daemon_id)]
    if registered:
        last = max(registered, key=_newest)
        contract.supervisor_task_id, contract.supervisor_alive = last.task_id, last.alive
        contract.daemon_id = last.daemon_id


def assign(rows: Rows, contract: ContractRow, daemon_id: str) -> None:
    """The contract goes to a daemon; that daemon's supervisor drives it, if one was heard already."""
    contract.daemon_id = daemon_id
    own = [row for row in _supervisors_of(rows, contract) if row.daemon_id == daemon_id]
    if own:
        last = max(own, key=_newest)
        contract.supervisor_task_id, contract.supervisor_alive = last.task_id, last.alive


def _supervisors_of(rows: Rows, contract: ContractRow) -> list[SupervisorRow]:
    """The known supervisors of the contract, without any that has moved to another one meanwhile."""
    known = [
        rows.supervisors.get((contract.tenant, task_id))
        for task_id in rows.supervisors_of.get((contract.tenant, contract.id), ())
    ]
    return [row for row in known if row is not None and row.contract_id == contract.id]


def _newest(row: SupervisorRow) -> tuple[bool, datetime, str]:
    return row.alive, row.changed_at, row.task_id


def _serves(rows: Rows, contract: ContractRow, daemon_id: str) -> bool:
    daemon = rows.daemons.get((contract.tenant, daemon_id))
    admission = Admission(daemon.owner_id) if daemon is not None and daemon.admitted else None
    return serves(admission, contract.owner_id)


def _daemon(
    rows: Rows, recorded: Recorded, event: DaemonAdmitted | DaemonConnected | DaemonDisconnected
) -> None:
    key, at = (recorded.tenant, recorded.entity_id), recorded.recorded_at
    row = rows.daemons.get(key) or DaemonRow(*key, "", False, at, at, None, admitted=False, owner_id=None)
    match event:
        case DaemonAdmitted(owner=owner):
            row = replace(row, admitted=True, owner_id=owner)
        case DaemonConnected(hostname=hostname):
            # Without a hostname only its supervisors have named it: it is registered, not connected.
            row = replace(
                row, hostname=hostname or row.hostname, connected=hostname != "", changed_at=at, evidence=None
            )
        case DaemonDisconnected(evidence=evidence):
            row = replace(row, connected=False, changed_at=at, evidence=_json(evidence))
    rows.daemons[key] = row


def _last_heard(heard: Arrival | None, evidence: Evidence | None) -> datetime | None:
    """When the broker received the event's heartbeat; for a verdict, the last one before the silence."""
    if heard is not None:
        return heard.at
    return None if evidence is None else evidence.last_heartbeat_at


def _json(evidence: Evidence | None) -> Json | None:
    return None if evidence is None else encode(evidence).decode()
