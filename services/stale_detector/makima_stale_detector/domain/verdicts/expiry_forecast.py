"""How many of an owner's senders are about to expire: the count behind the rule of mass silence."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.shards import Clocks, Shards
from makima_stale_detector.domain.verdicts.mass_silence import MIN_SENDERS, is_mass
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup

FORECAST_SLACK_DIVISOR: Final = 8


class ExpiryForecast:
    """Looking at everyone is dear, and who dies alone must not wait for it. So one look counts those who are due within an interval
    *and a slack*; as a touch only moves a deadline away, that bounds every count until the slack is used up.
    """

    def __init__(self, shards: Shards, tracked: Mapping[str, Tracked], interval: int) -> None:
        self._shards, self._tracked, self._interval = shards, tracked, interval
        self._slack = interval // FORECAST_SLACK_DIVISOR
        self._bound: Counter[str] = Counter()
        self._at: Clocks | None = None

    @property
    def old(self) -> bool:
        """Whether the next count looks at everyone anew."""
        return self._at is None or self._shards.any_passed(self._at, self._slack)

    def forget(self) -> None:
        self._at = None

    def expiring(self, owner: SenderGroup) -> int:
        """How many would expire within one heartbeat interval from now, suspects included: never less than are, and exactly where
        it matters.
        """
        suspects = owner.unexplained
        if len(owner.senders) < MIN_SENDERS or suspects == len(owner.senders):
            return suspects
        if self.old:
            self._bound, self._at = self._due_within(self._interval + self._slack), self._shards.observed()
        bound = suspects + self._bound[owner.name]
        return suspects + self._due_within(self._interval)[owner.name] if is_mass(len(owner.senders), bound) else bound

    def _due_within(self, span: int) -> Counter[str]:
        """How many of each owner's senders are due by then, as things are."""
        due: Counter[str] = Counter()
        for shard in self._shards:
            horizon = shard.clock.observed + span
            for name, beat in shard.wheel.beats.items():
                if beat[0] <= horizon and (tracked := self._tracked.get(name)) is not None and self._shards.newest(name) is beat:
                    due[tracked.owner] += 1
        return due
