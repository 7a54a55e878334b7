"""While something is read nothing is said for 300 ms, and then what is read; on each page the same."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from makima_schemas.agent import AgentJoined
from playwright.async_api import Browser, Route, expect

from tests.browser.fleet import started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import Gateways

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
SILENT_MS = 300
# page, by its contract; what it asks for; the words
PAGES = (
    ("/contracts", "/contracts?view=row*", "Reading contracts…"),
    ("/agents", "/agents?*", "Reading agents…"),
    ("/contracts/{0}", "/contracts/{0}", "Reading the contract…"),
    ("/agents/{0}/builder", "/contracts/{0}/agents/builder/verdicts?*", "Reading verdicts…"),
)


def holding(over: asyncio.Event) -> Callable[[Route], Awaitable[None]]:
    async def hold(route: Route) -> None:
        await over.wait()
        await route.abort()

    return hold


async def test_nothing_is_said_for_a_moment_and_then_what_is_read(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Is read")
    joined = AgentJoined(contract, "builder", "k1", "daemon-ada")
    await gateways.append(f"agent-{contract}:builder", joined)
    async with signed_in(browser, admin) as seen:
        await seen.page.clock.install(time=datetime.now(UTC))
        await seen.page.clock.pause_at(datetime.now(UTC))
        for page, asked, words in PAGES:
            over, held = asyncio.Event(), f"**/api/v1{asked.format(contract)}"
            await seen.page.route(held, holding(over))
            async with seen.page.expect_request(held):
                await seen.page.goto(page.format(contract))
            said = seen.page.get_by_role("main").get_by_text(words)
            await expect(seen.page.get_by_role("heading", level=1)).to_be_attached()
            await seen.page.clock.run_for(SILENT_MS - 1)
            await expect(said).to_have_count(0)
            await seen.page.clock.run_for(1)
            await expect(said).to_be_visible()
            over.set()
            await seen.page.unroute_all(behavior="wait")
