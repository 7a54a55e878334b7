"""What an agent may do with tasks under its token: with its own role's and nobody's, and with no other."""

import asyncpg
import httpx
import pytest
from makima_gateway.api import writes
from makima_schemas.contract.events import TaskCreated

from tests.services.gateway.harness import Gateways, body, created, refused
from tests.services.gateway.tokens import agent_client


async def task(http: httpx.AsyncClient, contract: str, role: str | None) -> str:
    made = await http.post(f"/contracts/{contract}/tasks", json={"name": f"for {role}", "role": role})
    return f"/contracts/{contract}/tasks/{body(made)['id']}"


async def test_a_whole_task_is_done_under_it_and_none_of_another_role(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    own, anyones, others = [await task(http, contract, role) for role in ("builder", None, "reviewer")]
    async with agent_client(http, contract, "builder", "x1") as agent:
        joined = await agent.post(f"/contracts/{contract}/agents/builder/join", json={"connection_id": "x1"})
        assert joined.status_code == 200, joined.text
        claim = {"role": "builder"}
        await refused(agent.post(f"{anyones}/claim", json={"role": "reviewer"}), 403, "FORBIDDEN")
        for path in (own, anyones):
            claimed = await agent.post(f"{path}/claim", json=claim)
            assert claimed.status_code == 200, claimed.text
            assert body(claimed)["connection_id"] == "x1", "it speaks as the connection of its token"
        assert (await agent.post(f"{own}/complete", json={"success": True})).status_code == 200
        handed = await agent.post(f"{anyones}/handoff", json={"to_role": "tester"})
        assert body(handed)["role"] == "tester"
        await refused(agent.post(f"{others}/claim", json=claim), 403, "FORBIDDEN")
        await refused(agent.post(f"{others}/claim", json={"role": "reviewer"}), 403, "FORBIDDEN")
        await refused(agent.post(f"{others}/complete", json={"success": True}), 403, "FORBIDDEN")
        await refused(
            agent.post(f"{own}/complete", json={"success": True, "connection_id": "x2"}), 403, "FORBIDDEN"
        )
        says = f"/contracts/{contract}/messages"
        assert (await agent.post(says, json={"role": "builder", "content": "done"})).status_code == 201
        await refused(agent.post(says, json={"role": "user", "content": "approved"}), 403, "FORBIDDEN")
        beat = f"/contracts/{contract}/agents/builder/heartbeat"
        await refused(agent.post(beat, json={"connection_id": "x2"}), 403, "FORBIDDEN")
        await refused(
            agent.post(beat, json={"connection_id": "x1", "daemon_id": "d7"}), 404, "DAEMON_NOT_FOUND"
        )


async def test_a_task_that_the_read_model_does_not_know_yet_is_another_roles_all_the_same(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = str((await created(http))["id"])
    stream, path = f"contract-{contract}", f"/contracts/{contract}/tasks"
    async with agent_client(http, contract, "builder", "x1") as agent:
        async with pool.acquire() as reader, reader.transaction():
            await reader.execute("lock table gateway.tasks in exclusive mode")  # the read model stands still
            await gateways.append(
                stream, *(TaskCreated(role, role, "plan", role=role) for role in ("reviewer", "builder"))
            )
            with monkeypatch.context() as hasty:
                hasty.setattr(writes, "MIN_POSITION_TIMEOUT_SECONDS", 0.1)
                for step in ("start", "release"):
                    await refused(agent.post(f"{path}/reviewer/{step}"), 503, "UNAVAILABLE")
        for step in ("start", "release"):
            await refused(agent.post(f"{path}/reviewer/{step}"), 403, "FORBIDDEN")
        await refused(
            agent.post(f"{path}/builder/start"), 400, "INVALID_TRANSITION"
        )  # not claimed yet, but its own
        await refused(agent.post(f"{path}/nobodys/start"), 404, "TASK_NOT_FOUND")
