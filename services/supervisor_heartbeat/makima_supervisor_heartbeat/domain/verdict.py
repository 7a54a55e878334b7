"""Which of two came later: a heartbeat, or the silence that a verdict tells of; and of two heartbeats."""

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


def supersedes(arrival: Arrival, evidence: Evidence) -> bool:
    """Whether a heartbeat ends the silence of an accepted verdict. In doubt it does: a broker that lost power gives out its last
    sequences again.
    """
    return _newer(arrival, evidence) or arrival.at > evidence.watermark


def is_out_of_order(arrival: Arrival, last: Arrival | None) -> bool:
    """Whether a heartbeat was observed only after a later one had been (a retry may take its time)."""
    if last is None or last.stream_epoch != arrival.stream_epoch:
        return False
    return arrival.stream_sequence <= last.stream_sequence and arrival.at <= last.at


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
