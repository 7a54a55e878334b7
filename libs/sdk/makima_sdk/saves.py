"""The save points of a supervisor: what it needs to go on after its machine was lost."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final, cast

import orjson

from makima_sdk.outbox import SpoolingOutbox
from makima_sdk.paths import path
from makima_sdk.signals import Signal
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
    is kept in the spool, or this process saved the same before (`Supervisor` saves much by itself). They raise
    `ProblemError` for a save that is refused, `AgentLostError`, `SpoolFullError`.
    """

    def __init__(
        self, contract_id: str, connection_id: str, task_id: str | None, outbox: SpoolingOutbox
    ) -> None:
        self._route = path("contracts", contract_id, "supervisor", "state")
        self._connection_id = connection_id
        self._task_id = task_id
        self._outbox = outbox
        self._newest: dict[Hashable, object] = {}  # what was saved last, by what it is about

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

    def keep(self, kind: str, content: Json) -> None:
        """Save it, and wait for nothing. Raises `SpoolFullError`, `SpoolError`."""
        if not self._is_saved(kind, content):
            self._outbox.keep(SAVE, self._route, self._body(kind, content))
            self._note(kind, content)

    def forget_refused(self, signal: Signal) -> None:
        """Handles the signal `refused`: what makima did not take may be saved again."""
        if signal.body.get("route") == self._route:
            content = cast("Json", signal.body["body"])
            self._newest.pop(_about(str(content.get("kind")), content), None)

    def _is_saved(self, kind: str, content: Json) -> bool:
        about = _about(kind, content)
        return about is not None and self._newest.get(about) == _what(kind, content)

    def _note(self, kind: str, content: Json) -> None:
        if (about := _about(kind, content)) is not None:
            self._newest[about] = _what(kind, content)

    async def _save(self, kind: str, content: Json, *, of: str = SAVE) -> int | None:
        if self._is_saved(kind, content):
            return None
        # The signal `refused` comes later than the refusal: noted before, a save that is tried again would be forgotten.
        answer = await self._outbox.deliver(of, self._route, self._body(kind, content))
        self._note(kind, content)
        return None if answer is None else cast("int | None", answer.body.get("version"))

    def _body(self, kind: str, content: Json) -> Json:
        named = {"kind": kind, "connection_id": self._connection_id, "task_id": self._task_id}
        given = {name: value for name, value in named.items() if value is not None}
        return {**given, **content}  # the task of `task_spawned` is the one that was spawned


def _about(kind: str, content: Json) -> Hashable | None:
    """What a save replaces: the newest one about the same is all that counts. None: each one counts."""
    match kind:
        case "phase" | "waiting_on":
            return kind
        case "task_spawned":
            return kind, content.get("task_id")
        case "question":
            about = content.get("question_id")
            return None if about is None else (kind, about)
        case _:
            return None


def _what(kind: str, content: Json) -> object:
    match kind:
        case "phase":
            return content["phase"]
        case "waiting_on":
            return list(cast("Sequence[str]", content["task_ids"]))
        case _:
            return content.get("answer") is not None


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
