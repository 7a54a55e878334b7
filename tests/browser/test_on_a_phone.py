"""A narrow window: both clocks stand in each row, the timeline keeps the names of its lanes, and nothing is larger than need be."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import httpx
import pytest
from makima_schemas.agent import AgentStatus
from playwright.async_api import Browser, Locator, ViewportSize, expect

from tests.browser.fleet import Fleet
from tests.browser.pages import Watched, origin_of, signed_in

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
# the clocks of a row in the order in which they are read, top to bottom: each with the word before it
CLOCKS = """(row) => [...row.querySelectorAll(".num")].filter((one) => one.checkVisibility() && one.dataset.l)
    .sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)
    .map((one) => getComputedStyle(one, "::before").content.replaceAll('"', "").trim())"""
TALLER = "document.documentElement.scrollHeight - innerHeight"
SCROLL_TO_ITS_END = "(box) => (box.scrollLeft = box.scrollWidth)"
LEFT_OF_BOX = """(box) => [...box.querySelectorAll("text.lane")].map((one) =>
    Math.round(one.getBoundingClientRect().left - box.getBoundingClientRect().left))"""


@asynccontextmanager
async def on_a_phone(browser: Browser, admin: httpx.AsyncClient, path: str) -> AsyncGenerator[Watched]:
    async with signed_in(browser, admin) as seen:
        await seen.page.set_viewport_size(PHONE)
        await seen.page.goto(path)
        yield seen


async def clocks(row: Locator) -> object:
    await expect(row).to_be_visible()
    return await row.evaluate(CLOCKS)


async def test_each_row_says_when_it_was_heard_and_when_it_moved(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    active, both = fleet.contracts["active"], ["heard", "moved"]
    async with on_a_phone(browser, admin, "/contracts") as seen:
        assert await clocks(seen.page.locator(f'[data-id="{active}"]')) == both
        await seen.page.goto("/agents")
        assert await clocks(seen.page.locator(f'[data-id="{active}:{fleet.stuck}"]')) == both
        await seen.page.goto("/")
        stale = seen.page.get_by_role("table", name="Stale contracts").get_by_role("row")
        assert await clocks(stale.filter(has_text="A contract that is active")) == both
        await seen.page.goto(f"/contracts/{active}?tab=agents")
        team = seen.page.get_by_role("table", name="Agents").get_by_role("row")
        assert await clocks(team.filter(has_text=fleet.stuck)) == both
        assert seen.complaints == []


async def test_the_lanes_keep_their_names_wherever_the_timeline_is_scrolled(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with on_a_phone(browser, admin, f"/contracts/{fleet.contracts['active']}") as seen:
        box = seen.page.get_by_role("region", name="Timeline, scrollable")
        await expect(box.get_by_text("2 more agents")).to_be_attached()  # of eight
        await box.evaluate(SCROLL_TO_ITS_END)
        for _ in range(2):  # a second look: the page has painted since
            await box.evaluate("() => new Promise(requestAnimationFrame)")
        assert await box.evaluate("(box) => box.scrollLeft") > 0
        assert set(await box.evaluate(LEFT_OF_BOX)) == {0}


async def test_the_sign_in_page_needs_no_scrolling(browser: Browser, admin: httpx.AsyncClient) -> None:
    for size in (PHONE, ViewportSize(width=1440, height=900)):
        context = await browser.new_context(base_url=origin_of(admin), viewport=size)
        page = await context.new_page()
        await page.goto("/")
        await expect(page.get_by_label("Token or code")).to_be_visible()
        assert await page.evaluate(TALLER) <= 0, size
        await context.close()


async def test_the_state_that_an_agent_is_in_is_in_sight_on_its_diagram(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    path = f"/agents/{fleet.contracts['active']}/{fleet.agents[AgentStatus.DEAD_FAILED_REVIVE]}"
    async with on_a_phone(browser, admin, path) as seen:
        now = seen.page.get_by_role("region", name="State diagram").locator(".now")
        await expect(now).to_be_attached()
        sides = await now.evaluate(
            "(one) => [one.getBoundingClientRect().left >= 0, one.getBoundingClientRect().right <= innerWidth]"
        )
        assert sides == [True, True]
