"""What is appended to the log, and the possible answers: the typed face of `append.sql`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson
import uuid_utils
from makima_schemas.codec import Event, write
from makima_schemas.envelope import EventMeta
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

SQL: Final = Path(__file__).with_suffix(".sql").read_text()

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event before it has a place in the log; `data` is its JSON."""

    event_id: UUID
    type: str
    schema: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """What one command records on one stream, maybe nothing.

    `expected` is the stream's version that the decision was made on (`None`: any). `guard` names another stream of the
    tenant that must still be at the given version. `request_hash` tells a repeat from another request under the same id.
    """

    tenant: str
    stream: str
    command_id: UUID
    request_hash: bytes
    expected: int | None
    events: tuple[NewEvent, ...]
    meta: EventMeta
    guard: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """Stored. `version` is the stream's, `position` the log's after it; `first_position` is `position + 1` where there was no event."""

    version: int
    position: int
    first_position: int

    @property
    def changed(self) -> bool:
        return self.first_position <= self.position


@dataclass(frozen=True, slots=True)
class Duplicate:
    """This command id was stored before, for the same request: its first answer."""

    version: int
    position: int
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Conflict:
    """The stream is at version `actual`, not the expected one. Nothing was stored."""

    actual: int


@dataclass(frozen=True, slots=True)
class GuardConflict:
    """The guarding stream is at version `actual`, not the expected one. Nothing was stored."""

    actual: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """An event, or all events of the command, exceed `limit` bytes of JSON. Nothing was stored."""

    limit: int


@dataclass(frozen=True, slots=True)
class KeyReused:
    """This command id was stored before, for another request. Nothing was stored."""


Outcome = Appended | Duplicate | Conflict | GuardConflict | TooLarge | KeyReused


def new_event(event: Event) -> NewEvent:
    """The event encoded under a fresh uuid7. Raises `Refused` for text with the character NUL, which no Postgres text can hold."""
    schema, data = write(event)
    if b"\\u0000" in data and _NUL.search(data):
        raise Refused(ErrorCode.INVALID_REQUEST, "the character NUL cannot be stored", hint="remove \\u0000 from the text")
    return NewEvent(UUID(bytes=uuid_utils.uuid7().bytes), type(event).__name__, schema, data)


def arguments(batch: Sequence[Append]) -> tuple[object, ...]:
    """The parameters of `append.sql`: parallel arrays of the commands, then of all their events in the same order."""
    events = [event for append in batch for event in append.events]
    return (
        [append.tenant for append in batch],
        [append.stream for append in batch],
        [append.command_id for append in batch],
        [append.request_hash for append in batch],
        [append.expected for append in batch],
        [append.guard and append.guard[0] for append in batch],
        [append.guard and append.guard[1] for append in batch],
        [orjson.dumps(append.meta).decode() for append in batch],
        [len(append.events) for append in batch],
        [event.event_id for event in events],
        [event.type for event in events],
        [event.schema for event in events],
        [event.data.decode() for event in events],
    )


def outcome(status: str, version: int, first_position: int, position: int) -> Outcome:
    """One row of the function's answer."""
    match status:
        case "ok":
            return Appended(version, position, first_position)
        case "duplicate":
            return Duplicate(version, position, first_position <= position)
        case "conflict":
            return Conflict(version)
        case "guard_conflict":
            return GuardConflict(version)
        case "too_large":
            return TooLarge(version)
        case "key_reused":
            return KeyReused()
        case _:
            raise ValueError(f"event_log.append answered {status!r}, which this build does not know")
