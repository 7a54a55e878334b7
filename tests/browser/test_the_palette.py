"""The palette by its keys: what it finds, and what it does."""

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.browser.fleet import ask, started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import body

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]


async def test_arrows_choose_enter_goes_and_escape_leaves(browser: Browser, admin: httpx.AsyncClient) -> None:
    async with signed_in(browser, admin) as seen:
        await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
        await seen.page.keyboard.press("Control+k")
        chosen = seen.page.get_by_role("dialog", name="Jump or act").get_by_role("option", selected=True)
        for key, name in (
            ("ArrowDown", "Contracts"),
            ("ArrowDown", "Agents"),
            ("ArrowUp", "Contracts"),
            ("ArrowUp", "Overview"),
        ):
            await seen.page.keyboard.press(key)
            await expect(chosen).to_contain_text(name)
            named = await seen.page.get_by_role("combobox", name="Jump").get_attribute(
                "aria-activedescendant"
            )
            assert named == await chosen.get_attribute("id")
        await seen.page.keyboard.press("ArrowUp")  # round to the last one
        await seen.page.keyboard.press("ArrowDown")
        await seen.page.keyboard.press("ArrowDown")
        await seen.page.keyboard.press("Enter")
        await expect(seen.page).to_have_url(f"{seen.origin}/contracts")
        await seen.page.keyboard.press("Control+k")
        await seen.page.keyboard.press("Escape")
        await expect(seen.page.get_by_role("dialog")).to_have_count(0)
        await expect(seen.page).to_have_url(f"{seen.origin}/contracts")
        assert seen.complaints == []


async def test_the_oldest_question_is_answered_without_the_pointer(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Asks the palette")
    await ask(admin, contract, "Left or right?")
    async with signed_in(browser, admin, "/agents") as seen:
        await expect(seen.page).to_have_title("(1) Agents · makima")
        await seen.page.keyboard.press("Control+k")
        await seen.page.keyboard.type("answer oldest")
        await seen.page.keyboard.press("Enter")
        line = seen.page.locator(".need").filter(has_text="Left or right?")
        await expect(line).to_be_focused()
        await seen.page.keyboard.press("2")
        await expect(line).to_have_count(0)
        await seen.page.keyboard.press("Control+k")
        await expect(
            seen.page.get_by_role("option").filter(has_text="Answer the oldest question")
        ).to_have_count(0)
        assert seen.complaints == []
    assert body(await admin.get(f"/contracts/{contract}"))["status"] == "active"


async def test_any_page_is_copied_as_a_command(browser: Browser, admin: httpx.AsyncClient) -> None:
    async with signed_in(
        browser, admin, "/contracts?q=fix&sort=name", permissions=["clipboard-read", "clipboard-write"]
    ) as seen:
        for address, command in (
            ("/contracts?q=fix&sort=name", "makima contracts list --search fix --sort name"),
            ("/system", "makima doctor"),
        ):
            await seen.page.goto(address)
            await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
            await seen.page.keyboard.press("Control+k")
            await seen.page.keyboard.type("copy this page")
            await seen.page.keyboard.press("Enter")
            await expect(seen.page.get_by_text(f"Copied: {command}")).to_be_visible()
            assert await seen.page.evaluate("navigator.clipboard.readText()") == command
