"""Counts how many of an owner's senders are about to expire, as input of the mass-silence rule."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.observed_clock import Timeouts
from makima_stale_detector.domain.shards.shards import Clocks, Shards
from makima_stale_detector.domain.verdicts.mass_silence import Expiring, is_mass
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup

FORECAST_SLACK_DIVISOR: Final = 8  # the slack is an eighth of the heartbeat interval


class ExpiryForecast:
    """An upper bound of what expires of each owner's fleet, recounted exactly only when it matters.

    Counting all senders is O(n), and the verdict of a single silent sender must not wait for it. So count
    once for `interval + slack`. As a heartbeat only postpones a deadline, that count is an upper bound until
    the slack is used up; recount exactly only if the bound meets the mass rule.

    Kinds of senders differ in their timeouts, so what fell silent together expires one kind after the other. When
    an agent's deadline has passed, a supervisor beside it that has been silent for as long expires, too.
    """

    def __init__(
        self,
        shards: Shards,
        tracked: Mapping[str, Tracked],
        not_counted: Callable[[SenderGroup], Collection[str]],
        timeouts: Timeouts,
    ) -> None:
        """`not_counted`: names of an owner's senders that have a verdict which is not answered yet, or whose
        silence is expected.
        """
        self._shards, self._tracked, self._not_counted = shards, tracked, not_counted
        self._timeouts = timeouts
        # Observed ns for which a count stays valid.
        self._slack = timeouts.interval // FORECAST_SLACK_DIVISOR
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
        suspects, aside = owner.unexplained(), self._not_counted(owner)
        if not owner.may_be_mass or suspects.total() == len(owner.senders):
            return owner.expiring(suspects, aside)
        if self.old:
            self._bound = self._silent_for(
                self._timeouts.shortest, within=self._timeouts.interval + self._slack
            )
            self._at = self._shards.observed()
        bound = owner.expiring(suspects + self._bound.get(owner.name, Counter()), aside)
        if not is_mass(bound):
            return bound
        counted = owner.suspects.keys() - owner.exempt
        silence = min((self._timeouts.of(name) for name in counted), default=self._timeouts.shortest)
        exact = self._silent_for(silence, within=self._timeouts.interval).get(owner.name, Counter())
        return owner.expiring(suspects + exact, aside)

    def _silent_for(self, silence: int, *, within: int) -> dict[str, Counter[str]]:
        """By owner and domain, how many senders will have been silent for `silence` ns within `within` ns of
        observed time.
        """
        due: dict[str, Counter[str]] = {}
        timeout_of, longest = self._timeouts.of, max(self._timeouts.timeout, self._timeouts.agent_timeout)
        for shard in self._shards:
            heard = shard.clock.observed + within - silence
            horizon = heard + longest
            for name, beat in shard.wheel.beats.items():
                if (
                    beat[0] <= horizon
                    and beat[0] - timeout_of(name) <= heard
                    and (tracked := self._tracked.get(name)) is not None
                    and self._shards.newest(name) is beat
                ):
                    due.setdefault(tracked.owner, Counter())[tracked.sender.domain] += 1
        return due
