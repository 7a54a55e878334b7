"""All shards of the heartbeat stream: watermark, elapsed time, newest heartbeat of a sender."""

from collections.abc import Iterator
from operator import itemgetter

from makima_stale_detector.domain.shards.observed_clock import Pace
from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.shards.timing_wheel import NO_HORIZON, Beat

Clocks = tuple[int, ...]  # the observed clock of each shard, ns, by shard number


class Shards:
    def __init__(self, count: int, grace: int, horizon: int = NO_HORIZON) -> None:
        """`horizon`: the least time until a deadline that a heartbeat sets, ns."""
        self._shards = tuple(Shard(number, grace, horizon) for number in range(count))

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards)

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, number: int) -> Shard:
        return self._shards[number]

    @property
    def live(self) -> bool:
        """True once every shard has consumed a message after its history."""
        return all(shard.live for shard in self._shards)

    @property
    def watermark(self) -> int:
        """Broker time (Unix ns) up to which all heartbeats of all shards were read; 0 while not all shards
        are live.
        """
        return min(shard.clock.watermark for shard in self._shards) if self.live else 0

    def observed(self) -> Clocks:
        """The observed clocks now, as a start point for `passed` and `any_passed`."""
        return tuple(shard.clock.observed for shard in self._shards)

    def passed(self, since: Clocks) -> int:
        """Observed ns since `since`, on the shard where the least has passed."""
        return min(now - then for now, then in zip(self.observed(), since, strict=True))

    def any_passed(self, since: Clocks, span: int) -> bool:
        """True if more than `span` ns of observed time have passed since `since` on at least one shard."""
        return any(now - then > span for now, then in zip(self.observed(), since, strict=True))

    def newest(self, sender: str) -> Beat | None:
        """The sender's heartbeat with the highest sequence; None if no wheel has one.

        After a sender moved to another shard, both wheels have an entry until the old one fires.
        """
        beats = [beat for shard in self._shards if (beat := shard.wheel.beats.get(sender)) is not None]
        return max(beats, key=itemgetter(1), default=None)

    def heard_after(self, sender: str, beat: Beat) -> bool:
        """True if a newer heartbeat of the sender than `beat` is known on any shard."""
        newest = self.newest(sender)
        return newest is not None and newest[1] > beat[1]

    def set_pace(self, pace: Pace) -> None:
        for shard in self._shards:
            shard.clock.pace = pace
