"""The same servers from testcontainers, under the same method names, for MAKIMA_TEST_SERVERS=containers."""

import asyncio
import os
from typing import Protocol, cast

import asyncpg
import nats
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.nats import MAX_PAYLOAD
from nats.errors import Error as NatsError
from testcontainers.community.nats import NatsContainer
from testcontainers.community.postgres import PostgresContainer

os.environ.setdefault(
    "TESTCONTAINERS_RYUK_DISABLED", "true"
)  # its reaper is one more image to pull; our fixtures stop what they start

# As docker-compose.yml has them; a test compares them.
POSTGRES_IMAGE = os.environ.get("MAKIMA_POSTGRES_IMAGE", "postgres:18.4")
NATS_IMAGE = os.environ.get("MAKIMA_NATS_IMAGE", "nats:2.15.1-alpine")
PASSWORD = "makima"
CONFIG_PATH = "/etc/makima/nats.conf"
CONFIG = f"port: 4222\nmax_payload: {MAX_PAYLOAD}\njetstream {{ store_dir: /data, max_file_store: 64GB }}\n"


class Engine(Protocol):
    """What we use of the Docker SDK's container, which has no types."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...


class Contained:
    """A server in a container, on one host port for its whole life: a restart must not move it."""

    def __init__(self, container: PostgresContainer | NatsContainer, port: int) -> None:
        self._container = container
        self.port = port
        self._made = False

    @property
    def _engine(self) -> Engine:
        return cast("Engine", self._container.get_wrapped_container())

    async def start(self, timeout: float = 60.0) -> bool:
        await asyncio.to_thread(self._engine.start if self._made else self._container.start)
        self._made = True
        await eventually(self.answers, timeout)
        return False

    async def answers(self) -> bool:
        raise NotImplementedError

    async def stop(self) -> None:
        """Also forgets its data: the container is removed."""
        if self._made:
            await asyncio.to_thread(self._container.stop)
        self._made = False

    async def kill(self) -> None:
        await asyncio.to_thread(self._engine.kill)

    async def restart(self) -> None:
        await asyncio.to_thread(self._engine.stop)
        await self.start()

    async def freeze(self) -> None:
        await asyncio.to_thread(self._engine.pause)

    def thaw(self) -> None:
        self._engine.unpause()


class ContainedPostgres(Contained):
    def __init__(self) -> None:
        port = ports.free()
        container = PostgresContainer(
            POSTGRES_IMAGE, username="postgres", password=PASSWORD, dbname="postgres", driver=None
        )
        super().__init__(container.with_bind_ports(5432, port), port)

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{PASSWORD}@{ports.LOOPBACK}:{self.port}/{database}"

    async def ensure_database(self, name: str) -> str:
        connection = await asyncpg.connect(self.dsn())
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()
        return self.dsn(name)

    async def answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn(), timeout=2.0)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True


class ContainedNats(Contained):
    def __init__(self) -> None:
        port = ports.free()
        container = (
            NatsContainer(NATS_IMAGE)
            .with_copy_into_container(CONFIG.encode(), CONFIG_PATH)
            .with_command(f"-c {CONFIG_PATH}")
        )
        super().__init__(container.with_bind_ports(4222, port), port)

    @property
    def url(self) -> str:
        return f"nats://{ports.LOOPBACK}:{self.port}"

    async def lose_data(self) -> None:
        """It dies, and all that it has stored is gone, with its container."""
        await self.kill()
        await self.stop()

    async def answers(self) -> bool:
        try:
            client = await nats.connect(self.url, allow_reconnect=False, connect_timeout=2)
        except (OSError, TimeoutError, NatsError):
            return False
        await client.close()
        return True
