"""Only this gateway's own pages may use the cookie of a session."""

from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from makima_kernel.telemetry import metrics
from websockets.exceptions import InvalidStatus

from tests.services.gateway.browser.browsers import SEEN_ELSEWHERE, new_code, opened, own, signed_in
from tests.services.gateway.harness import ADMIN, created, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_came_over_tls_gets_a_cookie_for_tls_only(
    browser: httpx.AsyncClient,
) -> None:
    for through in ({"X-Forwarded-Proto": "https"}, {"Origin": SEEN_ELSEWHERE}):
        answer = await browser.post("/api/v1/session", json={"token": ADMIN}, headers=through)
        assert "; Secure" in answer.headers["Set-Cookie"], through


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
