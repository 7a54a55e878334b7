"""Guarantee 2: a database that was restored from a dump, or a replica that was promoted, uses no position
again, also if the broker's data are gone. With real `pg_dump`, `psql` and `pg_basebackup`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.migrate import KERNEL_FOLDER, KERNEL_SCHEMA, migrate
from makima_kernel.nats.connection import connect
from makima_kernel.nats.streams import provision
from makima_kernel.relay.relay import Mismatched, Relay, Relaying
from makima_kernel.relay.stream_identity import last_sequence, new_epoch
from makima_kernel.testing import eventually
from makima_local.account import account, run_as
from makima_local.postgres import Postgres
from makima_local.postgres_binaries import binaries
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import fill
from tests.servers import BUDGET, IN_CONTAINERS, MakeNats, OwnNats, closed

pytestmark = pytest.mark.skipif(IN_CONTAINERS, reason="runs the binaries of the embedded Postgres")
MakeServer = Callable[[], Awaitable[Postgres]]


@pytest.fixture
async def make_server(server_folder: Path) -> AsyncGenerator[MakeServer]:
    """Servers that replicas can be made of, unlike those of `make_postgres`."""
    started: list[Postgres] = []

    async def make() -> Postgres:
        server = Postgres(server_folder / f"r-{uuid4().hex[:8]}", tied=True)
        started.append(server)
        await server.start()
        return server

    yield make
    for server in started:
        await server.stop()


async def run(name: str, *arguments: str) -> None:
    user = account()
    done = await asyncio.to_thread(run_as, user, [str(binaries(user) / name), *arguments])
    assert done.returncode == 0, done.stderr


@asynccontextmanager
async def relaying(dsn: str, nats: Client) -> AsyncGenerator[tuple[asyncpg.Pool, Relay]]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
        relay = Relay(pool, nats, budget=BUDGET)
        async with running(relay.run()):
            yield pool, relay


async def published(server: Postgres, nats: Client, name: str = "makima") -> str:
    """The DSN of a log of 20 events, all in the stream."""
    dsn = await server.ensure_database(name)
    await migrate(dsn, KERNEL_FOLDER, KERNEL_SCHEMA)
    async with relaying(dsn, nats) as (pool, relay):
        await fill(pool, 20)
        await eventually(lambda: relay.position == 20)
    return dsn


async def go_on(dsn: str, nats: Client) -> None:
    """Ten positions are given out that no dump knows."""
    async with relaying(dsn, nats) as (pool, relay):
        await fill(pool, 10)
        await eventually(lambda: relay.position == 30)


@asynccontextmanager
async def reached(server: OwnNats) -> AsyncGenerator[Client]:
    client = await connect(server.url, "test", on_closed=closed)
    yield client
    await client.close()


async def loses_all(server: OwnNats) -> None:
    await server.lose_data()
    await server.start()


async def is_refused_until_the_new_epoch(dsn: str, nats: Client) -> None:
    async with relaying(dsn, nats) as (pool, relay):
        await eventually(lambda: isinstance(relay.state, Mismatched))
        said = relay.ready() or ""
        assert "the database was restored or a replica promoted" in said
        assert "run `makima ledger new-epoch`" in said
        await fill(pool, 5)
        assert isinstance(relay.state, Mismatched)
        assert await last_sequence(nats) <= 20, "no event was published"
        epoch = await Log(pool).epoch()
        assert await new_epoch(pool, nats, budget=BUDGET) != epoch
        await eventually(lambda: relay.state == Relaying() and relay.position == 25)


@pytest.mark.parametrize(("target", "provisioned"), [("another server", False), ("the same server", True)])
async def test_a_restored_dump_is_refused_until_the_new_epoch(
    make_server: MakeServer, make_nats: MakeNats, tmp_path: Path, target: str, provisioned: bool
) -> None:
    broker, source = await make_nats(), await make_server()
    dump = source.folder / "dump.sql"
    async with reached(broker) as nats:
        dsn = await published(source, nats)
        await run("pg_dump", "--file", str(dump), dsn)
        await go_on(dsn, nats)
    await loses_all(broker)
    if target == "another server":
        restored = await (await make_server()).ensure_database("makima")
    else:
        await run("dropdb", "--maintenance-db", source.dsn(), "makima")
        restored = await source.ensure_database("makima")
    await run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(dump), restored)
    async with reached(broker) as nats:
        if provisioned:
            async with asyncpg.create_pool(restored, min_size=1, max_size=1) as pool:
                await provision(nats, Log(pool), budget=BUDGET)
        await is_refused_until_the_new_epoch(restored, nats)


@asynccontextmanager
async def promoted(source: Postgres) -> AsyncGenerator[str]:
    """The DSN of the log on a replica that was promoted, after its primary has gone."""
    replica = Postgres(source.folder.with_name(f"{source.folder.name}-replica"), tied=True)
    account().own(replica.folder)
    await run("pg_basebackup", "-R", "-c", "fast", "-D", str(replica.folder), "-d", source.dsn())
    await source.stop()
    await replica.start()
    connection = await asyncpg.connect(replica.dsn())
    assert await connection.fetchval("select pg_promote()")
    await connection.close()
    try:
        yield replica.dsn("makima")
    finally:
        await replica.stop()


async def test_a_promoted_replica_goes_on_once_it_is_compared_with_the_stream(
    make_server: MakeServer, make_nats: MakeNats
) -> None:
    broker, source = await make_nats(), await make_server()
    async with reached(broker) as nats:
        await published(source, nats)
        async with promoted(source) as dsn, relaying(dsn, nats) as (pool, relay):
            await eventually(lambda: relay.state == Relaying())
            await fill(pool, 5)
            await eventually(lambda: relay.position == 25)
            assert "timeline 2" in str(await pool.fetchval("select place from event_log.identity"))


async def test_a_promoted_replica_without_a_stream_is_refused_until_the_new_epoch(
    make_server: MakeServer, make_nats: MakeNats
) -> None:
    broker, source = await make_nats(), await make_server()
    async with reached(broker) as nats:
        await published(source, nats)
    async with promoted(source) as dsn:
        await loses_all(broker)
        async with reached(broker) as nats:
            await is_refused_until_the_new_epoch(dsn, nats)


async def test_a_broker_that_lost_its_data_is_filled_again_from_a_log_that_is_where_it_was(
    make_server: MakeServer, make_nats: MakeNats
) -> None:
    """Also after the server was killed: recovery from a crash changes no timeline."""
    broker, source = await make_nats(), await make_server()
    async with reached(broker) as nats:
        dsn = await published(source, nats)
    await loses_all(broker)
    await source.kill()
    await source.start()
    async with reached(broker) as nats, relaying(dsn, nats) as (_, relay):
        await eventually(lambda: relay.state == Relaying() and relay.position == 20)
