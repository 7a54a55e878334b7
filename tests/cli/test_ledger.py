"""`makima ledger`: a whole log is called whole, a hole is found, and a new epoch is a new identity."""

import asyncio
from typing import cast

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.testing import eventually
from nats.aio.client import Client

from tests.cli.conftest import Makima, Ran
from tests.cli.contracts import create

HELD_UP = (
    "select exists (select from pg_locks where not granted and relation = 'gateway.contracts'::regclass)"
)


@pytest.fixture
def ledger(makima: Makima, database: str) -> Makima:
    async def run(*arguments: str) -> Ran:
        return await makima("ledger", *arguments, MAKIMA_DATABASE_URL=database)

    return run


def found(ran: Ran) -> dict[str, object]:
    return cast("dict[str, object]", ran.json)


async def test_a_whole_log_is_called_whole(makima: Makima, ledger: Makima) -> None:
    await create(makima, "one", "--start")
    ran = await ledger("verify", "--format", "json")
    assert (ran.exit, found(ran)["events"], found(ran)["head"], found(ran)["problems"]) == (0, 2, 2, [])
    assert (await ledger("verify")).out.endswith("the log is intact\n")


async def test_a_hole_is_found(makima: Makima, ledger: Makima, pool: asyncpg.Pool) -> None:
    await create(makima, "one", "--start")
    await create(makima, "two")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "alter table event_log.events_p000000000000 disable trigger all"
        )  # which refuses it
        await connection.execute("delete from event_log.events where position = 2")
    ran = await ledger("verify", "--format", "json")
    assert ran.exit == 6
    missing, gap = cast("list[str]", found(ran)["problems"])
    assert "1 are missing" in missing
    assert "has a gap" in gap


async def test_a_stream_that_is_not_as_correctness_needs_it_is_found(
    makima: Makima, ledger: Makima, nats: Client
) -> None:
    await create(makima, "one", "--start")
    jetstream = nats.jetstream()
    found = (await jetstream.stream_info("MAKIMA_HEARTBEATS")).config
    await jetstream.update_stream(found.evolve(max_msgs_per_subject=1, max_age=0))
    ran = await ledger("verify")
    assert ran.exit == 6
    assert "stream MAKIMA_HEARTBEATS has max_msgs_per_subject 1" in ran.out
    assert "max_age" not in ran.out, "an operator may keep them for longer"


async def test_an_event_that_is_another_one_in_the_stream_is_found_wherever_it_lies(
    makima: Makima, ledger: Makima, pool: asyncpg.Pool
) -> None:
    await create(makima, "one", "--start")
    await create(makima, "two")

    async def whole() -> bool:
        return (await ledger("verify")).exit == 0

    await eventually(whole, because="all of them are in the stream")
    await pool.execute("alter table event_log.events_p000000000000 disable trigger all")  # which refuses it
    await pool.execute("update event_log.events set event_id = gen_random_uuid() where position = 1")
    ran = await ledger("verify", "--format", "json")
    assert ran.exit == 6
    [different] = cast("list[str]", found(ran)["problems"])
    assert different.startswith("position 1 is event ")


async def test_a_new_epoch_is_a_new_identity_that_the_stream_takes_on(
    makima: Makima, ledger: Makima, pool: asyncpg.Pool, nats: Client
) -> None:
    await create(makima, "one", "--start")
    before = await Log(pool).epoch()
    jetstream = nats.jetstream()
    raised = (await jetstream.stream_info("MAKIMA_EVENTS")).config.evolve(duplicate_window=900)
    await jetstream.update_stream(raised)
    renewed = await ledger("new-epoch", "--format", "json")
    assert renewed.exit == 0
    assert found(renewed)["epoch"] == str(await Log(pool).epoch()) != str(before)

    async def whole() -> bool:
        return (await ledger("verify")).exit == 0

    await eventually(whole, 30, because="the stream is filled again")
    kept = (await jetstream.stream_info("MAKIMA_EVENTS")).config
    assert kept.duplicate_window == 900, "what an operator raised was lowered"


async def test_a_read_model_is_made_anew_while_it_is_read(
    makima: Makima, ledger: Makima, pool: asyncpg.Pool
) -> None:
    await create(makima, "one", "--start")
    await pool.execute("update gateway.contracts set name = 'a bug wrote this'")
    rebuilt = await ledger("rebuild", "gateway", "--format", "json")
    assert (rebuilt.exit, rebuilt.json) == (0, {"projection": "gateway", "position": 2})
    assert await pool.fetchval("select name from gateway.contracts") == "one"
    assert (await ledger("rebuild", "gateway")).out == "gateway is rebuilt, up to position 2\n"
    await create(makima, "two")  # and it goes on from there
    assert await pool.fetchval("select count(*) from gateway.contracts") == 2


async def test_how_far_a_rebuild_is_goes_to_stderr(
    makima: Makima, ledger: Makima, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("makima_cli.ledger.rebuild.PROGRESS_LINE_SECONDS", 0.0)
    monkeypatch.setattr("makima_cli.ledger.rebuild.PROGRESS_POLL_SECONDS", 0.01)
    await create(makima, "one", "--start")
    async with pool.acquire() as reader, reader.transaction():
        await reader.execute(
            "lock table gateway.contracts in access share mode"
        )  # the swap has to wait for it
        waiting = asyncio.ensure_future(ledger("rebuild", "gateway"))
        await eventually(lambda: pool.fetchval(HELD_UP))
        await eventually(
            lambda: pool.fetchval(f"select not ({HELD_UP})"),
            because="it gives up after half a second, and tries again",
        )
    ran = await waiting
    assert (ran.exit, ran.out) == (0, "gateway is rebuilt, up to position 2\n")
    assert "gateway: 2 of 2 events\n" in ran.err


async def test_a_projection_that_nobody_knows_is_refused_and_the_known_ones_are_named(
    makima: Makima, ledger: Makima
) -> None:
    await create(makima, "one")
    ran = await ledger("rebuild", "nobody", "--format", "json")
    assert (ran.exit, cast("dict[str, object]", ran.problem)["valid"]) == (
        3,
        ["contract", "gateway", "supervisor_heartbeat"],
    )
    assert (
        "the projections are contract, gateway, supervisor_heartbeat"
        in (await ledger("rebuild", "nobody")).err
    )


async def test_a_rebuild_that_nobody_answers_is_told(
    makima: Makima, ledger: Makima, pool: asyncpg.Pool
) -> None:
    await pool.execute("insert into event_log.checkpoints values ('gone', 1, 0, 0)")
    ran = await ledger("rebuild", "gone", "--format", "json")
    assert (ran.exit, cast("dict[str, object]", ran.problem)["code"]) == (8, "UNAVAILABLE")


async def test_without_a_database_it_says_how_to_name_one(makima: Makima) -> None:
    ran = await makima("ledger", "verify")
    assert (ran.exit, ran.out) == (2, "")
    assert "MAKIMA_DATABASE_URL" in ran.err
