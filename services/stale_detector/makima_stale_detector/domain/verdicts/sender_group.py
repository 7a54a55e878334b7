"""The senders of one owner: who is tracked, who is suspected, and whether a hold is on."""

from typing import NamedTuple

from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.shards.timing_wheel import Beat
from makima_stale_detector.domain.verdicts.mass_silence import Hold


class Suspect(NamedTuple):
    """A sender whose deadline has passed on `shard`."""

    shard: Shard
    beat: Beat

    @property
    def due(self) -> int:
        """When the deadline passed, on the broker's clock as it goes now: it may have been set since. If the shard's clock was set
        back, that is a moment to come, and a grace for this sender, too.
        """
        return self.shard.clock.watermark - (self.shard.clock.observed - self.beat[0])


class SenderGroup:
    """`exempt` are those whom an expired hold has released: they are judged although they are many. `deciding` is set while a
    hold of this owner is on its way to the log; meanwhile nobody is judged. Both `since` are the shards' clocks: when the hold
    began, and since when, under it, no longer too many are silent.
    """

    __slots__ = ("calm_since", "deciding", "exempt", "held_since", "hold", "name", "senders", "suspects")

    def __init__(self, name: str) -> None:
        self.name = name
        self.senders: set[str] = set()
        self.suspects: dict[str, Suspect] = {}
        self.exempt: set[str] = set()
        self.hold = Hold()
        self.held_since: tuple[int, ...] = ()
        self.calm_since: tuple[int, ...] | None = None
        self.deciding = False

    def apply(self, hold: Hold, observed: tuple[int, ...]) -> None:
        """What the log says of the hold; `observed` is each shard's clock, from which the hold is measured."""
        if hold.version <= self.hold.version:
            return
        if hold.held and not self.hold.held:
            self.held_since, self.calm_since = observed, None
            self.exempt.clear()
        if hold.expired:
            self.exempt = set(self.suspects)
        self.hold = hold

    def replace(self, hold: Hold, observed: tuple[int, ...]) -> None:
        """The log was read anew, and may be another one: it alone says which hold there is, also if ours was newer."""
        if hold != self.hold:
            self.hold, self.held_since, self.calm_since = Hold(), (), None
            self.exempt.clear()
            self.apply(hold, observed)

    def begin(self, shard: Shard) -> None:
        """The shard starts anew: so do its suspects, and the hold's time there."""
        for name in [name for name, suspect in self.suspects.items() if suspect.shard is shard]:
            self.forget(name)
        self.held_since = tuple(0 if number == shard.number else since for number, since in enumerate(self.held_since))
        self.calm_since = None

    def forget(self, sender: str) -> None:
        """It is no suspect: it spoke, it is judged, or nobody tracks it any more."""
        self.suspects.pop(sender, None)
        self.exempt.discard(sender)

    @property
    def unexplained(self) -> int:
        """Suspects who count for the mass rule."""
        return len(self.suspects) - len(self.exempt)
