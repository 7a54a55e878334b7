"""A small world for the detector: a real log, a real broker, the contract service, and as many replicas as a
test wants.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from uuid import uuid4

import asyncpg
import pytest
from makima_completion_detector import app
from makima_contract import app as contract_app
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.codec import Event, decode
from makima_schemas.commands import Accepted, Reply, Request
from makima_schemas.contract import commands as c
from makima_schemas.contract.commands import ContractCommand
from nats.aio.client import Client

Replica = Callable[[], Awaitable[Service]]


@dataclass(frozen=True)
class World:
    """What a test does to contracts, and what it sees of them."""

    settings: Settings
    contract: Service
    replica: Callable[..., Awaitable[Service]]

    async def send(self, contract_id: str, *commands: ContractCommand) -> Reply:
        reply: Reply | None = None
        for command in commands:
            name = snake_case(type(command).__name__)
            reply = await self.contract.bus.ask(
                "contract", name, Request(uuid4(), contract_id, asdict(command), actor="owner")
            )
            assert isinstance(reply, Accepted), reply
        assert reply is not None
        return reply

    async def history(self, contract_id: str, category: str = "contract") -> list[Event]:
        recorded = await self.contract.log.stream("default", f"{category}-{contract_id}")
        return [decode(event.type, event.schema, event.data) for event in recorded]

    async def names(self, contract_id: str, category: str = "contract") -> list[str]:
        return [type(event).__name__ for event in await self.history(contract_id, category)]

    async def until(self, contract_id: str, event: str) -> list[str]:
        """The names of all the contract's events, once `event` is among them."""

        async def there() -> list[str]:
            names = await self.names(contract_id)
            return names if event in names else []

        return await eventually(there, because=f"no {event} of {contract_id}")

    async def shown(self) -> bool:
        """Whether the detector's tables show all of the log."""
        position = await self.contract.pool.fetchval(
            "select position from event_log.checkpoints where consumer = 'completion_detector'"
        )
        return position == await self.contract.log.head()

    async def nothing_owed(self) -> None:
        """Every event has been looked at, and nothing is left to ask."""

        async def all_done() -> bool:
            return await self.shown() and not await self.contract.pool.fetchval(
                "select count(*) from completion_detector.todo"
            )

        await eventually(all_done, because="looks are still owed")


def looks_by_hand() -> None:
    """From here on the replicas only project: the looks are the test's to take."""
    askers = [task for task in asyncio.all_tasks() if task.get_name() == "ask"]
    assert askers, "the loop that asks has another name now"
    for task in askers:
        task.cancel()


@pytest.fixture
async def world(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[World]:
    await provision(nats, Log(pool), budget=0.01)
    async with AsyncExitStack() as running:
        contract = await running.enter_async_context(
            Service.running(contract_app.NAME, settings, contract_app.build)
        )

        async def replica(chosen: Settings | None = None) -> Service:
            made = await running.enter_async_context(Service.running(app.NAME, chosen or settings, app.build))
            await confirm_subscriptions(made.nats)  # the server has heard of its subscriptions
            return made

        yield World(settings, contract, replica)


def simple(*, guard: bool = False, contract_type: str = "simple") -> c.CreateContract:
    return c.CreateContract("a contract", "owner", contract_type, phase_guard=guard)
