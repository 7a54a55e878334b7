"""Where the monitor socket cannot go on: it resets, or says that its reader lags, and misses nothing."""

import asyncio
from typing import cast

import asyncpg
import httpx
import pytest
from makima_gateway.monitor import log_tail as hub
from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE
from nats.aio.client import Client
from websockets.asyncio.client import connect

from tests.background import end
from tests.servers import BUDGET
from tests.services.gateway.harness import Gateways, act, created, position, running
from tests.services.gateway.monitor.monitor_client import Socket, narrow, watching


async def test_where_it_cannot_go_on_it_says_so(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    async with watching(gateways, since=0, epoch="another") as client:
        reset = await client.next()
        assert (reset["type"], reset["position"]) == ("reset", 1)
        live = await position(http, contract, "start")
        assert [message["position"] for message in await client.until(live)] == [live]
    async with watching(gateways, since=10_000) as client:
        reset = await client.next()
        assert (reset["type"], reset["reason"]) == ("reset", "position 10000 is ahead of the log")


async def test_who_connects_after_a_write_is_told_only_what_comes_later(
    gateways: Gateways, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far the tail of this replica has come by then."""
    contract = str((await created(http))["id"])
    moving = asyncio.Event()
    advance = hub.LogTail._advance  # pyright: ignore[reportPrivateUsage] - the tail stands still for a moment

    async def still(tail: hub.LogTail) -> None:
        await moving.wait()
        await advance(tail)

    monkeypatch.setattr(hub.LogTail, "_advance", still)
    written = await position(http, contract, "start")
    async with connect(gateways.sockets[0]) as connection:
        client = Socket(connection)
        hello = await client.next()
        assert (hello["type"], hello["position"]) == ("hello", written)
        moving.set()
        live = await position(http, contract, "pause")
        assert [message["position"] for message in await client.until(live)] == [live]


async def test_a_new_epoch_resets_every_socket(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await created(http)
    async with watching(gateways, since=0) as client:
        await client.until(1)
        await pool.execute("update event_log.identity set epoch = gen_random_uuid()")
        reset = await client.next()
        assert (reset["type"], reset["epoch"]) == ("reset", str(await gateways.log.epoch()))


async def test_a_new_epoch_is_told_also_while_events_never_stop(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool, nats: Client
) -> None:
    """What follows the reset is counted in the new epoch; what came before it, in the old one."""
    contract = str((await created(http))["id"])
    await act(http, contract, "start")

    async def write() -> None:
        while True:
            await act(http, contract, "pause")
            await act(http, contract, "resume")

    async with watching(gateways, since=0) as client, asyncio.TaskGroup() as group:
        writing = group.create_task(write())
        await client.until(20)
        await new_epoch(pool, nats, budget=BUDGET)
        async with asyncio.timeout(PATIENCE):
            while client.received[-1]["type"] != "reset":
                assert (await client.next())["type"] in {"StatusChanged", "reset"}
        assert client.received[-1]["epoch"] == str(await gateways.log.epoch())
        await end(writing)


async def test_a_reader_that_was_too_slow_is_told_and_misses_nothing(
    settings: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not read; meanwhile more is said than the process remembers, and than all buffers between hold."""
    monkeypatch.setattr(hub, "MAX_RECENT_EVENTS", 5)
    async with running(settings, pool, nats) as gateways:
        http = gateways.clients[0]
        contract = str((await created(http))["id"])
        await act(http, contract, "start")
        async with narrow(gateways.sockets[0]) as client:
            await client.next()
            asked = [
                await http.post(f"/contracts/{contract}/questions", json={"question": "x" * 200_000})
                for _ in range(60)
            ]
            last = await position(http, contract, "fail")
            told = await client.until(last)
    assert {answer.status_code for answer in asked} == {201}
    assert "lagging" in {message["type"] for message in told}
    positions = [cast("int", message["position"]) for message in told if message["type"] != "lagging"]
    assert positions == sorted(set(positions))
    assert sum(message["type"] == "QuestionAsked" for message in told) == 60
