"""Decides, in memory and by broker timestamps only, which tracked senders are silent."""

from collections.abc import Collection, Mapping

from makima_schemas import subjects
from makima_schemas.maintenance import Windows
from makima_schemas.planned_maintenance import Plans

from makima_stale_detector.domain.members.heartbeat import UNREAD, HeartbeatSource
from makima_stale_detector.domain.members.sender import Sender, Tracked
from makima_stale_detector.domain.shards.observed_clock import CANARIES_FAST, CANARIES_SLOW, Timeouts
from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.shards.shards import Shards
from makima_stale_detector.domain.verdicts.deadlines import Deadlines
from makima_stale_detector.domain.verdicts.expiry_forecast import ExpiryForecast
from makima_stale_detector.domain.verdicts.findings import Findings, HoldRelease, HoldRequest
from makima_stale_detector.domain.verdicts.hold_end import HoldEnd
from makima_stale_detector.domain.verdicts.mass_silence import Hold, is_mass
from makima_stale_detector.domain.verdicts.pending_verdicts import PendingVerdicts
from makima_stale_detector.domain.verdicts.restart_deadlines import RestartDeadlines
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup, Suspect
from makima_stale_detector.domain.verdicts.sender_groups import SenderGroups
from makima_stale_detector.domain.verdicts.verdict import Verdict, moment, prove


class Detector:
    """Takes heartbeats (`on_heartbeat`) and the log's state (`track`, `hold`, ...); `tick` gives verdicts.

    Rules: domain.md, Time and verdicts. Not thread-safe.
    """

    def __init__(self, timeouts: Timeouts, decided_by: str, shards: int = subjects.SHARDS) -> None:
        self.timeouts = timeouts
        self.shards = Shards(shards, timeouts.grace, timeouts.shortest)
        self.tracked: dict[str, Tracked] = {}  # senders that the log lists as alive, by name
        self.groups = SenderGroups(self.shards)
        self._pending = PendingVerdicts()
        self._decided_by = decided_by  # id of this replica, for the evidence
        self.maintenance, self.plans = Windows(), Plans()  # as last read from the log
        self._forecast = ExpiryForecast(self.shards, self.tracked, self._not_counted, timeouts)
        self._deadlines = Deadlines(self.shards, timeouts)
        self._hold_end = HoldEnd(self.shards, self._forecast, timeouts)
        self.restarts = RestartDeadlines(self.shards, timeouts.restart_timeout, decided_by)
        # True once the stream's history was read and every tracked sender has a deadline.
        self.warmed_up = False

    # Input from the event log

    def track(self, sender: Sender, owner: str) -> None:
        """Track or update a sender that an event shows as alive. Without heartbeats
        it gets a full timeout.
        """
        self.load([Tracked(sender, owner)])

    def load(self, tracked: Collection[Tracked]) -> None:
        """Track these senders. Deadlines are set only after the stream's history was read (`warmed_up`).

        An agent that joined has a full timeout from now: its join is a sign of life, as a heartbeat.
        """
        for each in tracked:
            known = self.tracked.get(each.sender.name)
            if known is not None and known.owner != each.owner:
                self.untrack(each.sender.name)
            if each.sender.status is not None and (
                known is None or known.sender.alive_position != each.sender.alive_position
            ):
                self._renew(each)
                self._pending.begin_anew(each.sender.name)
            self.tracked[each.sender.name] = each
            self.groups[each.owner].add(each.sender.name, each.sender.domain)
        if self.warmed_up:
            self._deadlines.begin([each.sender for each in tracked if self.is_unheard(each)])
        self._set_pace()

    def is_unheard(self, tracked: Tracked) -> bool:
        """True if the sender has no deadline, is no suspect and has no pending verdict: it needs one."""
        name = tracked.sender.name
        return (
            self.shards.newest(name) is None
            and name not in self._pending.names
            and name not in self.groups[tracked.owner].suspects
        )

    def untrack(self, name: str) -> None:
        """Stop tracking a sender that the log no longer lists as alive."""
        tracked = self.tracked.pop(name, None)
        self._pending.forget(name)
        if tracked is not None:
            owner = self.groups[tracked.owner]
            owner.forget(name)
            owner.remove(name)
        self._set_pace()

    def hold(self, owner: str, hold: Hold) -> None:
        """Apply a hold event of an owner, read from the log."""
        self.groups.hold(owner, hold)

    def load_holds(self, holds: Mapping[str, Hold]) -> None:
        """Replace all holds by those read from the log; one that the log does not contain is removed."""
        self.groups.load_holds(holds)

    def maintain(self, windows: Windows) -> None:
        """Apply the next state of the maintenance windows in the log. Whoever is covered from now on, or is not any
        more, has a full timeout; a verdict that is on its way is forgotten, as the log does not take it.
        """
        before, self.maintenance = self.maintenance, windows
        if before.open == windows.open:
            return
        for tracked in self.tracked.values():
            if tracked.covered_by(windows) != tracked.covered_by(before):
                self._renew(tracked)
        self.restarts.maintain(before, windows)

    # Input from the heartbeat stream

    def begin(self, shard: Shard, epoch: str, live_from: int) -> None:
        """Start reading a shard, or start again because the stream was recreated: drop its suspects and
        pending verdicts.

        `epoch` identifies the incarnation of the stream; sequences below `live_from` are history.
        """
        self.groups.begin(shard)
        self._pending.begin(shard)
        shard.begin(epoch, live_from)
        self.restarts.begin(shard.number)
        self._forecast.forget()
        self.warmed_up = False

    def on_heartbeat(self, shard: Shard, source: HeartbeatSource, sequence: int, stamp: int) -> None:
        """Record a heartbeat with its stream sequence and broker timestamp (Unix ns).

        Untracked senders get a deadline too, for one timeout: the event that registers a new sender arrives a
        little later than its first heartbeat. Heartbeats of a superseded connection or another contract are
        ignored. One that announces to be quiet has until then, if that is longer; its next heartbeat counts anew.
        Hot path.
        """
        sender, contract_id, connection_id, quiet = source
        tracked = self.tracked.get(sender)
        if tracked is None:
            if contract_id == UNREAD:
                return  # refused: no event will register its sender
        elif not tracked.sender.accepts(contract_id, connection_id):
            return
        beat = (shard.clock.observed + self.timeouts.of(sender, quiet), sequence, stamp, connection_id)
        beats = shard.wheel.beats
        if sender in beats:
            beats[sender] = beat
            return
        shard.wheel.touch(sender, beat)
        if tracked is not None:
            self._pending.take_back(sender)
            self.groups[tracked.owner].forget(sender)

    def on_loss(self, shard: Shard) -> None:
        """Heartbeats of this shard may have been lost just now, although its stream flows: the broker refused
        a canary. That time, and up to an interval before it, is no silence of anybody.

        While losses go on, the clock stands: it makes no way for an interval (`Timeouts.loss`) after each.
        """
        if shard.live:
            shard.clock.set_back(self.timeouts.loss)

    # Output

    def tick(self) -> Findings:
        """Give a verdict for each sender whose deadline has passed, or request a hold if many have.

        Call it every 25 ms.
        """
        findings = Findings()
        if (self.maintenance.open or self.plans.by_scope) and self.shards.live:
            now = moment(self.shards.watermark)
            findings.maintenance_over += self.maintenance.due(now)
            findings.maintenance_begins += self.plans.beginning(now)
            findings.maintenance_missed += self.plans.missed(now)
        if not self.warmed_up:
            if not self.shards.live:
                return findings
            self._arm_unheard()
        for shard in self.shards:
            for sender, beat in shard.wheel.fire(shard.clock.observed):
                self._suspect(sender, Suspect(shard, beat))
        for owner in self.groups.active:
            if not owner.deciding:
                self._consider(owner, findings)
            self.groups.settle(owner)
        findings.verdicts += self.restarts.expired(self.groups.__getitem__, self.maintenance)
        return findings

    def is_pending(self, verdict: Verdict) -> bool:
        """True while the verdict needs a reply: no heartbeat or join since, and the sender is still tracked, or
        being restarted.
        """
        if verdict.restarting_since is not None:
            return self.restarts.is_pending(verdict)
        return self._pending.is_pending(verdict)

    def resolve(self, verdict: Verdict) -> None:
        """The owner has replied. If it accepted, the log soon removes the sender.

        If it declined, restart the sender's timeout, so that it is judged again, under a new command id
        (`attempt` + 1).
        """
        if verdict.restarting_since is not None:
            self.restarts.resolve(verdict)
        elif self._pending.is_pending(verdict):
            self._deadlines.renew(verdict.sender.name, self._pending.declined(verdict))

    def reconsider(self, verdict: Verdict) -> None:
        """The verdict conflicted with a mass-silence hold that another replica recorded: make the sender a
        suspect again.
        """
        if verdict.restarting_since is not None:
            self.restarts.reconsider(verdict)
        elif self._pending.is_pending(verdict) and (suspect := self._pending.take_back(verdict.sender.name)):
            self._suspect(verdict.sender.name, suspect)

    def hold_recorded(self, owner: str) -> None:
        """The append of this owner's hold event succeeded or failed: consider its suspects again."""
        self.groups[owner].deciding = False

    def _arm_unheard(self) -> None:
        """Give a full timeout from now to every tracked sender of which the stream holds no heartbeat."""
        waiting = {name for owner in self.groups.active for name in owner.suspects}
        known_alive = waiting.union(self._pending.names, *(shard.wheel.beats.keys() for shard in self.shards))
        self._deadlines.begin([each.sender for name, each in self.tracked.items() if name not in known_alive])
        self.warmed_up = True

    def _consider(self, owner: SenderGroup, findings: Findings) -> None:
        if owner.hold.held:
            reason = self._hold_end.of(owner)
            if reason is not None:
                owner.deciding = True
                findings.hold_releases.append(HoldRelease(owner.name, owner.hold.version, reason))
            return
        for name in [
            name for name, suspect in owner.suspects.items() if self.shards.heard_after(name, suspect.beat)
        ]:
            owner.forget(name)
        watermark = self.shards.watermark
        confirmed = [
            name for name, suspect in owner.suspects.items() if self._is_confirmed(suspect, watermark)
        ]
        if not confirmed:
            return
        expiring = self._forecast.expiring(owner)
        if is_mass(expiring):
            owner.deciding = True
            findings.hold_requests.append(
                HoldRequest(owner.name, owner.hold.version, len(owner.senders), expiring.senders)
            )
            return
        for name in confirmed:
            findings.verdicts.append(self._judge(name, owner))

    def _not_counted(self, owner: SenderGroup) -> Collection[str]:
        """Names of the owner's senders that tell nothing about an outage of ours: judged, or under maintenance."""
        judged, windows = self._pending.names, self.maintenance
        if not windows.open:
            return judged
        return judged | {name for name in owner.senders if self.tracked[name].covered_by(windows)}

    def _is_confirmed(self, suspect: Suspect, watermark: int) -> bool:
        """True if every shard was read past the suspect's deadline, and its own shard for at least one
        heartbeat interval.

        All shards matter: the heartbeats of a supervisor that moved to another daemon arrive on another
        shard.
        """
        return suspect.shard.clock.observed >= self.timeouts.interval and watermark >= suspect.due

    def _judge(self, name: str, owner: SenderGroup) -> Verdict:
        suspect = owner.suspects[name]
        sender = self.tracked[name].sender
        last_connection_id = suspect.beat[3]
        # The last heartbeat may have come from a connection that was superseded later, or, of an agent, did not
        # join: the verdict names the current one.
        current = last_connection_id is not None and sender.accepts(sender.contract_id, last_connection_id)
        connection_id = last_connection_id if current else sender.connection_id
        evidence = prove(
            suspect,
            watermark=self.shards.watermark,
            timeout=self.timeouts.of(name),
            decided_by=self._decided_by,
        )
        attempt, maintained = self._pending.attempt(name), self.maintenance.version
        held = owner.hold.version
        verdict = Verdict(sender, owner.name, held, connection_id, evidence, attempt, None, maintained)
        owner.forget(name)
        self._pending.give(verdict, suspect)
        return verdict

    def _suspect(self, name: str, suspect: Suspect) -> None:
        tracked = self.tracked.get(name)
        if tracked is None or name in self._pending.names or self.shards.heard_after(name, suspect.beat):
            return  # not tracked, already has a pending verdict, or a newer heartbeat came on another shard
        if tracked.covered_by(self.maintenance):
            self._deadlines.renew(name, suspect)
        else:
            self.groups.suspect(tracked.owner, name, suspect)

    def _renew(self, tracked: Tracked) -> None:
        """Give the sender a full timeout from now, and take back what was concluded from its silence."""
        name, group = tracked.sender.name, self.groups[tracked.owner]
        suspect = self._pending.take_back(name) or group.suspects.get(name)
        group.forget(name)
        self._deadlines.renew(name, suspect)

    def _set_pace(self) -> None:
        self.shards.set_pace(CANARIES_FAST if self.tracked else CANARIES_SLOW)
