"""A provisioned broker, and tables for the projection of the tests."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.relay.relay import Relay
from nats.aio.client import Client

from tests.background import running
from tests.kernel.projections.sample_projection import TABLES, SampleProjection
from tests.servers import BUDGET


@pytest.fixture
def log(pool: asyncpg.Pool) -> Log:
    return Log(pool)


@pytest.fixture
async def stream(nats: Client, log: Log) -> None:
    await streams.provision(nats, log, budget=BUDGET)


@pytest.fixture
async def relay(stream: None, pool: asyncpg.Pool, nats: Client) -> AsyncGenerator[Relay]:
    """A running relay."""
    relay = Relay(pool, nats, budget=BUDGET)
    async with running(relay.run()):
        yield relay


@pytest.fixture
async def sample_projection(pool: asyncpg.Pool) -> SampleProjection:
    await pool.execute(TABLES)
    return SampleProjection()
