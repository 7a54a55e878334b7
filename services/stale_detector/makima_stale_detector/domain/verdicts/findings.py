"""The result of one tick of the detector: verdicts to send, holds to begin and to end."""

from dataclasses import dataclass, field

from makima_schemas.maintenance import Window
from makima_schemas.planned_maintenance import Plan

from makima_stale_detector.domain.verdicts.mass_silence import ClearedBecause
from makima_stale_detector.domain.verdicts.verdict import Verdict


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Begin a mass-silence hold: many of this owner's senders expire at once, so its verdicts must wait."""

    owner: str
    version: int  # version of the owner's hold stream to append after (optimistic concurrency)
    tracked: int  # how many of the owner's senders are tracked
    expiring: int  # how many of them expire within one heartbeat interval


@dataclass(frozen=True, slots=True)
class HoldRelease:
    """End the owner's mass-silence hold."""

    owner: str
    version: int  # version of the owner's hold stream to append after (optimistic concurrency)
    reason: ClearedBecause


@dataclass(slots=True)
class Findings:
    """What the caller of `Detector.tick` has to do, and to report back to the detector.

    Each verdict, on silence or on a restart, is sent to the sender's owner; then call `Detector.resolve` or
    `Detector.reconsider`. Each hold request or release is appended to the log; then call `Detector.hold_recorded`.
    Maintenance windows that are over are ended in the log, planned ones begun at their time, or ended if nobody began
    them; each is found again until the log says so.
    """

    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    hold_requests: list[HoldRequest] = field(default_factory=list[HoldRequest])
    hold_releases: list[HoldRelease] = field(default_factory=list[HoldRelease])
    maintenance_over: list[Window] = field(default_factory=list[Window])
    maintenance_begins: list[Plan] = field(default_factory=list[Plan])
    maintenance_missed: list[Plan] = field(default_factory=list[Plan])
