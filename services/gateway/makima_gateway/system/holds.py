"""The holds that the detectors name when they are asked how they are: owners whose verdicts wait."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from makima_schemas.codec import adapter
from pydantic import ValidationError

from makima_gateway.system.replicas import SeenReplica

DETECTOR: Final = "stale_detector"


@dataclass(frozen=True, slots=True)
class DetectorHold:
    """So much of an owner's fleet fell silent within one interval that it is taken for an outage of makima: verdicts on it
    are held back. `silent` of `senders` are past their deadline. It ends when heartbeats come back, and at `until` at the
    latest, or later if the detector or the broker stands still meanwhile.
    """

    owner_id: str | None  # null: the daemons
    # Since the hold, or since its detector began to read, like `until`; null: not known.
    since: datetime | None
    until: datetime | None
    silent: int | None
    senders: int | None


def holds(seen: Iterable[SeenReplica]) -> list[DetectorHold]:
    """Of all detectors that answer, each owner once: as the replica says whose hold lasts longest."""
    found: dict[str, DetectorHold] = {}
    for one in seen:
        if one.answer.service == DETECTOR and not one.silent_seconds:
            for hold in _of(one):
                known = found.get(hold.owner_id or "")
                if known is None or _key(hold) > _key(known):
                    found[hold.owner_id or ""] = hold
    return [found[owner] for owner in sorted(found)]


def _key(hold: DetectorHold) -> float:
    return 0.0 if hold.until is None else hold.until.timestamp()


def _of(one: SeenReplica) -> list[DetectorHold]:
    figures = one.answer.figures
    try:
        if "holds" in figures:
            return adapter(list[DetectorHold]).validate_python(figures["holds"])
        # Of an older detector.
        owners: list[str] = adapter(list[str]).validate_python(figures.get("held_owners", []))
    except ValidationError:
        return []
    return [DetectorHold(owner or None, None, None, None, None) for owner in owners]
