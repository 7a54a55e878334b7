"""Verdicts about heartbeats that were given and not answered, and how often those of a sender were declined."""

from collections.abc import Set as AbstractSet

from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.verdicts.sender_group import Suspect
from makima_stale_detector.domain.verdicts.verdict import Verdict


class PendingVerdicts:
    """At most one of each sender, with the suspect that it came from. Those of restarts are in `RestartDeadlines`."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[Verdict, Suspect]] = {}  # by sender name
        self._attempts: dict[str, int] = {}  # by sender name: how many of its verdicts were declined

    @property
    def names(self) -> AbstractSet[str]:
        """The senders with a pending verdict; a view."""
        return self._given.keys()

    def attempt(self, name: str) -> int:
        """Of the sender's next verdict."""
        return self._attempts.get(name, 0)

    def give(self, verdict: Verdict, suspect: Suspect) -> None:
        self._given[verdict.sender.name] = (verdict, suspect)

    def is_pending(self, verdict: Verdict) -> bool:
        """True of this very verdict only, not of another one of its sender."""
        pending = self._given.get(verdict.sender.name)
        return pending is not None and pending[0] is verdict

    def take_back(self, name: str) -> Suspect | None:
        """The sender's pending verdict needs no reply any more; its suspect, or None if there is no such verdict."""
        _, suspect = self._given.pop(name, (None, None))
        return suspect

    def declined(self, verdict: Verdict) -> Suspect:
        """As `take_back`, of a verdict that is pending; the sender's next one is the next attempt."""
        name = verdict.sender.name
        _, suspect = self._given.pop(name)
        self._attempts[name] = verdict.attempt + 1
        return suspect

    def begin_anew(self, name: str) -> None:
        """The sender has shown itself in the log: its next verdict is the first attempt."""
        self._attempts.pop(name, None)

    def forget(self, name: str) -> None:
        """The sender is not tracked any more."""
        self._given.pop(name, None)
        self._attempts.pop(name, None)

    def begin(self, shard: Shard) -> None:
        """The shard is read from its beginning: drop what was concluded on it."""
        self._given = {name: given for name, given in self._given.items() if given[1].shard is not shard}
