"""What the tests of agents share: a gateway with the service that owns agents, a contract, and looks at both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from makima_kernel.testing.eventually import eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_sdk import Agents, Contracts, Http, Task

from tests.cli.conftest import environment
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import new_owner, shared_gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(postgres_server, template_database, nats_server, admitting=True) as made:
        yield made


class Team:
    """A started contract of an owner of its own, and what is known of its agents."""

    def __init__(self, http: Http, contract_id: str) -> None:
        self.contracts = Contracts(http)
        self.agents = Agents(http)
        self.http = http
        self.contract_id = contract_id

    async def turns(self, status: str, role: str = "builder") -> None:
        """Wait until the agent has this status."""

        async def reached() -> bool:
            return (await self.known()).get(role) == status

        await eventually(reached)

    async def known(self) -> dict[str, str]:
        """The status of each agent that is listed."""
        team = await self.agents.team(self.contract_id)
        return {agent.role: agent.status_now for agent in team.agents}

    async def task(self, name: str, role: str = "builder") -> Task:
        return await self.contracts.create_task(self.contract_id, name, role=role)

    async def missing_deliverables(self) -> list[str]:
        return list((await self.contracts.get(self.contract_id)).missing_deliverables())

    async def find(self, name: str) -> Task:
        return next(task for task in await self.contracts.tasks(self.contract_id) if task.name == name)

    async def does(self, activity: str, role: str = "builder") -> None:
        """Wait until one of its heartbeats told this."""
        route = f"/contracts/{self.contract_id}/agents/{role}/heartbeats"

        async def told() -> bool:
            return activity in str((await self.http.send("GET", route)).body)

        await eventually(told)


@pytest_asyncio.fixture(loop_scope="module")
async def environ(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> dict[str, str]:
    return environment(gateways, nats_server.url, tmp_path, await new_owner(gateways))


@pytest_asyncio.fixture(loop_scope="module")
async def team(environ: dict[str, str]) -> AsyncIterator[Team]:
    """Its contract and role stand in `environ`."""
    async with Http(environ["MAKIMA_URL"], environ["MAKIMA_TOKEN"]) as http:
        contract = await Contracts(http).create("a contract")
        await Contracts(http).act(contract.id, "start")
        environ |= {"MAKIMA_CONTRACT": contract.id, "MAKIMA_ROLE": "builder"}
        yield Team(http, contract.id)
