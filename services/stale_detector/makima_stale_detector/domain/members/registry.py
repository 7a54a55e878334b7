"""Whom the log has named: everyone who lives, and the last of those who do not, because their connections must stay fenced off."""

from collections.abc import Iterable
from typing import Final

from makima_stale_detector.domain.members.sender import Sender

MAX_DEAD_SENDERS: Final = (
    100_000  # who is not alive; one that returns later still starts anew, and the recorder fences off its old connections
)


class SenderRegistry:
    """At most `remembered` of those who are not alive: a sender that ends moves to the end, and the first is forgotten."""

    def __init__(self, senders: Iterable[Sender] = (), remembered: int = MAX_DEAD_SENDERS) -> None:
        self._remembered = remembered
        self._alive: dict[str, Sender] = {}
        self._gone: dict[str, Sender] = {}
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
