"""A contract service on real servers, inside the test's process."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from makima_kernel.service.settings import Settings
from nats.aio.client import Client

from tests.services.contract.harness import Contracts, running


@pytest.fixture
async def contracts(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Contracts]:
    async with running(settings, pool, nats) as made:
        yield made
