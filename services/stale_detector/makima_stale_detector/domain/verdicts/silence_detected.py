"""Derives the `SilenceDetected` event from the event with which the owner accepted a verdict."""

from makima_schemas.agent import AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.daemon import DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.silence import SilenceDetected
from makima_schemas.supervisor import SupervisorStateChanged


def silence_detected_for(recorded: Recorded, event: Event) -> SilenceDetected | None:
    """`SilenceDetected` for an accepted verdict; None for every other event.

    An accepted verdict is a `SupervisorStateChanged` or an `AgentStatusChanged` by `heartbeat_expired` with its
    evidence (what a daemon saw of an agent has none), or a `DaemonDisconnected`.
    """
    match event:
        case SupervisorStateChanged(changed_by="heartbeat_expired", evidence=evidence) if (
            evidence is not None
        ):
            return SilenceDetected(
                "supervisor", recorded.entity_id, event.contract_id, event.connection_id, evidence
            )
        case AgentStatusChanged(trigger="heartbeat_expired", evidence=evidence) if evidence is not None:
            return SilenceDetected(
                "agent", recorded.entity_id, event.contract_id, event.connection_id, evidence
            )
        case DaemonDisconnected(evidence):
            return SilenceDetected("daemon", recorded.entity_id, None, None, evidence)
        case _:
            return None
