"""A long stream is folded from its snapshot on, and to the same state as without one, whatever became of it."""

from uuid import uuid4

import asyncpg
import pytest
from makima_contract.domain.decider import ContractDecider
from makima_kernel.commands.snapshot_cache import MIN_SNAPSHOT_BYTES, MIN_SNAPSHOT_EVENTS, fingerprint
from makima_kernel.commands.state_cache import Loaded, StateCache
from makima_kernel.event_log.append import NewEvent
from makima_kernel.event_log.log import PAGE_EVENTS, Log
from makima_kernel.event_log.snapshots import Snapshot, Snapshots
from makima_schemas.codec import encode
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected, DaemonEvent
from makima_schemas.envelope import Recorded

from tests.kernel.commands.toggle_aggregate import OFF, Toggle
from tests.kernel.event_log.append_builders import call, command

STREAM = "daemon-toggle"
LENGTH = MIN_SNAPSHOT_EVENTS + 1
OFF_EVENT = DaemonDisconnected(OFF.evidence)


class CountingLog(Log):
    """Counts the events that it hands out, in all and at most at once."""

    read, most = 0, 0

    async def stream(
        self, tenant: str, stream: str, after: int = 0, limit: int | None = None
    ) -> list[Recorded]:
        events = await super().stream(tenant, stream, after, limit)
        self.read += len(events)
        self.most = max(self.most, len(events))
        return events


def recorded(event: DaemonEvent) -> NewEvent:
    return NewEvent(uuid4(), type(event).__name__, 1, encode(event))


async def loaded(pool: asyncpg.Pool) -> tuple[Loaded[bool], int]:
    """What a process that has just started folds, and how many events it reads for it."""
    log = CountingLog(pool)
    states: StateCache[bool, DaemonEvent] = StateCache(Toggle(), log, lambda: 0)
    return await states.load("default", STREAM), log.read


@pytest.fixture
async def lit(pool: asyncpg.Pool) -> asyncpg.Pool:
    """A log with a long stream at whose end the toggle is on, and no snapshot yet."""
    await call(
        pool,
        command(
            STREAM, *(recorded(OFF_EVENT if number % 2 else DaemonConnected("a")) for number in range(LENGTH))
        ),
    )
    return pool


async def poison(pool: asyncpg.Pool, by: str) -> None:
    """The truth is that the toggle is on: whoever believes this one is found out."""
    [last] = await Log(pool).stream("default", STREAM, after=LENGTH - 1)
    await Snapshots(pool, by).save("default", STREAM, Snapshot(LENGTH, last.event_id.bytes + b"false"))


async def test_a_long_stream_is_read_from_its_snapshot_on(lit: asyncpg.Pool) -> None:
    assert await loaded(lit) == (Loaded(LENGTH, True, 0), LENGTH)
    await call(lit, command(STREAM, recorded(OFF_EVENT)))
    assert await loaded(lit) == (Loaded(LENGTH + 1, False, 0), 2), (
        "the event that vouches for the snapshot, and the new one"
    )


async def test_a_stream_is_never_in_memory_as_a_whole(lit: asyncpg.Pool) -> None:
    log = CountingLog(lit)
    states: StateCache[bool, DaemonEvent] = StateCache(Toggle(), log, lambda: 0)
    assert await states.load("default", STREAM) == Loaded(LENGTH, True, 0)
    assert log.most == PAGE_EVENTS < LENGTH


async def test_a_few_large_events_leave_a_snapshot(pool: asyncpg.Pool) -> None:
    hostname = "h" * (MIN_SNAPSHOT_BYTES // 8)
    for _ in range(9):
        await call(pool, command(STREAM, recorded(DaemonConnected(hostname))))
    assert await loaded(pool) == (Loaded(9, True, 0), 9)
    assert await loaded(pool) == (Loaded(9, True, 0), 1), "the event that vouches for the snapshot"


async def test_a_short_stream_leaves_none(pool: asyncpg.Pool) -> None:
    await call(pool, command(STREAM, *(recorded(DaemonConnected("a")) for _ in range(MIN_SNAPSHOT_EVENTS))))
    await loaded(pool)
    assert await pool.fetchval("select count(*) from event_log.snapshots") == 0


async def test_a_snapshot_of_ones_own_code_is_believed(lit: asyncpg.Pool) -> None:
    await poison(lit, fingerprint(Toggle))
    assert (await loaded(lit))[0] == Loaded(LENGTH, False, 0), "else the next two tests would show nothing"


async def test_a_snapshot_of_other_code_changes_nothing(lit: asyncpg.Pool) -> None:
    await poison(lit, fingerprint(ContractDecider))
    assert (await loaded(lit))[0] == Loaded(LENGTH, True, 0)
    assert await loaded(lit) == (Loaded(LENGTH, True, 0), 1), "and was replaced"


async def test_a_snapshot_of_another_past_changes_nothing(lit: asyncpg.Pool) -> None:
    await Snapshots(lit, fingerprint(Toggle)).save(
        "default", STREAM, Snapshot(LENGTH, uuid4().bytes + b"false")
    )
    assert (await loaded(lit))[0] == Loaded(LENGTH, True, 0)


@pytest.mark.parametrize("state", [b"", b"short", bytes(16) + b"{", bytes(16) + b'"on"'])
async def test_a_snapshot_that_cannot_be_read_changes_nothing(lit: asyncpg.Pool, state: bytes) -> None:
    await Snapshots(lit, fingerprint(Toggle)).save("default", STREAM, Snapshot(LENGTH, state))
    assert (await loaded(lit))[0] == Loaded(LENGTH, True, 0)


async def test_a_deleted_snapshot_changes_nothing(lit: asyncpg.Pool) -> None:
    before, _ = await loaded(lit)
    await lit.execute("delete from event_log.snapshots")
    assert await loaded(lit) == (before, LENGTH)


async def test_without_the_table_states_come_from_the_log(lit: asyncpg.Pool) -> None:
    await lit.execute("drop table event_log.snapshots")
    assert await loaded(lit) == (Loaded(LENGTH, True, 0), LENGTH)
