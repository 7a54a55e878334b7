"""In-memory registry of the senders in the log: all that are alive, and the last ones that ended, for
fencing.

A sender that ended is kept because, if it returns under a new connection, its old connection must stay
superseded.
"""

from collections.abc import Iterable
from typing import Final

from makima_stale_detector.domain.members.sender import Sender

MAX_DEAD_SENDERS: Final = (
    # A sender evicted here starts without superseded connections; the recorder still fences off its old ones.
    100_000
)


class SenderRegistry:
    """All senders that are alive, and at most `remembered` that ended; beyond that the one that ended first
    is evicted.
    """

    def __init__(self, senders: Iterable[Sender] = (), remembered: int = MAX_DEAD_SENDERS) -> None:
        self._remembered = remembered
        self._alive: dict[str, Sender] = {}
        self._gone: dict[str, Sender] = {}  # not alive, in the order in which they ended
        for sender in senders:
            self.put(sender)

    def __len__(self) -> int:
        return len(self._alive) + len(self._gone)

    def get(self, name: str) -> Sender | None:
        return self._alive.get(name) or self._gone.get(name)

    def put(self, sender: Sender) -> None:
        self._alive.pop(sender.name, None)
        self._gone.pop(sender.name, None)
        if sender.alive:
            self._alive[sender.name] = sender
            return
        self._gone[sender.name] = sender
        if len(self._gone) > self._remembered:
            del self._gone[next(iter(self._gone))]
