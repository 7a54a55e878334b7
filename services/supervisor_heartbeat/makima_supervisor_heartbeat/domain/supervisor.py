"""Decider of a supervisor: which heartbeats count, state changes, verdicts of silence, restarts."""

from dataclasses import dataclass, replace

from makima_schemas.connections import fence
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.refusal import Refused
from makima_schemas.supervisor import (
    ENDED,
    ObserveHeartbeat,
    SupervisorEvent,
    SupervisorRegistered,
    SupervisorRestartRequested,
    SupervisorState,
    SupervisorStateChanged,
)

from makima_supervisor_heartbeat.domain.verdict import JudgeSilence, contradicted, is_out_of_order, supersedes


@dataclass(frozen=True, slots=True)
class OrderRestart:
    """`RestartSupervisor`, with the state of the supervisor's daemon, which is in
    another stream of the log.
    """

    reason: str | None
    daemon_connected: bool  # False also if the supervisor is unknown
    last_heard: Arrival | None = None  # the newest heartbeat that is recorded of it


Command = ObserveHeartbeat | JudgeSilence | OrderRestart


@dataclass(frozen=True, slots=True)
class Supervisor:
    """State of a supervisor, folded from its stream."""

    contract_id: str = ""
    daemon_id: str = ""  # the daemon that runs it
    connection_id: str | None = None  # the current connection (incarnation); None: it sends no connection id
    state: SupervisorState | None = None  # None until the first heartbeat
    phase: str = ""
    # The newest connection ids that were replaced, newest last: their heartbeats no longer count.
    superseded: tuple[str, ...] = ()
    # Arrival of the heartbeat that last caused an event, or of the newest one when a restart was requested.
    heard: Arrival | None = None
    restarting: bool = False  # a restart was requested, and no heartbeat has come since
    # Evidence of the verdict in force; None if the last event was no verdict.
    evidence: Evidence | None = None

    @property
    def alive(self) -> bool:
        return self.state is not None and self.state not in ENDED


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

    def evolve(self, state: Supervisor, event: SupervisorEvent) -> Supervisor:
        match event:
            case SupervisorRegistered():
                return Supervisor(
                    event.contract_id,
                    event.daemon_id,
                    event.connection_id,
                    event.state,
                    event.phase,
                    heard=event.heard,
                )
            case SupervisorStateChanged():
                return replace(
                    state,
                    daemon_id=event.daemon_id,
                    connection_id=event.connection_id,
                    state=event.new_state,
                    phase=event.phase,
                    superseded=fence(state.superseded, state.connection_id, event.connection_id),
                    heard=event.heard or state.heard,
                    evidence=event.evidence,
                    restarting=False,
                )
            case SupervisorRestartRequested(last_heard=last):
                newer = last is not None and not is_out_of_order(last, state.heard)
                return replace(state, restarting=True, heard=last if newer else state.heard)


def speaks(supervisor: Supervisor, contract_id: str, connection_id: str | None) -> bool:
    """True if a heartbeat of this connection counts: the connection is not superseded, and the contract is
    the supervisor's.

    A connection id never seen before is taken for a newer incarnation. A sender without connection id is not
    fenced at all (domain.md, Supervisor).
    """
    return connection_id not in supervisor.superseded and supervisor.contract_id in ("", contract_id)


def _observe(heard: ObserveHeartbeat, supervisor: Supervisor) -> list[SupervisorEvent]:
    if supervisor.state is None:
        return [
            SupervisorRegistered(
                heard.contract_id,
                heard.daemon_id,
                heard.connection_id,
                heard.state,
                heard.phase,
                heard=heard.heard,
            )
        ]
    if not speaks(supervisor, heard.contract_id, heard.connection_id):
        return []
    if is_out_of_order(heard.heard, supervisor.heard) or (
        supervisor.evidence is not None and not supersedes(heard.heard, supervisor.evidence)
    ):
        return []
    connection_id = heard.connection_id or supervisor.connection_id
    present = (heard.state, connection_id, heard.daemon_id)
    known = (supervisor.state, supervisor.connection_id, supervisor.daemon_id)
    if present == known and not supervisor.restarting:
        return []
    return [
        SupervisorStateChanged(
            contract_id=supervisor.contract_id,
            daemon_id=heard.daemon_id,
            connection_id=connection_id,
            old_state=supervisor.state,
            new_state=heard.state,
            phase=heard.phase,
            changed_by="heartbeat",
            heard=heard.heard,
        )
    ]


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
