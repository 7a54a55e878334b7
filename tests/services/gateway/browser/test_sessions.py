"""A browser's session: how it begins and ends."""

from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
from makima_gateway.auth import sessions
from makima_gateway.auth.policy import POLICY, Role
from makima_gateway.auth.sessions import CODES_PER_TOKEN, Sessions
from makima_gateway.auth.tokens import REVOCATION_POLL_SECONDS, Tokens
from websockets.exceptions import ConnectionClosed

from tests.services.gateway.browser.browsers import new_code, opened, own, signed_in
from tests.services.gateway.harness import ADMIN, Gateways, body, refused, until_closed
from tests.services.gateway.tokens import issue_token

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_session_may_do_what_its_token_may_and_ends_with_a_sign_out(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    made = await issue_token(admin, "viewer", owner="alice")
    answer = await browser.post("/api/v1/session", json={"token": made["token"]}, headers=own(browser))
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie, "or the browser would not send it over plain HTTP"
    assert str(made["token"]) not in cookie
    me = body(await browser.get("/api/v1/me"))
    may = [operation for operation, rule in POLICY.items() if Role.VIEWER in rule.roles]
    assert me == {
        "role": "viewer",
        "owner": "alice",
        "token_id": made["id"],
        "may": may,
        "context": "the tests",
        "demo": False,
    }
    await refused(
        browser.post("/api/v1/contracts", json={"name": "x"}, headers=own(browser)), 403, "FORBIDDEN"
    )
    ended = await browser.delete("/api/v1/session", headers=own(browser))
    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["Set-Cookie"]
    await refused(
        browser.get("/api/v1/me", headers={"Cookie": cookie.partition(";")[0]}), 401, "UNAUTHORIZED"
    )
    assert (await admin.get("/me")).status_code == 200, "the token stays"


async def test_a_link_signs_in_once_and_leads_to_the_clean_address(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    code = await new_code(admin)
    looked = [
        await browser.head(f"/?code={code}"),
        await browser.get(f"/?code={code}", headers={"Sec-Purpose": "prefetch"}),
    ]
    assert not any("Set-Cookie" in answer.headers for answer in looked), "who only looks uses nothing up"
    answer = await browser.get("/", params={"code": code, "theme": "dark"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?theme=dark")
    assert answer.headers.get_list("Referrer-Policy")[-1] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await browser.get("/api/v1/me")).status_code == 200
    browser.cookies.clear()
    again = await browser.get("/", params={"code": code})
    assert (again.status_code, again.headers["Location"]) == (303, "/?sign_in=code")
    assert "Set-Cookie" not in again.headers
    await refused(browser.post("/api/v1/session", json={"code": code}), 401, "UNAUTHORIZED")
    with_token = await browser.get("/", params={"token": ADMIN})
    assert (with_token.status_code, with_token.headers["Location"]) == (303, "/")
    assert (await browser.get("/api/v1/me")).status_code == 200
    assert code not in caplog.text
    assert ADMIN not in caplog.text


async def test_a_link_that_signs_nobody_in_says_why(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    program = str((await issue_token(admin, "daemon", daemon_id="d1"))["token"])
    own_page, other_site = {}, {"Sec-Fetch-Site": "cross-site"}
    for query, headers, location in (
        ({"code": "mc_made_up"}, own_page, "/?sign_in=code"),
        ({"token": "mk_made_up", "theme": "dark"}, own_page, "/?theme=dark&sign_in=token"),
        ({"token": "mk_made_up", "sign_in": "role"}, own_page, "/?sign_in=token"),
        ({"token": program}, own_page, "/?sign_in=role"),
        ({"token": ADMIN}, other_site, "/?sign_in=site"),
    ):
        answer = await browser.get("/", params=query, headers=headers)
        assert (answer.status_code, answer.headers["Location"]) == (303, location)
        assert "Set-Cookie" not in answer.headers


async def test_who_comes_first_learns_without_an_error_that_nobody_is_signed_in(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    async def asked(**headers: str) -> dict[str, object]:
        answer = await browser.get("/api/v1/session", headers=headers)
        assert answer.status_code == 200, answer.text
        return body(answer)

    nobody = {"signed_in": False, "me": None}
    assert await asked() == nobody
    assert await asked(Authorization="Bearer mk_guessed") == nobody
    assert await asked(Authorization=f"Bearer {ADMIN}") == {
        "signed_in": True,
        "me": body(await admin.get("/me")),
    }
    await signed_in(browser)
    assert (await asked())["me"] == body(await browser.get("/api/v1/me"))
    await refused(browser.get("/api/v1/session", headers={"Sec-Fetch-Site": "cross-site"}), 403, "FORBIDDEN")
    await browser.delete("/api/v1/session", headers=own(browser))
    assert await asked() == nobody


async def test_a_code_is_worth_nothing_after_a_minute(gateways: Gateways, admin: httpx.AsyncClient) -> None:
    pool = gateways.replicas[0].pool
    token_id, now = str(body(await admin.get("/me"))["token_id"]), datetime.now(UTC)
    clock = [now]
    made = Sessions(pool, Tokens(pool), timedelta(days=1), lambda: clock[0])
    codes = [(await made.new_code(token_id)).code for _ in range(3)]
    clock[0] = now + timedelta(seconds=59.9)
    assert await made.sign_in(codes[0]) is not None
    clock[0] = now + timedelta(seconds=60)
    assert [await made.sign_in(code) for code in codes[1:]] == [None, None]
    kept = await pool.fetch(
        "select * from gateway.sign_in_codes union all select hash, id, expires_at from gateway.sessions"
    )
    assert not any(code in str(dict(row)) for row in kept for code in codes)


async def test_a_token_has_few_codes_at_once(gateways: Gateways, admin: httpx.AsyncClient) -> None:
    codes = [await new_code(admin) for _ in range(CODES_PER_TOKEN + 1)]
    assert (
        await gateways.replicas[0].pool.fetchval("select count(*) from gateway.sign_in_codes")
        == CODES_PER_TOKEN
    )
    await refused(admin.post("/session", json={"code": codes[0]}), 401, "UNAUTHORIZED")
    assert (await admin.post("/session", json={"token": codes[-1]})).status_code == 204, (
        "who pastes it need not know"
    )


async def test_a_token_has_few_sessions_at_once(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSIONS_PER_TOKEN", 2)
    made = await issue_token(admin, "viewer", owner="alice")
    cookies = [await signed_in(browser, str(made["token"])) for _ in range(3)]
    browser.cookies.clear()
    statuses = [
        (await browser.get("/api/v1/me", headers={"Cookie": cookie})).status_code for cookie in cookies
    ]
    assert statuses == [401, 200, 200], "the oldest ended"


async def test_programs_have_no_sessions(admin: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    made = await issue_token(admin, "daemon", daemon_id="d1")
    problem = await refused(browser.post("/api/v1/session", json={"token": made["token"]}), 403, "FORBIDDEN")
    assert problem["roles"] == ["admin", "owner", "viewer"]
    for senseless in ({}, {"token": "a", "code": "b"}, {"token": ""}):
        await refused(browser.post("/api/v1/session", json=senseless), 422, "INVALID_REQUEST")
    await refused(browser.post("/api/v1/session", json={"token": "mk_guessed"}), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("how", ["sign-out", "revoked", "expired"])
async def test_a_page_ends_with_its_session(
    gateways: Gateways, admin: httpx.AsyncClient, browser: httpx.AsyncClient, how: str
) -> None:
    assert REVOCATION_POLL_SECONDS <= 1.0, "two seconds are promised, the query and the way included"
    made = await issue_token(admin, "owner", owner="alice")
    cookie = await signed_in(browser, str(made["token"]))
    async with await opened(browser, cookie, **own(browser)) as socket:
        assert orjson.loads(await socket.recv())["type"] == "hello"
        match how:
            case "sign-out":
                await browser.delete("/api/v1/session", headers=own(browser))
            case "revoked":
                await admin.delete(f"/tokens/{made['id']}")
            case _:
                await gateways.replicas[0].pool.execute(
                    "update gateway.sessions set expires_at = clock_timestamp()"
                )
        with pytest.raises(ConnectionClosed) as closed:
            await until_closed(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
    await refused(browser.get("/api/v1/me"), 401, "UNAUTHORIZED")
