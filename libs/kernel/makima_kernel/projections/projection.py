"""What a projection is, and which events of a batch concern it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
from makima_schemas.codec import CLASS_BY_NAME, EVENT_CLASSES, Event, UndecodableError, UnknownEventError, decode
from makima_schemas.envelope import Recorded

_CATEGORY: Final = {cls: category for category, classes in EVENT_CLASSES.items() for cls in classes}


class Applied(msgspec.Struct, frozen=True, gc=False):
    """An event with its place in the log."""

    recorded: Recorded
    event: Event


class Projection(Protocol):
    """A read model: the fold of the events it subscribes to, in tables of its own.

    `name` is the consumer's; `tables` of Postgres schema `schema` are what a rebuild makes anew. An event of the categories
    of `events` whose type or schema number this build does not know stops the projection: it must not guess.
    """

    @property
    def name(self) -> str: ...
    @property
    def schema(self) -> str: ...
    @property
    def tables(self) -> tuple[str, ...]: ...
    @property
    def events(self) -> frozenset[type]: ...

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        """Set-based, within a transaction. Table names stand without a schema: they may be the live or the rebuilt ones."""
        ...


@dataclass(slots=True)
class DecodedBatch:
    """A batch up to `position` and its event (None: nothing of it): what to apply, what cannot be read, and why it ends before the batch does (`unknown`)."""

    position: int
    event_id: UUID | None = None
    applied: list[Applied] = field(default_factory=list[Applied])
    undecodable: list[tuple[Recorded, UndecodableError]] = field(default_factory=list[tuple[Recorded, UndecodableError]])
    unknown: str | None = None


def decode_batch(projection: Projection, batch: Sequence[Recorded]) -> DecodedBatch:
    """What of a batch concerns the projection."""
    categories = {_CATEGORY[cls] for cls in projection.events}
    wanted = {name for name, cls in CLASS_BY_NAME.items() if cls in projection.events}
    sifted = DecodedBatch(batch[0].position - 1)
    for recorded in batch:
        if recorded.type in wanted or (recorded.type not in CLASS_BY_NAME and recorded.category in categories):
            try:
                sifted.applied.append(Applied(recorded, decode(recorded.type, recorded.schema, recorded.data)))
            except UndecodableError as error:
                sifted.undecodable.append((recorded, error))
            except UnknownEventError as error:
                sifted.unknown = f"stopped before position {recorded.position}: {error}"
                return sifted
        sifted.position, sifted.event_id = recorded.position, recorded.event_id
    return sifted
