"""Tells the senders what the log says of them, from whomever it came: verdicts, other recorders, ourselves."""

from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Final

from makima_kernel.projections.subscription import Consumer
from makima_schemas.envelope import Recorded
from makima_schemas.identity import DEFAULT_TENANT

from makima_supervisor_heartbeat.domain.sender_cache import Observation, Sender, SenderCache
from makima_supervisor_heartbeat.handlers.recall import SenderLoader, telling

CATEGORIES: Final = frozenset({"supervisor", "daemon"})


class Follower:
    """`position`: up to where the senders know the log; `problem`: why they may not know all of it."""

    def __init__(self, senders: SenderCache, take: Callable[[Iterable[tuple[Sender, Observation]]], None], recall: SenderLoader) -> None:
        self._senders, self._take, self._recall = senders, take, recall
        self.position = 0
        self.problem: str | None = "the senders do not know the log yet"

    async def run(self, consumer: Consumer) -> None:
        """From `position` on, until cancelled. Raises `EpochChangedError`."""
        async with aclosing(consumer.batches(self.position, ticks=True)) as batches:
            async for batch in batches:
                self.problem = None
                for recorded in batch:
                    if recorded.category in CATEGORIES and recorded.tenant == DEFAULT_TENANT:
                        await self._learn(recorded)
                    self.position = recorded.position

    async def _learn(self, recorded: Recorded) -> None:
        event = telling(recorded)
        if event is None:
            return
        unknown = self._senders.unknown(recorded.stream, recorded.entity_id, recorded.version)
        if unknown is not None:
            await self._recall(unknown)
        self._take(self._senders.apply_event(recorded.stream, recorded.entity_id, event, recorded.position, recorded.version))
