"""Observations that wait to be submitted to the log: in order for each sender, and one worker at a time for each sender."""

import asyncio
from collections import deque
from collections.abc import Iterable

from makima_supervisor_heartbeat.domain.sender_cache import Observation, Sender, SenderCache


class ObservationQueue:
    """Filled by whoever applies a heartbeat or an event to the senders; drained by the workers of the observer."""

    def __init__(self, senders: SenderCache) -> None:
        self._senders = senders
        # By stream; a sender stays in it while a worker submits its observations, so that no second worker takes it.
        self._waiting: dict[str, tuple[Sender, deque[Observation]]] = {}
        # Streams of senders that no worker has taken yet.
        self._streams: asyncio.Queue[str] = asyncio.Queue()

    def put(self, observations: Iterable[tuple[Sender, Observation]]) -> None:
        for sender, observation in observations:
            self._senders.observation_submitted(sender, observation)
            known = self._waiting.get(sender.stream)
            if known is None:
                self._waiting[sender.stream] = (sender, deque((observation,)))
                self._streams.put_nowait(sender.stream)
            else:
                known[1].append(observation)

    async def take(self) -> tuple[Sender, deque[Observation]]:
        """The next sender, and its observations, which may grow until `release`."""
        return self._waiting[await self._streams.get()]

    def release(self, sender: Sender) -> None:
        """All observations of a sender that was taken are submitted: its next one may go to any worker."""
        del self._waiting[sender.stream]
