"""The folded states of long streams, kept beside the log so that a cold start need not fold them from the beginning."""

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
from makima_kernel.commands.decider import Decider
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.snapshots import Snapshot

S = TypeVar("S")

MIN_SNAPSHOT_EVENTS: Final = 200  # events: what is folded in fewer costs less than it would to keep


@dataclass(frozen=True, slots=True)
class Kept(Generic[S]):
    """`event_id` is that of the event at `version`. A restored log may have another there: then this was never its state."""

    version: int
    event_id: UUID
    state: S


class SnapshotCache(Generic[S]):
    """A cache, never the truth: what cannot be read, or not be written, is folded from the log."""

    def __init__(self, decider: Decider[S, Any, Any], log: Log) -> None:
        self._snapshots = log.snapshots(fingerprint(type(decider)))
        self._type = type(decider.initial)

    async def load(self, tenant: str, stream: str) -> Kept[S] | None:
        try:
            snapshot = await self._snapshots.load(tenant, stream)
            if snapshot is None:
                return None
            event_id, state = snapshot.state[:16], snapshot.state[16:]
            return Kept(snapshot.version, UUID(bytes=event_id), decode_state(self._type, state))
        except (*DATABASE_UNAVAILABLE, ValueError) as error:
            structlog.get_logger().warning("snapshot.unreadable", stream=stream, reason=repr(error))
            return None

    async def save(self, tenant: str, stream: str, kept: Kept[S]) -> None:
        state = kept.event_id.bytes + encode_state(kept.state)
        try:
            await self._snapshots.save(tenant, stream, Snapshot(kept.version, state))
        except DATABASE_UNAVAILABLE as error:
            structlog.get_logger().warning("snapshot.not_saved", stream=stream, reason=repr(error))


def encode_state(state: object) -> bytes:
    return adapter(type(state)).dump_json(state)


def decode_state(cls: type[S], state: bytes) -> S:
    """The inverse. Raises `ValueError`."""
    return adapter(cls).validate_json(state, strict=True)


@cache
def fingerprint(decider: type) -> str:
    """Of all the code that folds a state or reads the events: the decider's package, the schemas with their numbers, the lifecycle."""
    folders = Path(inspect.getfile(decider)).parent, Path(inspect.getfile(makima_schemas)).parent
    sources = [file for folder in folders for file in sorted(folder.rglob("*.py"))] + [Path(inspect.getfile(lifecycle))]
    digest = hashlib.sha256(f"{decider.__module__}.{decider.__qualname__}".encode())
    for source in sources:
        digest.update(b"\0" + source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
