"""The servers that all tests stand on."""

import asyncpg
import nats as nats_py
import pytest
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.servers import MakeNats, MakePostgres, clean_jetstream, fresh_database


async def test_each_database_is_a_fresh_one(postgres_server: Postgres, template_database: str) -> None:
    for _ in range(2):
        async with fresh_database(postgres_server, template_database) as dsn:
            connection = await asyncpg.connect(dsn)
            await connection.execute("CREATE TABLE public.only_here (id int)")
            await connection.close()


async def test_a_clean_jetstream_is_one_without_what_was_left_behind(nats_server: Nats) -> None:
    client = await nats_py.connect(nats_server.url)
    await client.jetstream().add_stream(name="LEFT_BEHIND", subjects=["left.behind"])
    await clean_jetstream(nats_server.url)
    assert await client.jetstream().streams_info() == []
    await client.close()


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
    await server.freeze()
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
