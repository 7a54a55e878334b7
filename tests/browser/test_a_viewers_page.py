"""The page of somebody who may look, not act: everything is there, no button that would be refused, and nothing is asked that is."""

import re
from typing import Final

import httpx
import pytest
from makima_schemas.agent import AgentStatus
from playwright.async_api import Browser, Page, expect

from tests.browser.fleet import Fleet, addresses
from tests.browser.pages import signed_in
from tests.services.gateway.tokens import client_as

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
# The buttons that change nothing but the page; whatever else is there is a write.
LOOKS: Final = re.compile(
    r"Jump or act.*|Light or dark|Pause p|Sign out|Keys \?|Copy|Copy as command|Ask now|Read again|Show older.*|Look again"
    r"|One version (back|on)|Earlier"
)
BUTTONS: Final = """() => [...document.querySelectorAll('main button:not([role=tab]), header button, footer button, main input[type=checkbox]')]
    .filter((one) => one.checkVisibility() && !one.disabled)
    .map((one) => one.getAttribute('aria-label') ?? one.innerText.replace(/\\s+/g, ' ').trim())"""
LIVE: Final = "Pause"  # on the overview, of the live updates; elsewhere it is a contract's move


def writes(fleet: Fleet) -> dict[str, str]:
    """A button of an administrator on each page, so that there is something to leave out."""
    active = fleet.contracts["active"]
    return {
        "/": "Confirm",
        "/contracts": "Select all that match",
        "/agents": "Restart ",
        "/system": "New token",
        f"/contracts/{active}": "Pause",
        f"/contracts/{fleet.contracts['waiting for input']}": "Confirm",
        f"/agents/{active}/{fleet.agents[AgentStatus.DEAD]}": "Restart",
    }


async def _buttons(page: Page) -> list[str]:
    return [str(name) for name in await page.evaluate(BUTTONS)]


async def test_it_has_no_button_that_would_be_refused_and_asks_nothing_that_is(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with signed_in(browser, admin) as seen:
        for address, write in writes(fleet).items():
            await seen.page.goto(address)
            await expect(seen.page.get_by_text(addresses(fleet)[address]).first).to_be_attached()
            assert [name for name in await _buttons(seen.page) if name.startswith(write)], address
    async with client_as(admin, "viewer", owner="local") as viewer, signed_in(browser, viewer) as seen:
        refused = list[str]()
        seen.page.on("response", lambda got: refused.append(got.url) if got.status in {401, 403} else None)
        for address, words in addresses(fleet).items():
            await seen.page.goto(address)
            await expect(seen.page.get_by_text(words).first).to_be_attached()
            await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
            looks = LOOKS if address != "/" else re.compile(f"{LOOKS.pattern}|{LIVE}")
            assert [name for name in await _buttons(seen.page) if not looks.fullmatch(name)] == [], address
            await expect(seen.page.locator("main [role=alert]")).to_have_count(
                0 if not address.startswith("/agents/") else 1
            )
        complaints = [each for each in seen.complaints if "503 (Service Unavailable)" not in each]
        assert (refused, complaints) == ([], []), "no recorder runs here, which an agent's page says"


async def test_its_keys_select_nothing_and_its_palette_offers_no_act(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with (
        client_as(admin, "viewer", owner="local") as viewer,
        signed_in(browser, viewer, "/contracts") as seen,
    ):
        row = seen.page.locator(f'[data-id="{fleet.contracts["active"]}"]')
        await row.focus()
        await seen.page.keyboard.press("x")
        await seen.page.keyboard.press("Control+k")
        await expect(seen.page.get_by_role("option").filter(has_text="Overview")).to_be_visible()
        for act in ("Answer the oldest question", "Restart the", "Pause a"):
            await expect(seen.page.get_by_role("option").filter(has_text=act)).to_have_count(0)
        await seen.page.keyboard.press("Escape")
        assert await row.get_attribute("aria-selected") is None
        await expect(seen.page.get_by_role("region", name="Batch")).to_have_count(0)
        assert seen.complaints == []


async def test_the_system_page_of_who_may_not_ask_for_all_shows_the_thresholds_and_the_vital_signs(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    async with (
        client_as(admin, "owner", owner="alice") as owner,
        signed_in(browser, owner, "/system") as seen,
    ):
        await expect(seen.page.get_by_text("Agent dead after")).to_be_visible()
        await expect(seen.page.get_by_role("region", name="Vital signs")).to_contain_text("Heartbeats")
        await expect(seen.page.get_by_text("An administrator sees here in addition")).to_contain_text(
            "signed in as owner"
        )
        await expect(seen.page.get_by_role("alert")).to_have_count(0)
        assert await seen.whole() == []
        assert seen.complaints == []
