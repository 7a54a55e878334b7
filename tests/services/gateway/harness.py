"""Replicas of the gateway before a real contract service, and clients that speak HTTP to them:
administrators, where nothing else is said.
"""

from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast
from uuid import uuid4

import asyncpg
import httpx
from makima_contract import app as contract
from makima_gateway import app as gateway
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.append import Append, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_local import ports
from makima_schemas.codec import Event
from makima_schemas.envelope import EventMeta
from makima_supervisor_heartbeat import app as heartbeats
from nats.aio.client import Client
from websockets.asyncio.client import ClientConnection

from tests.plain_http import plain_client

Json = Mapping[str, object]
ADMIN = "mk_an-administrator-of-the-tests"


@dataclass(frozen=True)
class Gateways:
    """`clients[n]` speaks to replica n; `log` and `append` go past them, as other services do."""

    replicas: tuple[Service, ...]
    clients: tuple[httpx.AsyncClient, ...]
    sockets: tuple[str, ...]

    @property
    def log(self) -> Log:
        return self.replicas[0].log

    async def append(self, stream: str, *events: Event) -> int:
        """As the owner of another stream would; answers the last position."""
        made = tuple(new_event(event) for event in events)
        await self.replicas[0].appender.append(
            Append("default", stream, uuid4(), b"", None, made, EventMeta())
        )
        return await self.log.head()


@asynccontextmanager
async def running(
    settings: Settings, pool: asyncpg.Pool, nats: Client, replicas: int = 1, *, admitting: bool = False
) -> AsyncGenerator[Gateways]:
    """`admitting`: with the service that owns daemons, which tokens of daemons are made with."""
    await provision(nats, Log(pool), budget=0.01)
    async with AsyncExitStack() as started:
        await started.enter_async_context(Service.running(contract.NAME, settings, contract.build))
        if admitting:
            await started.enter_async_context(Service.running(heartbeats.NAME, settings, heartbeats.build))
        made: list[tuple[Service, httpx.AsyncClient, str]] = []
        for _ in range(replicas):
            port = ports.free()
            own = settings.model_copy(update={"port": port, "admin_token_sha256": hash_of(ADMIN).hex()})
            service = await started.enter_async_context(Service.running(gateway.NAME, own, gateway.build))
            client = authenticated_client(ADMIN, f"http://127.0.0.1:{port}/api/v1")
            await started.enter_async_context(client)
            made.append((service, client, f"ws://127.0.0.1:{port}/api/v1/contracts/monitor?token={ADMIN}"))
        gateways = Gateways(
            tuple(one for one, _, _ in made),
            tuple(one for _, one, _ in made),
            tuple(one for _, _, one in made),
        )
        for client in gateways.clients:
            await eventually(lambda client=client: _ready(client))
        yield gateways


def authenticated_client(token: str | None, base_url: str) -> httpx.AsyncClient:
    """A client with this token; None: one without."""
    return plain_client(
        base_url=base_url, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=PATIENCE
    )


async def _ready(client: httpx.AsyncClient) -> bool:
    return (await client.get(str(client.base_url).replace("/api/v1/", "/healthz"))).status_code == 200


async def created(http: httpx.AsyncClient, **members: object) -> dict[str, object]:
    """A new contract, as it was answered."""
    answer = await http.post("/contracts", json={"name": "a contract", **members})
    assert answer.status_code == 201, answer.text
    return body(answer)


async def act(http: httpx.AsyncClient, contract_id: str, action: str, **members: object) -> dict[str, object]:
    """The contract after an action that must succeed."""
    answer = await http.post(f"/contracts/{contract_id}/{action}", json=members)
    assert answer.status_code == 200, answer.text
    return body(answer)


async def items(http: httpx.AsyncClient, path: str, **query: object) -> list[dict[str, object]]:
    """The first page."""
    answer = await http.get(path, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return cast("list[dict[str, object]]", answer.json()["items"])


async def refused(asked: Awaitable[httpx.Response], status: int, code: str) -> dict[str, object]:
    """The problem of an answer that must be this refusal, in the one form that refusals have."""
    answer = await asked
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), (
        answer.text
    )
    problem = body(answer)
    assert {"type", "title", "status", "detail", "code", "hint", "trace_id"} <= problem.keys()
    assert (problem["status"], problem["code"]) == (status, code), answer.text
    return problem


def listed(value: object) -> list[dict[str, object]]:
    """A member that is a list of objects."""
    assert isinstance(value, list)
    return cast("list[dict[str, object]]", value)


def body(answer: httpx.Response) -> dict[str, object]:
    return cast("dict[str, object]", answer.json())


async def position(http: httpx.AsyncClient, contract: str, action: str, **members: object) -> int:
    answer = await http.post(f"/contracts/{contract}/{action}", json=members)
    assert answer.status_code in {200, 201}, answer.text
    return int(answer.headers["Makima-Position"])


async def until_closed(connection: ClientConnection) -> None:
    """Receives what comes until the server closes the connection: raises `ConnectionClosed`. Ticks may come before."""
    while True:
        await connection.recv()
