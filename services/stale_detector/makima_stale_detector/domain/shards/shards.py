"""All shards together: how far the stream was seen, and where a sender was heard last."""

from collections.abc import Iterator
from operator import itemgetter

from makima_stale_detector.domain.shards.observed_clock import Pace
from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.shards.timing_wheel import Beat

Clocks = tuple[int, ...]  # what each shard's clock shows


class Shards:
    def __init__(self, count: int, grace: int) -> None:
        self._shards = tuple(Shard(number, grace) for number in range(count))

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards)

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, number: int) -> Shard:
        return self._shards[number]

    @property
    def live(self) -> bool:
        """Whether every shard has seen its stream flow."""
        return all(shard.live for shard in self._shards)

    @property
    def watermark(self) -> int:
        """Every heartbeat that the broker held at this time has been processed (Unix ns of the broker; 0: not live yet)."""
        return min(shard.clock.watermark for shard in self._shards) if self.live else 0

    def observed(self) -> Clocks:
        return tuple(shard.clock.observed for shard in self._shards)

    def passed(self, since: Clocks) -> int:
        """Observed time since then, on the slowest shard."""
        return min(now - then for now, then in zip(self.observed(), since, strict=True))

    def any_passed(self, since: Clocks, span: int) -> bool:
        """Whether more than `span` of observed time has passed on some shard."""
        return any(now - then > span for now, then in zip(self.observed(), since, strict=True))

    def newest(self, sender: str) -> Beat | None:
        """The last beat that still counts: a sender may have moved to another shard, and its old one fires later."""
        beats = [beat for shard in self._shards if (beat := shard.wheel.beats.get(sender)) is not None]
        return max(beats, key=itemgetter(1), default=None)

    def heard_after(self, sender: str, beat: Beat) -> bool:
        newest = self.newest(sender)
        return newest is not None and newest[1] > beat[1]

    def set_pace(self, pace: Pace) -> None:
        for shard in self._shards:
            shard.clock.pace = pace
