"""Orders heartbeats against verdicts of silence, and against each other: which came later."""

from dataclasses import dataclass
from datetime import timedelta

from makima_schemas.evidence import Arrival, Evidence


@dataclass(frozen=True, slots=True)
class JudgeSilence:
    """`DeclareSilent`, with the newest heartbeat recorded of that supervisor: the decider needs both."""

    connection_id: str | None  # the connection that is declared silent
    evidence: Evidence
    newest: Arrival | None  # None: no heartbeat is recorded


@dataclass(frozen=True, slots=True)
class JudgeDisconnected:
    """`DeclareDisconnected`, with the newest heartbeat recorded of that daemon."""

    evidence: Evidence
    newest: Arrival | None  # None: no heartbeat is recorded


def contradicted(evidence: Evidence, *held: Arrival | None) -> bool:
    """True if one of the heartbeats `held` is newer than the last heartbeat named in
    the verdict's evidence.
    """
    return any(arrival is not None and _newer(arrival, evidence) for arrival in held)


def supersedes(arrival: Arrival, evidence: Evidence) -> bool:
    """True if the heartbeat came after the silence of an accepted verdict, so that the sender is alive again.

    True in doubt, by time: after a power loss the broker assigns its last sequences again, so that a newer
    heartbeat may have a lower sequence.
    """
    return _newer(arrival, evidence) or arrival.at > evidence.watermark


def is_out_of_order(arrival: Arrival, last: Arrival | None) -> bool:
    """True if `arrival` is not newer than `last`, the last heartbeat that caused an event (possible after a
    slow retry).
    """
    if last is None or last.stream_epoch != arrival.stream_epoch:
        return False
    return arrival.stream_sequence <= last.stream_sequence and arrival.at <= last.at


def _newer(arrival: Arrival, evidence: Evidence) -> bool:
    """True if the heartbeat came after the last one that the evidence names.

    Compares sequences if both are of the same incarnation of the stream, because the broker's clock may have
    been set back in between. Otherwise compares times: the stream was recreated since, or the evidence names
    no heartbeat, because the sender's last one is older than the stream's retention.
    """
    if evidence.stream_sequence and evidence.stream_epoch in ("", arrival.stream_epoch):
        return arrival.stream_sequence > evidence.stream_sequence
    if evidence.last_heartbeat_at is not None:
        return arrival.at > evidence.last_heartbeat_at
    return arrival.at > evidence.watermark - timedelta(seconds=evidence.timeout_seconds)
