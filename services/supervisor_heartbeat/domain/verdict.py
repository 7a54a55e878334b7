"""When a verdict of silence is contradicted by a heartbeat that we hold."""

from dataclasses import dataclass
from datetime import timedelta

from makima_schemas.evidence import Arrival, Evidence


@dataclass(frozen=True, slots=True)
class JudgeSilence:
    """`DeclareSilent`, with the newest heartbeat that the recorder holds of that sender: the rule needs both to answer."""

    connection_id: str | None
    evidence: Evidence
    newest: Arrival | None


@dataclass(frozen=True, slots=True)
class JudgeDisconnected:
    """`DeclareDisconnected`, with the newest heartbeat that the recorder holds of that daemon."""

    evidence: Evidence
    newest: Arrival | None


def contradicted(evidence: Evidence, *held: Arrival | None) -> bool:
    """Whether one of the heartbeats that we hold is newer than what the judge knew of."""
    return any(arrival is not None and _newer(arrival, evidence) for arrival in held)


def _newer(arrival: Arrival, evidence: Evidence) -> bool:
    """Sequences decide where both come from one stream: the broker's clock may have been set back between the two.

    Times decide where sequences cannot: another stream was made since, or the judge never heard the sender, because its last
    heartbeat is older than what the stream keeps.
    """
    if evidence.stream_sequence and evidence.stream_epoch in ("", arrival.stream_epoch):
        return arrival.stream_sequence > evidence.stream_sequence
    if evidence.last_heartbeat_at is not None:
        return arrival.at > evidence.last_heartbeat_at
    return arrival.at > evidence.watermark - timedelta(seconds=evidence.timeout_seconds)
