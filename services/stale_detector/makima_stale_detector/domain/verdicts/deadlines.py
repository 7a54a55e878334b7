"""Sets the deadlines of senders where no heartbeat does: at a start, at a join, after a verdict that was declined."""

from collections.abc import Iterable

from makima_stale_detector.domain.members import sender_names as senders
from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.shards.observed_clock import Timeouts
from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.shards.shards import Shards
from makima_stale_detector.domain.verdicts.sender_group import Suspect


class Deadlines:
    """Each is a full timeout of the sender's kind from now, on the observed clock of its shard."""

    def __init__(self, shards: Shards, timeouts: Timeouts) -> None:
        self._shards, self._timeouts = shards, timeouts

    def begin(self, unheard: Iterable[Sender]) -> None:
        """Of senders of which no heartbeat is known, on the shards on which theirs arrive."""
        by_deadline: dict[tuple[Shard, int], list[str]] = {}
        for sender in unheard:
            subject = senders.heartbeat_subject(sender.name, sender.daemon_id)
            shard = self._shards[senders.shard_of(subject, len(self._shards))]
            deadline = shard.clock.observed + self._timeouts.of(sender.name)
            by_deadline.setdefault((shard, deadline), []).append(sender.name)
        for (shard, deadline), names in by_deadline.items():
            shard.wheel.restore(names, (deadline, 0, 0, None))

    def renew(self, name: str, suspect: Suspect | None = None) -> None:
        """Of a sender with its last heartbeats as before: those in the wheels, or that of `suspect`."""
        if suspect is not None and name not in suspect.shard.wheel.beats:
            suspect.shard.wheel.touch(name, suspect.beat)
        for shard in self._shards:
            beat = shard.wheel.beats.get(name)
            if beat is not None:
                shard.wheel.touch(name, (shard.clock.observed + self._timeouts.of(name), *beat[1:]))
