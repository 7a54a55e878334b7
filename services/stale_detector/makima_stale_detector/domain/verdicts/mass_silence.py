"""The mass-silence rule: many senders silent at once suggest an outage of makima, so hold verdicts."""

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
    """True if at least half of the owner's tracked senders and at least ten expire (domain.md, Time and
    verdicts, 3).
    """
    return expiring >= MIN_SENDERS and 2 * expiring >= tracked


@dataclass(frozen=True, slots=True)
class Hold:
    """The folded state of the stream `silence-owner:<owner>`.

    A verdict carries `version` as its guard, so a hold recorded by any replica stops the verdicts of all.
    """

    version: int = 0  # version of the stream; 0: no event yet
    held: bool = False  # verdicts of this owner wait
    # The last hold ended by its time limit (`hold_expired`), not because heartbeats resumed.
    expired: bool = False


def evolve(before: Hold, recorded: Recorded, event: Event) -> Hold:
    """Fold one event of a hold stream. Idempotent: events up to `before.version` change nothing."""
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
    """The owner id of a hold stream (`silence-owner:<owner>`); None for any other stream."""
    if recorded.category != "silence" or not recorded.entity_id.startswith(OWNER_PREFIX):
        return None
    return recorded.entity_id.removeprefix(OWNER_PREFIX)
