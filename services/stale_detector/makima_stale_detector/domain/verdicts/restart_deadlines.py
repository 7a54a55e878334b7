"""The deadlines of agents that are restarted: who is not back in time is dead (agents.md, Agent status)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from makima_schemas.evidence import Evidence
from makima_schemas.maintenance import Windows

from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.shards.shards import Clocks, Shards
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup
from makima_stale_detector.domain.verdicts.verdict import Verdict, moment


@dataclass(frozen=True, slots=True)
class Restart:
    """An agent that is being restarted."""

    sender: Sender
    owner: str
    since: Clocks  # the observed clock of each shard when the detector read that it is restarted
    attempt: int = 0  # how many verdicts on this restart the owner has declined


class RestartDeadlines:
    """Measured on the observed clocks, on the shard where the least time passed: while nothing arrives here, an agent
    that is back could not tell it. No heartbeat postpones such a deadline, only a join ends it.
    """

    def __init__(self, shards: Shards, timeout: int, decided_by: str) -> None:
        """`timeout` in ns of observed time; `decided_by` is the id of this replica."""
        self._shards, self._timeout, self._decided_by = shards, timeout, decided_by
        self._running: dict[str, Restart] = {}  # by sender name, the one that began first is the first
        # By sender name: verdicts that were given and not answered, with the restart that they are about.
        self._pending: dict[str, tuple[Verdict, Restart]] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._running.keys() | self._pending.keys())

    def sender(self, name: str) -> Sender | None:
        """The agent of this name, if it is being restarted."""
        restart = self._running.get(name) or self._pending.get(name, (None, None))[1]
        return None if restart is None else restart.sender

    def watch(self, sender: Sender, owner: str) -> None:
        """The log says that the agent is being restarted. The same restart is not begun again."""
        known = self._running.get(sender.name) or self._pending.get(sender.name, (None, None))[1]
        if known is None or known.sender.status_version != sender.status_version:
            self.forget(sender.name)
            self._running[sender.name] = Restart(sender, owner, self._shards.observed())

    def forget(self, name: str) -> None:
        """The agent is not being restarted any more."""
        self._running.pop(name, None)
        self._pending.pop(name, None)

    def begin(self, number: int) -> None:
        """The clock of this shard restarts at 0: whoever is being restarted has a full timeout on it."""
        every = (*(restart for _, restart in self._pending.values()), *self._running.values())
        self._pending.clear()
        self._running = {
            each.sender.name: replace(each, since=(*each.since[:number], 0, *each.since[number + 1 :]))
            for each in every
        }

    def maintain(self, before: Windows, after: Windows) -> None:
        """Maintenance windows began or ended: whoever is covered from now on, or is not any more, has a full timeout;
        a verdict that is on its way is forgotten, as the log does not take it.
        """
        for restart in (*self._running.values(), *(each for _, each in self._pending.values())):
            name, owner = restart.sender.name, restart.owner
            if restart.sender.covered_by(before, owner) != restart.sender.covered_by(after, owner):
                self.forget(name)
                self._running[name] = replace(restart, since=self._shards.observed())

    def expired(self, group_of: Callable[[str], SenderGroup], maintenance: Windows) -> list[Verdict]:
        """A verdict on each agent that was not back in time, unless its owner's verdicts are held, or it is under
        maintenance.
        """
        given: list[Verdict] = []
        for restart in list(self._running.values()):
            passed = self._shards.passed(restart.since)
            if passed < self._timeout:
                break
            owner = group_of(restart.owner)
            if owner.hold.held or owner.deciding or restart.sender.covered_by(maintenance, restart.owner):
                continue
            verdict = self._judge(restart, owner.hold.version, passed - self._timeout, maintenance.version)
            given.append(verdict)
        return given

    def is_pending(self, verdict: Verdict) -> bool:
        pending = self._pending.get(verdict.sender.name)
        return pending is not None and pending[0] is verdict

    def resolve(self, verdict: Verdict) -> None:
        """The owner has replied. If it accepted, the log soon says so; else the agent has another timeout."""
        if self.is_pending(verdict):
            _, restart = self._pending.pop(verdict.sender.name)
            again = replace(restart, since=self._shards.observed(), attempt=verdict.attempt + 1)
            self._running[verdict.sender.name] = again

    def reconsider(self, verdict: Verdict) -> None:
        """The verdict met a hold: it is given again when that is over."""
        if self.is_pending(verdict):
            name = verdict.sender.name
            self._running = {name: self._pending.pop(name)[1], **self._running}

    def _judge(self, restart: Restart, hold_version: int, late: int, maintenance_version: int) -> Verdict:
        watermark = self._shards.watermark
        evidence = Evidence(
            last_heartbeat_at=None,
            timeout_seconds=self._timeout / SECOND,
            deadline=moment(watermark - late),
            watermark=moment(watermark),
            lateness_ms=late / MILLISECOND,
            decided_by=self._decided_by,
        )
        sender = restart.sender
        verdict = Verdict(
            sender,
            restart.owner,
            hold_version,
            sender.connection_id,
            evidence,
            restart.attempt,
            restarting_since=sender.status_version,
            maintenance_version=maintenance_version,
        )
        del self._running[sender.name]
        self._pending[sender.name] = (verdict, restart)
        return verdict
