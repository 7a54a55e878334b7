"""Request and response schemas of what supervisors save, of restorations and of syncs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Self, cast

import orjson
from makima_schemas import heartbeat
from makima_schemas.contract.model import Id, QuestionType
from makima_schemas.supervisor import RestorationOutcome, SaveKind
from pydantic import ConfigDict, Field, Strict, model_validator

from makima_gateway.http.bodies import Body, Text

Json = dict[str, object]

MAX_LISTED: Final = 1000  # messages, tasks or options in one save
# The members that a kind requires, and those that it may have besides. A checkpoint may have any.
MEMBERS: Final[dict[SaveKind, tuple[frozenset[str], frozenset[str]]]] = {
    "conversation": (frozenset({"messages"}), frozenset()),
    "task_spawned": (frozenset({"task_id"}), frozenset()),
    "waiting_on": (frozenset({"task_ids"}), frozenset()),
    "question": (frozenset(), frozenset({"question_id", "question", "question_type", "options", "answer"})),
    "phase": (frozenset({"phase"}), frozenset()),
    "activity": (frozenset({"activity"}), frozenset({"progress"})),
    "error": (frozenset(), frozenset({"message"})),
}
ABOUT: Final = frozenset({"kind", "connection_id"})  # members that are not saved


class StateSave(Body):
    """One save. Each `kind` has members of its own; a checkpoint has whatever the supervisor needs to go on from it.

    | kind | members | says |
    |---|---|---|
    | `conversation` | `messages` | these follow on those saved before |
    | `task_spawned` | `task_id` | |
    | `waiting_on` | `task_ids` | it waits for these now; none: for nothing |
    | `question` | `question_id?`, `question`, `question_type?`, `options?`, `answer?` | it is pending; with an answer: not any more |
    | `phase` | `phase` | |
    | `activity` | `activity`, `progress?` | |
    | `error` | `message?` | without a message there is none any more |
    | `checkpoint` | any | a restoration can go back to it, and shows the conversation since |
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: SaveKind
    connection_id: Id | None = Field(
        None, description="of the process that saves; a fenced one saves nothing"
    )
    messages: Annotated[tuple[Json, ...], Field(max_length=MAX_LISTED)] | None = None
    task_id: Id | None = Field(
        None, description="of `task_spawned`: that task; else the supervisor's, as the query's"
    )
    task_ids: Annotated[tuple[Id, ...], Field(max_length=MAX_LISTED)] | None = None
    question_id: Id | None = None
    question: Text | None = None
    question_type: QuestionType | None = None
    options: Annotated[tuple[Text, ...], Field(max_length=MAX_LISTED)] | None = None
    answer: Text | None = None
    phase: Id | None = None
    activity: Annotated[Text, Field(max_length=heartbeat.MAX_ACTIVITY)] | None = None
    progress: Annotated[int, Strict(), Field(ge=0, le=100)] | None = Field(None, description="percent")
    message: Text | None = None

    @model_validator(mode="after")
    def _as_its_kind(self) -> Self:
        if self.kind in MEMBERS:
            required, optional = MEMBERS[self.kind]
            given = self.members().keys()
            if missing := sorted(required - given):
                raise ValueError(f"a save of kind {self.kind} needs {', '.join(missing)}")
            if unknown := sorted(given - required - optional):
                raise ValueError(f"a save of kind {self.kind} has no {', '.join(unknown)}")
            if self.kind == "question" and self.question_id is None and self.question is None:
                raise ValueError("a save of kind question needs question_id or question")
        self.content()
        return self

    @property
    def supervisors_task(self) -> str | None:
        """Which supervisor saves; the `task_id` of a task that it spawned is not its own."""
        return None if self.kind == "task_spawned" else self.task_id

    def members(self) -> Json:
        """What is saved."""
        about = ABOUT if self.kind == "task_spawned" else ABOUT | {"task_id"}
        members = cast("Json", self.model_dump(exclude=set(about)))
        return {name: value for name, value in members.items() if value is not None}

    def content(self) -> str:
        """As JSON text. Raises `ValueError` for what JSON of 64 bits cannot say."""
        try:
            return orjson.dumps(self.members()).decode()
        except TypeError as error:  # as what orjson raises for a large number or a lone surrogate
            raise ValueError(f"it cannot be saved: {error}") from error


@dataclass(frozen=True, slots=True)
class StateSaved:
    version: int  # of the supervisor's stream, by which `GET …/supervisor/state` names it


@dataclass(frozen=True, slots=True)
class SavedPart:
    """One save."""

    version: int  # of the supervisor's stream
    saved_at: datetime
    connection_id: str | None  # of the process that saved
    kind: SaveKind
    number: int  # of this save, from 1
    previous_hash: str  # of the save after which it came; empty: it is the first, or follows a new beginning
    hash: str
    intact: bool  # False: it is not what was saved
    content: Json | str  # a text, if it is no JSON any more


@dataclass(frozen=True, slots=True)
class SavedPage:
    items: list[SavedPart]
    next_cursor: str | None


class Restoration(Body):
    """Asks for the supervisor. The daemon runs it under `connection_id`, a new one for a new process."""

    daemon_id: Id
    connection_id: Id
    task_id: Id | None = Field(None, description="default: the contract's supervisor")


@dataclass(frozen=True, slots=True)
class LastCheckpoint:
    version: int  # of the supervisor's stream
    saved_at: datetime
    checkpoint: Json  # as it was saved


@dataclass(frozen=True, slots=True)
class PendingQuestion:
    question: str
    question_id: str | None = None
    question_type: QuestionType = "text"
    options: list[str] | None = None


@dataclass(frozen=True, slots=True)
class RestoredSupervisor:
    """What the supervisor goes on from. It is in force once a heartbeat of the connection has come."""

    task_id: str
    outcome: RestorationOutcome
    warning: str | None
    state: (
        str  # to go on with: waiting_for_user with pending questions, waiting_for_tasks with tasks waited on
    )
    phase: str
    progress: int | None  # percent
    current_activity: str | None
    conversation_history: list[Json]  # the newest messages since the checkpoint, oldest first
    truncated: bool  # older messages since the checkpoint were left out
    cursor: str | None  # if so: where `GET …/supervisor/state` begins with them
    pending_questions: list[PendingQuestion]
    spawned_task_ids: list[str]
    waiting_on_task_ids: list[str]  # without those that are finished
    last_checkpoint: LastCheckpoint | None
    error: str | None
    context: str  # the same in words, for the model
    created_at: datetime | None  # of the first save
    updated_at: datetime | None  # of the newest one, or of the newest heartbeat


@dataclass(frozen=True, slots=True)
class Synced:
    synced: bool  # False: no heartbeat came within 5 s
    state: str
