"""Replicas of the contract service inside the test's process, on a real Postgres and a real NATS."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import cast
from uuid import UUID, uuid4

import asyncpg
from makima_contract import app
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.append import Append, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas.codec import Event, decode
from makima_schemas.commands import Accepted, Reply, Request
from makima_schemas.contract import commands as c
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import ContractEvent
from makima_schemas.envelope import EventMeta
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from nats.aio.client import Client


@dataclass(frozen=True)
class Contracts:
    """What a test asks, through whichever replica answers, and what the log says then."""

    replicas: tuple[Service, ...]

    @property
    def log(self) -> Log:
        return self.replicas[0].log

    async def ask(
        self,
        contract_id: str,
        command: ContractCommand,
        *,
        command_id: UUID | None = None,
        expected: int | None = None,
        actor: str = "somebody",
    ) -> Reply:
        request = Request(
            command_id or uuid4(), contract_id, asdict(command), actor=actor, expected_version=expected
        )
        return await self.replicas[0].bus.ask("contract", snake_case(type(command).__name__), request)

    async def accepted(self, contract_id: str, *commands: ContractCommand) -> Accepted:
        reply: Reply | None = None
        for command in commands:
            reply = await self.ask(contract_id, command)
            assert isinstance(reply, Accepted), reply
        assert reply is not None
        return reply

    async def events(self, contract_id: str) -> list[ContractEvent]:
        recorded = await self.log.stream("default", f"contract-{contract_id}")
        return [cast("ContractEvent", decode(each.type, each.schema, each.data)) for each in recorded]


@asynccontextmanager
async def running(
    settings: Settings, pool: asyncpg.Pool, nats: Client, replicas: int = 1
) -> AsyncGenerator[Contracts]:
    await provision(nats, Log(pool), budget=0.01)
    async with AsyncExitStack() as started:
        services = [
            await started.enter_async_context(Service.running(app.NAME, settings, app.build))
            for _ in range(replicas)
        ]
        yield Contracts(tuple(services))


CREATE = c.CreateContract("demo", "ada")
HEARD = SupervisorRegistered("c1", "d1", None, SupervisorState.WORKING, "plan")


async def append(contracts: Contracts, stream: str, *events: Event) -> None:
    """As another service would."""
    made = tuple(new_event(event) for event in events)
    await contracts.replicas[0].appender.append(
        Append("default", stream, uuid4(), b"", None, made, EventMeta())
    )


async def nothing_owed(contracts: Contracts) -> bool:
    """The projection has seen the whole log, and the starter has asked for all that it found."""
    pool = contracts.replicas[0].pool
    shown = await pool.fetchval("select position from event_log.checkpoints where consumer = 'contract'")
    starts = await pool.fetchval("select count(*) from contract.unstarted where supervised_at is not null")
    tasks = await pool.fetchval("select count(*) from contract.supervisors where owed_at is not null")
    returns = await pool.fetchval("select count(*) from contract.task_returns")
    return shown == await contracts.log.head() and starts == tasks == returns == 0
