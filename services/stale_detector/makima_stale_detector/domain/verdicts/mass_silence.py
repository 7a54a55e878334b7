"""The mass-silence rule: many machines silent at once suggest an outage of makima, so hold verdicts."""

from dataclasses import dataclass
from typing import Final, Literal

from makima_schemas.codec import Event
from makima_schemas.envelope import Recorded
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected

EVENTS: Final[frozenset[type]] = frozenset({MassSilenceSuspected, MassSilenceCleared})
MIN_SENDERS: Final = 10
MIN_DOMAINS: Final = 3
OWNER_PREFIX: Final = "owner:"

ClearedBecause = Literal["heartbeats_resumed", "hold_expired"]


@dataclass(frozen=True, slots=True)
class Expiring:
    """How much of an owner's fleet expires at once.

    A failure domain is what one failure that is not ours takes away: a daemon with all senders on it, or a sender
    without a daemon. It expires if all its senders do.
    """

    live_domains: int  # of the owner, expiring or not
    domains: int  # that expire
    senders: int  # in the domains that expire


def is_mass(expiring: Expiring) -> bool:
    """True if at least half of the owner's live domains expire, at least three of them, with at least ten senders
    in all (agents.md, Mass silence). So the death of one machine is a verdict, however many senders it had.
    """
    return (
        expiring.domains >= MIN_DOMAINS
        and expiring.senders >= MIN_SENDERS
        and 2 * expiring.domains >= expiring.live_domains
    )


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
