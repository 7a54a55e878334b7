"""A lazy timing wheel: a heartbeat is one dict store; a sender is moved only when its bucket fires."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from makima_stale_detector.domain.shards.observed_clock import MILLISECOND

BUCKET_NS: Final = 50 * MILLISECOND
NO_HORIZON: Final = 2**63

# (deadline in ns of the shard's observed clock, stream sequence, broker timestamp in Unix ns, connection id).
# Sequence 0: no heartbeat yet. A plain tuple, because one is created per heartbeat and a named tuple takes
# three times as long.
Beat = tuple[int, int, int, str | None]


class Fired(NamedTuple):
    """A sender whose deadline has passed, with its last heartbeat."""

    sender: str
    beat: Beat


class Wheel:
    """Each sender fires once after its last `touch`: never before its deadline, at most one bucket after it.

    Bucket b holds senders whose deadline is before b × BUCKET_NS, and fires at that time. A sender that was
    touched since it was added is then moved to the bucket of its new deadline. New entries never go into a
    bucket that has already fired: after the clock was set back, they go into the next one.

    A deadline may be replaced by an earlier one that is at least `horizon` away: no sender is put into a bucket that
    is further away, and one whose bucket fires before its deadline is put again.
    """

    def __init__(self, horizon: int = NO_HORIZON) -> None:
        self._horizon = horizon // BUCKET_NS  # in buckets
        self.beats: dict[str, Beat] = {}  # the last heartbeat of each sender in the wheel, by name
        # Sender names by bucket number; each sender is in exactly one bucket.
        self._buckets: dict[int, list[str]] = {}
        self._next = 0  # the first bucket that has not fired

    def __len__(self) -> int:
        return len(self.beats)

    def touch(self, sender: str, beat: Beat) -> None:
        """Set the sender's last heartbeat and deadline, adding the sender if it is not in the wheel."""
        if sender not in self.beats:
            self._put(sender, beat[0])
        self.beats[sender] = beat

    def restore(self, senders: Sequence[str], beat: Beat) -> None:
        """Add many senders with the same deadline, spread over all buckets up to it.

        In a single bucket they would all be processed in one tick, which would stall the loop. A bucket that
        fires before the deadline only moves its senders on.
        """
        first, last = self._next, max(beat[0] // BUCKET_NS + 1, self._next)
        for number, sender in enumerate(senders):
            if sender not in self.beats:
                bucket = first + 1 + number % (last - first) if last > first else first
                self._buckets.setdefault(bucket, []).append(sender)
                self.beats[sender] = beat

    def fire(self, now: int) -> list[Fired]:
        """Remove and return the senders whose deadline is at or before `now` (ns of the observed clock)."""
        fired: list[Fired] = []
        while self._next * BUCKET_NS <= now:
            senders = self._buckets.pop(self._next, ())
            self._next += 1
            for sender in senders:
                beat = self.beats[sender]
                if beat[0] <= now:
                    del self.beats[sender]
                    fired.append(Fired(sender, beat))
                else:
                    self._put(sender, beat[0])
        return fired

    def _put(self, sender: str, deadline: int) -> None:
        bucket = max(min(deadline // BUCKET_NS + 1, self._next + self._horizon), self._next)
        self._buckets.setdefault(bucket, []).append(sender)
