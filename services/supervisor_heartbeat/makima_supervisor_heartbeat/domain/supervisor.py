"""Decider of a supervisor: which heartbeats count, state changes, verdicts of silence, restarts, saves, restorations."""

from dataclasses import dataclass

from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.refusal import Refused
from makima_schemas.supervisor import (
    AT_WORK,
    ENDED,
    ObserveHeartbeat,
    RestorationProved,
    RestorationRequested,
    SupervisorEvent,
    SupervisorProgressed,
    SupervisorRegistered,
    SupervisorRestartRequested,
    SupervisorState,
    SupervisorStateChanged,
    SupervisorStuck,
)

from makima_supervisor_heartbeat.domain.in_force import speaks
from makima_supervisor_heartbeat.domain.restoring import Restore, restore
from makima_supervisor_heartbeat.domain.saving import Save, save
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck, is_newer
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor, evolve
from makima_supervisor_heartbeat.domain.verdict import JudgeSilence, contradicted, is_out_of_order, supersedes


@dataclass(frozen=True, slots=True)
class OrderRestart:
    """`RestartSupervisor`, with the state of the supervisor's daemon, which is in
    another stream of the log.
    """

    reason: str | None
    daemon_connected: bool  # False also if the supervisor is unknown
    last_heard: Arrival | None = None  # the newest heartbeat that is recorded of it


Command = ObserveHeartbeat | JudgeSilence | OrderRestart | ObserveStuck | ObserveProgress | Save | Restore


class SupervisorDecider:
    initial = Supervisor()

    def decide(self, command: Command, state: Supervisor) -> list[SupervisorEvent]:
        match command:
            case ObserveHeartbeat():
                return _observe(command, state)
            case JudgeSilence():
                return _judge(command, state)
            case OrderRestart():
                return _order_restart(command, state)
            case Save():
                return [save(command, state)]
            case Restore():
                return restore(command, state)
            case ObserveStuck():
                return _stuck(command, state)
            case ObserveProgress(connection_id, progress_at):
                ended = connection_id in (None, state.connection_id) and is_newer(progress_at, state.stuck)
                named = (state.contract_id, state.connection_id)
                return [SupervisorProgressed(*named, progress_at)] if ended else []

    def evolve(self, state: Supervisor, event: SupervisorEvent) -> Supervisor:
        return evolve(state, event)


def _observe(heard: ObserveHeartbeat, supervisor: Supervisor) -> list[SupervisorEvent]:
    if not speaks(supervisor, heard.contract_id, heard.connection_id):
        return []
    if supervisor.restoring is not None:
        return _observe_restoring(heard, supervisor, supervisor.restoring)
    if supervisor.state is None:
        return [_registered(heard)]
    if is_out_of_order(heard.heard, supervisor.heard) or (
        supervisor.evidence is not None and not supersedes(heard.heard, supervisor.evidence)
    ):
        return []
    connection_id = heard.connection_id or supervisor.connection_id
    present = (heard.state, connection_id, heard.daemon_id)
    known = (supervisor.state, supervisor.connection_id, supervisor.daemon_id)
    if present == known and not supervisor.restarting:
        return []
    return [_changed(heard, supervisor, supervisor.state)]


def _observe_restoring(
    heard: ObserveHeartbeat, supervisor: Supervisor, restoring: RestorationRequested
) -> list[SupervisorEvent]:
    """Only a heartbeat that arrived after the request says who goes on: the connection that was handed out, which
    proves the restoration, or the one before, which wins the supervisor back.
    """
    if is_out_of_order(heard.heard, restoring.after):
        return []
    event = _registered(heard) if supervisor.state is None else _changed(heard, supervisor, supervisor.state)
    if heard.connection_id != restoring.connection_id:
        if heard.state in ENDED and heard.state is supervisor.state:
            return []  # the contract may have been reopened since, and this one does not go on
        # One that names no connection tells nothing about the one that is in force already.
        return [] if event.connection_id == restoring.connection_id else [event]
    if heard.daemon_id != restoring.daemon_id:
        return []
    proved = RestorationProved(
        restoring.contract_id, restoring.daemon_id, restoring.connection_id, heard.heard
    )
    return [event, proved]


def _registered(heard: ObserveHeartbeat) -> SupervisorRegistered:
    return SupervisorRegistered(
        heard.contract_id,
        heard.daemon_id,
        heard.connection_id,
        heard.state,
        heard.phase,
        heard=heard.heard,
    )


def _changed(
    heard: ObserveHeartbeat, supervisor: Supervisor, old_state: SupervisorState
) -> SupervisorStateChanged:
    return SupervisorStateChanged(
        contract_id=supervisor.contract_id,
        daemon_id=heard.daemon_id,
        connection_id=heard.connection_id or supervisor.connection_id,
        old_state=old_state,
        new_state=heard.state,
        phase=heard.phase,
        changed_by="heartbeat",
        heard=heard.heard,
    )


def _stuck(observed: ObserveStuck, supervisor: Supervisor) -> list[SupervisorEvent]:
    """Nothing for another connection, for one that is not at work, and for one that is stuck already."""
    if supervisor.state not in AT_WORK or supervisor.stuck is not None:
        return []
    if observed.connection_id not in (None, supervisor.connection_id):
        return []
    named = (supervisor.contract_id, supervisor.connection_id)
    return [SupervisorStuck(*named, observed.progress_at, observed.activity)]


def _judge(verdict: JudgeSilence, supervisor: Supervisor) -> list[SupervisorEvent]:
    if supervisor.state is None or not supervisor.alive or verdict.connection_id != supervisor.connection_id:
        return []
    # A heartbeat may have changed the supervisor after `newest` was queried, so compare with the log's state
    # as well.
    if contradicted(verdict.evidence, verdict.newest, supervisor.heard):
        return []
    return [
        SupervisorStateChanged(
            contract_id=supervisor.contract_id,
            daemon_id=supervisor.daemon_id,
            connection_id=supervisor.connection_id,
            old_state=supervisor.state,
            new_state=SupervisorState.INTERRUPTED,
            phase=supervisor.phase,
            changed_by="heartbeat_expired",
            evidence=verdict.evidence,
        )
    ]


def _order_restart(order: OrderRestart, supervisor: Supervisor) -> list[SupervisorEvent]:
    """Also allowed while the supervisor is alive: a person may see problems that its heartbeats do not show.

    Raises `Refused`: SUPERVISOR_NOT_FOUND without any heartbeat so far, UNAVAILABLE if the daemon is
    disconnected.
    """
    if supervisor.state is None:
        raise Refused(ErrorCode.SUPERVISOR_NOT_FOUND, "this supervisor never sent a heartbeat")
    if not order.daemon_connected:
        raise Refused(
            ErrorCode.UNAVAILABLE,
            f"daemon {supervisor.daemon_id}, which runs the supervisor, is disconnected",
            hint="nothing was changed; start the daemon, then try again",
        )
    return [
        SupervisorRestartRequested(
            supervisor.contract_id,
            supervisor.daemon_id,
            supervisor.connection_id,
            order.reason,
            order.last_heard,
        )
    ]
