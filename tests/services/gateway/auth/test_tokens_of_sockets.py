"""A monitor socket and its token: where it is taken from, what it may see, and that it ends with it."""

import httpx
import orjson
import pytest
from makima_gateway.auth import tokens
from makima_schemas import subjects
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.services.gateway.harness import ADMIN, Gateways, act, authenticated_client, created, until_closed
from tests.services.gateway.monitor.monitor_client import Socket
from tests.services.gateway.tokens import client_as, issue_token


async def test_a_socket_takes_its_token_where_a_browser_can_put_it(
    gateways: Gateways, caplog: pytest.LogCaptureFixture
) -> None:
    bare = gateways.sockets[0].partition("?")[0]
    async with connect(f"{bare}?token={ADMIN}") as socket:
        await socket.recv()
    async with connect(bare, subprotocols=[Subprotocol(f"bearer.{ADMIN}")]) as socket:
        await socket.recv()
        assert socket.subprotocol == f"bearer.{ADMIN}"
    for wrong in (bare, f"{bare}?token=mk_guessed"):
        with pytest.raises(InvalidStatus) as refused_:
            await connect(wrong)
        assert refused_.value.response.status_code == 401
        assert orjson.loads(refused_.value.response.body or b"")["code"] == "UNAUTHORIZED"
    assert "uvicorn" not in caplog.text, "a refusal is no fault"


async def test_an_owners_monitor_tells_of_its_own_contracts_alone(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    alice = await issue_token(http, "owner", owner="alice")
    bare = gateways.sockets[0].partition("?")[0]
    async with (
        authenticated_client(str(alice["token"]), str(http.base_url)) as mine,
        client_as(http, "owner", owner="bob") as bob,
        connect(f"{bare}?token={alice['token']}") as connection,
    ):
        socket = Socket(connection)
        await socket.next()
        await socket.ask(since=0, include_heartbeats=True)
        theirs, own = str((await created(bob))["id"]), str((await created(mine))["id"])
        assert (await socket.next())["contract_id"] == own, "by now the filter is in force"
        for contract in (theirs, own):
            nats = gateways.replicas[0].nats
            await nats.publish(
                subjects.state("supervisor", f"s-{contract}"),
                orjson.dumps({"contract_id": contract, "state": "working"}),
            )
            reminder = {
                "contract_id": contract,
                "last_activity": "2026-01-01T00:00:00Z",
                "stale_duration": 1.0,
            }
            await nats.publish(subjects.MONITOR_STALE, orjson.dumps(reminder))
        assert {str((await socket.next())["type"]) for _ in range(2)} == {"Heartbeat", "StaleDetected"}
        for client, contract in ((bob, theirs), (mine, own)):
            await act(client, contract, "archive")
        assert (await mine.delete(f"/contracts/{own}")).status_code == 204
        while {"type": "StatusChanged", "new_status": None}.items() - socket.received[-1].items():
            await socket.next()
        assert {message["contract_id"] for message in socket.received[1:]} == {own}
    async with connect(
        f"{bare}?token={alice['token']}"
    ) as connection:  # what is deleted is told again to its owner
        socket = Socket(connection)
        await socket.next()
        await socket.ask(since=0)
        assert [message["new_status"] for message in [await socket.next() for _ in range(3)]] == [
            "created",
            "archived",
            None,
        ]
        assert {message["contract_id"] for message in socket.received[1:]} == {own}


async def test_a_socket_ends_with_its_token(
    gateways: Gateways, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REVOCATION_POLL_SECONDS", 0.01)
    viewer = await issue_token(http, "viewer", owner="alice")
    async with connect(f"{gateways.sockets[0].partition('?')[0]}?token={viewer['token']}") as socket:
        await socket.recv()
        await http.delete(f"/tokens/{viewer['id']}")
        with pytest.raises(ConnectionClosed):
            await until_closed(socket)
        assert (socket.close_code, socket.close_reason) == (1008, "the token was revoked")
