"""Records heartbeat shards: reads the stream from the recorded offset and writes batches meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

import asyncpg
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE, POSTGRES_REFUSED
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral, Target, begin_epoch, epoch_of
from makima_kernel.telemetry import metrics
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import StreamState

from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.observation_order import ObservationOrder
from makima_supervisor_heartbeat.domain.batching.write_batch import MAX_SLICE_ROWS, WriteBatch
from makima_supervisor_heartbeat.domain.offsets import Offset, StartOffset, start_offset_of
from makima_supervisor_heartbeat.handlers.dead_letters import DeadLetterSink
from makima_supervisor_heartbeat.handlers.shard_writer import ShardOwnershipLostError, ShardWriter, lock

PULL_BATCH_MESSAGES: Final = 3500  # for all lanes together, which get about the same number each
MESSAGES_PER_TURN: Final = 250  # processed without yielding to the event loop: about two milliseconds
# A batch with more rows is written before the next turn.
FULL_SLICE_ROWS: Final = MAX_SLICE_ROWS - MESSAGES_PER_TURN
WRITE_CONNECTIONS: Final = 2  # number of lanes: one Postgres backend writes half as fast as the reader reads
PULL_LINGER_SECONDS: Final = 0.025  # so an idle system commits 40 times a second, not once per canary
_FAILURE_RETRY_SECONDS: Final = 0.5
_SHARDS_RETRY_SECONDS: Final = 1.0

Connect = Callable[[], Awaitable[asyncpg.Connection]]
TROUBLE: Final = (*DATABASE_UNAVAILABLE, NatsError, ShardOwnershipLostError)

_logger = structlog.get_logger(__name__)


def lanes_of(shards: Sequence[int]) -> list[list[int]]:
    """Distribute the shards over the write connections: the shards of each lane."""
    return [list(shards[lane::WRITE_CONNECTIONS]) for lane in range(min(WRITE_CONNECTIONS, len(shards)))]


class Recorder:
    """Records `shards` while this replica holds their advisory locks in Postgres; until then it waits.

    `taken` is called with the stream's epoch after the shards were acquired, before messages are read;
    `recorded` with each batch after its commit, with those observations that are now due; `lost` when it does
    not hold the shards any more; `make_room` creates missing partitions. `owner` identifies
    this replica in `watermarks`.
    """

    def __init__(
        self,
        nats: Client,
        connect: Connect,
        reader: BatchBuilder,
        *,
        shards: Sequence[int],
        owner: str,
        taken: Callable[[str], Awaitable[None]],
        recorded: Callable[[WriteBatch], None],
        lost: Callable[[], None],
        make_room: Callable[[], Awaitable[None]],
    ) -> None:
        self._nats, self._connect, self._reader, self._shards, self._owner = (
            nats,
            connect,
            reader,
            shards,
            owner,
        )
        self._taken, self._recorded, self._make_room = taken, recorded, make_room
        self._lost = lost
        self._lanes = lanes_of(shards)
        self._set_aside = DeadLetterSink(nats)
        self._loop: PullLoop | None = None
        self._problem: str | None = "not started yet"

    async def check(self) -> str | None:
        """None: recording, or waiting while another replica records; else the reason why not."""
        return self._problem or (self._loop.problem if self._loop is not None else None)

    async def run(self) -> None:
        """Record until cancelled. After a failure, `check` reports it and recording resumes from the offset
        in the database.
        """
        while True:
            raise_if_cancelled()
            try:
                async with self._connections(1) as [guard]:
                    await self._stand_by(guard)
                    async with self._connections(len(self._lanes) - 1) as others:
                        await self._record([guard, *others])
            except TROUBLE as error:
                self._problem = f"shards {list(self._shards)} cannot be recorded: {error!r}"
                _logger.warning("recorder.interrupted", shards=self._shards, reason=repr(error))
                await asyncio.sleep(_FAILURE_RETRY_SECONDS)
            finally:
                self._loop = None
                self._lost()

    async def _stand_by(self, guard: asyncpg.Connection) -> None:
        """Wait until the locks of all shards are acquired; they are held until this connection closes."""
        while not await lock(guard, self._shards):
            raise_if_cancelled()
            self._problem = None
            await asyncio.sleep(_SHARDS_RETRY_SECONDS)

    @asynccontextmanager
    async def _connections(self, count: int) -> AsyncGenerator[list[asyncpg.Connection]]:
        connections = list[asyncpg.Connection]()
        try:
            for _ in range(count):
                connections.append(await self._connect())
            yield connections
        finally:
            for connection in connections:
                connection.terminate()

    async def _record(self, connections: list[asyncpg.Connection]) -> None:
        await self._make_room()
        stores = [
            ShardWriter(connection, shards, self._owner)
            for connection, shards in zip(connections, self._lanes, strict=True)
        ]
        places: dict[int, Offset] = {}
        for store in stores:
            await store.prepare()
            places |= await store.own()
        state, epoch = await self._stream(places)
        await self._taken(epoch)
        start = start_offset_of(places, epoch, state.last_seq)
        _logger.info(
            "recorder.shards_acquired",
            shards=self._shards,
            stream_epoch=epoch,
            after=start.after,
            ahead=start.ahead,
        )
        if 0 < start.after < state.first_seq - 1:
            _logger.error("heartbeats.lost", after=start.after, first=state.first_seq)
        # Reads the whole stream, also to record only some shards: with several filters on a consumer, the
        # broker searches all subjects for each message.
        cursor = Ephemeral("recorder", after=start.after)
        self._loop = PullLoop(
            self._nats,
            subjects.HEARTBEATS_STREAM,
            cursor,
            batch=PULL_BATCH_MESSAGES,
            linger=PULL_LINGER_SECONDS,
            marks_losses=True,
        )
        self._problem = None
        await self._pipe(self._loop, stores, start)

    async def _stream(self, places: Mapping[int, Offset]) -> tuple[StreamState, str]:
        """State and epoch of the stream. One that has lost what is recorded of it begins another epoch."""
        info = await self._nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
        epoch = epoch_of(info)
        reached = max(place.sequence if place.stream_epoch == epoch else 0 for place in places.values())
        if reached > info.state.last_seq:
            target = Target(self._nats, subjects.HEARTBEATS_STREAM, ())
            epoch = await begin_epoch(target, info)
            _logger.error(
                "heartbeats.tail_lost", recorded=reached, last=info.state.last_seq, stream_epoch=epoch
            )
        return info.state, epoch

    async def _pipe(self, loop: PullLoop, stores: list[ShardWriter], start: StartOffset) -> None:
        """Read and write concurrently. Per lane one batch is being written and one is queued or being filled.

        Reading is the body of the task group, not one of its tasks. If a task fails after the body has ended,
        Python 3.11 leaves the current task marked as cancelled, and the next `raise_if_cancelled` would end
        the recorder silently.
        """
        queues = [asyncio.Queue[WriteBatch](maxsize=1) for _ in stores]
        order = ObservationOrder(len(stores))
        try:
            async with asyncio.TaskGroup() as group:
                for lane, (store, queue) in enumerate(zip(stores, queues, strict=True)):
                    group.create_task(self._write(lane, store, queue, order))
                await self._read(loop, queues, start)
        except* TROUBLE as errors:
            raise errors.exceptions[0] from errors

    async def _read(
        self, loop: PullLoop, queues: list[asyncio.Queue[WriteBatch]], start: StartOffset
    ) -> None:
        async with aclosing(loop.batches()) as batches:
            async for batch in batches:
                messages = start.unrecorded(batch, loop.stream_epoch)
                if not messages:
                    continue
                slices = self._reader.empty(loop.stream_epoch)
                for first in range(0, len(messages), MESSAGES_PER_TURN):
                    self._reader.fill(slices, messages[first : first + MESSAGES_PER_TURN])
                    # Database replies, verdicts and queries wait for one turn, not for a whole batch.
                    await asyncio.sleep(0)
                    # The lanes got uneven shares.
                    if any(len(slice_.rows) > FULL_SLICE_ROWS for slice_ in slices):
                        await _put(queues, slices)
                        slices = self._reader.empty(loop.stream_epoch)
                await _put(queues, slices)

    async def _write(
        self, lane: int, store: ShardWriter, queue: asyncio.Queue[WriteBatch], order: ObservationOrder
    ) -> None:
        while True:
            raise_if_cancelled()
            slice_ = await queue.get()
            await self._commit(store, slice_)
            slice_.observations = order.committed(lane, slice_.observations)
            self._recorded(slice_)

    async def _commit(self, store: ShardWriter, slice_: WriteBatch) -> None:
        """Write a batch. A row that the database refuses is found by halving the batch, and dead-lettered."""
        await self._set_aside.all(slice_)
        try:
            await store.write(slice_)
            metrics.supervisor_heartbeats.inc(slice_.supervisors)
        except POSTGRES_REFUSED as error:
            await self._make_room()
            if len(slice_.rows) > 1:
                for half in slice_.halves():
                    await self._commit(store, half)
                return
            slice_.aside = [(slice_.messages[0], f"the database rejected it: {error}")]
            slice_.rows, slice_.messages, slice_.supervisors = [], [], 0
            await self._commit(store, slice_)


async def _put(queues: Sequence[asyncio.Queue[WriteBatch]], slices: Sequence[WriteBatch]) -> None:
    for queue, slice_ in zip(queues, slices, strict=True):
        if slice_.sequence:  # 0: no message was filled into it
            await queue.put(slice_)
