"""The types of one append to the log and of its outcomes, and their conversion to and from `append.sql`."""

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

# Matches the JSON escape of NUL, but not an escaped backslash that is followed by the text `u0000`.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event that has no position in the log yet."""

    event_id: UUID  # uuid7
    type: str  # the event's class name, e.g. `ContractPaused`
    schema: int  # the schema number of `data`, from 1
    data: bytes  # the event as JSON


@dataclass(frozen=True, slots=True)
class Append:
    """The events that one command records on one stream; there may be none."""

    tenant: str
    stream: str
    command_id: UUID  # unique per tenant for 30 days: a repeat gets the first answer
    request_hash: bytes  # tells a repeat of the command from another request with the same command id
    expected: int | None  # the stream version that the decision was based on; None accepts any version
    events: tuple[NewEvent, ...]
    meta: EventMeta  # stored with each of the events
    # Other streams of the same tenant, each with the version it must still have when the events are appended.
    guards: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """The command was stored, with its events if it had any."""

    version: int  # of the stream, afterwards
    position: int  # of the last event; without events the log's last position at that moment
    first_position: int  # of the first event; `position + 1` if there were no events

    @property
    def changed(self) -> bool:
        """True if the command recorded an event."""
        return self.first_position <= self.position


@dataclass(frozen=True, slots=True)
class Duplicate:
    """This command id was stored before, for the same request. The fields are those of the first answer."""

    version: int
    position: int
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Conflict:
    """The stream is at version `actual`, which is not the expected one. Nothing was stored."""

    actual: int


@dataclass(frozen=True, slots=True)
class GuardConflict:
    """A guard stream, the first such, is at version `actual`, which is not the expected one. Nothing was stored."""

    actual: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """One event, or the sum of the command's events, exceeds `limit` bytes of JSON. Nothing was stored."""

    limit: int


@dataclass(frozen=True, slots=True)
class KeyReused:
    """This command id was stored before, for a different request. Nothing was stored."""


Outcome = Appended | Duplicate | Conflict | GuardConflict | TooLarge | KeyReused


def new_event(event: Event) -> NewEvent:
    """Encodes the event and gives it a new uuid7.

    Raises `Refused` (INVALID_REQUEST) for a text with the character NUL, which Postgres cannot store.
    """
    schema, data = write(event)
    if b"\\u0000" in data and _NUL.search(data):
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            "the character NUL cannot be stored",
            hint="remove \\u0000 from the text",
        )
    return NewEvent(UUID(bytes=uuid_utils.uuid7().bytes), type(event).__name__, schema, data)


def arguments(batch: Sequence[Append]) -> tuple[object, ...]:
    """The parameters of `append.sql`: parallel arrays of the commands,
    then of their events in the same order.
    """
    events = [event for append in batch for event in append.events]
    guards = [(number, *guard) for number, append in enumerate(batch, 1) for guard in append.guards]
    return (
        [append.tenant for append in batch],
        [append.stream for append in batch],
        [append.command_id for append in batch],
        [append.request_hash for append in batch],
        [append.expected for append in batch],
        [number for number, _, _ in guards],
        [stream for _, stream, _ in guards],
        [version for _, _, version in guards],
        [orjson.dumps(append.meta).decode() for append in batch],
        [len(append.events) for append in batch],
        [event.event_id for event in events],
        [event.type for event in events],
        [event.schema for event in events],
        [event.data.decode() for event in events],
    )


def outcome(status: str, version: int, first_position: int, position: int) -> Outcome:
    """Converts one result row of `event_log.append`.

    Raises `ValueError` for a status that this build does not know.
    """
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
            raise ValueError(
                f"event_log.append returned {status!r}, which this version of makima does not know"
            )
