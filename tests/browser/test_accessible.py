"""What a page shows for a moment only is as accessible as the pages themselves: dialogs, forms, empty lists, other tabs."""

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.browser.fleet import Fleet
from tests.browser.pages import Watched, origin_of, signed_in

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
TOO_SMALL = """for (const word of ["one", "two"]) {
    const button = Object.assign(document.createElement("button"), {type: "button", ariaLabel: word});
    button.style.cssText = "all: unset; display: block; width: 12px; height: 12px; margin-bottom: -12px";
    document.querySelector("h1").after(button);
}"""
TABS = ("Tasks", "Deliverables", "Questions", "Messages", "Agents")


async def test_the_sign_in_page_and_its_refusal_are_accessible(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    context = await browser.new_context(base_url=origin_of(admin))
    seen = Watched(await context.new_page(), origin_of(admin))
    await seen.page.goto("/")
    token = seen.page.get_by_label("Token or code")
    await expect(token).to_be_visible()
    assert await seen.axe() == []
    await token.fill("mk_nobody")
    await token.press("Enter")
    await expect(seen.page.get_by_role("alert")).to_contain_text("is not known here")
    assert await seen.axe() == []
    await seen.page.evaluate(TOO_SMALL)
    assert [found.partition(":")[0] for found in await seen.axe()] == ["target-size"], "it is looked for"
    await context.close()


async def test_dialogs_and_empty_lists_are_accessible(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with signed_in(browser, admin) as seen:
        page, dialogs = seen.page, seen.page.get_by_role("dialog")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        for opens, name in (("Control+k", "Jump or act"), ("?", "Keys")):
            await page.keyboard.press(opens)
            await expect(page.get_by_role("dialog", name=name)).to_be_visible()
            assert await seen.axe() == [], name
            await page.keyboard.press("Escape")
            await expect(dialogs).to_have_count(0)
        for path, words in (
            ("/contracts?q=nothing-has-this-name&status=failed", "No contract matches"),
            ("/agents?q=nothing-has-this-name", "No agent matches"),
        ):
            await page.goto(path)
            await expect(page.get_by_text(words)).to_be_visible()
            assert await seen.axe() == [], path
        await page.goto(f"/contracts/{fleet.contracts['active']}")
        await page.get_by_role("button", name="Fail…").click()
        await expect(dialogs.get_by_label("Why? Its events keep it.")).to_be_visible()
        assert await seen.axe() == [], "a form"


async def test_each_list_of_a_contract_is_accessible(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with signed_in(browser, admin, f"/contracts/{fleet.contracts['active']}") as seen:
        panel = seen.page.get_by_role("tabpanel")
        for tab in TABS:
            await seen.page.get_by_role("tab", name=tab).click()
            await expect(panel.locator("table, .empty").first).to_be_visible()
            assert await seen.axe() == [], tab
