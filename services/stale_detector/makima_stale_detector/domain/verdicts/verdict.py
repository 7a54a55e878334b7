"""A verdict of silence, with its proof."""

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
    """`hold_version` is that of the owner's hold stream when it was given. `attempt` counts, from 0, how often the owner has not
    agreed though the log went on to call the sender alive, and nothing more was heard.
    """

    sender: Sender
    owner: str
    hold_version: int
    connection_id: str | None
    evidence: Evidence
    attempt: int = 0


def moment(stamp: int) -> datetime:
    """Unix nanoseconds as a time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=stamp // 1000)


def prove(suspect: Suspect, *, watermark: int, timeout: int, decided_by: str) -> Evidence:
    """Nothing was heard of the sender for `timeout` of observed time, though every heartbeat up to `watermark` was looked at.

    The deadline is told on the broker's clock. It may be later than last heartbeat + timeout: the two clocks differ by the time
    in which the stream was not seen to flow, and that time is nobody's silence.
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
