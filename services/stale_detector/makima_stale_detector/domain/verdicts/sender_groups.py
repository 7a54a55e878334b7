"""The tracked senders by owner: one owner's silence, and its mass-silence hold, hold nobody else's verdicts."""

from collections.abc import Mapping

from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.shards.shards import Shards
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup, Suspect


class SenderGroups:
    """Every owner met so far; a tick looks only at the `active` ones: those with suspects or with a hold."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._groups: dict[str, SenderGroup] = {}
        self._active: dict[str, SenderGroup] = {}

    def __getitem__(self, owner: str) -> SenderGroup:
        group = self._groups.get(owner)
        if group is None:
            group = self._groups[owner] = SenderGroup(owner)
        return group

    @property
    def active(self) -> list[SenderGroup]:
        return list(self._active.values())

    @property
    def held(self) -> list[str]:
        """Owners whose verdicts are held back now."""
        return [owner.name for owner in self._active.values() if owner.hold.held]

    def settle(self, group: SenderGroup) -> None:
        """Look at the group no more, if it has neither suspects nor a hold."""
        if not group.suspects and not group.hold.held:
            self._active.pop(group.name, None)

    def suspect(self, owner: str, name: str, suspect: Suspect) -> None:
        """Add a suspect, unless a newer one of that sender is known.

        A sender that moved has a heartbeat on each of its shards. If both run out in one tick, neither wheel
        holds the newer one any more: the newer of the suspects stays.
        """
        group = self[owner]
        known = group.suspects.get(name)
        if known is None or known.beat[1] < suspect.beat[1]:
            group.suspects[name] = suspect
        self._active[owner] = group

    def hold(self, owner: str, hold: Hold) -> None:
        """Apply a hold event of an owner, read from the log."""
        self[owner].apply(hold, self._shards.observed())
        self._watch_hold(self[owner])

    def load_holds(self, holds: Mapping[str, Hold]) -> None:
        """Replace all holds by those read from the log.

        A hold that the log does not contain (it was restored) is removed; otherwise verdicts would carry its
        version as their guard for ever, and be refused.
        """
        for owner in self._groups.keys() | holds.keys():
            self[owner].replace(holds.get(owner, Hold()), self._shards.observed())
            self._watch_hold(self[owner])

    def begin(self, shard: Shard) -> None:
        """Reset what was measured on a shard whose clock restarts at 0."""
        for group in self._active.values():
            group.begin(shard)

    def _watch_hold(self, group: SenderGroup) -> None:
        if group.hold.held:
            self._active[group.name] = group
