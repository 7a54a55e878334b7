"""A read of a contract that waits: it ends when the contract has changed, holds nobody up, and is bounded."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from time import monotonic

import asyncpg
import httpx
import orjson
import pytest
from makima_gateway.api import supervisor_heartbeats
from makima_gateway.http.conditional import versions_known, wait_seconds
from makima_gateway.read_model.version_watch import rest_seconds
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.http_settings import HttpSettings
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.times import rfc3339
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.api.supervised_contract import supervised
from tests.services.gateway.harness import (
    Gateways,
    act,
    authenticated_client,
    body,
    created,
    refused,
    running,
)
from tests.services.gateway.tokens import client_as

WAITS = 2  # of one token
OWNERS_WAITS = 3


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    limits = HttpSettings(
        requests_at_once_per_token=1, waits_at_once_per_token=WAITS, waits_at_once_per_owner=OWNERS_WAITS
    )
    async with running(settings.model_copy(update={"http": limits}), pool, nats, replicas=2) as made:
        yield made


def waiting(
    http: httpx.AsyncClient, contract: object, version: object, seconds: int = 30
) -> asyncio.Task[httpx.Response]:
    headers = {"If-None-Match": f'"{version}"', "Prefer": f"wait={seconds}"}
    return asyncio.create_task(http.get(f"/contracts/{contract}", headers=headers))


async def waits(gateways: Gateways, number: int) -> None:
    """So many requests wait at the replicas, whose metrics are those of this process."""
    url = str(gateways.clients[0].base_url).replace("/api/v1/", "/metrics")

    async def counted() -> bool:
        text = (await gateways.clients[0].get(url)).text
        return f"makima_http_waiting {number}.0" in text

    await eventually(counted)


async def test_a_waiting_read_ends_when_the_contract_changes_at_either_replica(gateways: Gateways) -> None:
    contract = await created(gateways.clients[0])
    reads = [waiting(http, contract["id"], contract["version"]) for http in gateways.clients]
    await waits(gateways, len(reads))
    began = monotonic()
    await act(gateways.clients[0], str(contract["id"]), "start")
    for answer in await asyncio.gather(*reads):
        assert (answer.status_code, body(answer)["status"], answer.headers["ETag"]) == (200, "active", '"2"')
        assert answer.headers["Preference-Applied"] == "wait=30"
    assert monotonic() - began < 10
    await waits(gateways, 0)


async def test_nothing_has_changed_is_304_at_once_or_when_the_time_is_over(gateways: Gateways) -> None:
    contract = await created(gateways.clients[0])
    http, route = gateways.clients[0], f"/contracts/{contract['id']}"
    for known in ('"1"', 'W/"1"', "*", '"7", "1"'):
        answer = await http.get(route, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')
    for known in ('"2"', "1", "garbage", ""):
        assert (
            await http.get(route, headers={"If-None-Match": known, "Prefer": "wait=30"})
        ).status_code == 200
    assert (await http.get(route, headers={"Prefer": "wait=30"})).status_code == 200
    began = monotonic()
    answer = await waiting(http, contract["id"], 1, seconds=1)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (304, "wait=1")
    assert monotonic() - began >= 1


async def test_waiting_reads_hold_no_turn_and_one_too_many_is_answered_at_once(gateways: Gateways) -> None:
    """The token has one turn, and waits twice beside it."""
    http = gateways.clients[0]
    contract = await created(http)
    reads = [waiting(http, contract["id"], 1) for _ in range(WAITS)]
    await waits(gateways, WAITS)
    answer = await waiting(http, contract["id"], 1)
    assert answer.status_code == 304
    assert "Preference-Applied" not in answer.headers
    other = await http.post("/tokens", json={"role": "owner", "owner": "somebody"})
    assert other.status_code == 201
    await act(http, str(contract["id"]), "start")
    assert {read.status_code for read in await asyncio.gather(*reads)} == {200}


async def test_an_owner_with_many_tokens_leaves_others_their_share(gateways: Gateways) -> None:
    http = gateways.clients[0]
    async with (
        client_as(http, "owner", owner="alice") as first,
        client_as(http, "owner", owner="alice") as second,
        client_as(http, "owner", owner="bob") as bob,
    ):
        hers, his = str((await created(first))["id"]), str((await created(bob))["id"])
        reads = [waiting(first, hers, 1) for _ in range(WAITS)]
        await waits(gateways, WAITS)
        reads.append(waiting(second, hers, 1))
        await waits(gateways, OWNERS_WAITS)
        answer = await waiting(second, hers, 1)
        assert (answer.status_code, "Preference-Applied" in answer.headers) == (304, False)
        other = waiting(bob, his, 1)
        await waits(gateways, OWNERS_WAITS + 1)
        await act(first, hers, "start")
        assert {read.status_code for read in await asyncio.gather(*reads)} == {200}
        await act(bob, his, "start")
        assert (await other).headers["Preference-Applied"] == "wait=30"
        again = waiting(second, hers, 2)
        await waits(gateways, 1)
        await act(first, hers, "pause")
        assert (await again).status_code == 200, "what has ended leaves its place"


async def test_a_sync_holds_no_turn_while_it_waits(
    gateways: Gateways, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token has one turn, and reads with it before the heartbeat comes."""
    monkeypatch.setattr(supervisor_heartbeats, "SYNC_SECONDS", PATIENCE)
    http = gateways.clients[0]
    contract = await supervised(gateways, http)
    read: list[int] = []

    async def obey(message: Msg) -> None:
        await message.respond(b"{}")
        read.append((await http.get(f"/contracts/{contract}")).status_code)
        said = {"contract_id": contract, "state": "working", "last_heartbeat": rfc3339(datetime.now(UTC))}
        await nats.publish(subjects.state("supervisor", "s1"), orjson.dumps(said))

    await nats.subscribe(subjects.daemon_signal("d1", "sync"), cb=obey)
    await confirm_subscriptions(nats)
    assert body(await http.post(f"/contracts/{contract}/supervisor/sync"))["synced"] is True
    assert read == [200]


@pytest.mark.parametrize(("query", "rest"), [(0.0, 0.05), (0.01, 0.05), (0.5, 2.0), (60.0, 5.0)])
def test_reading_the_versions_takes_a_fifth_of_the_time_at_most(query: float, rest: float) -> None:
    assert rest_seconds(query) == rest


async def test_a_client_that_goes_away_waits_no_longer(gateways: Gateways) -> None:
    http = gateways.clients[0]
    contract = await created(http)
    read = waiting(http, contract["id"], 1)
    await waits(gateways, 1)
    read.cancel()
    await waits(gateways, 0)


async def test_a_token_that_is_revoked_meanwhile_sees_nothing(gateways: Gateways) -> None:
    http = gateways.clients[0]
    made = body(await http.post("/tokens", json={"role": "viewer", "owner": "local"}))
    contract = await created(http)
    async with authenticated_client(str(made["token"]), str(http.base_url)) as viewer:
        read = waiting(viewer, contract["id"], 1)
        await waits(gateways, 1)
        assert (await http.delete(f"/tokens/{made['id']}")).status_code == 204
        await act(http, str(contract["id"]), "start")
        await refused(read, 401, "UNAUTHORIZED")


async def test_a_contract_that_is_deleted_ends_the_wait(gateways: Gateways) -> None:
    http = gateways.clients[0]
    contract = str((await created(http))["id"])
    for action in ("start", "complete", "archive"):
        version = (await act(http, contract, action))["version"]
    read = waiting(http, contract, version)
    await waits(gateways, 1)
    assert (await http.delete(f"/contracts/{contract}")).status_code == 204
    await refused(read, 404, "CONTRACT_NOT_FOUND")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0), ("", 0), ("wait=5", 5), ("respond-async, wait=7", 7), ('Wait = "9"; x=y', 9), ("wait=31", 30),
        ("wait=999999", 30), ("wait=9999999", 0), ("wait=-1", 0), ("wait", 0), ("wait=x", 0), ("wait=1.5", 0),
    ],
)  # fmt: skip
def test_a_preference_that_cannot_be_read_is_ignored(prefer: str | None, seconds: float) -> None:
    assert wait_seconds(prefer) == seconds


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, set[int]()), ('"3"', {3}), ('W/"3", "4"', {3, 4}), ("3", set[int]()), ('"x"', set[int]()), ('"3', set[int]()),
    ],
)  # fmt: skip
def test_what_is_no_version_matches_nothing(header: str | None, versions: set[int]) -> None:
    assert versions_known(header) == versions
