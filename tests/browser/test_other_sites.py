"""Another site's page can neither write nor watch with the cookie of who is signed in; the own page can do both."""

from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest
import pytest_asyncio
from makima_local import ports
from playwright.async_api import Browser

from tests.browser.fleet import started
from tests.browser.pages import Watched, origin_of, signed_in
from tests.services.gateway.harness import body

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
# A POST without a body is one that a page of any site may send without asking first.
ATTEMPT = """async ([url, socket]) => {
    await fetch(url, {method: "POST", mode: "no-cors", credentials: "include"}).catch(() => null);
    return await new Promise((done) => {
        const opened = new WebSocket(socket);
        opened.onopen = () => done("opened");
        opened.onclose = () => done("refused");
    });
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def seen(browser: Browser, admin: httpx.AsyncClient) -> AsyncIterator[Watched]:
    async with signed_in(browser, admin) as watched:
        yield watched


async def attempt(seen: Watched, admin: httpx.AsyncClient) -> tuple[str, object]:
    """What becomes of a contract that the page that is open would pause, and of a socket that it opens."""
    contract = await started(admin, "Somebody's")
    socket = "ws" + origin_of(admin).removeprefix("http") + "/api/v1/contracts/monitor"
    url = f"{origin_of(admin)}/api/v1/contracts/{contract}/pause"
    said = await seen.page.evaluate(ATTEMPT, [url, socket])
    return cast("str", said), body(await admin.get(f"/contracts/{contract}"))["status"]


async def test_the_own_page_can_write_and_watch(seen: Watched, admin: httpx.AsyncClient) -> None:
    """The control: the very request that is refused to others."""
    assert await attempt(seen, admin) == ("opened", "paused")


async def test_another_sites_page_can_neither_write_nor_watch(
    seen: Watched, admin: httpx.AsyncClient
) -> None:
    """Of the same machine: a cookie does not tell ports apart, so that it is sent."""
    foreign = f"http://127.0.0.1:{ports.free()}/"
    page = "<!doctype html><title>foreign</title>"
    await seen.page.route(foreign, lambda route: route.fulfill(body=page, content_type="text/html"))
    sent = list[str]()
    seen.page.on(
        "request", lambda request: sent.append(request.method) if "/api/v1/" in request.url else None
    )
    await seen.page.goto(foreign)
    assert await attempt(seen, admin) == ("refused", "active")
    assert "POST" in sent, "the browser has sent it"
