"""Whose agents one sees, and for whom one speaks."""

import httpx
from nats.aio.client import Client

from tests.services.gateway.api.agent_events import beat, join, stored
from tests.services.gateway.harness import Gateways, body, listed, refused
from tests.services.gateway.tokens import client_as, run_by


async def test_everybody_lists_the_agents_of_ones_own_contracts(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    async with client_as(http, "owner", owner="alice") as alice, client_as(http, "owner", owner="bob") as bob:
        alices, bobs = await run_by(gateways, "d1", alice), await run_by(gateways, "d2", bob)
        await join(gateways, alices, "builder")
        position = await join(gateways, bobs, "builder")
        async with (
            client_as(http, "viewer", owner="alice") as viewer,
            client_as(http, "daemon", daemon_id="d2") as daemon,
        ):
            for client, own in (
                (alice, {alices}),
                (bob, {bobs}),
                (viewer, {alices}),
                (daemon, {bobs}),
                (http, {alices, bobs}),
            ):
                answer = await client.get("/agents", headers={"Makima-Min-Position": str(position)})
                page = body(answer)
                assert {each["contract_id"] for each in listed(page["items"])} == own
            await refused(daemon.get(f"/contracts/{alices}/agents"), 404, "CONTRACT_NOT_FOUND")


async def test_nobody_speaks_as_a_daemon_of_others(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    async with client_as(http, "owner", owner="alice") as alice, client_as(http, "owner", owner="bob") as bob:
        alices, bobs = await run_by(gateways, "d1", alice), await run_by(gateways, "d2", bob)
        position = await join(gateways, alices, "builder")
        assert await beat(alice, alices, "a1", position, told={"daemon_id": "d1"}) == "ok"
        path = f"/contracts/{alices}/agents/builder/heartbeat"
        await refused(
            alice.post(path, json={"connection_id": "a1", "daemon_id": "d2"}), 404, "DAEMON_NOT_FOUND"
        )
        async with client_as(http, "daemon", daemon_id="d1") as daemon:
            assert await beat(daemon, alices, "a1") == "ok"
            found = await stored(nats)
            assert found is not None
            assert found[0].endswith(f".agent.d1.{alices}.builder")
            await refused(
                daemon.post(path, json={"connection_id": "a1", "daemon_id": "d2"}), 422, "INVALID_REQUEST"
            )
            for beat_of in (
                f"/contracts/{bobs}/agents/builder/heartbeat",
                f"/contracts/{bobs}/supervisor/heartbeat",
            ):
                sent = {"connection_id": "a1", "state": "working"}
                await refused(daemon.post(beat_of, json=sent), 404, "CONTRACT_NOT_FOUND")
