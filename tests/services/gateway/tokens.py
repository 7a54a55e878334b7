"""Tokens as an administrator makes them, and clients that bear them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from makima_kernel.testing import eventually
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState

from tests.services.gateway.harness import Gateways, authenticated_client, body, created


async def issue_token(admin: httpx.AsyncClient, role: str, **members: object) -> dict[str, object]:
    """A new token, as it was answered; where the machine is too busy, by another try."""

    async def issued() -> httpx.Response | None:
        answer = await admin.post("/tokens", json={"role": role, **members})
        return None if answer.status_code == 503 else answer

    answer = await eventually(issued)
    assert answer is not None
    assert answer.status_code == 201, answer.text
    return body(answer)


@asynccontextmanager
async def client_as(
    admin: httpx.AsyncClient, role: str, **members: object
) -> AsyncGenerator[httpx.AsyncClient]:
    token = await issue_token(admin, role, **members)
    async with authenticated_client(str(token["token"]), str(admin.base_url)) as client:
        yield client


@asynccontextmanager
async def agent_client(
    maker: httpx.AsyncClient, contract: str, role: str, connection_id: str
) -> AsyncGenerator[httpx.AsyncClient]:
    """Somebody with a token for this connection of an agent, which `maker` makes."""
    path = f"/contracts/{contract}/agents/{role}/token"
    answer = await maker.post(path, json={"connection_id": connection_id})
    assert answer.status_code == 201, answer.text
    async with authenticated_client(str(body(answer)["token"]), str(maker.base_url)) as client:
        yield client


async def run_by(gateways: Gateways, daemon_id: str, http: httpx.AsyncClient, **members: object) -> str:
    """A new contract whose supervisor was heard from this daemon."""
    contract = str((await created(http, **members))["id"])
    await gateways.append(
        f"supervisor-s-{contract}",
        SupervisorRegistered(contract, daemon_id, "k1", SupervisorState.WORKING, "plan"),
    )

    async def known() -> bool:
        return (await http.get(f"/contracts/{contract}/supervisor/status")).status_code == 200

    await eventually(known)
    return contract
