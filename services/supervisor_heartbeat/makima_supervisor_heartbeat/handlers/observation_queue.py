"""Queue of observations for the log: in order, and with one worker at a time, per sender."""

import asyncio
from collections import deque
from collections.abc import Iterable

from makima_supervisor_heartbeat.domain.sender import Observation, Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache


class ObservationQueue:
    """Filled when heartbeats or events are applied to the sender cache; drained by the workers of
    `ObservationWriter`.
    """

    def __init__(self, senders: SenderCache) -> None:
        self._senders = senders
        # By stream; a sender stays in it while a worker submits its observations, so that no second worker
        # takes it.
        self._waiting: dict[str, tuple[Sender, deque[Observation]]] = {}
        # Streams of senders that no worker has taken yet.
        self._streams: asyncio.Queue[str] = asyncio.Queue()

    def put(self, observations: Iterable[tuple[Sender, Observation]]) -> None:
        """Queue observations and mark them as submitted in the sender cache."""
        for sender, observation in observations:
            self._senders.observation_submitted(sender, observation)
            known = self._waiting.get(sender.stream)
            if known is None:
                self._waiting[sender.stream] = (sender, deque((observation,)))
                self._streams.put_nowait(sender.stream)
            else:
                known[1].append(observation)

    async def take(self) -> tuple[Sender, deque[Observation]]:
        """Wait for the next sender; returns its observations, to which `put` may append until `release`."""
        return self._waiting[await self._streams.get()]

    def release(self, sender: Sender) -> None:
        """Give back a sender all of whose observations were decided; any worker may take its next ones."""
        del self._waiting[sender.stream]
