"""A verdict of silence, with its proof."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from makima_schemas.evidence import Evidence
from makima_schemas.silence import verdict_id

from services.stale_detector.domain.clock import MILLISECOND, SECOND
from services.stale_detector.domain.shard import Shard
from services.stale_detector.domain.tracked import Sender
from services.stale_detector.domain.wheel import Beat

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`command_id` is the same in every replica; `hold_version` is that of the owner's hold stream when it was given."""

    command_id: UUID
    sender: Sender
    owner: str
    hold_version: int
    connection_id: str | None
    evidence: Evidence


def moment(stamp: int) -> datetime:
    """Unix nanoseconds as a time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=stamp // 1000)


def judge(sender: Sender, owner: str, hold_version: int, shard: Shard, beat: Beat, *, timeout: int, decided_by: str) -> Verdict:
    """Nothing was heard of the sender for `timeout` of observed time.

    The deadline is told on the broker's clock as watermark − lateness: the two clocks differ by the time in which the stream
    was not seen to flow, and that time is nobody's silence.
    """
    deadline, sequence, stamp, spoken = beat
    connection_id = spoken or sender.connection_id
    lateness = shard.clock.observed - deadline
    watermark = shard.clock.watermark
    evidence = Evidence(
        last_heartbeat_at=moment(stamp) if sequence else None,
        timeout_seconds=timeout / SECOND,
        deadline=moment(watermark - lateness),
        watermark=moment(watermark),
        lateness_ms=lateness / MILLISECOND,
        decided_by=decided_by,
        stream_sequence=sequence,
        stream_epoch=shard.epoch,
    )
    command_id = verdict_id(sender.name, connection_id, shard.epoch, sequence, sender.alive_position)
    return Verdict(command_id, sender, owner, hold_version, connection_id, evidence)
