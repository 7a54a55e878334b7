<<<<<<< HEAD
"""What all tests of the contract service have."""

from tests.patience import patient_requests

__all__ = ("patient_requests",)
=======
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
>>>>>>> 9d15a6c (Split by idea what is longer than 250 lines, and hold files to that)
