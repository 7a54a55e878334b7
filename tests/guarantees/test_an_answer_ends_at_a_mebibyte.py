"""However large what is listed is, an answer ends at a mebibyte, and its cursor goes on there."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
import pytest_asyncio
from makima_gateway.http.pagination import PAGE_BYTES
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.dead_letters import leave
from tests.services.gateway.harness import Gateways, authenticated_client, created
from tests.shared_gateway import new_owner, shared_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("ends of answers")]

LARGE: Final = "x" * (200 * 1024)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(postgres_server, template_database, nats_server) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def alice(gateways: Gateways) -> AsyncIterator[httpx.AsyncClient]:
    async with authenticated_client(await new_owner(gateways), str(gateways.clients[0].base_url)) as client:
        yield client


async def test_an_answer_ends_at_a_mebibyte_and_goes_on_at_its_cursor(alice: httpx.AsyncClient) -> None:
    contract = str((await created(alice, description=LARGE))["id"])
    for number in range(12):
        made = await alice.post(
            f"/contracts/{contract}/messages", json={"role": "user", "content": f"{number} {LARGE}"}
        )
        assert made.status_code == 201
    for path, count in (("messages", 12), ("events", 13)):
        seen, cursor = 0, None
        while cursor or not seen:
            query = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
            answer = await alice.get(f"/contracts/{contract}/{path}", params=query)
            assert len(answer.content) <= PAGE_BYTES + 1000
            seen += len(answer.json()["items"])
            cursor = answer.json()["next_cursor"]
        assert seen == count
    listed = await alice.get("/contracts", params={"limit": "500"})
    assert [item["id"] for item in listed.json()["items"]] == [contract]
    assert "description" not in listed.json()["items"][0]
    assert (await alice.get(f"/contracts/{contract}")).json()["description"] == LARGE


async def test_dead_letters_of_which_each_is_shown_longer_than_it_was_do_so_too(gateways: Gateways) -> None:
    """Zeros are shown as escapes."""
    admin, nats = gateways.clients[0], gateways.replicas[0].nats
    await asyncio.gather(*(leave(nats, bytes(2000), sequence=number) for number in range(200)))
    seen, query = list[int](), {"limit": "500"}
    while len(seen) < 200:
        answer = await admin.get("/dead-letters", params=query)
        assert len(answer.content) <= PAGE_BYTES + 1000
        seen += [letter["sequence"] for letter in answer.json()["items"]]
        query["cursor"] = answer.json()["next_cursor"]
    assert sorted(seen[:200]) == list(range(200))
