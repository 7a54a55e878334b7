"""The senders of which a heartbeat came but no event yet: how many of each daemon the detector remembers."""

from collections import Counter
from typing import Final

MAX_PER_DAEMON: Final = 5_000  # as many as the recorder registers of a daemon at once, by default

Place = tuple[int, str]  # number of a shard, and the name of a sender whose deadline is there


class UnregisteredSenders:
    """The heartbeat of a sender that no event registers is remembered for a timeout, as its event comes a little later.
    Whoever sends may invent names without end, and announce quiet hours: so only `most` of each daemon are remembered,
    as many as the recorder would register (decision 23). Nobody dies of it: one that is registered all the same has a
    full timeout from then.
    """

    def __init__(self, most: int = MAX_PER_DAEMON) -> None:
        self._most = most
        self._daemon_of: dict[Place, str] = {}
        self._count = Counter[str]()  # by daemon

    def __len__(self) -> int:
        return len(self._daemon_of)

    def remember(self, shard: int, sender: str, daemon_id: str) -> bool:
        """False if the daemon has too many; `daemon_id` is empty for agents without a daemon."""
        if self._count[daemon_id] >= self._most:
            return False
        self._daemon_of[shard, sender] = daemon_id
        self._count[daemon_id] += 1
        return True

    def forget(self, shard: int, sender: str) -> None:
        """The sender's deadline on this shard is over, or it is registered now."""
        daemon_id = self._daemon_of.pop((shard, sender), None)
        if daemon_id is not None:
            self._count[daemon_id] -= 1
            if not self._count[daemon_id]:
                del self._count[daemon_id]

    def begin(self, shard: int) -> None:
        """The shard is read anew, and has no deadlines."""
        for number, sender in [place for place in self._daemon_of if place[0] == shard]:
            self.forget(number, sender)
