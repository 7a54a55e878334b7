"""The service on fresh servers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import orjson
import pytest
from makima_contract import app as contract
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas.contract.events import ContractAssigned
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.contracts_in_the_log import create_contracts
from tests.services.supervisor_heartbeat.crew import Crew
from tests.services.supervisor_heartbeat.harness import Running, running
from tests.services.supervisor_heartbeat.placing import World


@pytest.fixture
async def fleet(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Running]:
    async with running(settings, pool, nats) as made:
        yield made


@pytest.fixture
async def crew(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Crew]:
    await create_contracts(pool, ["c1", "c2"])
    async with running(settings, pool, nats) as fleet:
        made = Crew(fleet)
        await made.append(ContractAssigned("d1", "first_heard"))

        async def hear(message: Msg) -> None:
            made.signals.append((message.subject, orjson.loads(message.data)))

        listening = await nats.subscribe("makima.signals.daemon.>", cb=hear)
        await confirm_subscriptions(nats)
        yield made
        await listening.unsubscribe()


@pytest.fixture
async def world(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[World]:
    await provision(nats, Log(pool), budget=0.01)
    async with AsyncExitStack() as started:
        service = await started.enter_async_context(Service.running(contract.NAME, settings, contract.build))
        yield World(nats, pool, Log(pool), started, settings, service)
