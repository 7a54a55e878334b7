"""What a supervisor saved: the chain of its saves, how it is checked, and the state that they fold to.

Every save is an event of the supervisor's stream and carries the hash of the save before it. A restoration that
cannot trust all of them goes back to a checkpoint, or to nothing; from there the chain goes on, and what was saved in
between is left out of the state. It stays in the log. Source of the rules: agents.md, Saved state and restoration.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, cast, get_args

import orjson

from makima_schemas.envelope import Recorded
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from makima_schemas.supervisor import SupervisorSave

MAX_SAVE_BYTES: Final = 255 * 1024  # of a save's content as JSON text in its event, which may have 256 KiB
MAX_HISTORY_BYTES: Final = 1024 * 1024  # of the newest conversation that a restoration answers with
SAVES: Final = frozenset(cls.__name__ for cls in get_args(SupervisorSave))  # event types

Json = dict[str, object]


def size_of(content: str) -> int:
    """The bytes that a save's content takes in its event."""
    return len(orjson.dumps(content))


def refuse_oversize(content: str) -> None:
    """Raises `Refused(PAYLOAD_TOO_LARGE)` for more than one save may have."""
    size = size_of(content)
    if size > MAX_SAVE_BYTES:
        raise Refused(
            ErrorCode.PAYLOAD_TOO_LARGE,
            f"one save may have at most {MAX_SAVE_BYTES} bytes of JSON; this one has {size}",
            hint="save less at a time; keep a large message elsewhere, and save a reference to it",
            limit=MAX_SAVE_BYTES,
        )


def hash_of(previous_hash: str, number: int, connection_id: str | None, kind: str, content: str) -> str:
    """The hash of a save: SHA-256 over its place in the chain and all that it says, in hexadecimal."""
    covered = orjson.dumps([previous_hash, number, connection_id, kind, content])
    return hashlib.sha256(covered).hexdigest()


@dataclass(frozen=True, slots=True)
class Save:
    """One save, as the log has it."""

    version: int  # of the supervisor's stream
    saved_at: datetime
    connection_id: str | None
    kind: str
    content: str  # a JSON object
    number: int
    previous_hash: str
    hash: str

    @property
    def is_intact(self) -> bool:
        """False if it is not what was saved."""
        return self.hash == hash_of(
            self.previous_hash, self.number, self.connection_id, self.kind, self.content
        )


def read_save(recorded: Recorded) -> Save | None:
    """The save that an event tells of; None if it tells of none, or cannot be read as one."""
    if recorded.type not in SAVES:
        return None
    try:
        members = cast("dict[str, str]", orjson.loads(recorded.data))
        return Save(
            recorded.version,
            recorded.recorded_at,
            members.get("connection_id"),
            members["kind"] if recorded.type == "SupervisorSaved" else "checkpoint",
            members["content"],
            cast("int", members["number"]),
            members["previous_hash"],
            members["hash"],
        )
    except (KeyError, ValueError):
        return None


@dataclass(slots=True)
class SavedState:
    """What the saves up to one of them say (plan 3.3, Persistent State Model)."""

    hash: str = ""  # of the newest save; "": nothing was saved
    phase: str | None = None
    phase_version: int = 0  # of the save of the phase
    # By the question's id, or its text where it has none; without those that a later save says are answered.
    questions: dict[str, Json] = field(default_factory=dict[str, Json])
    spawned_task_ids: dict[str, None] = field(default_factory=dict[str, None])
    waiting_on_task_ids: list[str] = field(default_factory=list[str])
    activity: str | None = None
    progress: int | None = None  # percent
    error: str | None = None
    checkpoint: Save | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def copy(self) -> "SavedState":
        return replace(self, questions=dict(self.questions), spawned_task_ids=dict(self.spawned_task_ids))

    def apply(self, save: Save) -> None:
        """Add a save, which is intact and follows the newest one."""
        self.hash, self.updated_at = save.hash, save.saved_at
        self.created_at = self.created_at or save.saved_at
        if save.kind == "conversation":
            return
        if save.kind == "checkpoint":
            self.checkpoint = save
            return
        members = cast("Json", orjson.loads(save.content))
        match save.kind:
            case "task_spawned":
                self.spawned_task_ids[str(members["task_id"])] = None
            case "waiting_on":
                self.waiting_on_task_ids = [str(each) for each in cast("list[object]", members["task_ids"])]
            case "question":
                self._ask(members)
            case "phase":
                self.phase, self.phase_version = str(members["phase"]), save.version
            case "activity":
                self.activity = cast("str | None", members.get("activity"))
                self.progress = cast("int | None", members.get("progress", self.progress))
            case "error":
                self.error = cast("str | None", members.get("message"))
            case _:
                pass

    def _ask(self, members: Json) -> None:
        key = str(members.get("question_id") or members.get("question"))
        if members.get("answer") is None:
            self.questions[key] = members
        else:
            self.questions.pop(key, None)


@dataclass(slots=True)
class SavedHistory:
    """Reads a supervisor's stream in order: checks the chain, and folds what can be trusted."""

    most_bytes: int = MAX_HISTORY_BYTES  # of the conversation that is kept
    state: SavedState = field(default_factory=SavedState)
    # The newest saves of the conversation since the checkpoint, at most `most_bytes`.
    conversation: deque[Save] = field(default_factory=deque[Save])
    truncated: bool = False  # older ones since the checkpoint were left out
    saves: int = 0  # that were read, also those that are left out of the state
    broken_at: Save | None = None  # the first save that is not intact, or does not follow the one before
    # The version of an event that should be a save and cannot be read as one; it breaks the chain as well.
    unreadable_at: int | None = None
    _bytes: int = 0
    _at_checkpoint: SavedState | None = None  # the state as of the newest checkpoint

    @property
    def is_broken(self) -> bool:
        return self.broken_at is not None or self.unreadable_at is not None

    @property
    def break_version(self) -> int | None:
        return self.unreadable_at if self.broken_at is None else self.broken_at.version

    def apply(self, recorded: Recorded) -> None:
        """Add the next event of the stream; events that are no saves and no restorations say nothing here."""
        if recorded.type == "RestorationRequested":
            members = cast("dict[str, str]", orjson.loads(recorded.data))
            if members["outcome"] != "resumed":
                self._go_back(members["base_hash"])
            return
        if recorded.type not in SAVES:
            return
        self.saves += 1
        save = read_save(recorded)
        if self.is_broken:
            return
        if save is None:
            self.unreadable_at = recorded.version
        elif not save.is_intact or save.previous_hash != self.state.hash:
            self.broken_at = save
        else:
            self._add(save)

    def back_to_checkpoint(self) -> None:
        """Leave out what was saved since the newest checkpoint; all of it, if there is none."""
        self._go_back("" if self._at_checkpoint is None else self._at_checkpoint.hash)

    def _add(self, save: Save) -> None:
        self.state.apply(save)
        if save.kind == "checkpoint":
            self._at_checkpoint = self.state.copy()
            self._forget_conversation()
        elif save.kind == "conversation":
            self.conversation.append(save)
            self._bytes += len(save.content)
            while self._bytes > self.most_bytes and len(self.conversation) > 1:
                self._bytes -= len(self.conversation.popleft().content)
                self.truncated = True

    def _go_back(self, base_hash: str) -> None:
        """To the checkpoint with this hash, or to nothing; not to one that is itself behind the break."""
        if not base_hash:
            self.state, self._at_checkpoint = SavedState(), None
        elif self._at_checkpoint is not None and self._at_checkpoint.hash == base_hash:
            self.state = self._at_checkpoint.copy()
        else:
            return
        self.broken_at = self.unreadable_at = None
        self._forget_conversation()

    def _forget_conversation(self) -> None:
        self.conversation.clear()
        self._bytes, self.truncated = 0, False
