"""Counts how many of an owner's senders are about to expire, as input of the mass-silence rule."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.shards import Clocks, Shards
from makima_stale_detector.domain.verdicts.mass_silence import Expiring, is_mass
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup

FORECAST_SLACK_DIVISOR: Final = 8  # the slack is an eighth of the heartbeat interval


class ExpiryForecast:
    """An upper bound of what expires of each owner's fleet, recounted exactly only when it matters.

    Counting all senders is O(n), and the verdict of a single silent sender must not wait for it. So count
    once for `interval + slack`. As a heartbeat only postpones a deadline, that count is an upper bound until
    the slack is used up; recount exactly only if the bound meets the mass rule.
    """

    def __init__(
        self, shards: Shards, tracked: Mapping[str, Tracked], judged: Collection[str], interval: int
    ) -> None:
        """`judged`: names of senders that have a verdict which is not answered yet."""
        self._shards, self._tracked, self._judged, self._interval = shards, tracked, judged, interval
        self._slack = interval // FORECAST_SLACK_DIVISOR  # observed ns for which a count stays valid
        # By owner and domain: senders that were due within interval + slack at the last count.
        self._bound: dict[str, Counter[str]] = {}
        self._at: Clocks | None = None  # the observed clocks at the last count; None: no valid count

    @property
    def old(self) -> bool:
        """True if the slack is used up, so that the next `expiring` counts all senders again."""
        return self._at is None or self._shards.any_passed(self._at, self._slack)

    def forget(self) -> None:
        """Drop the count, because a shard's clock was restarted."""
        self._at = None

    def expiring(self, owner: SenderGroup) -> Expiring:
        """How much of the owner's fleet expires within one heartbeat interval from now, suspects included.

        Never too low; exact whenever the mass rule is met.
        """
        suspects = owner.unexplained()
        if not owner.may_be_mass or suspects.total() == len(owner.senders):
            return owner.expiring(suspects, self._judged)
        if self.old:
            self._bound, self._at = self._due_within(self._interval + self._slack), self._shards.observed()
        bound = owner.expiring(suspects + self._bound.get(owner.name, Counter()), self._judged)
        if not is_mass(bound):
            return bound
        exact = self._due_within(self._interval).get(owner.name, Counter())
        return owner.expiring(suspects + exact, self._judged)

    def _due_within(self, span: int) -> dict[str, Counter[str]]:
        """By owner and domain, how many senders have a deadline within `span` ns of observed time."""
        due: dict[str, Counter[str]] = {}
        for shard in self._shards:
            horizon = shard.clock.observed + span
            for name, beat in shard.wheel.beats.items():
                if (
                    beat[0] <= horizon
                    and (tracked := self._tracked.get(name)) is not None
                    and self._shards.newest(name) is beat
                ):
                    due.setdefault(tracked.owner, Counter())[tracked.sender.domain] += 1
        return due
