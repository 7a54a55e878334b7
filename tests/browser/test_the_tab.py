"""What waits is in the tab of every page, and is announced once to whoever cannot see it."""

import re

import httpx
import pytest
from makima_kernel.testing import eventually
from playwright.async_api import Browser, expect

from tests.browser.fleet import Fleet, addresses, ask, started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import body

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
FILLED = "fill='%23c47a00'"
ICON = "document.querySelector('link[rel=icon]').href"
# everything that the polite region ever said
LISTEN = """() => {
    window.announced = [];
    const region = document.querySelector(".vh[role=status]");
    new MutationObserver(() => window.announced.push(region.textContent)).observe(
        region, {childList: true, characterData: true, subtree: true});
}"""


async def test_it_is_in_the_title_and_the_icon_of_every_page(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    waiting = body(await admin.get("/needs-you"))["total"]
    async with signed_in(browser, admin) as seen:
        for address, words in {
            **addresses(fleet),
            "/nowhere/at/all": "There is nothing at this address",
        }.items():
            await seen.page.goto(address)
            await expect(seen.page.get_by_text(words).first).to_be_attached()
            await expect(seen.page).to_have_title(re.compile(rf"\({waiting}\) "))
            assert FILLED in await seen.page.evaluate(ICON), address
        await seen.page.get_by_role("button", name="Sign out").click()
        await expect(seen.page.get_by_role("heading", name="Sign in to makima")).to_be_visible()
        assert FILLED not in await seen.page.evaluate(ICON), "who is signed out is told of nothing"


async def test_what_comes_to_wait_is_announced_once(browser: Browser, admin: httpx.AsyncClient) -> None:
    contract = await started(admin, "Asks later")
    async with signed_in(browser, admin) as seen:
        async with seen.page.expect_response("**/api/v1/needs-you?*"):  # what waited before is no news
            await seen.page.goto("/system")
        await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
        await seen.page.evaluate(LISTEN)

        async def said(words: str) -> None:
            async def heard() -> bool:
                return any(words in one for one in await seen.page.evaluate("window.announced"))

            await eventually(heard, because=f"nobody says {words}")

        await ask(admin, contract, "Which of the two?")
        await said("Which of the two?")
        await ask(admin, await started(admin, "Asks last"), "And what now?")
        await said("And what now?")
        announced = await seen.page.evaluate("window.announced")
        assert [one for one in announced if "Which of the two?" in one] == [
            f"Question, Asks later: Which of the two?{announced[0].partition('?')[2]}"
        ]
