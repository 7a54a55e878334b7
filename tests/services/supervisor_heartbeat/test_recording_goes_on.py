"""What disturbs a recorder costs no heartbeat, and none is kept twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.supervisor import SupervisorState
from makima_supervisor_heartbeat import app
from makima_supervisor_heartbeat.handlers.recorder import lanes_of
from nats.aio.client import Client

from tests.services.supervisor_heartbeat.harness import Fleet, Running, running, supervisor_beat

SENDERS, ROUNDS = 200, 60


@asynccontextmanager
async def recorder_process(settings: Settings) -> AsyncGenerator[asyncio.subprocess.Process]:
    environment = {
        **os.environ,
        "MAKIMA_DATABASE_URL": settings.database_url,
        "MAKIMA_NATS_URL": settings.nats_url,
        "MAKIMA_LOG_LEVEL": "info",  # as it runs: a line of its log has ended it once
        "MAKIMA_STREAM_BUDGET": str(settings.stream_budget),
    }
    command = (sys.executable, "-m", f"makima_{app.NAME}")
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def rounds(fleet: Fleet, first: int, last: int) -> None:
    for turn in range(first, last):
        beats = [supervisor_beat(f"t{number}", seq=turn) for number in range(SENDERS)]
        await asyncio.gather(*(fleet.beat(beat) for beat in beats))


async def test_a_recorder_that_is_killed_in_the_middle_loses_nothing_and_repeats_nothing(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=settings.stream_budget)
    fleet = Fleet(nats, pool, Log(pool))
    publishing = asyncio.create_task(rounds(fleet, 0, ROUNDS))
    for turn in range(4):
        async with recorder_process(settings) as process:

            async def more(
                seen: int = await pool.fetchval("select count(*) from supervisor_heartbeat.heartbeats"),
            ) -> bool:
                return (
                    publishing.done()
                    or await pool.fetchval("select count(*) from supervisor_heartbeat.heartbeats")
                    > seen + 500
                )

            await eventually(more)
            if turn == 3:
                await publishing
                await fleet.recorded()
            process.send_signal(signal.SIGKILL)
            await process.wait()
    kept = [row["sequence"] for row in await fleet.rows()]
    last = (await nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.last_seq
    assert len(kept) == len(set(kept)) == SENDERS * ROUNDS
    assert set(kept) <= set(range(1, last + 1))
    assert await pool.fetchval("select count(*) from supervisor_heartbeat.latest") == SENDERS


async def test_a_recorder_that_was_killed_between_the_commits_of_its_lanes_goes_on(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    """One lane is recorded, of the other nothing: what the first one has is not recorded again, and the
    second lacks nothing.
    """
    async with running(settings, pool, nats) as fleet:
        await rounds(fleet, 0, 1)
        await fleet.recorded()
    rolled_back = lanes_of(range(subjects.SHARDS))[1]
    there = [sequence for sequence, shard in (await shards_of(nats, SENDERS)).items() if shard in rolled_back]
    await pool.execute("delete from supervisor_heartbeat.heartbeats where sequence = any($1)", there)
    await pool.execute("delete from supervisor_heartbeat.latest where sequence = any($1)", there)
    await pool.execute(
        "update supervisor_heartbeat.watermarks set sequence = 0 where shard = any($1)", rolled_back
    )
    assert 0 < len(there) < SENDERS
    async with recorder_process(settings):
        await fleet.recorded()
    kept = [row["sequence"] for row in await fleet.rows()]
    assert len(kept) == len(set(kept)) == SENDERS
    assert await pool.fetchval("select count(*) from supervisor_heartbeat.latest") == SENDERS


async def shards_of(nats: Client, heartbeats: int) -> dict[int, int]:
    """On which shards the first heartbeats of the stream lie, by their sequences."""
    jetstream, found, sequence = nats.jetstream(), dict[int, int](), 0
    while len(found) < heartbeats:
        message = await jetstream.get_msg(
            subjects.HEARTBEATS_STREAM, seq=sequence + 1, next=True, subject="makima.shards.*.supervisor.>"
        )
        assert message.seq is not None
        assert message.subject is not None
        sequence = message.seq
        found[sequence] = int(message.subject.split(".")[2])
    return found


async def test_what_was_read_before_is_not_recorded_again(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    fleet = Fleet(nats, pool, Log(pool))
    for _ in range(3):
        async with running(settings, pool, nats):
            await fleet.beat(supervisor_beat("t1"))
            await fleet.recorded()
    assert len(await fleet.rows()) == 3
    assert len(await fleet.events("supervisor-t1")) == 1


async def test_an_observation_that_was_never_made_is_made_by_the_next_recorder(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    """It died after the commit of a heartbeat and before its event."""
    async with running(settings, pool, nats) as fleet:
        await fleet.beat(supervisor_beat("t1"))
        await fleet.until("supervisor-t1", 1)
        await fleet.recorded()
    await pool.execute("update supervisor_heartbeat.latest set state = 'idle', sequence = sequence + 1")
    async with running(settings, pool, nats) as fleet:
        assert len(await fleet.until("supervisor-t1", 2)) == 2


async def test_one_of_two_replicas_records_and_the_other_takes_over(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats) as first:
        async with running(settings, pool, nats) as second:
            await second.beat(supervisor_beat("t1"))
            await second.recorded()
        await first.beat(supervisor_beat("t1"))
        await first.recorded()
    assert len(await first.rows()) == 2


async def test_a_recorder_whose_connections_are_cut_again_and_again_goes_on(fleet: Running) -> None:
    for turn in range(3):
        await fleet.beat(supervisor_beat("t1", current_activity=f"before {turn}"))
        await fleet.recorded()
        await fleet.pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1",
            f"makima-{app.NAME}-appender",
        )
        await fleet.beat(supervisor_beat("t1", current_activity=f"after {turn}"))
    await fleet.recorded()
    assert [row["activity"] for row in await fleet.rows()] == [
        f"{when} {turn}" for turn in range(3) for when in ("before", "after")
    ]


async def test_senders_clocks_have_no_effect(fleet: Running) -> None:
    for hours in (-1, 1, -1):
        await fleet.beat(supervisor_beat("t1", timestamp=datetime.now(UTC) + timedelta(hours=hours)))
    await fleet.recorded()
    received = [row["received_at"] for row in await fleet.rows()]
    assert len(received) == 3
    assert received == sorted(received)
    assert all(abs(datetime.now(UTC) - each) < timedelta(minutes=1) for each in received)
    await fleet.until("supervisor-t1", 1)
    assert len(await fleet.events("supervisor-t1")) == 1


async def test_duplicates_and_reordered_heartbeats_are_kept_as_they_arrive(fleet: Running) -> None:
    first, second = supervisor_beat("t1", seq=1), supervisor_beat("t1", SupervisorState.IDLE, seq=2)
    for beat in (second, first, first, second, second):
        await fleet.beat(beat)
    await fleet.recorded()
    assert [row["state"] for row in await fleet.rows()] == ["idle", "working", "working", "idle", "idle"]
    latest = await fleet.latest("supervisor-t1")
    assert latest is not None
    assert latest["state"] == "idle"


async def test_a_sender_that_moves_between_daemons_at_once_is_one_sender(fleet: Running) -> None:
    """Its heartbeats come on several subjects, and perhaps in one slice."""
    sequences = await asyncio.gather(
        *(fleet.beat(supervisor_beat("t1"), f"d{number % 10}") for number in range(200))
    )
    await fleet.recorded()
    assert len(await fleet.rows()) == 200
    latest = await fleet.latest("supervisor-t1")
    assert latest is not None
    assert latest["sequence"] == max(sequences)


async def test_an_agents_heartbeat_is_kept(fleet: Running) -> None:
    body = {
        "contract_id": "c1",
        "role": "builder",
        "connection_id": "a",
        "seq": 1,
        "timestamp": datetime.now(UTC),
        "child": {"pid": 7, "command": "make", "cpu_seconds": 1.5},
    }
    await fleet.publish(subjects.agent_heartbeat(None, "c1", "builder"), msgspec.json.encode(body))
    await fleet.recorded()
    [row] = await fleet.rows()
    child = '{"child":{"pid":7,"command":"make","cpu_seconds":1.5}}'
    assert (row["sender"], row["daemon_id"], row["detail"]) == ("agent-c1:builder", None, child)


async def test_what_only_the_database_refuses_is_set_aside_and_its_neighbours_are_kept(
    fleet: Running,
) -> None:
    await fleet.pool.execute("alter table supervisor_heartbeat.heartbeats add check (activity <> 'poison')")
    beats = [
        supervisor_beat(f"t{number}", current_activity="poison" if number == 7 else "fine")
        for number in range(20)
    ]
    await asyncio.gather(*(fleet.beat(beat) for beat in beats))
    await fleet.recorded()
    assert {row["sender"] for row in await fleet.rows()} == {
        f"supervisor-t{number}" for number in range(20) if number != 7
    }
    [letter] = await fleet.letters()
    assert "the database rejected it" in str(letter["reason"])


async def test_a_stream_that_was_made_anew_is_recorded_from_its_beginning(fleet: Running) -> None:
    for _ in range(5):
        await fleet.beat(supervisor_beat("t1"))
    await fleet.recorded()
    await fleet.nats.jetstream().delete_stream(subjects.HEARTBEATS_STREAM)
    await provision(fleet.nats, fleet.log, budget=0.01)
    await fleet.beat(supervisor_beat("t1", SupervisorState.IDLE))

    async def there() -> bool:
        latest = await fleet.latest("supervisor-t1")
        return latest is not None and latest["state"] == "idle"

    await eventually(there)
    assert len(await fleet.until("supervisor-t1", 2)) == 2
