"""Who reads the log while it is harmed: a consumer as services have it, and a monitor socket of the SDK."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.nats.message import Message
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral
from makima_kernel.projections.subscription import Consumer, EpochChangedError
from makima_schemas import subjects
from makima_schemas.envelope import Recorded, from_cloudevent
from makima_sdk.connection import Connection
from makima_sdk.monitoring import MonitorEvent, monitor
from makima_sdk.problems import UnreachableError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.background import running
from tests.services.gateway.harness import ADMIN

AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, NatsError)
PAUSE: Final = 0.1  # seconds, before a reader whose server is away tries again
PATIENCE: Final = 300.0  # seconds
ELSEWHERE_AFTER: Final = 3.0  # seconds, where there is another gateway
# What the monitor says once of each event of these types.
WATCHED: Final = {
    "ContractCreated": "StatusChanged",
    "ContractPaused": "StatusChanged",
    "ContractResumed": "StatusChanged",
    "ContractFailed": "StatusChanged",
    "QuestionAsked": "QuestionAsked",
}


@dataclass
class Subscribers:
    """What they got: position and event id, and position and type of message."""

    consumed: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    watched: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    since: int | None = None  # where the monitor began
    resets: int = 0

    async def consume(self, log: Log, nats: Client) -> None:
        while True:
            try:
                after = self.consumed[-1][0] if self.consumed else 0
                async with aclosing(Consumer(log, nats, name="subscriber").batches(after, 100)) as batches:
                    async for batch in batches:
                        self.consumed += [(event.position, str(event.event_id)) for event in batch]
            except EpochChangedError:  # another log: whoever follows it begins anew
                self.consumed.clear()
                self.resets += 1
            except AWAY:
                await asyncio.sleep(PAUSE)

    async def watch(self, urls: Sequence[str]) -> None:
        """At one gateway, and where it stays away at the next one, after the last position."""
        patience = PATIENCE if len(urls) == 1 else ELSEWHERE_AFTER
        for url in itertools.cycle(urls):
            since = self.watched[-1][0] if self.watched else None
            try:
                async for said in monitor(Connection(url, token=ADMIN), since=since, patience=patience):
                    self._note(said)
            except UnreachableError:
                continue

    def _note(self, said: MonitorEvent) -> None:
        position = said.get("position")
        if not isinstance(position, int):
            return
        if said["type"] == "reset":
            self.watched.clear()
            self.since = position
        elif said["type"] == "hello":
            self.since = position if self.since is None else self.since
        elif said["type"] in WATCHED.values():
            self.watched.append((position, str(said["type"])))

    def seen_by_monitor(self, log: Sequence[Recorded]) -> list[tuple[int, str]]:
        """What the monitor said of the events that it says one thing of: position and the event's id, or what it
        said instead.
        """
        at = {event.position: event for event in log}
        seen: list[tuple[int, str]] = []
        for position, said in self.watched:
            event = at.get(position)
            if event is None:
                seen.append((position, said))
            elif event.type in WATCHED:
                fits = WATCHED[event.type] == said
                seen.append((position, str(event.event_id) if fits else said))
        return seen

    def watchable(self, log: Sequence[Recorded]) -> list[Recorded]:
        """The events that the monitor says one thing of, since it listened."""
        return [
            event
            for event in log
            if event.type in WATCHED and self.since is not None and event.position > self.since
        ]


@asynccontextmanager
async def subscribed(log: Log, nats: Client, urls: Sequence[str]) -> AsyncGenerator[Subscribers]:
    made = Subscribers()
    async with running(made.consume(log, nats), made.watch(urls)):
        yield made


async def whole_stream(nats: Client) -> list[tuple[int, str]]:
    """Sequence and event id of all that the broker's stream holds, read by a plain subscriber."""
    got: list[Message] = []
    reading = PullLoop(nats, subjects.EVENTS_STREAM, Ephemeral("auditor"), tick=1.0)
    async with aclosing(reading.batches()) as batches:
        while not got or got[-1].pending:
            got += await anext(batches)
    return [(message.sequence, str(from_cloudevent(message.payload).event_id)) for message in got]


async def whole_log(log: Log) -> list[Recorded]:
    events: list[Recorded] = []
    while batch := await log.after(len(events)):
        events += batch
    return events
