"""The tracked senders of one owner, its suspects, and the state of its mass-silence hold."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.shards.timing_wheel import Beat
from makima_stale_detector.domain.verdicts.mass_silence import MIN_DOMAINS, MIN_SENDERS, Expiring, Hold


class Suspect(NamedTuple):
    """A sender whose deadline has passed on the observed clock of `shard`."""

    shard: Shard
    beat: Beat  # its last heartbeat on that shard, with the deadline that has passed

    @property
    def due(self) -> int:
        """The deadline in broker time (Unix ns), computed from the shard's watermark as it is now.

        Computed anew on each call, because the broker's clock may have been set since the deadline passed.
        After the observed clock was set back by a grace, the result is in the future: this sender gets the
        grace as well.
        """
        return self.shard.clock.watermark - (self.shard.clock.observed - self.beat[0])


class SenderGroup:
    """Mutable state of one owner: tracked senders, suspects and the mass-silence hold."""

    __slots__ = (
        "_domains", "calm_since", "deciding", "exempt", "held_since", "hold", "name", "senders", "suspects",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        # Owner id; "" for daemons.
        self.name = name
        # Failure domain of each tracked sender of this owner, by name.
        self.senders: dict[str, str] = {}
        # How many tracked senders of this owner each failure domain has.
        self._domains: Counter[str] = Counter()
        # Senders whose deadline has passed and that have no verdict yet, by name.
        self.suspects: dict[str, Suspect] = {}
        # Suspects released by an expired hold: they no longer count for the mass rule, so they get verdicts
        # however many they are.
        self.exempt: set[str] = set()
        # The hold as last read from the log.
        self.hold = Hold()
        # The observed clock of each shard (ns) when the current hold began; () before the first one.
        self.held_since: tuple[int, ...] = ()
        # The observed clocks since when, under the hold, the mass rule is not met; None while it is met.
        self.calm_since: tuple[int, ...] | None = None
        # True while a hold event of this owner is being appended to the log; no verdict is given meanwhile.
        self.deciding = False

    def apply(self, hold: Hold, observed: tuple[int, ...]) -> None:
        """Apply a hold read from the log; older versions are ignored.

        `observed` is the observed clock of each shard (ns): a hold that begins now is timed from there.
        """
        if hold.version <= self.hold.version:
            return
        if hold.held and not self.hold.held:
            self.held_since, self.calm_since = observed, None
            self.exempt.clear()
        if hold.expired:
            self.exempt = set(self.suspects)
        self.hold = hold

    def replace(self, hold: Hold, observed: tuple[int, ...]) -> None:
        """Replace the hold after the log was loaded again.

        The log may have been restored to an earlier state, so its hold applies even if its version is lower.
        """
        if hold != self.hold:
            self.hold, self.held_since, self.calm_since = Hold(), (), None
            self.exempt.clear()
            self.apply(hold, observed)

    def begin(self, shard: Shard) -> None:
        """Reset what was measured on a shard whose clock restarts at 0: drop its suspects, time the hold
        there from 0.
        """
        for name in [name for name, suspect in self.suspects.items() if suspect.shard is shard]:
            self.forget(name)
        self.held_since = tuple(
            0 if number == shard.number else since for number, since in enumerate(self.held_since)
        )
        self.calm_since = None

    def forget(self, sender: str) -> None:
        """Remove a suspect: it sent a heartbeat, got a verdict, or is no longer tracked."""
        self.suspects.pop(sender, None)
        self.exempt.discard(sender)

    def add(self, sender: str, domain: str) -> None:
        """Track a sender in its failure domain, or note that it has moved to another."""
        self.remove(sender)
        self.senders[sender] = domain
        self._domains[domain] += 1

    def remove(self, sender: str) -> None:
        domain = self.senders.pop(sender, None)
        if domain is not None:
            self._domains[domain] -= 1
            if not self._domains[domain]:
                del self._domains[domain]

    @property
    def may_be_mass(self) -> bool:
        """False if it has too few senders or domains for the mass rule, whoever of them expires."""
        return len(self.senders) >= MIN_SENDERS and len(self._domains) >= MIN_DOMAINS

    def unexplained(self) -> Counter[str]:
        """By domain, the suspects that count for the mass rule: all but the exempt ones."""
        return Counter(self.senders[name] for name in self.suspects if name not in self.exempt)

    def expiring(self, counts: Mapping[str, int], judged: Iterable[str] = ()) -> Expiring:
        """How much of this owner's fleet expires, given how many senders of each domain do.

        Exempt suspects and those that are `judged` already are not live any more.
        """
        live = self._domains.copy()
        live.subtract(self.senders[name] for name in {*self.exempt, *judged} if name in self.senders)
        alive = {domain: count for domain, count in live.items() if count > 0}
        gone = [count for domain, count in alive.items() if counts.get(domain, 0) >= count]
        return Expiring(len(alive), len(gone), sum(gone))
