"""A value that the database does not take is not a database that is away, and the other way round."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import pytest
from makima_kernel.event_log.errors import DATA_REFUSED, DATABASE_UNAVAILABLE, POSTGRES_REFUSED
from makima_kernel.service.postgres import open_connection

OF_DATA = (
    "select clock_timestamp() + make_interval(secs => 9223372036000)",
    "select 'x'::int",
    "select 1 / 0",
    "select E'\\xff'::text",
    "create table t (n int not null); insert into t values (null)",
)
AWAY = (
    "select pg_terminate_backend(pg_backend_pid())",
    "set statement_timeout = 1; select pg_sleep(1)",
    "select 1 from a_table_that_is_not_there_yet",
)


@pytest.mark.parametrize("sql", OF_DATA)
async def test_a_value_that_it_does_not_take_is_an_error_of_data(pool: asyncpg.Pool, sql: str) -> None:
    with pytest.raises(POSTGRES_REFUSED) as caught:
        await pool.execute(sql)
    assert not isinstance(caught.value, DATABASE_UNAVAILABLE)


async def test_what_the_encoder_does_not_take_is_an_error_of_data(pool: asyncpg.Pool) -> None:
    with pytest.raises(DATA_REFUSED):
        await pool.fetchval("select $1::bigint", 2**70)
    with pytest.raises(DATA_REFUSED):
        await pool.fetchval("select $1::text", "\ud800")
    assert await pool.fetchval("select $1::timestamptz", datetime.now(UTC))


@pytest.mark.parametrize("sql", AWAY)
async def test_a_database_that_goes_away_is_no_error_of_data(database: str, sql: str) -> None:
    connection = await open_connection(database, "test")
    try:
        with pytest.raises(DATABASE_UNAVAILABLE) as caught:
            await connection.execute(sql)
        assert not isinstance(caught.value, DATA_REFUSED)
    finally:
        connection.terminate()


async def test_a_connection_that_is_closed_is_no_error_of_data(database: str) -> None:
    connection = await open_connection(database, "test")
    connection.terminate()
    asked: Callable[[str], Awaitable[object]] = connection.execute
    with pytest.raises(DATABASE_UNAVAILABLE) as caught:
        await asked("select 1")
    assert not isinstance(caught.value, DATA_REFUSED)


def test_every_error_of_postgres_is_of_one_kind() -> None:
    """A class that is in neither tuple ends the loop that meets it: they are those that no statement of ours can
    raise.
    """
    both = [refused for refused in POSTGRES_REFUSED if issubclass(refused, DATABASE_UNAVAILABLE)]
    assert both == []
