"""The service on fresh servers."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from makima_kernel.service.settings import Settings
from nats.aio.client import Client

from tests.services.supervisor_heartbeat.harness import Running, running


@pytest.fixture
async def fleet(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Running]:
    async with running(settings, pool, nats) as made:
        yield made
