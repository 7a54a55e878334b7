"""Chooses the queued commands that go into the next call of `event_log.append`.

That function accepts at most one command per stream and per command id in a call, and no guard on a stream
that the same call writes.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from makima_kernel.event_log.append import Append, Outcome

MAX_BATCH_COMMANDS: Final = 256  # per call
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024  # of event JSON per call; a single command may exceed it
# Queue entries inspected per call. Many commands for one stream go one per call; searching a longer queue for
# commands of other streams to fill the call would cost more than it gains.
MAX_SCANNED_COMMANDS: Final = 4 * MAX_BATCH_COMMANDS


@dataclass(slots=True, eq=False)
class PendingAppend:
    """One queued command."""

    append: Append
    # Resolved with the outcome; already done if the caller gave up or timed out.
    answer: asyncio.Future[Outcome]


@dataclass(slots=True)
class _Claims:
    """Streams and command ids of all queue entries inspected so far, each with its tenant."""

    written: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])  # streams they append to
    guarded: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])  # streams they use as guards
    ids: set[tuple[str, UUID]] = field(default_factory=set[tuple[str, UUID]])  # their command ids

    def admit(self, append: Append) -> bool:
        """True if `append` shares no written stream, guard or command id with an entry inspected before.

        It is added to the claims even if not, so that later commands of its stream are not sent before it.
        """
        stream = (append.tenant, append.stream)
        command = (append.tenant, append.command_id)
        guards = {(append.tenant, guard) for guard, _ in append.guards}
        free = (
            stream not in self.written
            and stream not in self.guarded
            and command not in self.ids
            and guards.isdisjoint(self.written)
        )
        self.written.add(stream)
        self.ids.add(command)
        self.guarded |= guards
        return free


def take_batch(queue: deque[PendingAppend], most: int = MAX_BATCH_COMMANDS) -> list[PendingAppend]:
    """Removes from the queue and returns the next batch: at most `most` commands, oldest first.

    Commands that must wait for a later call keep their order. Those whose caller gave up are dropped.
    """
    batch: list[PendingAppend] = []
    behind: list[PendingAppend] = []
    claims = _Claims()
    size = 0
    for _ in range(min(len(queue), MAX_SCANNED_COMMANDS)):
        waiting = queue.popleft()
        if waiting.answer.done():
            continue
        weight = sum(len(event.data) for event in waiting.append.events)
        if batch and size + weight > MAX_BATCH_BYTES:
            queue.appendleft(waiting)
            break
        if claims.admit(waiting.append):
            batch.append(waiting)
            size += weight
        else:
            behind.append(waiting)
        if len(batch) == most:
            break
    queue.extendleft(reversed(behind))
    return batch
