"""What a tick of the detector found."""

from dataclasses import dataclass, field

from makima_stale_detector.domain.verdicts.mass_silence import ClearedBecause
from makima_stale_detector.domain.verdicts.verdict import Verdict


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Many of this owner's senders are about to expire: hold its verdicts. `version` is that of the hold stream before."""

    owner: str
    version: int
    tracked: int
    expiring: int


@dataclass(frozen=True, slots=True)
class HoldRelease:
    """The hold is over. `version` is that of the hold stream before."""

    owner: str
    version: int
    reason: ClearedBecause


@dataclass(slots=True)
class Findings:
    """Whoever takes a suspicion or a clearance to the log says `decided`; a verdict is `answered`, or reconsidered."""

    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    hold_requests: list[HoldRequest] = field(default_factory=list[HoldRequest])
    hold_releases: list[HoldRelease] = field(default_factory=list[HoldRelease])
