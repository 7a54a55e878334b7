"""Decider of a daemon: a heartbeat that it sends itself connects it, only a verdict disconnects it."""

from dataclasses import dataclass, replace

from makima_schemas.assignment import Admission
from makima_schemas.daemon import (
    AdmitDaemon,
    DaemonAdmitted,
    DaemonConnected,
    DaemonDisconnected,
    DaemonEvent,
    ObserveDaemon,
)
from makima_schemas.evidence import Arrival, Evidence

from makima_supervisor_heartbeat.domain.verdict import (
    JudgeDisconnected,
    contradicted,
    is_out_of_order,
    supersedes,
)

Command = AdmitDaemon | ObserveDaemon | JudgeDisconnected


@dataclass(frozen=True, slots=True)
class Daemon:
    """State of a daemon, folded from its stream."""

    hostname: str = ""  # "" while it is known only from heartbeats of its supervisors
    # None until a heartbeat, its own or a supervisor's, names it; False until one of its own came.
    connected: bool | None = None
    heard: Arrival | None = None  # arrival of the heartbeat that last caused an event
    evidence: Evidence | None = None  # evidence of the verdict in force; None while connected
    admission: Admission | None = None  # which owner it serves; None: it is known from before there were any


class DaemonDecider:
    initial = Daemon()

    def decide(self, command: Command, state: Daemon) -> list[DaemonEvent]:
        match command:
            case AdmitDaemon(daemon_id, owner):
                return [] if state.admission == Admission(owner) else [DaemonAdmitted(daemon_id, owner)]
            case ObserveDaemon(hostname, heard):
                return [DaemonConnected(hostname, heard)] if _is_new(hostname, heard, state) else []
            case JudgeDisconnected(evidence, newest):
                refused = not state.connected or contradicted(evidence, newest, state.heard)
                return [] if refused else [DaemonDisconnected(evidence)]

    def evolve(self, state: Daemon, event: DaemonEvent) -> Daemon:
        match event:
            case DaemonAdmitted(_, owner):
                return replace(state, admission=Admission(owner))
            case DaemonConnected(hostname, heard):
                return replace(state, hostname=hostname, connected=hostname != "", heard=heard, evidence=None)
            case DaemonDisconnected(evidence):
                return replace(state, connected=False, evidence=evidence)


def _is_new(hostname: str, heard: Arrival, daemon: Daemon) -> bool:
    """True if a heartbeat changes the daemon's state.

    A supervisor's heartbeat names its daemon, without a hostname. That registers an unknown daemon, but never
    reconnects one that was declared silent.
    """
    if daemon.connected is None:
        return True
    if (
        not hostname
        or is_out_of_order(heard, daemon.heard)
        or (daemon.evidence is not None and not supersedes(heard, daemon.evidence))
    ):
        return False
    return not daemon.connected or hostname != daemon.hostname
