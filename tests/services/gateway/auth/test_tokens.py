"""Tokens: made and shown once, kept as hashes, listed without secrets, revoked at once; and never the last
administrator's.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg
import httpx
import orjson
import pytest
from makima_gateway.auth import tokens
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.log import Log
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.daemon import DaemonConnected
from nats.aio.client import Client
from websockets.asyncio.client import connect

from tests.services.gateway.harness import (
    ADMIN,
    Gateways,
    authenticated_client,
    body,
    items,
    listed,
    refused,
    running,
)
from tests.services.gateway.tokens import client_as, issue_token, run_by


async def test_a_secret_is_shown_once_and_kept_nowhere(http: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    made = await issue_token(http, "owner", owner="alice")
    secret = str(made["token"])
    assert secret.startswith("mk_")
    assert {"role": "owner", "owner": "alice", "daemon_id": None}.items() <= made.items()
    assert secret not in orjson.dumps(await items(http, "/tokens")).decode()
    kept = [str(dict(row)) for row in await pool.fetch("select * from gateway.tokens")]
    assert len(kept) == 2
    assert not any(secret in row or ADMIN in row for row in kept)
    assert await Log(pool).head() == 0, "a secret, or a hash of one, is no event"


async def test_tokens_are_listed_in_pages_with_who_made_them(http: httpx.AsyncClient) -> None:
    made = [str((await issue_token(http, "daemon", daemon_id=f"d{number}"))["id"]) for number in range(3)]
    first = body(await http.get("/tokens", params={"limit": 2}))
    rest = await items(http, "/tokens", cursor=first["next_cursor"])
    listed = [*(await items(http, "/tokens", limit=2)), *rest]
    assert [token["id"] for token in listed][1:] == made
    assert [token["created_by"] for token in listed] == ["settings", *["admin:local"] * 3]


async def test_a_revoked_token_opens_nothing_from_the_next_request_on(http: httpx.AsyncClient) -> None:
    made = await issue_token(http, "owner", owner="alice")
    async with authenticated_client(str(made["token"]), str(http.base_url)) as alice:
        assert (await alice.get("/contracts")).status_code == 200
        assert [(await http.delete(f"/tokens/{made['id']}")).status_code for _ in range(2)] == [204, 204]
        revoked = await refused(alice.get("/contracts"), 401, "UNAUTHORIZED")
    async with (
        authenticated_client("mk_guessed", str(http.base_url)) as guessing,
        authenticated_client(None, str(http.base_url)) as nobody,
    ):
        for stranger in (guessing, nobody):
            answer = await stranger.get("/contracts")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert {**body(answer), "trace_id": None} == {**revoked, "trace_id": None}, (
                "nobody learns which it was"
            )
    assert [token["revoked_at"] is not None for token in await items(http, "/tokens")] == [False, True]
    await refused(http.delete("/tokens/nobodys"), 404, "NOT_FOUND")


SENSELESS: Final[Sequence[tuple[Mapping[str, object], str]]] = (
    ({}, "body.role"),
    ({"role": "king"}, "body.role"),
    ({"role": "owner"}, "body.owner"),
    ({"role": "viewer"}, "body.owner"),
    ({"role": "daemon"}, "body.daemon_id"),
    ({"role": "daemon", "daemon_id": "_"}, "body.daemon_id"),
    ({"role": "daemon", "daemon_id": "gateway"}, "body.daemon_id"),
    ({"role": "daemon", "daemon_id": "a.>"}, "body.daemon_id"),
    ({"role": "owner", "owner": "alice", "daemon_id": "d1"}, "body.daemon_id"),
    ({"role": "admin", "daemon_id": "d1"}, "body.daemon_id"),
    ({"role": "owner", "owner": "a b"}, "body.owner"),
)


async def test_a_token_that_makes_no_sense_is_refused(http: httpx.AsyncClient) -> None:
    for asked, path in SENSELESS:
        problem = await refused(http.post("/tokens", json=asked), 422, "INVALID_REQUEST")
        assert [error["path"] for error in listed(problem["errors"])] == [path], asked
    assert len(await items(http, "/tokens")) == 1, "the administrator's own"


async def test_a_repeat_makes_no_second_token(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "one intent"}
    wanted = {"role": "owner", "owner": "alice"}
    first = body(await http.post("/tokens", json=wanted, headers=key))
    problem = await refused(http.post("/tokens", json=wanted, headers=key), 409, "IDEMPOTENCY_KEY_REUSED")
    assert str(first["id"]) in str(problem["hint"])
    assert len(await items(http, "/tokens")) == 2


async def test_the_last_administrator_cannot_be_locked_out(http: httpx.AsyncClient) -> None:
    first = str((await items(http, "/tokens"))[0]["id"])
    problem = await refused(http.delete(f"/tokens/{first}"), 400, "INVALID_TRANSITION")
    assert "another" in str(problem["hint"])
    others = [str((await issue_token(http, "admin"))["id"]) for _ in range(3)]
    answers = await asyncio.gather(*(http.delete(f"/tokens/{token}") for token in others))
    assert {answer.status_code for answer in answers} == {204}
    other = await issue_token(http, "admin")
    async with authenticated_client(str(other["token"]), str(http.base_url)) as second:
        both = await asyncio.gather(http.delete(f"/tokens/{other['id']}"), second.delete(f"/tokens/{first}"))
        assert sorted(answer.status_code for answer in both) in ([204, 400], [204, 401]), (
            "two at once must not each find the other"
        )


async def test_the_administrator_of_the_settings_is_made_once_and_stays_revoked(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, replicas=2) as gateways:
        http = gateways.clients[0]
        [first] = await items(http, "/tokens")
        other = await issue_token(http, "admin")
        assert (await http.delete(f"/tokens/{first['id']}")).status_code == 204
        secret = str(other["token"])
    ended = settings.model_copy(update={"admin_token_sha256": hash_of(ADMIN).hex()})
    assert not await tokens.Tokens(pool).ensure_admin(bytes.fromhex(ended.admin_token_sha256 or ""))
    assert await tokens.Tokens(pool).find(ADMIN) is None
    assert await tokens.Tokens(pool).find(secret) is not None


async def test_without_an_administrator_in_the_settings_nobody_comes_in(pool: asyncpg.Pool) -> None:
    assert await tokens.Tokens(pool).page("default", 0, 10) == []
    assert await tokens.Tokens(pool).find("") is None


async def test_elsewhere_a_token_in_the_address_opens_nothing(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    """Addresses are logged and remembered by much that stands between."""
    async with authenticated_client(None, str(http.base_url)) as nobody:
        await refused(nobody.get("/daemons", params={"token": ADMIN}), 401, "UNAUTHORIZED")


async def test_no_secret_is_logged(
    gateways: Gateways,
    http: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert logging.getLogger("uvicorn.error").getEffectiveLevel() > logging.INFO, (
        "uvicorn says each socket's address, at INFO"
    )
    made = await issue_token(http, "owner", owner="alice")
    async with connect(gateways.sockets[0]) as socket:
        await socket.recv()
    said = caplog.text + "".join(capfd.readouterr())
    assert ADMIN not in said
    assert str(made["token"]) not in said


async def test_an_owner_is_not_told_whom_else_a_daemon_works_for(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    await gateways.append("daemon-d1", DaemonConnected("one"))
    async with client_as(http, "owner", owner="alice") as alice, client_as(http, "owner", owner="bob") as bob:
        mine, theirs = await run_by(gateways, "d1", alice), await run_by(gateways, "d1", bob)
        await nats.publish(
            subjects.state("daemon", "d1"), orjson.dumps({"agents": [f"{mine}:builder", f"{theirs}:builder"]})
        )

        async def heard() -> bool:
            return len(body(await http.get("/daemons/d1"))["agents"]) == 2  # type: ignore[arg-type]

        await eventually(heard)
        assert body(await alice.get("/daemons/d1"))["agents"] == [f"{mine}:builder"]
        assert (await items(bob, "/daemons"))[0]["agents"] == [f"{theirs}:builder"]
