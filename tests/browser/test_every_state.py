"""Pages full of data: every status and every state is there, and each page is whole in both themes and on a phone."""

import re
from datetime import UTC, datetime

import httpx
import pytest
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentProgressed, AgentStatus, AgentStuck
from playwright.async_api import Browser, Route, expect

from tests.browser.fleet import BADGES, STATUSES, Fleet, addresses, started
from tests.browser.pages import Watched, signed_in
from tests.services.gateway.harness import Gateways, act, body

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
S = AgentStatus
NAMES = "document.querySelector('[data-row] .name').clientWidth"
# where each column begins and ends
HEADS = """[...document.querySelectorAll('.vt th')].map((one) => {
    const {left, right} = one.getBoundingClientRect();
    return [Math.round(left), Math.round(right)];
})"""
SCROLLS = "document.documentElement.scrollHeight - innerHeight"
# everything that the polite region says from now on
NOTE_THE_POLITE = """() => {
    window.announced = [];
    const region = document.querySelector(".vh[role=status]");
    new MutationObserver(() => window.announced.push(region.textContent)).observe(
        region, {childList: true, characterData: true, subtree: true});
}"""
ROOM_FOR_A_NAME = 260  # px
MORE_THAN_A_PAGE = 110  # times two events
DERIVED = {  # a record that has `status` and `is_expired` only
    S.WORKING: "WORKING",
    S.READY: "READY",
    S.RESTARTING: "READY",
    S.DEAD: "DEAD",
    S.DEAD_FAILED_REVIVE: "DEAD",
}


async def test_each_page_is_whole_in_both_themes_and_on_a_phone(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with signed_in(browser, admin) as seen:
        for address, words in addresses(fleet).items():
            await seen.page.goto(address)
            await expect(seen.page.get_by_text(words).first).to_be_attached()
            await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
            assert await seen.whole() == [], address
            # here no recorder runs, which the last page says: its service would find that these agents are not so
            complaints = [each for each in seen.complaints if "503 (Service Unavailable)" not in each]
            assert (complaints if address.startswith("/agents/") else seen.complaints) == [], address


async def test_all_states_beside_each_other_are_whole(browser: Browser, admin: httpx.AsyncClient) -> None:
    context = await browser.new_context(base_url=str(admin.base_url).removesuffix("/api/v1/"))
    seen = Watched(await context.new_page(), str(admin.base_url).removesuffix("/api/v1/"))
    seen.watch()
    await seen.page.goto("/?states")
    for word in BADGES.values():
        badge = seen.page.get_by_role("table", name="Agent states").get_by_text(word, exact=True)
        await expect(badge.first).to_be_visible()
    assert await seen.whole() == []
    assert seen.complaints == [], "it needs no session, and asks for nothing"
    await context.close()


async def test_the_api_page_asks_no_other_host(browser: Browser, admin: httpx.AsyncClient) -> None:
    async with signed_in(browser, admin) as seen:
        await seen.page.goto("/docs", wait_until="networkidle")
        await expect(seen.page.get_by_text("/contracts/{contract_id}").first).to_be_attached()
        assert seen.complaints == []


async def test_agents_and_contracts_of_every_state_have_its_word(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    active = fleet.contracts["active"]
    async with signed_in(browser, admin) as seen:
        tally = seen.page.get_by_role("region", name="Agents").get_by_role("listitem")
        for word in BADGES.values():
            line = tally.filter(has=seen.page.get_by_text(word, exact=True))
            await expect(line.locator("a:not(.zero)")).to_be_visible()
        await seen.page.goto("/agents")
        for state, word in BADGES.items():
            row = seen.page.locator(f'[data-id="{active}:{fleet.agents[state]}"]')
            await expect(row.locator(".st").get_by_text(word, exact=True)).to_be_visible()
        await seen.page.set_viewport_size({"width": 1280, "height": 800})
        assert await seen.page.evaluate(NAMES) >= ROOM_FOR_A_NAME
        stuck = seen.page.locator(f'[data-id="{active}:{fleet.stuck}"]')
        await expect(stuck.get_by_text("WORKING", exact=True)).to_be_visible()
        await expect(stuck.get_by_text("stuck 20 min")).to_be_visible()
        await seen.page.goto("/contracts?sort=created_at")
        for word in STATUSES:
            row = seen.page.locator(f'[data-id="{fleet.contracts[word]}"]')
            await expect(row.get_by_text(word, exact=True)).to_be_visible()
        await expect(seen.page.locator(f'[data-id="{active}"]').get_by_text("stale")).to_be_visible()


@pytest.mark.parametrize(("before_it", "path"), [("/agents", "/contracts"), ("/contracts", "/agents")])
async def test_a_filter_that_nothing_matches_leaves_the_heads_where_they_are(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet, before_it: str, path: str
) -> None:
    async with signed_in(browser, admin, before_it, viewport={"width": 1440, "height": 900}) as seen:
        await seen.page.get_by_role("navigation", name="Main").locator(f'[href="{path}"]').click()
        await expect(seen.page.get_by_role("heading", level=1)).to_have_text(path[1:].capitalize())
        await expect(seen.page.locator(f'[data-id^="{fleet.contracts["active"]}"]').first).to_be_visible()
        assert await seen.page.evaluate(SCROLLS) == 0, "the list alone scrolls"
        before = await seen.page.evaluate(HEADS)
        await seen.page.goto(f"{path}?q=nothing-has-this-name")
        await expect(seen.page.locator(".empty").get_by_text("matches")).to_be_visible()
        assert await seen.page.evaluate(HEADS) == before


async def test_records_without_agent_status_show_the_badge_that_follows(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    """The answers of the gateway, without what it did not tell before there were agent statuses."""

    async def older(route: Route) -> None:
        answer = await route.fetch()
        page = await answer.json()
        kept = ("contract_id", "role", "status", "ready_until", "is_expired")
        items = [{name: item[name] for name in kept} for item in page["items"]]
        await route.fulfill(response=answer, json={"items": items, "next_cursor": None})

    async with signed_in(browser, admin) as seen:
        await seen.page.route("**/api/v1/agents?*", older)
        await seen.page.goto("/agents")
        for state, word in DERIVED.items():
            row = seen.page.locator(f'[data-id="{fleet.contracts["active"]}:{fleet.agents[state]}"]')
            await expect(row.locator(".st").get_by_text(word, exact=True)).to_be_visible()
        assert seen.complaints == []


async def test_a_contract_tells_from_its_end_what_happened_around_it(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "A contract with a long life")
    of_builder = contract, "builder", "k1"
    moves = AgentStuck(*of_builder, datetime.now(UTC)), AgentProgressed(*of_builder, datetime.now(UTC))
    await gateways.append(
        f"agent-{contract}:builder", AgentJoined(*of_builder, "daemon-ada"), *MORE_THAN_A_PAGE * moves
    )
    async with signed_in(browser, admin, f"/contracts/{contract}") as seen:
        events = seen.page.get_by_role("table", name="Events, newest first")
        await expect(events).to_contain_text("AgentProgressed")
        await expect(events.get_by_text("ContractCreated")).to_have_count(0)
        await seen.page.get_by_role("button", name="Show older").click()
        await expect(events.get_by_text("ContractCreated")).to_be_attached()
        await seen.page.get_by_role("link", name="contract", exact=True).click()
        await expect(events.get_by_role("row")).to_have_count(3)  # its head, created, started
        await seen.page.goto(f"/contracts/{contract}?v=1")
        await expect(seen.page.get_by_text("version 1 of 2")).to_be_visible()
        await expect(events.get_by_text("ContractCreated")).to_be_attached()
        for action in ("pause", "resume"):
            await act(admin, contract, action)
        for version, words in ((1, "No agent had joined"), (3, "daemon-ada")):
            await seen.page.goto(f"/contracts/{contract}?v={version}&tab=agents")
            await expect(seen.page.get_by_text(f"version {version} of 4")).to_be_visible()
            await expect(seen.page.get_by_text(words)).to_be_visible()
        assert seen.complaints == []


async def test_the_palette_finds_an_agent(browser: Browser, admin: httpx.AsyncClient, fleet: Fleet) -> None:
    async with signed_in(browser, admin) as seen:
        await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
        await seen.page.keyboard.press("Control+k")
        await seen.page.keyboard.type("restarting active")
        found = seen.page.get_by_role("option").filter(has_text=fleet.agents[S.RESTARTING])
        await expect(found).to_have_count(1)
        await found.click()
        await expect(seen.page.get_by_role("heading", level=1)).to_contain_text(fleet.agents[S.RESTARTING])


async def test_who_comes_back_is_told_what_happened_meanwhile(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    system = body(await admin.get("/system"))
    async with signed_in(browser, admin) as seen:
        await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
        await expect(seen.page.locator(".away")).to_have_count(0)  # who was never here missed nothing
        await seen.page.add_init_script(
            f"""sessionStorage.begun ??= (localStorage.setItem("makima-last-looked",
                JSON.stringify({{position: 1, epoch: "{system["epoch"]}", at: Date.now() - 41 * 60000}})), "yes")"""
        )
        await seen.page.goto("/")
        told = seen.page.locator(".away")
        await expect(told).to_contain_text("Since you last looked, 41 min ago:")
        await expect(told).to_contain_text(" completed, ")
        await expect(told).to_contain_text("died")
    assert fleet.contracts["completed"]


async def test_an_age_tells_its_moment_to_the_keyboard_too(
    browser: Browser, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    async with signed_in(browser, admin, "/system") as seen:
        age = seen.page.locator("main .age").first
        await expect(age).to_be_visible()
        await age.focus()
        await seen.page.keyboard.press("Shift+Tab")
        await seen.page.keyboard.press("Tab")
        await expect(age).to_be_focused()
        shown = await age.evaluate("(one) => getComputedStyle(one, '::after').content")
        assert " UTC" in str(shown)
        await seen.page.goto("/contracts")  # a list has one tab stop
        in_a_row = seen.page.locator(f'[data-id="{fleet.contracts["active"]}"] .age').first
        await expect(in_a_row).to_be_visible()
        assert await in_a_row.get_attribute("tabindex") is None
        assert seen.complaints == []


async def test_a_filters_count_is_announced_and_what_comes_and_goes_is_not(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient, fleet: Fleet
) -> None:
    active = fleet.contracts["active"]

    async def come() -> None:
        contract = await started(admin, "Comes later")
        await gateways.append(f"agent-{active}:{contract}", AgentJoined(active, contract, "k1", "daemon-ada"))

    async with signed_in(browser, admin) as seen:

        async def said(*words: str) -> None:
            async def all_of_them() -> bool:
                return await seen.page.evaluate("window.announced") == list(words)

            await eventually(all_of_them, because=f"it is not {words} that is announced")

        for path, view in (("/contracts", "Failed"), ("/agents", "Stuck")):
            await seen.page.goto(path)
            count, views = (
                seen.page.locator(".bar .nowrap"),
                seen.page.locator("nav.tabs").get_by_role("link"),
            )
            await expect(count).to_have_text(re.compile(r"^\d+ of \d+$"))
            await seen.page.evaluate(NOTE_THE_POLITE)
            of = int((await count.inner_text()).split()[-1])
            await views.filter(has_text=view).click()
            await expect(count).to_have_text(f"1 of {of}")
            await said(f"1 of {of}")
            await come()
            await expect(count).to_have_text(f"1 of {of + 1}")
            await views.filter(has_text="All").click()
            await said(f"1 of {of}", f"{of + 1} of {of + 1}")
        assert seen.complaints == []
