"""Two gateways before one read model: whoever asks either of them reads what was written through the other."""

import asyncio

import asyncpg
import httpx
import pytest
from makima_gateway.api import reads
from makima_kernel.service.settings import Settings
from nats.aio.client import Client

from tests.services.gateway.harness import act, body, created, running


async def test_what_was_written_through_one_is_read_through_the_other(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, replicas=2) as gateways:

        async def story(here: httpx.AsyncClient, there: httpx.AsyncClient) -> None:
            contract = await created(here)
            path = f"/contracts/{contract['id']}"
            assert body(await there.get(path)) == contract
            for action in ("start", "pause", "resume") * 3:
                if action == "start" and (await there.get(path)).json()["status"] != "created":
                    continue
                moved = await act(here, str(contract["id"]), action)
                assert body(await there.get(path)) == moved
                here, there = there, here

        first, second = gateways.clients
        await asyncio.gather(*(story(*pair) for pair in [(first, second), (second, first)] * 4))


async def test_a_repeat_through_another_replica_gets_the_first_answer(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, replicas=2) as gateways:
        key = {"Idempotency-Key": "one intent"}
        answers = await asyncio.gather(
            *(
                client.post("/contracts", json={"name": "once"}, headers=key)
                for client in gateways.clients * 5
            )
        )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1


async def test_a_reader_can_wait_for_a_position_and_is_told_when_that_was_not_enough(
    settings: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings, pool, nats, replicas=2) as gateways:
        here, there = gateways.clients
        answer = await here.post("/contracts", json={"name": "seen"})
        path, at = f"/contracts/{body(answer)['id']}", answer.headers["Makima-Position"]
        seen = await there.get(path, headers={"Makima-Min-Position": at})
        assert (seen.status_code, "Makima-Read-Behind" in seen.headers) == (200, False)
        monkeypatch.setattr(reads, "MIN_POSITION_TIMEOUT_SECONDS", 0.1)
        behind = await there.get(path, headers={"Makima-Min-Position": str(int(at) + 1000)})
        assert (behind.status_code, behind.headers["Makima-Read-Behind"]) == (200, "true")
