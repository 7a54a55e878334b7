"""The senders of which a heartbeat came but no event yet: how many of each daemon the detector remembers."""

from collections.abc import Collection
from typing import Final

from makima_stale_detector.domain.members.sender_names import daemon_of
from makima_stale_detector.domain.shards.observed_clock import SECOND
from makima_stale_detector.domain.shards.shard import Shard

SWEEP: Final = SECOND  # ns of broker time, at least, between two looks at who of a daemon is still remembered


class UnregisteredSenders:
    """The heartbeat of a sender that no event registers is remembered for a timeout, as its event comes a little later.
    Whoever sends may invent names without end, and announce quiet hours: so only `most` of each daemon are remembered,
    as many as the recorder would register (decision 23). Nobody dies of it: one that is registered all the same has a
    full timeout from then.
    """

    def __init__(self, tracked: Collection[str], most: int) -> None:
        """`tracked`: the names of the senders that the log lists as alive, as it is at each call."""
        self._tracked, self._most = tracked, most
        self._of: dict[str, dict[str, Shard]] = {}  # by daemon: where each sender's deadline is
        self._swept: dict[str, int] = {}  # by daemon, Unix ns

    def admits(self, shard: Shard, sender: str, subject: str) -> bool:
        """True if the heartbeat is to be remembered; `subject` names its daemon."""
        if sender in self._tracked or sender in shard.wheel.beats:
            return True
        daemon_id = daemon_of(subject)
        senders = self._of.setdefault(daemon_id, {})
        if len(senders) >= self._most:
            self._sweep(daemon_id, shard.clock.watermark)
            senders = self._of[daemon_id]
        if len(senders) >= self._most and sender not in senders:
            return False
        senders[sender] = shard
        return True

    def _sweep(self, daemon_id: str, now: int) -> None:
        """Forget those that are registered now, or whose deadline is over."""
        if abs(now - self._swept.get(daemon_id, -SWEEP)) < SWEEP:
            return
        self._swept[daemon_id] = now
        self._of[daemon_id] = {
            sender: shard
            for sender, shard in self._of[daemon_id].items()
            if sender not in self._tracked and sender in shard.wheel.beats
        }
