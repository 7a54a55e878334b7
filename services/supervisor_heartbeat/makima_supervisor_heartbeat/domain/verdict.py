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

    Never in doubt: a heartbeat that the verdict knew, or an older one, does not become newer because the broker's
    clock was set back. A broker that lost its newest messages, and gives their sequences out again, begins a new
    epoch of the stream (`begin_epoch`).
    """
    return _newer(arrival, evidence)


def is_out_of_order(arrival: Arrival, last: Arrival | None) -> bool:
    """True if `arrival` is not newer than `last`, the last heartbeat that caused an event (possible after a
    slow retry).
    """
    if last is None or last.stream_epoch != arrival.stream_epoch:
        return False
    return arrival.stream_sequence <= last.stream_sequence


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
