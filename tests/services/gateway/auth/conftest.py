"""Gateways beside the service that owns daemons: a daemon's token is made with it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from makima_kernel.service.settings import Settings
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, running


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    async with running(settings, pool, nats, admitting=True) as made:
        yield made
