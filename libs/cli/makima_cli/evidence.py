"""What a verdict rests on, in lines."""

from collections.abc import Mapping
from typing import cast


def evidence_lines(evidence: Mapping[str, object]) -> list[str]:
    """The evidence as a chain, each step with whether it is a fact; the durations in seconds."""
    last = evidence.get("last_heartbeat_at")
    heard = (
        f"its last heartbeat reached the broker at {last}"
        if last
        else "no heartbeat of it ever reached makima"
    )
    late = float(cast("float", evidence["lateness_ms"])) / 1000
    place = f"sequence {evidence.get('stream_sequence')} of the heartbeats, epoch {evidence.get('stream_epoch') or '-'}"
    return [
        f"[fact] {heard} ({place})",
        f"[fact] its timeout is {evidence['timeout_seconds']} s: the next one was due by {evidence['deadline']}",
        f"[fact] by then nothing came: makima had read all that arrived up to {evidence['watermark']}, {late:g} s later",
        f"[fact] decided by {evidence['decided_by']}",
    ]
