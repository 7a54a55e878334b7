"""A service that is killed after any step of a restoration goes on to the same outcome; questions come again once."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import asyncpg
import orjson
from makima_contract import app as contract
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Request
from makima_schemas.contract.events import ContractAssigned, ContractStarted, QuestionAsked
from makima_schemas.supervisor import RestorationProved, RestorationRequested, RestoreSupervisor, SaveState
from makima_supervisor_heartbeat import app
from nats.aio.client import Client

from tests.contracts_in_the_log import create_contracts
from tests.kernel.event_log.append_builders import call, command
from tests.services.supervisor_heartbeat.harness import Fleet, Running, supervisor_beat

CONTRACT, TASK = "c1", "s1"


@asynccontextmanager
async def recorder(settings: Settings, fleet: Fleet) -> AsyncGenerator[Running]:
    """The service, for one step."""
    async with Service.running(app.NAME, settings, app.build) as service:
        yield Running(fleet.nats, fleet.pool, fleet.log, service, contracts=fleet.contracts)


async def ask(fleet: Running, asked: SaveState | RestoreSupervisor) -> Accepted:
    data = orjson.loads(orjson.dumps(asked))
    reply = await fleet.service.bus.ask(
        app.NAME, snake_case(type(asked).__name__), Request(uuid4(), TASK, data)
    )
    assert isinstance(reply, Accepted), reply
    return reply


async def beat(fleet: Fleet, connection_id: str, daemon_id: str) -> None:
    await fleet.beat(supervisor_beat(TASK, contract_id=CONTRACT, connection_id=connection_id), daemon_id)


async def of_contract(fleet: Fleet, kind: type[Event]) -> list[Event]:
    return [event for event in await fleet.events(f"contract-{CONTRACT}") if isinstance(event, kind)]


async def test_a_service_killed_after_each_step_of_a_restoration_comes_to_the_same_outcome(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    await create_contracts(pool, [CONTRACT])
    fleet = Fleet(nats, pool, Log(pool), contracts={CONTRACT})
    opened = (
        ContractStarted(),
        ContractAssigned("d2", "placed"),
        QuestionAsked("q1", "Which provider?", "text"),
    )
    await call(pool, command(f"contract-{CONTRACT}", *map(new_event, opened)))
    stream = f"supervisor-{TASK}"
    restore = RestoreSupervisor(CONTRACT, "d2", "k2")
    async with recorder(settings, fleet) as running:
        await beat(fleet, "k1", "d2")
        await fleet.until(stream, 1)
        await ask(running, SaveState(CONTRACT, "phase", '{"phase":"execute"}', "k1"))
        assert (await ask(running, restore)).changed
    async with recorder(
        settings, fleet
    ) as running:  # killed once it was requested: a repeat gets the same answer
        assert not (await ask(running, restore)).changed
    await beat(fleet, "k2", "d2")  # heard by nobody: the next one reads it from the broker
    async with recorder(settings, fleet):
        (*_, proved) = await fleet.until(stream, 5)
        assert isinstance(proved, RestorationProved)
    # killed once it was proved, with nobody who could assign the contract
    assert await of_contract(fleet, ContractAssigned) == [ContractAssigned("d2", "placed")]
    async with AsyncExitStack() as both:
        await both.enter_async_context(Service.running(contract.NAME, settings, contract.build))
        for _ in range(2):  # the second one finds nothing left to do
            async with recorder(settings, fleet):

                async def settled() -> bool:
                    owed = await pool.fetchval("select count(*) from supervisor_heartbeat.restored")
                    return owed == 0 and len(await of_contract(fleet, ContractAssigned)) == 2

                await eventually(settled)
    assigned = ContractAssigned("d2", "restored", "k2", TASK)
    assert await of_contract(fleet, ContractAssigned) == [ContractAssigned("d2", "placed"), assigned]
    again = [event for event in await of_contract(fleet, QuestionAsked) if isinstance(event, QuestionAsked)]
    assert [event.again for event in again] == [False, True]
    requests = [event for event in await fleet.events(stream) if isinstance(event, RestorationRequested)]
    assert [event.outcome for event in requests] == ["resumed"]
