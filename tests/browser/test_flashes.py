"""The cell whose text has changed is marked for 1.4 seconds; without a fade for whoever wants no motion."""

import httpx
import pytest
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from playwright.async_api import Browser, expect

from tests.browser.fleet import started
from tests.browser.pages import Watched, signed_in
from tests.services.gateway.harness import Gateways, act

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
# how the newest animation of each cell looks at its begin, and what is left of it afterwards
WATCH = """window.marks = {};
document.addEventListener("animationstart", ({target, animationName}) => {
    const edge = getComputedStyle(target).boxShadow !== "none";
    window.marks[target.cellIndex] = {animation: animationName, edge};
});
document.addEventListener("animationend", ({target}) => requestAnimationFrame(() => Object.assign(
    window.marks[target.cellIndex], {edge_after: getComputedStyle(target).boxShadow, class_after: target.className})));"""


async def marked(seen: Watched, cell: int) -> dict[str, object]:
    """How that cell was marked, once it is over."""
    begun_and_over = f"window.marks[{cell}]?.edge_after && window.marks[{cell}]"
    found = await eventually(lambda: seen.page.evaluate(begun_and_over), because="no mark begins and ends")
    assert "flash" not in found.pop("class_after")
    return found


@pytest.mark.parametrize(("motion", "animation"), [("no-preference", "flash"), ("reduce", "edge")])
async def test_a_cell_that_changed_has_an_edge_for_a_while(
    browser: Browser, admin: httpx.AsyncClient, motion: str, animation: str
) -> None:
    contract = await started(admin, f"Flashes, {motion}")
    async with signed_in(browser, admin, f"/contracts?q={motion}", reduced_motion=motion) as seen:
        row = seen.page.locator(f'[data-id="{contract}"]')
        await expect(row).to_contain_text("active")
        await seen.page.evaluate(WATCH)
        await act(admin, contract, "pause")
        assert await marked(seen, 1) == {"animation": animation, "edge": True, "edge_after": "none"}


async def test_an_agents_state_flashes(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract, ready, working = await started(admin, "Flashes"), AgentStatus.READY, AgentStatus.WORKING
    of_builder = contract, "builder"
    stream = f"agent-{contract}:builder"
    await gateways.append(stream, AgentJoined(*of_builder, "k1", "daemon-ada"))
    async with signed_in(browser, admin, "/agents") as seen:
        row = seen.page.locator(f'[data-id="{contract}:builder"]')
        await expect(row).to_contain_text("READY")
        await seen.page.evaluate(WATCH)
        await gateways.append(stream, AgentStatusChanged(*of_builder, ready, working, "task_taken", "k1"))
        await expect(row).to_contain_text("WORKING")
        assert await marked(seen, 0) == {"animation": "flash", "edge": True, "edge_after": "none"}
