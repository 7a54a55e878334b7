"""A verdict that a sender is silent, and how its evidence is computed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from makima_schemas.evidence import Evidence

from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.verdicts.sender_group import Suspect

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sender declared silent. The command id derives from it, so every replica computes the same id."""

    sender: Sender
    owner: str  # id of the owner whose hold stream guards this verdict; "" for daemons and unknown contracts
    hold_version: int  # version of that hold stream when the verdict was given
    connection_id: str | None  # the connection (incarnation) that is silent; None: it sends no connection id
    evidence: Evidence
    # How often, from 0, a verdict was answered while the log still listed the sender as alive and no
    # heartbeat came.
    attempt: int = 0
    # Version of an agent's stream since which it is being restarted: it was not back in time. None: the verdict is
    # about heartbeats.
    restarting_since: int | None = None
    maintenance_version: int = 0  # version of the maintenance stream when the verdict was given


def moment(stamp: int) -> datetime:
    """Unix nanoseconds as a UTC datetime, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=stamp // 1000)


def prove(suspect: Suspect, *, watermark: int, timeout: int, decided_by: str) -> Evidence:
    """Evidence that no heartbeat of the sender arrived for `timeout` ns of observed time.

    Every heartbeat that the broker received up to `watermark` (Unix ns of the broker) has been read. The
    deadline is given in broker time. It may be later than last heartbeat + timeout: while the stream did not
    flow, the observed clock did not advance, so that time does not count as silence.
    """
    _, sequence, stamp, _ = suspect.beat
    due = suspect.due
    return Evidence(
        last_heartbeat_at=moment(stamp) if sequence else None,
        timeout_seconds=timeout / SECOND,
        deadline=moment(due),
        watermark=moment(watermark),
        lateness_ms=(watermark - due) / MILLISECOND,
        decided_by=decided_by,
        stream_sequence=sequence,
        stream_epoch=suspect.shard.epoch,
    )
