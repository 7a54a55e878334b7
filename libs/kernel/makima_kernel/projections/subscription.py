"""Reads every event of the log once and in order: first in bulk from Postgres, then live from JetStream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final
from uuid import UUID

from makima_schemas import subjects
from makima_schemas.envelope import MalformedCloudEventError, Recorded, from_cloudevent
from nats.aio.client import Client

from makima_kernel.event_log.log import Log
from makima_kernel.nats.message import Message
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral

_QUIET_STREAM_SECONDS: Final = 1.0  # seconds without a live event: is the log ahead of the broker?


class EpochChangedError(RuntimeError):
    """The log was replaced (a restore, `makima ledger new-epoch`).

    Positions read before may now denote other events, so the caller must start again from its checkpoint.
    """


class Consumer:
    """Reads the log from any position on. The position must be stored by the caller.

    JetStream is only the fast path: all that it does not deliver in unbroken order is read from Postgres.
    """

    def __init__(self, log: Log, nats: Client, *, name: str) -> None:
        self._log, self._nats, self._name = log, nats, name
        self._epoch: UUID | None = None
        self._last_id: UUID | None = None
        self._live: PullLoop | None = None
        self.position = 0
        self.head = 0

    @property
    def lag(self) -> int:
        return max(0, self.head - self.position)

    @property
    def problem(self) -> str | None:
        """Why JetStream delivers nothing; None if it works or is not needed yet.

        Meanwhile the events are read from Postgres each second.
        """
        return None if self._live is None else self._live.problem

    async def batches(
        self, after: int, max_batch: int = 1000, *, ticks: bool = False
    ) -> AsyncGenerator[list[Recorded]]:
        """Yields batches of 1 to `max_batch` events after position `after`, without end.

        Raises `EpochChangedError`. With `ticks`, also yields an empty batch after the catch-up and after each
        second without events: the caller has all events of the log.
        """
        self.position, self._last_id = after, None
        self._epoch = await self._log.epoch()
        async for batch in self._from_log(max_batch):
            yield batch
        self._live = live = PullLoop(
            self._nats,
            subjects.EVENTS_STREAM,
            Ephemeral(self._name, after=self.position),
            batch=max_batch,
            tick=_QUIET_STREAM_SECONDS,
        )
        async with aclosing(live.batches()) as arriving:
            if ticks:
                yield []
            async for messages in arriving:
                followed = self._follow(messages) if await self._is_ours(live) else []
                if followed:
                    yield self._passed(followed)
                if messages and messages[-1].sequence <= self.position:
                    continue
                # Quiet, a gap, another stream: what is true stands in Postgres.
                async for batch in self._from_log(max_batch):
                    yield batch
                if ticks:
                    yield []

    async def _is_ours(self, live: PullLoop) -> bool:
        """True if the stream belongs to this log and does not end after it.

        If the log was restored to the past, the stream may still hold events that the log does not contain.
        """
        if live.stream_epoch != str(self._epoch):
            return False
        if live.stream_end > self.head:
            self.head = await self._log.head()
        return live.stream_end <= self.head

    def _follow(self, messages: list[Message]) -> list[Recorded]:
        """The events that follow `position` without a gap; drops messages that were read before."""
        followed: list[Recorded] = []
        self.head = max(self.head, messages[-1].sequence + messages[-1].pending) if messages else self.head
        expected = self.position + 1
        for message in messages:
            if message.sequence < expected:
                continue
            event = _event(message)
            if event is None or event.position != expected:
                break
            followed.append(event)
            expected += 1
        return followed

    async def _from_log(self, max_batch: int) -> AsyncGenerator[list[Recorded]]:
        self.head, epoch = await self._log.head(), await self._log.epoch()
        if epoch != self._epoch:
            raise EpochChangedError(f"the log's epoch changed from {self._epoch} to {epoch}")
        if self.head < self.position:
            raise EpochChangedError(
                f"the log ends at {self.head}, before position {self.position}, which was read: an earlier state was restored"
            )
        while self.head > self.position:
            yield self._passed(await self._read(max_batch))
            if self.position >= self.head:
                self.head = await self._log.head()

    async def _read(self, limit: int) -> list[Recorded]:
        """The events after `position`, from Postgres.

        The query also returns the event at `position`, to check that it is the one that was read before: if
        not, the log was restored.
        """
        seen = [] if self._last_id is None else [self._last_id]
        events = await self._log.after(self.position - len(seen), limit + len(seen))
        batch = events[len(seen) :]
        if [event.event_id for event in events[: len(seen)]] != seen:
            raise EpochChangedError(
                f"position {self.position} holds another event than the one read before: an earlier state was restored"
            )
        if not batch or batch[0].position != self.position + 1:
            raise EpochChangedError(
                f"the log has no event at position {self.position + 1}, though it ends at {self.head}"
            )
        return batch

    def _passed(self, batch: list[Recorded]) -> list[Recorded]:
        self.position, self._last_id = batch[-1].position, batch[-1].event_id
        self.head = max(self.head, self.position)
        return batch


def _event(message: Message) -> Recorded | None:
    """The event in a message; None if the relay did not publish it, or not at the sequence of its position.

    In that case the caller reads Postgres to find out which event has this position.
    """
    try:
        event = from_cloudevent(message.payload)
    except MalformedCloudEventError:
        return None
    return event if event.position == message.sequence else None
