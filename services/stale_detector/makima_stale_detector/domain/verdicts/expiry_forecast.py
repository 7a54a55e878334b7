"""Counts how many of an owner's senders are about to expire, as input of the mass-silence rule."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.shards import Clocks, Shards
from makima_stale_detector.domain.verdicts.mass_silence import MIN_SENDERS, is_mass
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup

FORECAST_SLACK_DIVISOR: Final = 8  # the slack is an eighth of the heartbeat interval


class ExpiryForecast:
    """An upper bound of the number of expiring senders per owner, recounted exactly only when it matters.

    Counting all senders is O(n), and the verdict of a single silent sender must not wait for it. So count
    once for `interval + slack`. As a heartbeat only postpones a deadline, that count is an upper bound until
    the slack is used up; recount exactly only if the bound meets the mass rule.
    """

    def __init__(self, shards: Shards, tracked: Mapping[str, Tracked], interval: int) -> None:
        self._shards, self._tracked, self._interval = shards, tracked, interval
        self._slack = interval // FORECAST_SLACK_DIVISOR  # observed ns for which a count stays valid
        # By owner: senders that were due within interval + slack at the last count.
        self._bound: Counter[str] = Counter()
        self._at: Clocks | None = None  # the observed clocks at the last count; None: no valid count

    @property
    def old(self) -> bool:
        """True if the slack is used up, so that the next `expiring` counts all senders again."""
        return self._at is None or self._shards.any_passed(self._at, self._slack)

    def forget(self) -> None:
        """Drop the count, because a shard's clock was restarted."""
        self._at = None

    def expiring(self, owner: SenderGroup) -> int:
        """How many of the owner's senders expire within one heartbeat interval from now, suspects included.

        Never too low; exact whenever the mass rule is met.
        """
        suspects = owner.unexplained
        if len(owner.senders) < MIN_SENDERS or suspects == len(owner.senders):
            return suspects
        if self.old:
            self._bound, self._at = self._due_within(self._interval + self._slack), self._shards.observed()
        bound = suspects + self._bound[owner.name]
        return (
            suspects + self._due_within(self._interval)[owner.name]
            if is_mass(len(owner.senders), bound)
            else bound
        )

    def _due_within(self, span: int) -> Counter[str]:
        """By owner, how many senders have a deadline within `span` ns of observed time."""
        due: Counter[str] = Counter()
        for shard in self._shards:
            horizon = shard.clock.observed + span
            for name, beat in shard.wheel.beats.items():
                if (
                    beat[0] <= horizon
                    and (tracked := self._tracked.get(name)) is not None
                    and self._shards.newest(name) is beat
                ):
                    due[tracked.owner] += 1
        return due
