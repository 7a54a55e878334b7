"""A browser's session: how it begins and ends, and that only this gateway's own pages may use its cookie."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import perf_counter
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import pytest_asyncio
from makima_gateway.auth import sessions
from makima_gateway.auth.policy import POLICY, Role
from makima_gateway.auth.sessions import CODES_PER_TOKEN, Sessions
from makima_gateway.auth.tokens import Tokens
from makima_kernel.service.http_settings import HttpSettings
from makima_kernel.telemetry import metrics
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.plain_http import plain_client
from tests.services.gateway.harness import ADMIN, Gateways, body, created, refused
from tests.services.gateway.tokens import issue_token
from tests.shared_gateway import shared_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEEN_ELSEWHERE = "https://makima.example.org"  # the origin that the operator of a proxy has set


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    http = HttpSettings(allowed_origins=(SEEN_ELSEWHERE,), context="the tests")
    async with shared_gateway(
        postgres_server, template_database, nats_server, admitting=True, http=http
    ) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def admin(gateways: Gateways) -> httpx.AsyncClient:
    return gateways.clients[0]


@pytest_asyncio.fixture(loop_scope="module")
async def browser(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """It keeps cookies, follows no redirect, and has no token."""
    origin = str(admin.base_url).removesuffix("/api/v1/")
    async with plain_client(base_url=origin) as client:
        yield client


def own(browser: httpx.AsyncClient, **headers: str) -> dict[str, str]:
    """The headers that a browser adds to what a page of the gateway sends."""
    return {"Origin": str(browser.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin", **headers}


async def signed_in(browser: httpx.AsyncClient, token: str = ADMIN) -> str:
    """The cookie header."""
    answer = await browser.post("/api/v1/session", json={"token": token}, headers=own(browser))
    assert answer.status_code == 204, answer.text
    return answer.headers["Set-Cookie"].partition(";")[0]


async def new_code(admin: httpx.AsyncClient) -> str:
    answer = await admin.post("/session/codes")
    assert answer.status_code == 201, answer.text
    return str(body(answer)["code"])


async def opened(browser: httpx.AsyncClient, cookie: str, **headers: str) -> ClientConnection:
    return await connect(
        f"ws://{urlsplit(str(browser.base_url)).netloc}/api/v1/contracts/monitor",
        additional_headers={"Cookie": cookie, **headers},
    )


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


async def test_who_came_over_tls_gets_a_cookie_for_tls_only(
    browser: httpx.AsyncClient,
) -> None:
    for through in ({"X-Forwarded-Proto": "https"}, {"Origin": SEEN_ELSEWHERE}):
        answer = await browser.post("/api/v1/session", json={"token": ADMIN}, headers=through)
        assert "; Secure" in answer.headers["Set-Cookie"], through


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
    assert (again.status_code, again.headers["Location"]) == (303, "/")
    assert "Set-Cookie" not in again.headers
    await refused(browser.post("/api/v1/session", json={"code": code}), 401, "UNAUTHORIZED")
    with_token = await browser.get("/", params={"token": ADMIN})
    assert (with_token.status_code, with_token.headers["Location"]) == (303, "/")
    assert (await browser.get("/api/v1/me")).status_code == 200
    assert code not in caplog.text
    assert ADMIN not in caplog.text


async def test_a_link_on_another_sites_page_signs_nobody_in(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    code = await new_code(admin)
    for site in ("cross-site", "same-site"):
        answer = await browser.get("/", params={"code": code}, headers={"Sec-Fetch-Site": site})
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (303, False)
    posted = browser.post("/api/v1/session", json={"code": code}, headers={"Origin": "https://evil.example"})
    await refused(posted, 403, "FORBIDDEN")
    assert (await browser.post("/api/v1/session", json={"code": code})).status_code == 204, (
        "it is not used up"
    )


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


async def test_another_sites_page_can_change_and_watch_nothing_with_the_cookie(
    browser: httpx.AsyncClient,
) -> None:
    before = metrics.http_refused.labels("origin")._value.get()  # pyright: ignore[reportPrivateUsage,reportUnknownMemberType,reportUnknownVariableType,reportAttributeAccessIssue] - the library has no other way
    cookie = await signed_in(browser)
    origin = own(browser)["Origin"]
    port = urlsplit(origin).port
    foreign: tuple[dict[str, str], ...] = (
        {},  # no browser leaves it out
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},  # another program of this machine: the same site
        {"Origin": f"http://localhost:{port}"},
        {"Origin": f"{origin}.evil.example"},
        {"Origin": "http://[::1"},
        {"Origin": origin, "Sec-Fetch-Site": "same-site"},
        {"Origin": origin, "Sec-Fetch-Site": "none"},
    )
    for headers in foreign:
        await refused(
            browser.post("/api/v1/contracts", json={"name": "theirs"}, headers=headers), 403, "FORBIDDEN"
        )
        with pytest.raises(InvalidStatus) as found:
            await opened(browser, cookie, **headers)
        assert found.value.response.status_code == 403, headers
        assert orjson.loads(found.value.response.body or b"")["code"] == "FORBIDDEN"
    for headers in (
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
    ):
        await refused(browser.get("/api/v1/contracts", headers=headers), 403, "FORBIDDEN")
        await refused(browser.get("/api/v1/contracts/monitor/events", headers=headers), 403, "FORBIDDEN")
    assert metrics.http_refused.labels("origin")._value.get() - before == len(foreign) * 2 + 6  # pyright: ignore[reportPrivateUsage,reportUnknownMemberType,reportUnknownVariableType,reportAttributeAccessIssue] - as above
    assert (await browser.get("/api/v1/contracts", headers={"Sec-Fetch-Site": "none"})).json()["items"] == []
    for headers in (own(browser), {"Origin": origin}, {"Origin": SEEN_ELSEWHERE}):
        assert (
            await browser.post("/api/v1/contracts", json={"name": "mine"}, headers=headers)
        ).status_code == 201
        async with await opened(browser, cookie, **headers) as socket:
            assert orjson.loads(await socket.recv())["type"] == "hello"
    async with browser.stream(
        "GET", "/api/v1/contracts/monitor/events", headers={"Sec-Fetch-Site": "same-origin"}
    ) as stream:
        assert stream.status_code == 200


async def test_a_tokens_bearer_needs_no_origin(admin: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    """A page that has a token got it from a person; nothing is sent by itself."""
    cookie = await signed_in(browser)
    bearer = {"Authorization": f"Bearer {ADMIN}", "Origin": "https://evil.example", "Cookie": cookie}
    assert (await browser.post("/api/v1/contracts", json={"name": "x"}, headers=bearer)).status_code == 201
    wrong = {"Authorization": "Bearer mk_guessed", **own(browser), "Cookie": cookie}
    await refused(browser.get("/api/v1/contracts", headers=wrong), 401, "UNAUTHORIZED")
    await created(admin)


@pytest.mark.parametrize("how", ["sign-out", "revoked", "expired"])
async def test_a_page_ends_within_two_seconds_of_its_session(
    gateways: Gateways, admin: httpx.AsyncClient, browser: httpx.AsyncClient, how: str
) -> None:
    made = await issue_token(admin, "owner", owner="alice")
    cookie = await signed_in(browser, str(made["token"]))
    async with await opened(browser, cookie, **own(browser)) as socket:
        assert orjson.loads(await socket.recv())["type"] == "hello"
        began = perf_counter()
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
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert perf_counter() - began < 2.0
    await refused(browser.get("/api/v1/me"), 401, "UNAUTHORIZED")


async def test_two_systems_on_one_machine_do_not_sign_each_other_out(browser: httpx.AsyncClient) -> None:
    names = [
        (await browser.post("/api/v1/session", json={"token": ADMIN}, headers={"Host": host}))
        .headers["Set-Cookie"]
        .partition("=")[0]
        for host in ("localhost:8420", "localhost:8421", "localhost", "[::1]:8420")
    ]
    assert names == ["makima_session_8420", "makima_session_8421", "makima_session", "makima_session_8420"]


async def test_no_answer_is_stored_and_none_is_taken_for_another_type(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    for answer in (
        await admin.get("/contracts"),
        await browser.get("/api/v1/contracts"),
        await browser.get("/nowhere"),
        await browser.get("/livez"),
        await browser.get("/livez", headers={"Host": "evil.example"}),
    ):
        assert answer.headers["Cache-Control"] == "no-store", answer.text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
