"""Who is silent: the shards, the tracked senders and the holds together. Memory only; no clock but the broker's."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from services.stale_detector.domain import senders
from services.stale_detector.domain.clock import CANARIES_FAST, CANARIES_SLOW
from services.stale_detector.domain.heartbeats import Spoken
from services.stale_detector.domain.mass_silence import LEAST, ClearedBecause, Hold, is_mass
from services.stale_detector.domain.owner import Owner, Suspect
from services.stale_detector.domain.shard import Shard
from services.stale_detector.domain.tracked import Sender
from services.stale_detector.domain.verdict import Verdict, prove

SLACK_PARTS: Final = 8


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Nanoseconds of observed time. `grace` is what a gap sets the clocks back by; more than half a timeout would only delay."""

    timeout: int
    interval: int
    grace: int


@dataclass(frozen=True, slots=True)
class Tracked:
    sender: Sender
    owner: str


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Many of this owner's senders are about to expire: hold its verdicts. `version` is that of the hold stream before."""

    owner: str
    version: int
    tracked: int
    expiring: int


@dataclass(frozen=True, slots=True)
class Clearance:
    owner: str
    version: int
    reason: ClearedBecause


@dataclass(slots=True)
class Findings:
    """What a tick found. Whoever takes a suspicion or a clearance to the log says `decided`; a verdict is `answered` or reconsidered."""

    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    suspicions: list[Suspicion] = field(default_factory=list[Suspicion])
    clearances: list[Clearance] = field(default_factory=list[Clearance])


class Detector:
    """Heartbeats and the log go in, verdicts come out."""

    def __init__(self, timeouts: Timeouts, decided_by: str, shards: int = senders.SHARDS) -> None:
        self.timeouts = timeouts
        self.shards = tuple(Shard(number, timeouts.grace) for number in range(shards))
        self.tracked: dict[str, Tracked] = {}
        self._owners: dict[str, Owner] = {}
        self._restless: dict[str, Owner] = {}  # those with suspects, or held
        self._asked: dict[str, tuple[Verdict, Suspect]] = {}
        self._decided_by = decided_by
        self._slack = timeouts.interval // SLACK_PARTS
        self._scanned_at: tuple[int, ...] | None = None
        self._scanned: Counter[str] = Counter()
        self.settled = False  # whether everyone tracked has a deadline

    # What the log says

    def track(self, sender: Sender, owner: str) -> None:
        """The log calls it alive, or tells news of it. Never heard, it gets a full timeout from now."""
        self.load([Tracked(sender, owner)])
        if (
            self.settled
            and self._newest(sender.name) is None
            and sender.name not in self._asked
            and sender.name not in self._owner(owner).suspects
        ):
            self._await([sender])

    def load(self, tracked: Iterable[Tracked]) -> None:
        """Who is tracked, without deadlines yet: they get them once the stream's history has been read."""
        for each in tracked:
            known = self.tracked.get(each.sender.name)
            if known is not None and known.owner != each.owner:
                self.untrack(each.sender.name)
            self.tracked[each.sender.name] = each
            self._owner(each.owner).senders.add(each.sender.name)
        self._set_pace()

    def untrack(self, name: str) -> None:
        """The log does not call it alive any more."""
        tracked = self.tracked.pop(name, None)
        self._asked.pop(name, None)
        if tracked is not None:
            owner = self._owner(tracked.owner)
            owner.senders.discard(name)
            owner.forget(name)
        self._set_pace()

    def hold(self, owner: str, hold: Hold) -> None:
        """What the log says of an owner's hold."""
        known = self._owner(owner)
        known.apply(hold, self._observed())
        if known.hold.held:
            self._restless[owner] = known

    # What the stream says

    def begin(self, shard: Shard, epoch: str, live_from: int) -> None:
        """The shard is read from now on (or anew, because the stream is another one): nobody is under suspicion there."""
        for owner in self._restless.values():
            owner.begin(shard)
        for name in [name for name, (_, suspect) in self._asked.items() if suspect.shard is shard]:
            del self._asked[name]
        shard.begin(epoch, live_from)
        self._scanned_at = None
        self.settled = False

    def hear(self, shard: Shard, spoken: Spoken, sequence: int, stamp: int) -> None:
        """A well-formed heartbeat. Whoever is not tracked is remembered too, for one timeout: the log learns of it a little later."""
        sender, contract_id, connection_id = spoken
        tracked = self.tracked.get(sender)
        if tracked is not None and not tracked.sender.accepts(contract_id, connection_id):
            return
        beat = (shard.clock.observed + self.timeouts.timeout, sequence, stamp, connection_id)
        beats = shard.wheel.beats
        if sender in beats:
            beats[sender] = beat
            return
        shard.wheel.touch(sender, beat)
        if tracked is not None:
            self._asked.pop(sender, None)
            self._owners[tracked.owner].forget(sender)

    # What follows

    def tick(self) -> Findings:
        """Everyone whose deadline has passed is judged, unless many are at once. Call it each 25 ms."""
        findings = Findings()
        if not self.settled:
            if not self.live:
                return findings
            self._settle()
        for shard in self.shards:
            for sender, beat in shard.wheel.fire(shard.clock.observed):
                self._suspect(sender, Suspect(shard, beat))
        for owner in list(self._restless.values()):
            if not owner.deciding:
                self._consider(owner, findings)
            if not owner.suspects and not owner.hold.held:
                self._restless.pop(owner.name, None)
        return findings

    def is_asked(self, verdict: Verdict) -> bool:
        """Whether the verdict is still to be answered: nothing was heard of the sender since, and the log still calls it alive."""
        asked = self._asked.get(verdict.sender.name)
        return asked is not None and asked[0] is verdict

    def answered(self, verdict: Verdict) -> None:
        """Its owner has decided; if the sender is dead now, the log will say so."""
        if self.is_asked(verdict):
            del self._asked[verdict.sender.name]

    def reconsider(self, verdict: Verdict) -> None:
        """A hold came between: it is a suspect again."""
        if self.is_asked(verdict):
            _, suspect = self._asked.pop(verdict.sender.name)
            self._suspect(verdict.sender.name, suspect)

    def decided(self, owner: str) -> None:
        self._owner(owner).deciding = False

    @property
    def live(self) -> bool:
        """Whether every shard has seen its stream flow."""
        return all(shard.live for shard in self.shards)

    @property
    def watermark(self) -> int:
        """Every heartbeat that the broker held at this time has been processed (Unix ns of the broker; 0: not live yet)."""
        return min(shard.clock.watermark for shard in self.shards) if self.live else 0

    def _settle(self) -> None:
        """Everyone tracked of whom the stream holds nothing: each gets a full timeout from now."""
        waiting = self._asked.keys() | {name for owner in self._restless.values() for name in owner.suspects}
        self._await(
            [
                each.sender
                for name, each in self.tracked.items()
                if name not in waiting and all(name not in s.wheel.beats for s in self.shards)
            ]
        )
        self.settled = True

    def _consider(self, owner: Owner, findings: Findings) -> None:
        if owner.hold.held:
            reason = self._end_of_hold(owner)
            if reason is not None:
                owner.deciding = True
                findings.clearances.append(Clearance(owner.name, owner.hold.version, reason))
            return
        for name in [name for name, suspect in owner.suspects.items() if self._spoke_since(name, suspect)]:
            owner.forget(name)
        ripe = [name for name, suspect in owner.suspects.items() if self._is_ripe(suspect)]
        if not ripe:
            return
        expiring = self._expiring(owner)
        if is_mass(len(owner.senders), expiring):
            owner.deciding = True
            findings.suspicions.append(Suspicion(owner.name, owner.hold.version, len(owner.senders), expiring))
            return
        for name in ripe:
            findings.verdicts.append(self._judge(name, owner))

    def _is_ripe(self, suspect: Suspect) -> bool:
        """All shards count, not only its own: a sender that has moved to another daemon speaks on another shard."""
        return suspect.shard.clock.observed >= self.timeouts.interval and self.watermark >= suspect.due

    def _judge(self, name: str, owner: Owner) -> Verdict:
        suspect = owner.suspects[name]
        sender = self.tracked[name].sender
        evidence = prove(suspect, watermark=self.watermark, timeout=self.timeouts.timeout, decided_by=self._decided_by)
        verdict = Verdict(sender, owner.name, owner.hold.version, suspect.beat[3] or sender.connection_id, evidence)
        owner.forget(name)
        self._asked[name] = (verdict, suspect)
        return verdict

    def _end_of_hold(self, owner: Owner) -> ClearedBecause | None:
        """After an outage everyone who lives beats within an interval, and a grace for those who must connect first: who is
        silent then is not silent through a fault of ours.
        """
        if self._passed(owner.held_since) >= 2 * self.timeouts.timeout:
            return "hold_expired"
        if is_mass(len(owner.senders), owner.unexplained):
            owner.calm_since = None
        elif self._scan_is_old():
            calm = not is_mass(len(owner.senders), self._expiring(owner))
            owner.calm_since = (owner.calm_since or self._observed()) if calm else None
        calm_for = self._passed(owner.calm_since) if owner.calm_since else 0
        return "heartbeats_resumed" if calm_for >= self.timeouts.interval + self.timeouts.grace else None

    def _expiring(self, owner: Owner) -> int:
        """How many would expire within one heartbeat interval from now, suspects included: never less than are, and exactly where it matters.

        Looking at everyone is dear, and who dies alone must not wait for it. So one look counts those who are due within an
        interval *and a slack*; as a touch only moves a deadline away, that bounds every count until the slack is used up.
        """
        if len(owner.senders) < LEAST or owner.unexplained == len(owner.senders):
            return owner.unexplained
        if self._scan_is_old():
            self._scanned, self._scanned_at = self._due_within(self.timeouts.interval + self._slack), self._observed()
        bound = owner.unexplained + self._scanned[owner.name]
        if not is_mass(len(owner.senders), bound):
            return bound
        return owner.unexplained + self._due_within(self.timeouts.interval)[owner.name]

    def _scan_is_old(self) -> bool:
        then = self._scanned_at
        return then is None or any(now - before > self._slack for now, before in zip(self._observed(), then, strict=True))

    def _passed(self, since: tuple[int, ...]) -> int:
        """Observed time since then, on the slowest shard."""
        return min(now - then for now, then in zip(self._observed(), since, strict=True))

    def _due_within(self, span: int) -> Counter[str]:
        """How many of each owner's senders are due by then, as things are."""
        due: Counter[str] = Counter()
        for shard in self.shards:
            horizon = shard.clock.observed + span
            for name, beat in shard.wheel.beats.items():
                if beat[0] <= horizon and (tracked := self.tracked.get(name)) is not None and self._newest(name) is beat:
                    due[tracked.owner] += 1
        return due

    def _suspect(self, name: str, suspect: Suspect) -> None:
        tracked = self.tracked.get(name)
        if tracked is None or name in self._asked or self._spoke_since(name, suspect):
            return  # nobody's concern, or judged already
        owner = self._owner(tracked.owner)
        owner.suspects[name] = suspect
        self._restless[owner.name] = owner

    def _spoke_since(self, name: str, suspect: Suspect) -> bool:
        """Whether it has moved to another shard and was heard there."""
        newest = self._newest(name)
        return newest is not None and newest[1] > suspect.beat[1]

    def _await(self, unheard: list[Sender]) -> None:
        by_shard: dict[Shard, list[Sender]] = {}
        for sender in unheard:
            subject = senders.heartbeat_subject(sender.name, sender.daemon_id)
            by_shard.setdefault(self.shards[senders.shard_of(subject, len(self.shards))], []).append(sender)
        for shard, silent in by_shard.items():
            deadline = shard.clock.observed + self.timeouts.timeout
            shard.wheel.restore([sender.name for sender in silent], (deadline, 0, 0, None))

    def _newest(self, name: str) -> tuple[int, int, int, str | None] | None:
        """The last beat that still counts: a sender may have moved to another shard, and its old one fires later."""
        beats = [beat for shard in self.shards if (beat := shard.wheel.beats.get(name)) is not None]
        return max(beats, key=lambda beat: beat[1]) if len(beats) > 1 else (beats[0] if beats else None)

    def _observed(self) -> tuple[int, ...]:
        return tuple(shard.clock.observed for shard in self.shards)

    def _owner(self, name: str) -> Owner:
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = Owner(name)
        return owner

    def _set_pace(self) -> None:
        pace = CANARIES_FAST if self.tracked else CANARIES_SLOW
        for shard in self.shards:
            shard.set_pace(pace)
