"""What could not be read is not shown as nothing: the page says so, asks again by itself or by a button, and claims no number."""

from typing import cast

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.fleet import Fleet, started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import body

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
AWAY = {
    "code": "UNAVAILABLE",
    "detail": "the database did not answer",
    "trace_id": "9a20c6d1ffff",
    "status": 503,
}


async def _no_answer(route: Route) -> None:
    await route.fulfill(status=503, json=AWAY, content_type="application/problem+json")


async def _away(page: Page, path: str) -> None:
    """From here on the gateway's answers to this are those of one whose database is away."""
    await page.route(path, _no_answer)


async def test_the_overview_claims_nothing_of_agents_that_it_could_not_read(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with signed_in(browser, admin) as seen:
        await _away(seen.page, "**/api/v1/agents?*")
        await _away(seen.page, "**/api/v1/contracts/dashboard")
        await seen.page.goto("/")
        trouble = seen.page.get_by_role("alert")
        await expect(trouble.filter(has_text="The agents could not be read")).to_contain_text(
            "trace 9a20c6d1"
        )
        await expect(trouble.filter(has_text="What happened before could not be read")).to_be_visible()
        headline = seen.page.get_by_role("heading", level=1)
        await expect(headline).to_contain_text("wait for you.")
        assert "agent" not in (await headline.inner_text()).lower()
        await expect(seen.page.get_by_role("region", name="Agents").get_by_role("listitem")).to_have_count(0)
        await expect(seen.page.get_by_text("Nothing has happened yet")).to_have_count(0)
        await seen.page.unroute_all()
        for name in ("The agents could not be read", "What happened before could not be read"):
            await trouble.filter(has_text=name).get_by_role("button", name="Ask now").click()
        await expect(trouble).to_have_count(0)
        await expect(headline).to_contain_text("are dead")
    assert fleet.agents


async def test_what_waits_is_not_nothing_where_it_could_not_be_read(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with signed_in(browser, admin) as seen:
        await _away(seen.page, "**/api/v1/needs-you?*")
        await seen.page.goto("/")
        await expect(seen.page.get_by_role("alert")).to_contain_text("What waits for you could not be read")
        assert "Nothing waits" not in await seen.page.get_by_role("main").inner_text()
    assert fleet.asks


@pytest.mark.parametrize("address", ["/contracts", "/"])
async def test_contracts_that_could_not_be_read_say_so_and_are_asked_for_again(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet, address: str
) -> None:
    async with signed_in(browser, admin) as seen:
        await _away(seen.page, "**/api/v1/contracts?view=row*")
        await seen.page.goto(address)
        trouble = seen.page.get_by_role("alert").filter(has_text="The contracts could not be read")
        await expect(trouble).to_contain_text("UNAVAILABLE · trace 9a20c6d1")
        await expect(seen.page.get_by_text("No contracts yet")).to_have_count(0)
        assert "0 of 0" not in await seen.page.get_by_role("main").inner_text()
        async with seen.page.expect_request("**/api/v1/contracts?view=row*"):
            await trouble.get_by_role("button", name="Ask now").click()
        await seen.page.unroute_all()
        await expect(seen.page.get_by_text("A contract that is blocked").first).to_be_visible()
        await expect(trouble).to_have_count(0)
    assert fleet.contracts


async def test_agents_further_on_that_could_not_be_read_say_so_until_they_are(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    """The list is cut after two, as if a page held no more."""

    async def cut(route: Route) -> None:
        page = await (answer := await route.fetch()).json()
        page |= {"items": page["items"][:2], "next_cursor": "further"}
        await route.fulfill(response=answer, json=page)

    async def further(route: Route) -> None:
        await route.continue_(url=route.request.url.replace("&cursor=further", ""))

    async with signed_in(browser, admin) as seen:
        await seen.page.route("**/api/v1/agents?*", cut)
        await seen.page.route("**/api/v1/agents?*cursor=*", _no_answer)
        await seen.page.goto("/agents")
        on = seen.page.get_by_role("button", name="Read ")
        await on.focus()
        await seen.page.keyboard.press("Enter")
        trouble = seen.page.get_by_role("alert").filter(has_text="The next agents could not be read")
        await expect(trouble).to_contain_text("UNAVAILABLE · trace 9a20c6d1")
        assert await seen.axe() == []
        await seen.page.unroute("**/api/v1/agents?*cursor=*")
        await seen.page.route("**/api/v1/agents?*cursor=*", further)
        await expect(on).to_be_focused()
        await seen.page.keyboard.press("Enter")
        await expect(trouble).to_have_count(0)
        await expect(seen.page.locator("[data-row]")).to_have_count(
            cast("int", body(await admin.get("/agents"))["total"])
        )
    assert fleet.agents


async def test_an_advance_that_could_not_be_tried_says_so_until_it_is(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Is tried")
    async with signed_in(browser, admin, f"/contracts/{contract}") as seen:
        await _away(seen.page, "**/api/v1/contracts/*/phase")
        tries = seen.page.get_by_role("button", name="Try to advance")
        await tries.focus()
        await seen.page.keyboard.press("Enter")
        trouble = seen.page.get_by_role("alert").filter(has_text="It could not be tried")
        await expect(trouble).to_contain_text("Nothing was changed")
        await expect(trouble).to_contain_text("UNAVAILABLE · trace 9a20c6d1")
        assert await seen.axe() == []
        await expect(tries).to_be_focused()
        await seen.page.unroute_all()
        await trouble.get_by_role("button", name="Try again").focus()
        await seen.page.keyboard.press("Enter")
        await expect(seen.page.get_by_role("dialog")).to_be_visible()
        await expect(trouble).to_have_count(0)
        await seen.page.keyboard.press("Escape")
        await expect(tries).to_be_focused()
