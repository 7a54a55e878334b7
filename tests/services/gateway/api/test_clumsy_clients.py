"""What clumsy clients send: taken as it was meant, or refused at once with what is wrong."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import cast

import httpx
import pytest
import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.services.gateway.harness import ADMIN, Gateways
from tests.shared_gateway import shared_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("clumsy clients")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(postgres_server, template_database, nats_server) as made:
        yield made


async def _made(http: httpx.AsyncClient, **members: object) -> Mapping[str, object]:
    answer = await http.post("/contracts", json={"name": "one", **members})
    return cast("Mapping[str, object]", answer.raise_for_status().json())


@pytest.mark.parametrize(
    "members",
    [
        {"phase_guard": "yes"},
        {"phase_guard": 1},
        {"auto_complete_enabled": "true"},
        {"stale_after_seconds": "60"},
        {"stale_after_seconds": True},
        {"phases": [{"name": "p", "gate": {"required_tasks": {"min_complete": 2**64}}}]},
        {"phases": [{"name": "p", "gate": {"required_tasks": {"min_complete": "1"}}}]},
        {"phases": [{"name": "p", "gate": {"auto_advance": "no"}}]},
    ],
)
async def test_a_text_is_no_flag_and_no_number_and_a_number_has_a_bound(
    gateways: Gateways, members: dict[str, object]
) -> None:
    answer = await gateways.clients[0].post("/contracts", json={"name": "one", **members})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("body", "path", "nearest"),
    [
        ({"reason": "x", "expected_versoin": 1}, "body.expected_versoin", "expected_version"),
        ({"raeson": "x"}, "body.raeson", "reason"),
    ],
)
async def test_a_misspelt_member_is_refused_with_the_one_that_was_meant(
    gateways: Gateways, body: dict[str, object], path: str, nearest: str
) -> None:
    http = gateways.clients[0]
    contract = await _made(http)
    answer = await http.post(f"/contracts/{contract['id']}/start", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": path, "message": f"is no member; did you mean {nearest}?"}]
    assert (await http.get(f"/contracts/{contract['id']}")).json()["status"] == "created"


async def test_a_misspelt_filter_or_part_of_a_phase_is_refused_too(gateways: Gateways) -> None:
    http = gateways.clients[0]
    answer = await http.get("/contracts", params={"stauts": "active"})
    assert (answer.status_code, "did you mean status?" in answer.text) == (422, True)
    phases = [{"name": "p", "gaet": {"auto_advance": False}}]
    answer = await http.post("/contracts", json={"name": "one", "phases": phases})
    assert (answer.status_code, "did you mean gate?" in answer.text) == (422, True)


async def test_what_is_to_be_confirmed_is_answered_yes_or_no(gateways: Gateways) -> None:
    http = gateways.clients[0]
    contract = f"/contracts/{(await _made(http))['id']}"
    await http.post(f"{contract}/start", json={})
    asked = await http.post(f"{contract}/questions", json={"question": "Deploy?", "question_type": "confirm"})
    path = f"{contract}/questions/{asked.json()['id']}/answer"
    maybe = await http.post(path, json={"answer": "maybe"})
    assert (maybe.status_code, "yes, no" in maybe.text) == (422, True)
    assert (await http.post(path, json={"answer": "yes"})).status_code == 200


async def test_a_filter_given_twice_is_both(gateways: Gateways) -> None:
    http = gateways.clients[0]
    made = await _made(http)
    started = await _made(http)
    await http.post(f"/contracts/{started['id']}/start", json={})
    listed = await http.get("/contracts?status=created&status=active,paused&limit=500")
    assert {made["id"], started["id"]} <= {each["id"] for each in listed.json()["items"]}


async def test_head_is_a_get_without_its_body(gateways: Gateways) -> None:
    http = gateways.clients[0]
    contract = await _made(http)
    for path in ("/contracts", f"/contracts/{contract['id']}", "/openapi.json"):
        answer = await http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await http.head(f"/contracts/{contract['id']}")).headers["etag"] == '"1"'
    assert (await http.head("/contracts/nobody")).status_code == 404
    assert (await http.head("/contracts/monitor/events")).status_code == 405


async def test_a_compressed_body_is_415(gateways: Gateways) -> None:
    answer = await gateways.clients[0].post(
        "/contracts",
        content=b"\x1f\x8b",
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_who_asks_before_sending_too_much_is_refused_before_it_sends(gateways: Gateways) -> None:
    url = gateways.clients[0].base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST /api/v1/contracts HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {ADMIN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\n\r\n"
    )
    writer.write(head.encode())
    # A server that starts to read the body says `100 Continue` first.
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()
