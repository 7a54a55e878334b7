"""The monitor as Server-Sent Events: the same messages as the socket's, and `Last-Event-ID` goes on where a
cut came.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import asyncpg
import httpx
import orjson
import pytest
from makima_gateway.monitor import sse as stream
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from nats.aio.client import Client

from tests.plain_http import plain_client
from tests.servers import BUDGET
from tests.services.gateway.harness import Gateways, act, created, refused, running

STREAM = "/contracts/monitor/events"


@dataclass(frozen=True)
class Said:
    """One event of the stream."""

    name: str
    id: str | None
    data: Mapping[str, object]


class Reader:
    """Reads by the rules of the HTML standard, as far as we use them; `comments` are what it passes over."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines: AsyncIterator[str] = answer.aiter_lines()
        self.comments: list[str] = []
        self.retry: str | None = None

    async def next(self) -> Said:
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    data = cast("dict[str, object]", orjson.loads(fields["data"]))
                    assert data["type"] == fields["event"]
                    if data["type"] == "Tick":
                        fields.clear()
                        continue
                    return Said(fields["event"], fields.get("id"), data)
                else:
                    self.retry = fields.get("retry", self.retry)
        raise EOFError

    async def until(self, position: int) -> list[Said]:
        found: list[Said] = []
        while not found or found[-1].data.get("position") != position:
            found.append(await self.next())
        return found


@asynccontextmanager
async def reading(
    http: httpx.AsyncClient, headers: Mapping[str, str] | None = None, **query: str | int | list[str]
) -> AsyncGenerator[Reader]:
    async with http.stream("GET", STREAM, params=query, headers=headers, timeout=None) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield Reader(answer)


def place(said: Said) -> tuple[str, int]:
    """The epoch and the position of its id."""
    epoch, _, at = str(said.id).partition(":")
    return epoch, int(at)


async def position(http: httpx.AsyncClient, contract: str, action: str) -> int:
    return int(
        (await http.post(f"/contracts/{contract}/{action}")).raise_for_status().headers["Makima-Position"]
    )


async def test_a_stream_says_hello_and_then_what_happens(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    async with reading(http) as reader:
        hello = await reader.next()
        assert hello.data == {
            "type": "hello",
            "epoch": str(await gateways.log.epoch()),
            "position": place(hello)[1],
        }
        assert place(hello)[0] == hello.data["epoch"]
        assert reader.retry == "1000"
        last = await position(http, contract, "start")
        said = (await reader.until(last))[-1]
        assert (said.name, said.data["new_status"]) == ("StatusChanged", "active")
        assert place(said) == (hello.data["epoch"], last)


async def test_last_event_id_goes_on_behind_what_was_seen(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    seen = await position(http, contract, "start")
    missed = [await position(http, contract, action) for action in ("pause", "resume", "block")]
    async with reading(
        http, {"Last-Event-ID": str(seen)}, since=0
    ) as reader:  # as a browser does: the address stays what it was
        assert (await reader.next()).id is None, (
            "who is cut off between the hello and the replay must not skip the replay"
        )
        assert [place(said)[1] for said in await reader.until(missed[-1])] == missed
        live = await position(http, contract, "fail")
        last = await reader.next()
        assert place(last)[1] == live
    async with reading(http, {"Last-Event-ID": str(last.id)}, since=0, epoch="of the first time") as reader:
        assert (await reader.next()).name == "hello"
        live = await position(http, contract, "reopen")
        assert place(await reader.next())[1] == live


async def test_an_id_of_another_epoch_leads_to_a_reset(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool, nats: Client
) -> None:
    """After a restore its position would lead to another event, or over events that were never seen."""
    contract = str((await created(http))["id"])
    async with reading(http, since=0) as reader:
        assert (await reader.next()).name == "hello"
        of_before = await reader.next()
        await new_epoch(pool, nats, budget=BUDGET)
        assert (await reader.next()).name == "reset"
    epoch = str(await gateways.log.epoch())
    await position(http, contract, "start")
    for of_unknown in (str(of_before.id), "1"):
        async with reading(http, {"Last-Event-ID": of_unknown}, since=0) as reader:
            assert (await reader.next()).name == "hello"
            reset = await reader.next()
            assert (reset.name, place(reset)) == ("reset", (epoch, reset.data["position"])), of_unknown
    for known in ({"Last-Event-ID": f"{epoch}:1"}, {"Last-Event-ID": "1"}):
        async with reading(http, known, epoch=epoch) as reader:
            assert (await reader.next()).name == "hello"
            assert (await reader.next()).name == "StatusChanged"


async def test_the_filter_is_in_the_address(http: httpx.AsyncClient) -> None:
    one, two, three = [str((await created(http))["id"]) for _ in range(3)]
    for contract in (one, two, three):
        await act(http, contract, "start")
    await act(http, two, "pause")
    last = await position(http, three, "pause")
    async with reading(http, contract_ids=f"{one},{three}", statuses=["paused", "failed"], since=0) as reader:
        assert (await reader.next()).name == "hello"
        assert [said.data["contract_id"] for said in await reader.until(last)] == [three]
    for query in (
        {"statuses": "nonsense"},
        {"contract_ids": "a b"},
        {"since": "-1"},
        {"include_stale": "perhaps"},
        {"nonsense": "1"},
    ):
        await refused(http.get(STREAM, params=query), 422, "INVALID_REQUEST")
    for unfit in ("x", "-1", "a b:1", "1:x", "1" * 20):
        await refused(http.get(STREAM, headers={"Last-Event-ID": unfit}), 422, "INVALID_REQUEST")


async def test_where_it_cannot_go_on_it_says_so(http: httpx.AsyncClient) -> None:
    await created(http)
    async with reading(http, since=0, epoch="another") as reader:
        assert (await reader.next()).name == "hello"
        reset = await reader.next()
        assert (reset.name, place(reset)) == ("reset", (reset.data["epoch"], reset.data["position"]))
    async with reading(http, {"Last-Event-ID": "10000"}) as reader:
        await reader.next()
        assert (await reader.next()).data["reason"] == "position 10000 is ahead of the log"


async def test_heartbeats_and_reminders_are_told_to_their_tenant_only(
    http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    beat = {"contract_id": contract, "state": "working", "activity": "thinking", "progress": 40}
    stale = {
        "contract_id": contract,
        "last_activity": "2026-01-31T10:30:00.000000Z",
        "stale_duration": 1801.5,
    }
    async with reading(http, include_heartbeats="true") as reader:
        await reader.next()
        for tenant in ({"tenant": "another"}, {"tenant": "default"}, {}):
            await nats.publish(
                subjects.state("supervisor", f"of-{len(tenant)}"),
                orjson.dumps({**beat, **tenant, "progress": len(tenant)}),
            )
            await confirm_subscriptions(nats)
            await nats.publish(
                subjects.MONITOR_STALE, orjson.dumps({**stale, **tenant, "stale_duration": len(tenant)})
            )
            await confirm_subscriptions(nats)
        told: list[Said] = []
        while len(told) < 4:
            said = await reader.next()
            told += [said] if said.name != "StatusChanged" else []  # the creation may be told only now
    assert sorted(said.name for said in told) == ["Heartbeat", "Heartbeat", "StaleDetected", "StaleDetected"]
    assert {said.id for said in told} == {None}


async def test_a_quiet_stream_is_kept_alive(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.01)
    contract = str((await created(http))["id"])
    async with reading(http) as reader:

        async def started() -> Said:
            """The creation may be told only now, so read on until the start is."""
            while (said := await reader.next()).data.get("new_status") != "active":
                pass
            return said

        reading_on = asyncio.create_task(started())
        await eventually(lambda: bool(reader.comments))
        await act(http, contract, "start")
        assert (await reading_on).name == "StatusChanged"


async def test_streams_end_when_the_gateway_stops(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with plain_client() as client:
        async with running(settings, pool, nats) as gateways:
            http = gateways.clients[0]
            request = client.build_request(
                "GET", str(http.base_url).rstrip("/") + STREAM, headers=http.headers
            )
            answer = await client.send(request, stream=True)
            reader = Reader(answer)
            await reader.next()
        with pytest.raises(EOFError):
            await reader.next()
        await answer.aclose()
