"""Stores the folded states of long streams in Postgres,
so that a cold start need not fold them from the beginning.
"""

import hashlib
import inspect
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import makima_schemas
import structlog
from makima_schemas.codec import adapter

from makima_kernel.commands import lifecycle
from makima_kernel.commands.decider import Fold
from makima_kernel.event_log.errors import DATA_REFUSED, DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.snapshots import Snapshot

S = TypeVar("S")

# Folding fewer events, and fewer bytes of them, costs less than storing and loading a snapshot.
MIN_SNAPSHOT_EVENTS: Final = 200
MIN_SNAPSHOT_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept(Generic[S]):
    """A decoded snapshot.

    The caller must check that the log still has the event `event_id` at `version`. A restored log may have
    another one there, and then the stream was never in this state.
    """

    version: int  # of the last event that was folded
    event_id: UUID  # of that event
    state: S


class SnapshotCache(Generic[S]):
    """The snapshots of one aggregate.

    Only a cache: if one cannot be read or written, the caller folds the log.
    """

    def __init__(self, decider: Fold[S, Any], log: Log) -> None:
        self._snapshots = log.snapshots(fingerprint(type(decider)))
        self._type = type(decider.initial)

    async def load(self, tenant: str, stream: str) -> Kept[S] | None:
        """The snapshot of a stream; None if there is none or if it cannot be read, which is logged."""
        try:
            snapshot = await self._snapshots.load(tenant, stream)
            if snapshot is None:
                return None
            event_id, state = snapshot.state[:16], snapshot.state[16:]
            return Kept(snapshot.version, UUID(bytes=event_id), decode_state(self._type, state))
        except (*DATABASE_UNAVAILABLE, *DATA_REFUSED) as error:
            structlog.get_logger().warning("snapshot.unreadable", stream=stream, reason=repr(error))
            return None

    async def save(self, tenant: str, stream: str, kept: Kept[S]) -> None:
        """Stores a snapshot. A database error is logged, not raised."""
        state = kept.event_id.bytes + encode_state(kept.state)
        try:
            await self._snapshots.save(tenant, stream, Snapshot(kept.version, state))
        except (*DATABASE_UNAVAILABLE, *DATA_REFUSED) as error:
            structlog.get_logger().warning("snapshot.not_saved", stream=stream, reason=repr(error))


def encode_state(state: object) -> bytes:
    """A state as JSON."""
    return adapter(type(state)).dump_json(state)


def decode_state(cls: type[S], state: bytes) -> S:
    """The inverse of `encode_state`. Raises `ValueError`."""
    return adapter(cls).validate_json(state, strict=True)


@cache
def fingerprint(decider: type) -> str:
    """A hash of all code that affects a folded state: the decider's package,
    makima_schemas and `lifecycle.py`.

    A snapshot with another fingerprint may differ from what this code would fold, so it is ignored.
    """
    folders = Path(inspect.getfile(decider)).parent, Path(inspect.getfile(makima_schemas)).parent
    sources = [file for folder in folders for file in sorted(folder.rglob("*.py"))] + [
        Path(inspect.getfile(lifecycle))
    ]
    digest = hashlib.sha256(f"{decider.__module__}.{decider.__qualname__}".encode())
    for source in sources:
        digest.update(b"\0" + source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
