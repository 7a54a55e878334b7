"""What this service says about an accepted verdict: `SilenceDetected`, once, under an id that the verdict's event gives."""

from dataclasses import dataclass
from uuid import UUID

from makima_schemas.codec import Event
from makima_schemas.daemon import DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.silence import SilenceDetected, deterministic_id, sender_stream
from makima_schemas.supervisor import SupervisorStateChanged

from services.stale_detector.domain import senders


@dataclass(frozen=True, slots=True)
class Telling:
    """To be appended to `stream` under `command_id`, whoever does it, however often."""

    command_id: UUID
    position: int
    tenant: str
    stream: str
    event: SilenceDetected
    traceparent: str | None


def telling(recorded: Recorded, event: Event) -> Telling | None:
    """Null for everything but a verdict that the sender's owner has accepted."""
    match event:
        case SupervisorStateChanged(changed_by="heartbeat_expired", evidence=evidence) if evidence is not None:
            sender = senders.supervisor(recorded.entity_id)
            said = SilenceDetected("supervisor", recorded.entity_id, event.contract_id, event.connection_id, evidence)
        case DaemonDisconnected(evidence):
            sender = senders.daemon(recorded.entity_id)
            said = SilenceDetected("daemon", recorded.entity_id, None, None, evidence)
        case _:
            return None
    command_id = deterministic_id("silence", recorded.event_id)
    return Telling(command_id, recorded.position, recorded.tenant, sender_stream(sender), said, recorded.meta.get("traceparent"))
