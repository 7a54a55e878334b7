"""How much of the history is kept: its last day, and no more than there is room for."""

from datetime import UTC, datetime, timedelta

import asyncpg
import orjson
import pytest
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_local.postgres import Postgres
from makima_supervisor_heartbeat.handlers.retention import Retention
from pydantic import ValidationError

DAY = timedelta(hours=24)
PLENTY = 2**40
FILL = """
insert into supervisor_heartbeat.heartbeats (received_at, sequence, sender, activity)
select $1, number, 'supervisor-t1', repeat('x', 1000) from generate_series(1, 1000) as number
"""


async def hours(pool: asyncpg.Pool) -> list[str]:
    """The hours that are kept, as their partitions are called."""
    rows = await pool.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'supervisor_heartbeat.heartbeats'::regclass"
    )
    return sorted(row["name"][-10:] for row in rows)


async def test_old_partitions_are_dropped_and_the_others_stay(pool: asyncpg.Pool) -> None:
    history = Retention(pool, kept=DAY, most_bytes=PLENTY)
    await history.make_room()
    assert await history.ready() is None
    assert await history.drop_old(datetime.now(UTC)) == []
    dropped = await history.drop_old(datetime.now(UTC) + DAY)
    assert len(dropped) == 2
    assert len(await hours(pool)) == 3


async def test_the_oldest_hours_go_where_there_is_no_room_for_them(pool: asyncpg.Pool) -> None:
    now = datetime.now(UTC)
    await Retention(pool, kept=DAY, most_bytes=PLENTY).make_room()
    for hour in range(-2, 1):
        await pool.execute(FILL, now + timedelta(hours=hour))
    megabyte = 1_000_000
    assert await Retention(pool, kept=DAY, most_bytes=5 * megabyte).drop_old(now) == []
    assert len(await Retention(pool, kept=DAY, most_bytes=3 * megabyte).drop_old(now)) == 1
    assert await hours(pool) == [f"{now + timedelta(hours=hour):%Y%m%d%H}" for hour in range(-1, 3)]


async def test_the_hour_that_is_being_written_stays_whatever_its_size(pool: asyncpg.Pool) -> None:
    now = datetime.now(UTC)
    history = Retention(pool, kept=DAY, most_bytes=1)
    await history.make_room()
    await pool.execute(FILL, now)
    await history.drop_old(now)
    assert await hours(pool) == [f"{now + timedelta(hours=hour):%Y%m%d%H}" for hour in range(3)]


async def test_the_last_words_of_those_that_ended_go_with_the_history(pool: asyncpg.Pool) -> None:
    now = datetime.now(UTC)
    told = {
        "supervisor-working": {"state": "working"}, "supervisor-silent": {"state": "interrupted"}, "supervisor-done": {"state": "completed"},
        "daemon-there": {"connected": True}, "daemon-gone": {"connected": False}, "agent-c1:builder": None,
        "agent-c1:works": {"status": "working"}, "agent-c1:left": {"status": "offline"}, "agent-c1:died": {"status": "dead"},
    }  # fmt: skip
    for sender, state in told.items():
        await pool.execute(
            "insert into supervisor_heartbeat.latest (sender, stream_epoch, sequence, received_at) values ($1, 'e1', 1, $2)",
            sender,
            now,
        )
        if state is not None:
            await pool.execute(
                "insert into supervisor_heartbeat.senders values ('default', $1, $2)",
                sender,
                orjson.dumps(state).decode(),
            )
    history = Retention(pool, kept=DAY, most_bytes=PLENTY)

    async def remembered() -> set[str]:
        return {row["sender"] for row in await pool.fetch("select sender from supervisor_heartbeat.latest")}

    await history.forget_ended(now)
    assert await remembered() == set(told)
    await history.forget_ended(now + DAY + timedelta(minutes=1))
    assert await remembered() == {"supervisor-working", "supervisor-silent", "daemon-there", "agent-c1:works"}


async def test_while_the_database_is_away_that_is_the_answer(
    postgres_server: Postgres, database: str
) -> None:
    del database
    async with asyncpg.create_pool(postgres_server.dsn("no_such_database"), min_size=0) as pool:
        assert "cannot be read" in str(await Retention(pool, kept=DAY, most_bytes=PLENTY).ready())


def test_no_more_hours_are_kept_than_may_be_attached() -> None:
    with pytest.raises(ValidationError):
        ContractsSettings(heartbeat_retention_hours=41)
