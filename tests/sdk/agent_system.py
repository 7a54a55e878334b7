"""A system that owns agents, with a line to it that can be cut, and what the tests ask it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import orjson
from makima_kernel.service.runtime import Service
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_sdk import Agents, Connection, Contracts, Http
from makima_supervisor_heartbeat import app as heartbeats

from tests.sdk.proxy import Proxy
from tests.services.gateway.harness import ADMIN, Gateways
from tests.shared_gateway import shared_gateway


@dataclass(frozen=True)
class AgentSystem:
    gateways: Gateways
    proxy: Proxy
    connection: Connection  # through the proxy
    contracts: Contracts  # past it, as `agents`
    agents: Agents

    async def contract(self, *tasks: str, role: str = "builder") -> str:
        """A contract that has started, with these tasks."""
        contract = (await self.contracts.create("a contract")).id
        await self.contracts.act(contract, "start")
        for name in tasks:
            await self.contracts.create_task(contract, name, role=role)
        return contract

    async def events(self, contract: str, *types: str) -> list[dict[str, Any]]:
        """The data of those events of the contract, in the order of the log."""
        recorded = await self.gateways.log.stream("default", f"contract-{contract}")
        return [cast("dict[str, Any]", orjson.loads(one.data)) for one in recorded if one.type in types]

    async def silence(self, contract: str, role: str) -> None:
        """Says that the agent is dead, as a daemon that saw it would."""
        route = f"/contracts/{contract}/agents/{role}/status"
        answer = await self.gateways.clients[0].post(
            route, json={"agent_status": "dead", "reason": "not seen"}
        )
        assert answer.status_code == 200, answer.text

    def env(self, contract: str, **others: str) -> dict[str, str]:
        """Of a process that is an agent of this contract."""
        named = {"MAKIMA_URL": self.connection.url, "MAKIMA_TOKEN": ADMIN, "MAKIMA_CONTRACT": contract}
        return {**named, "MAKIMA_ROLE": "builder", **others}


@asynccontextmanager
async def agent_system(
    postgres: Postgres, template: str, nats: Nats, **contracts: float
) -> AsyncGenerator[AgentSystem]:
    """`contracts` are settings of that section."""
    async with shared_gateway(postgres, template, nats, contracts=contracts) as gateways:
        url = str(gateways.clients[0].base_url).removesuffix("/api/v1/")
        proxy = Proxy(int(url.rsplit(":", 1)[1]))
        async with (
            Service.running(heartbeats.NAME, gateways.replicas[0].settings, heartbeats.build),
            await proxy.serve(),
            Http(url, ADMIN) as http,
        ):
            connection = Connection(url=f"http://127.0.0.1:{proxy.port}", token=ADMIN)
            yield AgentSystem(gateways, proxy, connection, Contracts(http), Agents(http))
            proxy.cut()
