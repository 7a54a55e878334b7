"""A token ends by itself, with all that it opened, and tells when it was used."""

from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from makima_gateway.auth import tokens
from makima_kernel.testing import eventually
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.services.gateway.harness import authenticated_client, created, items, refused
from tests.services.gateway.monitor.monitor_client import Socket
from tests.services.gateway.tokens import issue_token


async def test_a_token_ends_by_itself_and_an_administrators_does_not(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    admin, owner = await issue_token(http, "admin"), await issue_token(http, "owner", owner="alice")
    assert admin["expires_at"] is None
    lifetime = datetime.fromisoformat(str(owner["expires_at"])) - datetime.now(UTC)
    assert timedelta(days=89) < lifetime <= timedelta(days=90)
    past = {"role": "owner", "owner": "alice", "expires_at": "2020-01-01T00:00:00Z"}
    await refused(http.post("/tokens", json=past), 422, "INVALID_REQUEST")
    async with authenticated_client(str(owner["token"]), str(http.base_url)) as alice:
        assert (await alice.get("/contracts")).status_code == 200
        url = f"{str(http.base_url).replace('http', 'ws')}contracts/monitor?token={owner['token']}"
        async with connect(url) as connection:
            socket = Socket(connection)
            assert (await socket.next())["type"] == "hello"
            await pool.execute(
                "update gateway.tokens set expires_at = clock_timestamp() where id = $1", owner["id"]
            )
            await refused(alice.get("/contracts"), 401, "UNAUTHORIZED")
            with pytest.raises(ConnectionClosed):
                await socket.until(2**62)


async def test_a_token_says_when_it_was_used(http: httpx.AsyncClient) -> None:
    made = await issue_token(http, "owner", owner="alice")

    async def used() -> object:
        return next(token for token in await items(http, "/tokens") if token["id"] == made["id"])[
            "last_used_at"
        ]

    assert await used() is None
    async with authenticated_client(str(made["token"]), str(http.base_url)) as alice:
        contract = await created(alice)
    assert await eventually(used)
    event = (await items(http, f"/contracts/{contract['id']}/events"))[0]
    assert event["tokenid"] == made["id"], "an event tells with which token it was caused"


async def test_the_log_says_with_which_token_something_was_changed(http: httpx.AsyncClient) -> None:
    made = await issue_token(http, "owner", owner="alice")
    async with authenticated_client(str(made["token"]), str(http.base_url)) as alice:
        with capture_logs() as lines:
            await alice.post("/contracts", json={"name": "x"})
            await alice.post("/contracts/nobody/start")
            await alice.get("/contracts")
    found = [(line["token_id"], line["status"]) for line in lines if line["event"] == "http.request"]
    assert found == [(made["id"], 201), (made["id"], 404)]


async def test_a_daemons_login_ends_with_its_token(http: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    """The broker's callout asks these two, with the token as the password."""
    made, store = await issue_token(http, "daemon", daemon_id="d1"), tokens.Tokens(pool)
    token_id, secret = str(made["id"]), str(made["token"])
    assert await store.find(secret)
    assert await store.revoked([token_id]) == []
    await pool.execute("update gateway.tokens set expires_at = clock_timestamp() where id = $1", token_id)
    assert await store.find(secret) is None
    assert await store.revoked([token_id]) == [token_id]
