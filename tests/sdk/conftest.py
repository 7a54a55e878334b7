"""A gateway to speak to, and the connection that an SDK user has."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from makima_kernel.service.settings import Settings
from makima_sdk import Connection, Contracts, Http
from nats.aio.client import Client

from tests.services.gateway.harness import ADMIN, Gateways, running


@pytest.fixture
async def gateways(database: str, nats_url: str, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    settings = Settings(database_url=database, nats_url=nats_url, stream_budget=0.01)
    async with running(settings, pool, nats) as made:
        yield made


@pytest.fixture
def connection(gateways: Gateways, nats_url: str) -> Connection:
    return Connection(
        url=str(gateways.clients[0].base_url).removesuffix("/api/v1/"), nats_url=nats_url, token=ADMIN
    )


@pytest.fixture
async def contracts(connection: Connection) -> AsyncIterator[Contracts]:
    async with Http(connection.url, connection.token) as http:
        yield Contracts(http)
