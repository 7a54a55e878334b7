"""The protocol of a projection, and the decoding of the events of a batch that it subscribes to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
from makima_schemas.codec import (
    CLASS_BY_NAME,
    EVENT_CLASSES,
    Event,
    UndecodableError,
    UnknownEventError,
    decode,
)
from makima_schemas.envelope import Recorded

_CATEGORY: Final = {cls: category for category, classes in EVENT_CLASSES.items() for cls in classes}


class Applied(msgspec.Struct, frozen=True, gc=False):
    """A decoded event, with its record in the log."""

    recorded: Recorded  # position, stream, metadata, time
    event: Event


class Projection(Protocol):
    """A read model: the fold of the events it subscribes to, in tables of its own.

    `name` is also the consumer's name in the checkpoints. A rebuild replaces `tables` of the Postgres schema
    `schema`. `events` are the event classes to apply. The projection stops at an event of one of their
    categories whose type or schema number this build does not know, because skipping it could make the tables
    wrong. `fold_number` changes with each change of the code or the SQL that could give other rows: tables that
    were folded with another number are rebuilt at the start.
    """

    @property
    def name(self) -> str: ...
    @property
    def schema(self) -> str: ...
    @property
    def tables(self) -> tuple[str, ...]: ...
    @property
    def fold_number(self) -> int: ...
    @property
    def events(self) -> frozenset[type]: ...

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        """Applies the batch to the tables in the caller's transaction, with set-based statements.

        They must name tables without a schema: the search path selects the live or the rebuilt tables.
        """
        ...


@dataclass(slots=True)
class DecodedBatch:
    """The part of a batch that can be processed, decoded and filtered for one projection."""

    position: int  # of the last event of that part
    event_id: UUID | None = None  # the id of that event; None if that part is empty
    applied: list[Applied] = field(default_factory=list[Applied])  # the events to apply
    # Events whose data does not fit their schema: dead-lettered, not applied.
    undecodable: list[tuple[Recorded, UndecodableError]] = field(
        default_factory=list[tuple[Recorded, UndecodableError]]
    )
    # Why the part ends before the batch: the next event is unknown to this build.
    # None: it is the whole batch.
    unknown: str | None = None


def decode_batch(projection: Projection, batch: Sequence[Recorded]) -> DecodedBatch:
    """Decodes those events of a non-empty batch that the projection subscribes to.

    Ends before the first event that is unknown to this build.
    """
    categories = {_CATEGORY[cls] for cls in projection.events}
    wanted = {name for name, cls in CLASS_BY_NAME.items() if cls in projection.events}
    sifted = DecodedBatch(batch[0].position - 1)
    for recorded in batch:
        if recorded.type in wanted or (
            recorded.type not in CLASS_BY_NAME and recorded.category in categories
        ):
            try:
                sifted.applied.append(
                    Applied(recorded, decode(recorded.type, recorded.schema, recorded.data))
                )
            except UndecodableError as error:
                sifted.undecodable.append((recorded, error))
            except UnknownEventError as error:
                sifted.unknown = f"stopped before position {recorded.position}: {error}"
                return sifted
        sifted.position, sifted.event_id = recorded.position, recorded.event_id
    return sifted
