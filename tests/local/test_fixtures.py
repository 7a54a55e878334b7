"""The servers that all tests stand on."""

import asyncpg
import nats as nats_py
import pytest
from nats.aio.client import Client

from tests.servers import MakeNats, MakePostgres


async def test_each_test_gets_an_empty_database(pool: asyncpg.Pool) -> None:
    await pool.execute("CREATE TABLE public.only_here (id int)")


async def test_and_sees_nothing_of_the_one_before(pool: asyncpg.Pool) -> None:
    await pool.execute("CREATE TABLE public.only_here (id int)")


async def test_each_test_gets_a_clean_jetstream(nats: Client) -> None:
    assert await nats.jetstream().streams_info() == []
    await nats.jetstream().add_stream(name="LEFT_BEHIND", subjects=["left.behind"])


async def test_also_after_one_that_left_a_stream_behind(nats: Client) -> None:
    assert await nats.jetstream().streams_info() == []


async def test_a_private_nats_keeps_its_streams_over_a_kill(make_nats: MakeNats) -> None:
    server = await make_nats()
    client = await nats_py.connect(server.url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.close()
    await server.kill()
    await server.start()
    client = await nats_py.connect(server.url)
    await client.jetstream().stream_info("KEPT")
    await client.close()


async def test_a_frozen_private_nats_answers_again_when_it_is_thawed(make_nats: MakeNats) -> None:
    server = await make_nats()
    client = await nats_py.connect(server.url)
    server.freeze()
    with pytest.raises(TimeoutError):
        await client.jetstream(timeout=0.2).account_info()
    server.thaw()
    await client.jetstream().account_info()
    await client.close()


async def test_a_private_postgres_keeps_its_databases_over_a_kill(make_postgres: MakePostgres) -> None:
    server = await make_postgres()
    dsn = await server.ensure_database("kept")
    await server.kill()
    await server.start()
    connection = await asyncpg.connect(dsn)
    await connection.close()
