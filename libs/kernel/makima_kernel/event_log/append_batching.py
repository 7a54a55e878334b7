"""Which of the waiting commands go into the next call: at most one per stream and command id, and no guard on a stream it writes."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from makima_kernel.event_log.append import Append, Outcome

MAX_BATCH_COMMANDS: Final = 256
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
# A crowd on one stream goes through one by one; looking further than this for company would cost more than it brings.
MAX_SCANNED_COMMANDS: Final = 4 * MAX_BATCH_COMMANDS


@dataclass(slots=True, eq=False)
class PendingAppend:
    """One command on its way, and the future of who waits for its outcome."""

    append: Append
    answer: asyncio.Future[Outcome]


@dataclass(slots=True)
class _Claims:
    """What the commands looked at so far write, guard and are called."""

    written: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    guarded: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    ids: set[tuple[str, UUID]] = field(default_factory=set[tuple[str, UUID]])

    def admit(self, append: Append) -> bool:
        """Whether `append` meets none of the others. Its stream counts as claimed in any case, so that later ones stay behind it."""
        stream = (append.tenant, append.stream)
        command = (append.tenant, append.command_id)
        guard = append.guard and (append.tenant, append.guard[0])
        free = stream not in self.written and stream not in self.guarded and command not in self.ids and guard not in self.written
        self.written.add(stream)
        self.ids.add(command)
        if guard is not None:
            self.guarded.add(guard)
        return free


def take_batch(queue: deque[PendingAppend], most: int = MAX_BATCH_COMMANDS) -> list[PendingAppend]:
    """Removes the next batch, at most `most`, oldest first; what has to wait keeps its order. Whoever gave up is dropped."""
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
