"""A contract and an agent by keys alone."""

import re

import httpx
import pytest
from makima_schemas.agent import AgentJoined
from playwright.async_api import expect

from tests.browser.fleet import ask, started
from tests.browser.pages import Watched, press, toasts
from tests.services.gateway.harness import Gateways, act

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
TABS = ("Events", "Tasks", "Deliverables", "Questions", "Messages", "Agents")


async def test_a_contract_is_walked_through_its_time_and_its_lists(
    seen: Watched, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Was begun")
    await ask(admin, contract, "And now?")
    for step in ("pause", "resume"):
        last = int(str((await act(admin, contract, step))["version"]))
    await seen.page.goto(f"/contracts/{contract}")
    page, past = seen.page, seen.page.locator(".band.past")
    events = page.get_by_role("table", name="Events, newest first").locator("[data-row]")
    await expect(events.first).to_contain_text("ContractResumed")
    await expect(page.locator("[data-need]")).to_be_visible()
    await press(page, "n")
    await expect(page.locator("[data-need]")).to_be_focused()
    await press(page, "[")
    await expect(past).to_contain_text(f"version {last - 1} of {last}")
    actions = page.locator(".head .acts").get_by_role("button")
    for index in range(await actions.count()):
        await expect(actions.nth(index)).to_be_disabled()
    await press(page, "[ ]")
    await expect(past).to_contain_text(f"version {last - 1} of {last}")
    await press(page, ".")
    await expect(past).to_have_count(0)
    slider = page.get_by_role("slider", name="The contract as it was at version")
    await slider.focus()
    await press(page, "Home")
    await expect(past).to_contain_text(f"version 1 of {last}")
    await expect(actions.first).to_be_disabled()
    await press(page, "ArrowRight")
    await expect(past).to_contain_text(f"version 2 of {last}")
    assert "v=2" in page.url
    await press(page, "Escape")
    await expect(past).to_have_count(0)
    for number, word in enumerate(TABS, 1):
        await press(page, str(number))
        await expect(page.get_by_role("tab", name=word)).to_have_attribute("aria-selected", "true")
    await page.get_by_role("tab", name="Agents").focus()
    for key, word in (("ArrowRight", "Events"), ("ArrowLeft", "Agents"), ("Home", "Events")):
        await press(page, key)
        await expect(page.get_by_role("tab", name=word)).to_be_focused()
        await expect(page.get_by_role("tab", name=word)).to_have_attribute("aria-selected", "true")
    await press(page, "j")
    await expect(events.first).to_be_focused()
    assert await page.locator('[data-row][tabindex="0"]').count() == 1
    await press(page, "ArrowDown j k End")
    await expect(events.last).to_be_focused()
    await press(page, "Enter")
    await expect(past).to_contain_text(f"version 1 of {last}")
    await press(page, "y")
    await toasts(page, f"makima contracts explain {contract}")
    await press(page, "Escape Escape")
    await expect(page).to_have_url(f"{seen.origin}/contracts")
    assert seen.complaints == []


async def test_an_agents_page_leads_to_its_contract_and_back_to_all(
    seen: Watched, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Has an agent")
    joined = AgentJoined(contract, "builder", "k1", "daemon-ada")
    await gateways.append(f"agent-{contract}:builder", joined)
    await seen.page.goto(f"/agents/{contract}/builder")
    title = re.compile("builder of Has an agent")
    await expect(seen.page).to_have_title(title)
    await press(seen.page, "y")
    await toasts(seen.page, f"makima why {contract}/builder")
    await press(seen.page, "u")
    await expect(seen.page).to_have_url(f"{seen.origin}/contracts/{contract}")
    await seen.page.go_back()
    await expect(seen.page).to_have_title(title)
    await press(seen.page, "Escape")
    await expect(seen.page).to_have_url(f"{seen.origin}/agents")
