"""When many fall silent at once, that is an outage of ours until proven otherwise: the hold on an owner's verdicts."""

from dataclasses import dataclass
from typing import Final, Literal

from makima_schemas.codec import Event
from makima_schemas.envelope import Recorded
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected

EVENTS: Final[frozenset[type]] = frozenset({MassSilenceSuspected, MassSilenceCleared})
MIN_SENDERS: Final = 10
OWNER_PREFIX: Final = "owner:"

ClearedBecause = Literal["heartbeats_resumed", "hold_expired"]


def is_mass(tracked: int, expiring: int) -> bool:
    """domain.md, Time and verdicts, 3: at least half of an owner's tracked senders, and at least ten."""
    return expiring >= MIN_SENDERS and 2 * expiring >= tracked


@dataclass(frozen=True, slots=True)
class Hold:
    """What the stream `silence-owner:<owner>` says at `version`; a verdict carries that version, so that a hold by any replica
    binds all. `expired`: the last one ended because its time was over, not because heartbeats resumed.
    """

    version: int = 0
    held: bool = False
    expired: bool = False


def evolve(before: Hold, recorded: Recorded, event: Event) -> Hold:
    """Applying an event again, or an older one, changes nothing."""
    if recorded.version <= before.version:
        return before
    match event:
        case MassSilenceSuspected():
            return Hold(recorded.version, held=True)
        case MassSilenceCleared(reason):
            return Hold(recorded.version, held=False, expired=reason == "hold_expired")
        case _:
            return before


def owner_of(recorded: Recorded) -> str | None:
    """The owner that a stream of holds is about; null for another stream."""
    if recorded.category != "silence" or not recorded.entity_id.startswith(OWNER_PREFIX):
        return None
    return recorded.entity_id.removeprefix(OWNER_PREFIX)
