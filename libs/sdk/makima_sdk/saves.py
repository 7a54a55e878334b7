"""The save points of a supervisor: what it needs to go on after its machine was lost."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import orjson

from makima_sdk.outbox import SpoolingOutbox
from makima_sdk.paths import path
from makima_sdk.spool import STEP

SAVE: Final = "save"
# Of the messages in one save, as it takes them: JSON text within JSON. A save may have 255 KiB of that
# (makima_schemas.saved_state.MAX_SAVE_BYTES).
MAX_MESSAGES_BYTES: Final = 240 * 1024
# Members that say whose save it is: a checkpoint, which may have any others, would lose them.
RESERVED: Final = frozenset({"kind", "connection_id", "task_id"})

Json = Mapping[str, object]


class Saves:
    """Each method saves one thing, in order, and returns the version that it made; None: makima is away, and the save
    is kept in the spool. They raise `ProblemError` for a save that is refused, `AgentLostError`, `SpoolFullError`.
    """

    def __init__(
        self, contract_id: str, connection_id: str, task_id: str | None, outbox: SpoolingOutbox
    ) -> None:
        self._route = path("contracts", contract_id, "supervisor", "state")
        self._connection_id = connection_id
        self._task_id = task_id
        self._outbox = outbox

    async def conversation(self, messages: Sequence[Json]) -> int | None:
        """New messages of its conversation, oldest first; many are saved in parts. One message must fit into a save:
        keep a larger one elsewhere, and save a reference to it.
        """
        version = None
        for part in _parts(messages):
            version = await self._save("conversation", {"messages": part})
        return version

    async def task_spawned(self, task_id: str) -> int | None:
        """A task that it has created."""
        return await self._save("task_spawned", {"task_id": task_id})

    async def waiting_on(self, task_ids: Sequence[str]) -> int | None:
        """The tasks that it waits for; none: it waits no longer."""
        return await self._save("waiting_on", {"task_ids": list(task_ids)})

    async def question(self, question: Json) -> int | None:
        """A question that it has asked, with its `question_id`; or, with an `answer`, that it is answered."""
        return await self._save("question", question)

    async def phase(self, phase: str) -> int | None:
        return await self._save("phase", {"phase": phase})

    async def checkpoint(self, checkpoint: Json) -> int | None:
        """All that it needs to go on: a restoration begins at the newest one. Raises `ValueError` for members called
        `kind`, `connection_id` or `task_id`, which are the save's own.
        """
        if taken := sorted(RESERVED & checkpoint.keys()):
            raise ValueError(f"a checkpoint has no member {', '.join(taken)}: put it one level deeper")
        return await self._save("checkpoint", checkpoint)

    async def activity(self, activity: str, progress: int | None = None) -> int | None:
        """What it does. While makima is away for too long, the oldest of these are dropped."""
        content = {"activity": activity} | ({} if progress is None else {"progress": progress})
        return await self._save("activity", content, of=STEP)

    async def error(self, message: str) -> int | None:
        return await self._save("error", {"message": message})

    async def _save(self, kind: str, content: Json, *, of: str = SAVE) -> int | None:
        named = {"kind": kind, "connection_id": self._connection_id, "task_id": self._task_id}
        given = {name: value for name, value in named.items() if value is not None}
        # The task of `task_spawned` is the one that was spawned.
        answer = await self._outbox.deliver(of, self._route, {**given, **content})
        return None if answer is None else cast("int | None", answer.body.get("version"))


def _parts(messages: Sequence[Json]) -> Iterator[list[Json]]:
    """The messages in parts that each fit into one save; a message that is too large comes alone."""
    part: list[Json] = []
    size = 0
    for message in messages:
        bytes_ = _size(message) + 1
        if part and size + bytes_ > MAX_MESSAGES_BYTES:
            yield part
            part, size = [], 0
        part.append(message)
        size += bytes_
    if part:
        yield part


def _size(message: Json) -> int:
    """The bytes that it takes in a save: quotes and line ends take two there."""
    return len(orjson.dumps(orjson.dumps(message).decode()))
