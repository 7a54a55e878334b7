"""A lazy timing wheel: a heartbeat costs one dict store, and its sender moves only when its bucket fires."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from makima_stale_detector.domain.shards.observed_clock import MILLISECOND

BUCKET_NS: Final = 50 * MILLISECOND

# (deadline on the shard's observed clock, sequence in the stream, broker timestamp in ns, connection id). Sequence 0: never
# heard. A plain tuple: it is made once per heartbeat, and a named one takes three times as long.
Beat = tuple[int, int, int, str | None]


class Fired(NamedTuple):
    """A sender whose deadline has passed, with its last beat."""

    sender: str
    beat: Beat


class Wheel:
    """Every sender fires once after its last `touch`: never before its deadline, at most one bucket after it.

    Bucket b holds senders that are due before b × BUCKET_NS and fires when that moment has come. A sender that was touched since
    it was put there is put where it belongs then. New entries never go into a bucket that has fired already: after the clock
    was set back, they wait for the next one.
    """

    def __init__(self) -> None:
        self.beats: dict[str, Beat] = {}
        self._buckets: dict[int, list[str]] = {}
        self._next = 0  # the first bucket that has not fired

    def __len__(self) -> int:
        return len(self.beats)

    def touch(self, sender: str, beat: Beat) -> None:
        if sender not in self.beats:
            self._put(sender, beat[0])
        self.beats[sender] = beat

    def restore(self, senders: Sequence[str], beat: Beat) -> None:
        """Many at once, all with this deadline, looked at one by one on the way there: in one bucket they would fire as one
        stall. Looking too early is harmless, it only puts them where they belong.
        """
        first, last = self._next, max(beat[0] // BUCKET_NS + 1, self._next)
        for number, sender in enumerate(senders):
            if sender not in self.beats:
                bucket = first + 1 + number % (last - first) if last > first else first
                self._buckets.setdefault(bucket, []).append(sender)
                self.beats[sender] = beat

    def fire(self, now: int) -> list[Fired]:
        """Everyone who is due at `now`, and is then forgotten until the next touch."""
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
        bucket = max(deadline // BUCKET_NS + 1, self._next)
        self._buckets.setdefault(bucket, []).append(sender)
