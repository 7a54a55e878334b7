"""Records a group of shards: reads them in order from where the database says, and writes while it reads on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from makima_kernel.bus.cursor import EPOCH_KEY, Ephemeral
from makima_kernel.bus.message import Message
from makima_kernel.bus.pull import PullLoop
from makima_kernel.bus.topology import SHARDS, shard_filter
from makima_kernel.service import metrics
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.supervisor_heartbeat.domain.slices import Reader, Slice
from services.supervisor_heartbeat.handlers.set_aside import SetAside
from services.supervisor_heartbeat.handlers.store import LostShardsError, Place, Store

BATCH: Final = 2000
LINGER_SECONDS: Final = 0.025  # a quiet system commits its canaries forty times a second, not once for each
_REST: Final = 0.5
_STANDBY: Final = 1.0

Connect = Callable[[], Awaitable[asyncpg.Connection]]
TROUBLE: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, NatsError, LostShardsError)

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Group:
    """Shards that one loop records; `number` tells the groups apart."""

    number: int
    shards: tuple[int, ...]

    @property
    def filters(self) -> tuple[str, ...]:
        return tuple(shard_filter(shard) for shard in self.shards)


def groups(shards: int = SHARDS, count: int = 2) -> tuple[Group, ...]:
    """Two loops write through two connections: the database is what limits one of them."""
    size = shards // count
    return tuple(Group(number, tuple(range(number * size, (number + 1) * size))) for number in range(count))


class Recorder:
    """One loop for one group; of all replicas, the one that holds the group's lock in Postgres.

    `taken` is called when the group has become ours, before anything is read; `recorded` after each commit.
    """

    def __init__(
        self,
        group: Group,
        nats: Client,
        connect: Connect,
        reader: Reader,
        set_aside: SetAside,
        *,
        owner: str,
        taken: Callable[[str], Awaitable[None]],
        recorded: Callable[[Slice], None],
        make_room: Callable[[], Awaitable[None]],
        patience: float = 0.0,
    ) -> None:
        """`patience`: seconds to leave the group to others, at the start. `make_room` sees to the partitions."""
        self._group, self._nats, self._connect, self._reader, self._set_aside = group, nats, connect, reader, set_aside
        self._owner, self._taken, self._recorded, self._make_room, self._patience = owner, taken, recorded, make_room, patience
        self._loop: PullLoop | None = None
        self._problem: str | None = "not started yet"

    async def check(self) -> str | None:
        """None: recording, or standing by for another replica that does."""
        return self._problem or (self._loop.problem if self._loop is not None else None)

    async def run(self) -> None:
        """Until cancelled. Whatever goes wrong is told by `check()`; the database knows from where to go on."""
        await asyncio.sleep(self._patience)
        while True:
            try:
                async with self._store() as store:
                    if store is None:
                        self._problem = None
                        await asyncio.sleep(_STANDBY)
                    else:
                        await self._record(store)
            except TROUBLE as error:
                self._problem = f"group {self._group.number} is not recorded: {error!r}"
                _logger.warning("recorder.interrupted", group=self._group.number, reason=repr(error))
                await asyncio.sleep(_REST)
            finally:
                self._loop = None

    @asynccontextmanager
    async def _store(self) -> AsyncGenerator[Store | None]:
        """The lock lives and dies with the connection that writes."""
        connection = await self._connect()
        try:
            store = Store(connection, self._group.shards, self._owner)
            yield store if await store.lock(self._group.number) else None
        finally:
            connection.terminate()

    async def _record(self, store: Store) -> None:
        await self._make_room()
        await store.prepare()
        places = await store.own()
        info = await self._nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
        epoch = (info.config.metadata or {}).get(EPOCH_KEY) or str(info.created)
        await self._taken(epoch)
        here = [place.sequence if place.stream_epoch == epoch else 0 for place in places.values()]
        # A broker that lost power gives its last sequences out again; they are other heartbeats then.
        after = min(*here, info.state.last_seq) if here else 0
        _logger.info("recorder.taken", group=self._group.number, shards=self._group.shards, stream_epoch=epoch, after=after)
        if info.state.first_seq > after + 1 and after:
            _logger.error("heartbeats.lost", group=self._group.number, after=after, first=info.state.first_seq)
        name = f"recorder-{self._group.number}"
        self._loop = PullLoop(
            self._nats,
            subjects.HEARTBEATS_STREAM,
            Ephemeral(name, after=after),
            filters=self._group.filters,
            batch=BATCH,
            linger=LINGER_SECONDS,
        )
        ahead = {
            shard: place for shard, place in places.items() if place.stream_epoch == epoch and after < place.sequence <= info.state.last_seq
        }
        self._problem = None
        await self._pipe(self._loop, store, ahead)

    async def _pipe(self, loop: PullLoop, store: Store, ahead: dict[int, Place]) -> None:
        """Two slices at a time: one on its way into the database, one being read."""
        queue: asyncio.Queue[Slice] = asyncio.Queue(maxsize=1)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(store, queue))
                group.create_task(self._read(loop, queue, ahead))
        except* TROUBLE as errors:
            raise errors.exceptions[0] from errors

    async def _read(self, loop: PullLoop, queue: asyncio.Queue[Slice], ahead: dict[int, Place]) -> None:
        async with aclosing(loop.batches()) as batches:
            async for batch in batches:
                messages = [message for message in batch if not _recorded_before(message, ahead)] if ahead else batch
                if messages:
                    await queue.put(self._reader.read(messages, loop.stream_epoch))

    async def _write(self, store: Store, queue: asyncio.Queue[Slice]) -> None:
        while True:
            slice_ = await queue.get()
            await self._commit(store, slice_)
            self._recorded(slice_)

    async def _commit(self, store: Store, slice_: Slice) -> None:
        """What the database does not take is found by halving, and set aside like any other bad heartbeat."""
        await self._set_aside.all(slice_)
        try:
            await store.write(slice_)
            metrics.supervisor_heartbeats.inc(slice_.supervisors)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            await self._make_room()
            if len(slice_.rows) > 1:
                for half in slice_.halves():
                    await self._commit(store, half)
                return
            slice_.aside = [(slice_.messages[0], f"the database does not take it: {error}")]
            slice_.rows, slice_.messages = [], []
            await self._commit(store, slice_)


def _recorded_before(message: Message, ahead: dict[int, Place]) -> bool:
    """Shards that were grouped otherwise before may be ahead of the slowest of the new group."""
    place = ahead.get(int(message.subject.split(".")[2]))
    return place is not None and message.sequence <= place.sequence
