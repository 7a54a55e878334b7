"""The daemon's rules: any heartbeat of its own connects it, only a verdict disconnects it."""

from dataclasses import dataclass, replace

from makima_schemas.daemon import DaemonConnected, DaemonDisconnected, DaemonEvent, ObserveDaemon
from makima_schemas.evidence import Arrival

from services.supervisor_heartbeat.domain.verdict import JudgeDisconnected, contradicted

Command = ObserveDaemon | JudgeDisconnected


@dataclass(frozen=True, slots=True)
class Daemon:
    """`connected` is null until somebody speaks of it; `heard` is the heartbeat that last changed something."""

    hostname: str = ""
    connected: bool | None = None
    heard: Arrival | None = None


class DaemonDecider:
    initial = Daemon()

    def decide(self, command: Command, state: Daemon) -> list[DaemonEvent]:
        match command:
            case ObserveDaemon(hostname):
                return [DaemonConnected(hostname, command.heard)] if _news(hostname, state) else []
            case JudgeDisconnected(evidence, newest):
                refused = not state.connected or contradicted(evidence, newest, state.heard)
                return [] if refused else [DaemonDisconnected(evidence)]

    def evolve(self, state: Daemon, event: DaemonEvent) -> Daemon:
        match event:
            case DaemonConnected(hostname, heard):
                return Daemon(hostname, connected=True, heard=heard)
            case DaemonDisconnected():
                return replace(state, connected=False)


def _news(hostname: str, daemon: Daemon) -> bool:
    """A supervisor's heartbeat names its daemon, without hostname: that registers an unknown one, and never revives a silent one."""
    if daemon.connected is None:
        return True
    return hostname != "" and (not daemon.connected or hostname != daemon.hostname)
