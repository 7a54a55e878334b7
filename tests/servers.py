"""Fixtures: a real Postgres and a real NATS for each test worker, a fresh database and a clean JetStream for
each test.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import asyncpg
import nats as nats_py
import pytest
from makima_kernel.service.settings import Settings
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from nats.aio.client import Client

from tests.template import prepared_template

if TYPE_CHECKING:
    from tests.containers import ContainedNats, ContainedPostgres

IN_CONTAINERS = os.environ.get("MAKIMA_TEST_SERVERS") == "containers"
SERVERS = {"postgres_server", "nats_server", "make_postgres", "make_nats"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With MAKIMA_TEST_SERVERS=containers, every test that uses a server is one of `-m containers`."""
    if IN_CONTAINERS:
        for item in items:
            if isinstance(item, pytest.Function) and SERVERS.intersection(item.fixturenames):
                item.add_marker(pytest.mark.containers)


def storage() -> Path:
    """Memory where a file system of it has room for each worker's servers; a database is made there in a
    tenth of the time.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with suppress(OSError):
        if shutil.disk_usage(MEMORY).free >= workers * ROOM_OF_A_WORKER:
            return MEMORY
    return Path("/tmp")


def remove_abandoned(place: Path) -> None:
    """What runs that were killed have left: nobody holds the lock of such a folder, and it was made a while
    ago.
    """
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - folder.stat().st_mtime > A_WHILE:
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short folder (sockets) that the user `pgserver` may enter (pytest's own is closed to it)."""
    place = storage()
    remove_abandoned(place)
    folder = open_folder(Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)))
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


class OwnNats(Nats):
    """The embedded server, and what only tests do to one.

    `ingest`: how many messages wait at most to be stored in a stream; more are dropped.
    """

    ingest: int | None = None

    def _template(self) -> str:
        more = "" if self.ingest is None else f"\n  max_buffered_msgs: {self.ingest}"
        return super()._template().replace("jetstream {{", "jetstream {{" + more)

    async def lose_data(self) -> None:
        """It dies, and all that it has stored is gone."""
        await self.kill()
        shutil.rmtree(self.folder / "jetstream")


MakeNats = Callable[[], Awaitable[OwnNats]]
MakePostgres = Callable[[], Awaitable[Postgres]]

MEMORY: Final = Path("/dev/shm")
ROOM_OF_A_WORKER: Final = 1 << 30  # bytes; a container has 64 MiB there unless told otherwise
PREFIX: Final = "mkt-"
A_WHILE: Final = 60.0  # seconds
BUDGET: Final = 1 / 64  # of the size that streams have: a test's are small


async def closed() -> None:
    """What `connect` calls when a connection is closed for good: a test is no service, so there is nothing to
    end.
    """


def open_folder(path: Path) -> Path:
    """Made, and such that the user `pgserver` may enter it."""
    path.mkdir(mode=0o711, parents=True, exist_ok=True)
    path.chmod(0o711)
    return path


def new_postgres(folder: Path) -> "Postgres | ContainedPostgres":
    if not IN_CONTAINERS:
        return Postgres(folder, durable=False, tied=True)
    from tests.containers import ContainedPostgres  # noqa: PLC0415 - slow to import, and seldom used

    return ContainedPostgres()


def new_nats(folder: Path) -> "OwnNats | ContainedNats":
    if not IN_CONTAINERS:
        return OwnNats(folder, tied=True)
    from tests.containers import ContainedNats  # noqa: PLC0415 - slow to import, and seldom used

    return ContainedNats()


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> "Iterator[Postgres | ContainedPostgres]":
    """This worker's Postgres; tests take `database` or `pool`."""
    server = new_postgres(server_folder / "pg")
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def nats_server(server_folder: Path) -> "Iterator[OwnNats | ContainedNats]":
    """This worker's nats-server; tests take `nats_url` or `nats`."""
    server = new_nats(server_folder / "nats")
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def template_database(postgres_server: Postgres) -> str:
    """The name of a migrated database that `database` is copied from."""
    return asyncio.run(prepared_template(postgres_server.dsn))


@asynccontextmanager
async def fresh_database(server: Postgres, template: str) -> AsyncGenerator[str]:
    """The DSN of a copy of the template, for as long as the block lasts."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(server.dsn())
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    yield server.dsn(name)
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
async def database(postgres_server: Postgres, template_database: str) -> AsyncIterator[str]:
    """The DSN of a fresh, migrated database."""
    async with fresh_database(postgres_server, template_database) as dsn:
        yield dsn


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on the fresh database."""
    async with asyncpg.create_pool(database, min_size=1, max_size=20) as made:
        yield made


async def clean_jetstream(url: str) -> None:
    client = await nats_py.connect(url)
    jetstream = client.jetstream()
    while streams := await jetstream.streams_info():  # until the broker lists none
        for stream in streams:
            await jetstream.delete_stream(stream.config.name or "")
    await client.close()


@pytest.fixture
async def nats_url(nats_server: Nats) -> str:
    """The URL of a server with a clean JetStream."""
    await clean_jetstream(nats_server.url)
    return nats_server.url


@pytest.fixture
async def nats(nats_url: str) -> AsyncIterator[Client]:
    """A client of the clean server."""
    client = await nats_py.connect(nats_url)
    yield client
    await client.close()


@pytest.fixture
def settings(database: str, nats_url: str) -> Settings:
    """A service's, on the fresh database and the clean server."""
    return Settings(database_url=database, nats_url=nats_url, stream_budget=BUDGET)


@pytest.fixture
async def make_nats(server_folder: Path) -> "AsyncIterator[Callable[[], Awaitable[OwnNats | ContainedNats]]]":
    """Starts private nats-servers, for tests that kill, freeze or restart them."""
    async with AsyncExitStack() as started:

        async def make() -> "OwnNats | ContainedNats":
            server = new_nats(server_folder / f"nats-{uuid4().hex[:8]}")
            started.push_async_callback(server.stop)
            await server.start()
            return server

        yield make


@pytest.fixture
async def make_postgres(
    server_folder: Path,
) -> "AsyncIterator[Callable[[], Awaitable[Postgres | ContainedPostgres]]]":
    """Starts private Postgres servers, for tests that kill, freeze or restart them; databases: `await
    server.ensure_database(name)`.
    """
    async with AsyncExitStack() as started:

        async def make() -> "Postgres | ContainedPostgres":
            server = new_postgres(server_folder / f"pg-{uuid4().hex[:8]}")
            started.push_async_callback(server.stop)
            await server.start()
            return server

        yield make
