"""Tells the senders what the log says of them, from whomever it came: verdicts, other recorders, ourselves."""

from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Final

import structlog
from makima_kernel.log.consume import Consumer
from makima_schemas.codec import UndecodableError, UnknownEventError, decode
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from services.supervisor_heartbeat.domain.senders import Observation, Sender, Senders

CATEGORIES: Final = frozenset({"supervisor", "daemon"})


class Follower:
    """`position`: up to where the senders know the log; `problem`: why they may not know all of it."""

    def __init__(self, senders: Senders, take: Callable[[Iterable[tuple[Sender, Observation]]], None]) -> None:
        self._senders, self._take = senders, take
        self.position = 0
        self.problem: str | None = "the senders do not know the log yet"

    async def run(self, consumer: Consumer) -> None:
        """From `position` on, until cancelled. Raises `EpochChangedError`."""
        async with aclosing(consumer.batches(self.position, ticks=True)) as batches:
            async for batch in batches:
                self.problem = None
                for recorded in batch:
                    if recorded.category in CATEGORIES and recorded.tenant == DEFAULT_TENANT:
                        self._learn(recorded)
                    self.position = recorded.position

    def _learn(self, recorded: Recorded) -> None:
        try:
            event = decode(recorded.type, recorded.schema, recorded.data)
        except (UnknownEventError, UndecodableError) as error:  # the projection stops and says so; here it only costs a question more
            structlog.get_logger().warning("follower.unread", position=recorded.position, reason=str(error))
            return
        if isinstance(event, SupervisorRegistered | SupervisorStateChanged | DaemonConnected | DaemonDisconnected):
            self._take(self._senders.learn(recorded.stream, recorded.entity_id, event, recorded.position))
