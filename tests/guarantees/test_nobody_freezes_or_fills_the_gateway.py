"""No token freezes or fills the gateway, and one owner cannot make another wait.

Connections alone are in tests/services/gateway/http/test_connections.py, on a server without an application; the size
of answers is in tests/guarantees/test_an_answer_ends_at_a_mebibyte.py.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Final, cast

import httpx
import pytest
import pytest_asyncio
import structlog
from makima_kernel.service.http_settings import HttpSettings, QuotaSettings
from makima_kernel.testing import PATIENCE, eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_schemas.agent import AgentJoined
from prometheus_client import REGISTRY

from tests.guarantees.many_contracts import copy_agent, copy_contract, forget_copies, nobody_searches
from tests.lateness import measured
from tests.services.gateway.harness import Gateways, authenticated_client, body, created, refused
from tests.shared_gateway import new_owner, shared_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("limits of the gateway")]

AT_ONCE: Final = 2
LIMITS: Final = HttpSettings(
    requests_at_once_per_token=AT_ONCE, request_wait_seconds=0.2, search_timeout_seconds=0.002
)
MANY: Final = 15_000  # contracts, of which a search takes longer than that
QUOTAS: Final = QuotaSettings(open_contracts=5, events_per_contract=60)
LARGE: Final = "x" * (200 * 1024)
HANDSHAKE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(
        postgres_server, template_database, nats_server, http=LIMITS, quotas=QUOTAS
    ) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def alice(gateways: Gateways) -> AsyncIterator[httpx.AsyncClient]:
    async with authenticated_client(await new_owner(gateways), str(gateways.clients[0].base_url)) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def bob(gateways: Gateways) -> AsyncIterator[httpx.AsyncClient]:
    async with authenticated_client(await new_owner(gateways), str(gateways.clients[0].base_url)) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(gateways: Gateways) -> AsyncIterator[httpx.AsyncClient]:
    async with authenticated_client(None, str(gateways.clients[0].base_url)) as client:
        yield client


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_token_comes_before_the_body(gateways: Gateways) -> None:
    url = gateways.clients[0].base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        b"POST /api/v1/contracts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 500000\r\nExpect: 100-continue\r\n\r\n"
    )
    async with asyncio.timeout(PATIENCE):
        assert b" 401 " in await reader.readline(), "and no 100 Continue: not a byte of the body is asked for"
    writer.close()


async def test_who_has_no_token_writes_no_line_into_the_log(
    stranger: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does the server below the application: uvicorn has a line for each of these."""
    url = stranger.base_url
    with structlog.testing.capture_logs() as lines:
        for path in ("/contracts", "/" + "x" * 60_000, "/contracts/monitor"):
            await stranger.post(path, json={"name": "x"})
        await stranger.get("/contracts/monitor", headers=HANDSHAKE)
        await stranger.request("GET", "/contracts", content=b"not json")
        for nonsense in (b"\0\0\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(nonsense)
            async with asyncio.timeout(PATIENCE):
                assert await reader.readline()
            writer.close()
    assert lines == []
    assert [each for each in caplog.records if each.name.startswith(("uvicorn", "websockets"))] == []


async def test_a_request_for_another_host_is_refused(alice: httpx.AsyncClient) -> None:
    """A page of another site whose name resolves to this machine (DNS rebinding)."""
    for host in ("evil.example", "evil.example:8420", "127.0.0.1.evil.example", "localhost.evil.example"):
        problem = await refused(alice.get("/contracts", headers={"Host": host}), 421, "MISDIRECTED_REQUEST")
        assert "http.allowed_hosts" in str(problem["hint"])
        answer = await alice.get("/contracts/monitor", headers={"Host": host, **HANDSHAKE})
        assert answer.status_code == 421
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8420", "[::1]:8420", "10.1.2.3"):
        assert (await alice.get("/contracts", headers={"Host": host})).status_code == 200


async def test_every_answer_tells_browsers_what_it_is_for(
    alice: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    base = str(alice.base_url).removesuffix("/api/v1/")
    for answer in (
        await alice.get("/contracts"),
        await alice.get("/nonsense"),
        await stranger.get("/contracts"),
        await stranger.get(f"{base}/docs"),
        await stranger.get("/openapi.json"),
        await stranger.get("/contracts/monitor", headers=HANDSHAKE),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff", answer.url
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_the_documentation_needs_no_other_host(stranger: httpx.AsyncClient) -> None:
    page = (await stranger.get(str(stranger.base_url).replace("/api/v1/", "/docs"))).text
    assert "/api/v1/contracts/{contract_id}" in page
    assert "://" not in page.replace("http://127.0.0.1", "")
    assert "<script" not in page


async def test_an_unfit_body_is_answered_with_at_most_twenty_errors(alice: httpx.AsyncClient) -> None:
    unfit = {"name": "x", "phases": [{"nonsense" * 5: number} for number in range(5000)]}
    problem = await refused(alice.post("/contracts", json=unfit), 422, "INVALID_REQUEST")
    errors = cast("list[dict[str, str]]", problem["errors"])
    assert len(errors) == 20
    assert all(len(text) <= 200 for error in errors for text in error.values())


async def test_one_owner_at_its_limit_makes_no_other_wait(
    gateways: Gateways, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    ahead = {"Makima-Min-Position": str(await gateways.log.head() + 1000)}  # a read that waits for 2 s
    slow = [asyncio.create_task(alice.get("/contracts", headers=ahead)) for _ in range(8 * AT_ONCE)]
    async with measured() as late:
        started = perf_counter()
        bobs = [await bob.get("/contracts") for _ in range(3)]
        took = perf_counter() - started
    alices = await asyncio.gather(*slow)
    assert [answer.status_code for answer in bobs] == [200] * 3
    assert took < late.allowed(2), "as long as the first of the other's requests"
    served = [answer.status_code for answer in alices]
    assert served.count(200) == AT_ONCE
    assert served.count(429) == len(slow) - AT_ONCE
    shed = next(answer for answer in alices if answer.status_code == 429)
    assert (shed.headers["Retry-After"], body(shed)["code"]) == ("1", "TOO_MANY_REQUESTS")
    assert body(shed)["retry_after_seconds"] == 1
    assert (await alice.get("/contracts")).status_code == 200, "and a moment later all is well"


@pytest.mark.parametrize("path", ["/contracts", "/agents"])
async def test_a_search_is_ended_after_its_time_and_makes_no_other_owner_wait(
    gateways: Gateways, alice: httpx.AsyncClient, bob: httpx.AsyncClient, path: str
) -> None:
    """Ended in the database, too: it would go on reading for nobody."""
    mine, model = await created(bob), await created(alice, description="nothing that is sought" * 20)
    pool = gateways.replicas[0].pool
    if path == "/agents":
        contract = str(model["id"])
        joined = await gateways.append(
            f"agent-{contract}:builder", AgentJoined(contract, "builder", "k", "d1")
        )
        await alice.get("/agents", headers={"Makima-Min-Position": str(joined)})
        await copy_agent(pool, contract, MANY)
    else:
        await copy_contract(pool, str(model["id"]), MANY)
    assert (await alice.get(path, params={"limit": 1})).status_code == 200
    searching = [
        asyncio.create_task(alice.get(path, params={"q": f"needle {number}"})) for number in range(20)
    ]
    answers, one = list[httpx.Response](), {"Idempotency-Key": "one"}
    while not all(search.done() for search in searching):
        async with measured() as late:
            began = perf_counter()
            answers.append(await bob.get(f"/contracts/{mine['id']}"))
            answers.append(await bob.post("/contracts", json={"name": "one"}, headers=one))
            assert perf_counter() - began < late.allowed(2)
    assert {answer.status_code for answer in answers} == {200, 201}
    ended = [search.result() for search in searching]
    assert {answer.status_code for answer in ended} <= {200, 429, 503}, "200: one that ended in its time"
    refusal = next(answer.json() for answer in ended if answer.status_code == 503)
    assert (refusal["code"], "the search took more than 0.002 s" in refusal["detail"]) == ("OVERLOADED", True)
    await eventually(lambda: nobody_searches(pool))
    await forget_copies(pool)


async def test_a_revoked_client_that_does_not_read_is_disconnected(
    gateways: Gateways, alice: httpx.AsyncClient
) -> None:
    contract = str((await created(alice))["id"])
    assert (await alice.post(f"/contracts/{contract}/start")).status_code == 200
    admin, url = gateways.clients[0], gateways.clients[0].base_url
    made = await admin.post("/tokens", json={"role": "admin"})
    before, opened = metric("makima_http_cut_total", reason="revoked"), metric("makima_open_sockets")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((url.host, url.port))
    client.sendall(
        f"GET /api/v1/contracts/monitor/events?since=0 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {made.json()['token']}\r\n\r\n".encode()
    )
    await eventually(lambda: metric("makima_open_sockets") == opened + 1)
    for _ in range(40):
        asked = {"question": LARGE, "question_type": "text"}
        assert (await alice.post(f"/contracts/{contract}/questions", json=asked)).status_code == 201
    assert (await admin.delete(f"/tokens/{made.json()['id']}")).status_code == 204
    await eventually(lambda: metric("makima_open_sockets") == opened)
    assert metric("makima_http_cut_total", reason="revoked") == before + 1
    client.close()


async def test_an_owner_has_as_many_open_contracts_as_the_quota_allows(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    made = [str((await created(alice))["id"]) for _ in range(QUOTAS.open_contracts)]
    problem = await refused(alice.post("/contracts", json={"name": "x"}), 403, "QUOTA_EXCEEDED")
    assert problem["quota"] == "open_contracts"
    assert (problem["limit"], problem["used"]) == (QUOTAS.open_contracts, QUOTAS.open_contracts)
    assert (await created(bob))["id"], "another owner has its own"
    for action in ("start", "complete", "archive"):
        assert (await alice.post(f"/contracts/{made[0]}/{action}")).status_code == 200
    assert (await created(alice))["id"], "one that is over counts no more"


async def test_a_contract_has_as_many_events_as_the_quota_allows(alice: httpx.AsyncClient) -> None:
    contract = str((await created(alice))["id"])
    said = {"role": "user", "content": "x"}
    for _ in range(QUOTAS.events_per_contract - 1):
        assert (await alice.post(f"/contracts/{contract}/messages", json=said)).status_code == 201
    await refused(alice.post(f"/contracts/{contract}/messages", json=said), 403, "QUOTA_EXCEEDED")
    assert (await alice.post(f"/contracts/{contract}/fail")).status_code == 200, "it can still be ended"
