"""Declares all streams of the broker, creates them, and verifies them; services only verify."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID, uuid4

from makima_schemas import subjects
from makima_schemas.envelope import Recorded
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig, SubjectTransform
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from makima_kernel.nats.stream_cursor import EPOCH_KEY
from makima_kernel.nats.stream_members import problems, recreated, updated

SHARDS: Final = subjects.SHARDS
# Bytes. The broker closes a connection for good on one message above its limit, headers included. A command
# may have 512 KiB, a reply 1 MiB.
REQUIRED_MAX_PAYLOAD: Final = 2 * 1024 * 1024
EVENTS_KEPT: Final = timedelta(days=7)
# Events that a new stream is filled with after the old one was lost, at most: what live sockets may ask for,
# in about a minute. Consumers that need older events read them from Postgres.
MAX_REFILLED_EVENTS: Final = 1_000_000

_GIB: Final = 1024**3
_NAME_IN_USE: Final = 10058  # JetStream's error code


class TopologyError(RuntimeError):
    """The broker's streams or limits are not as the services need them; the message says what differs."""


class EventLog(Protocol):
    """The part of `makima_kernel.event_log.log.Log` that provisioning needs."""

    async def epoch(self) -> UUID: ...
    async def head(self) -> int: ...
    async def after(self, position: int, limit: int = ...) -> list[Recorded]: ...


def canary(shard: int) -> str:
    """The subject of a shard's canary. It names the shard itself, so no subject transform applies."""
    return f"makima.shards.{shard}.canary"


def streams(budget: float = 1.0, replicas: int = 1) -> tuple[StreamConfig, ...]:
    """The configuration of every stream.

    `budget` (0 to 1) is the share of the full sizes to reserve; their sum must fit the account's limits and
    the disk. `replicas`: on how many servers of a cluster each is stored.
    """
    return tuple(config.evolve(num_replicas=replicas) for config in _declared(budget))


def _declared(budget: float) -> tuple[StreamConfig, ...]:
    return (
        _stream(
            subjects.EVENTS_STREAM,
            "every event of the log; the stream sequence is the position",
            [subjects.EVENTS],
            kept=EVENTS_KEPT,
            max_bytes=int(4 * _GIB * budget),
        ).evolve(deny_delete=True, deny_purge=True),
        _stream(
            subjects.HEARTBEATS_STREAM,
            "heartbeats and canaries, spread over shards",
            # No wildcard for the canaries: it would also store subjects of no shard, which no consumer reads.
            [subjects.HEARTBEATS, *(canary(shard) for shard in range(SHARDS))],
            kept=timedelta(hours=2),
            max_bytes=int(8 * _GIB * budget),
        ).evolve(
            # `partition` without token indices: `partition(8,1,2,…)` does not map subjects with fewer tokens
            # than its highest index.
            subject_transform=SubjectTransform(
                src=subjects.HEARTBEATS, dest=f"makima.shards.{{{{partition({SHARDS})}}}}.>"
            ),
            allow_msg_ttl=True,
        ),
        _stream(
            subjects.DEAD_LETTERS_STREAM,
            "what could not be processed, with the reason and its origin",
            [subjects.DEAD_LETTERS],
            kept=timedelta(days=30),
            max_bytes=int(_GIB * budget / 2),
        ),
    )


def _stream(
    name: str, description: str, stream_subjects: list[str], *, kept: timedelta, max_bytes: int
) -> StreamConfig:
    return StreamConfig(
        name=name,
        description=description,
        subjects=stream_subjects,
        max_age=kept.total_seconds(),
        max_bytes=max_bytes,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        duplicate_window=120,
        allow_direct=True,
    )


async def provision(nats: Client, log: EventLog, *, budget: float = 1.0, replicas: int = 1) -> None:
    """Creates missing streams, and updates the others to their configuration.

    An existing stream keeps what an operator has raised in it (replicas, size, age), its placement, and the
    epoch it was created with, which the relay compares with the log's. Safe to run repeatedly and by two
    processes at the same time. Raises `TopologyError` if the broker does not do it.
    """
    _require_payload(nats)
    await create_missing(nats, log, budget=budget, replicas=replicas)
    jetstream = nats.jetstream()
    for config in streams(budget, replicas):
        assert config.name is not None
        found = (await jetstream.stream_info(config.name)).config
        with _explained(config):
            await jetstream.update_stream(updated(config, found))


async def create_missing(
    nats: Client,
    log: EventLog,
    *,
    budget: float = 1.0,
    replicas: int = 1,
    like: StreamConfig | None = None,
) -> None:
    """Creates missing streams; the events' stream gets the log's epoch and the right first sequence.

    `like`: the configuration of the events' stream before, of which it keeps what an operator has raised. Raises `TopologyError` if the broker does not do it.
    """
    jetstream = nats.jetstream()
    for config in streams(budget, replicas):
        assert config.name is not None
        if await _exists(jetstream, config.name):
            continue
        if config.name == subjects.EVENTS_STREAM:
            metadata = {EPOCH_KEY: str(await log.epoch())}
            first = await first_position_to_stream(log)
            whole = config if like is None else recreated(config, like)
            await _create(jetstream, whole.evolve(first_seq=first, metadata=metadata))
        else:
            await _create(jetstream, config.evolve(metadata={EPOCH_KEY: str(uuid4())}))


async def first_position_to_stream(log: EventLog, *, now: datetime | None = None) -> int:
    """The oldest position that a new stream should hold.

    Its event is younger than the stream's retention, and at most `REFILLED_AT_MOST` events follow.
    """
    oldest = (now or datetime.now(UTC)) - EVENTS_KEPT
    head = await log.head()
    low, high = max(1, head - MAX_REFILLED_EVENTS + 1), head + 1
    while low < high:
        middle = (low + high) // 2
        found = await log.after(middle - 1, 1)
        if found and found[0].recorded_at < oldest:
            low = middle + 1
        else:
            high = middle
    return low


async def verify(nats: Client) -> None:
    """Raises `TopologyError` unless the broker accepts the largest message and has every stream as
    correctness needs it.
    """
    _require_payload(nats)
    if found := await stream_problems(nats):
        raise TopologyError("; ".join(found))


async def stream_problems(nats: Client) -> list[str]:
    """One sentence for each stream that is missing, and for each member of the others that correctness needs
    otherwise.
    """
    jetstream = nats.jetstream()
    found: list[str] = []
    for wanted in streams():
        assert wanted.name is not None
        try:
            found += problems(wanted, (await jetstream.stream_info(wanted.name)).config)
        except NotFoundError:
            found.append(f"stream {wanted.name} is missing: run `python -m makima_kernel.service.provision`")
    return found


def _require_payload(nats: Client) -> None:
    if nats.max_payload < REQUIRED_MAX_PAYLOAD:
        raise TopologyError(
            f"the broker's max_payload is {nats.max_payload} bytes; makima needs {REQUIRED_MAX_PAYLOAD} or more"
        )


async def _exists(jetstream: JetStreamContext, name: str) -> bool:
    try:
        await jetstream.stream_info(name)
    except NotFoundError:
        return False
    return True


async def _create(jetstream: JetStreamContext, config: StreamConfig) -> None:
    with _explained(config):
        await jetstream.add_stream(config)


@contextmanager
def _explained(config: StreamConfig) -> Generator[None]:
    """Raises a `TopologyError` instead of the broker's refusal; nothing if another process was first."""
    try:
        yield
    except APIError as error:
        if error.err_code == _NAME_IN_USE:
            return
        raise TopologyError(
            f"the broker refuses stream {config.name} with {config.num_replicas} replica(s) and"
            f" {config.max_bytes} bytes: {error.description}; see the settings stream_replicas and stream_budget"
        ) from error
