"""`makima ledger`: a whole log is called whole, a hole is found, and a new epoch is a new identity."""

from typing import cast

import asyncpg
import pytest
from makima_kernel.log.read import Log
from makima_kernel.testing import eventually

from tests.cli.conftest import Makima, Ran
from tests.cli.test_contracts import create


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
    assert (await ledger("verify")).out.endswith("whole\n")


async def test_a_hole_is_found(makima: Makima, ledger: Makima, pool: asyncpg.Pool) -> None:
    await create(makima, "one", "--start")
    await create(makima, "two")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("alter table event_log.events_p000000000000 disable trigger all")  # which refuses it
        await connection.execute("delete from event_log.events where position = 2")
    ran = await ledger("verify", "--format", "json")
    assert ran.exit == 6
    missing, gap = cast("list[str]", found(ran)["problems"])
    assert "1 are missing" in missing
    assert "has a gap" in gap


async def test_a_new_epoch_is_a_new_identity_that_the_stream_takes_on(makima: Makima, ledger: Makima, pool: asyncpg.Pool) -> None:
    await create(makima, "one", "--start")
    before = await Log(pool).epoch()
    renewed = await ledger("new-epoch", "--format", "json")
    assert renewed.exit == 0
    assert found(renewed)["epoch"] == str(await Log(pool).epoch()) != str(before)

    async def whole() -> bool:
        return (await ledger("verify")).exit == 0

    await eventually(whole, 30, because="the stream is filled again")


async def test_without_a_database_it_says_how_to_name_one(makima: Makima) -> None:
    ran = await makima("ledger", "verify")
    assert (ran.exit, ran.out) == (2, "")
    assert "MAKIMA_DATABASE_URL" in ran.err
