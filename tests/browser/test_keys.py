"""The page by its keys alone: what its sheet of keys says, what is in the address, and what is left without single keys."""

import re
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.fleet import ask, await_confirmation, started
from tests.browser.pages import Watched, press, toasts
from tests.services.gateway.harness import Gateways, act, body

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
ROWS = 600  # of a long list
AT_MOST = 60  # of them in the document


async def live(seen: Watched) -> None:
    await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()


async def test_a_list_is_walked_selected_filtered_and_opened(seen: Watched, admin: httpx.AsyncClient) -> None:
    mark = uuid4().hex[:8]
    ids = [await started(admin, f"{mark} {n}") for n in range(4)]
    await act(admin, ids[3], "pause")
    await seen.page.goto(f"/contracts?q={mark}&sort=name")
    page, rows = seen.page, seen.page.locator("[data-row]")
    await expect(rows).to_have_count(4)
    await press(page, "j j")
    await expect(rows.nth(1)).to_be_focused()
    await press(page, "k")
    await expect(rows.nth(0)).to_be_focused()
    batch = page.get_by_role("region", name="Batch")
    await press(page, "x")
    await expect(batch).to_contain_text("1 selected")
    await press(page, "j j Shift+X")
    await expect(batch).to_contain_text("3 selected")
    await press(page, "Escape")
    await expect(batch).to_be_hidden()
    await press(page, "/")
    await expect(page.get_by_role("search").get_by_role("textbox")).to_be_focused()
    await page.keyboard.type(" status:active ")
    await expect(rows).to_have_count(3)
    assert f"q={mark}&sort=name&status=active" in page.url
    await expect(page.locator("#main").get_by_text("3 of")).to_be_visible()
    await press(page, "g a")  # words of the filter, where they are typed
    assert "/contracts" in page.url
    await press(page, "Backspace Backspace Escape y")
    await toasts(page, "makima contracts list --status active")
    await press(page, "j End Enter")
    await expect(page).to_have_url(f"{seen.origin}/contracts/{ids[2]}")
    assert seen.complaints == []


async def test_of_a_long_list_only_what_is_in_sight_is_in_the_document(
    seen: Watched, admin: httpx.AsyncClient
) -> None:
    await started(admin, "Many times")

    async def many(route: Route) -> None:
        answer = await route.fetch()
        page = await answer.json()
        copies = [{**page["items"][0], "id": str(uuid4()), "name": f"copy {n:03}"} for n in range(ROWS)]
        await route.fulfill(response=answer, json={"items": copies, "next_cursor": None})

    await seen.page.route("**/api/v1/contracts?view=row*", many)
    await seen.page.goto("/contracts?q=copy&sort=name")
    rows = seen.page.locator("[data-row]")
    await expect(seen.page.get_by_role("table")).to_have_attribute("aria-rowcount", str(ROWS + 1))
    for key, name in (
        ("j", "copy 000"),
        ("End", f"copy {ROWS - 1}"),
        ("PageUp", "copy 584"),
        ("Home", "copy 000"),
    ):
        await press(seen.page, key)
        await expect(seen.page.locator("[data-row]:focus")).to_contain_text(name)
        assert 20 < await rows.count() < AT_MOST, key
        assert await seen.page.locator('[data-row][tabindex="0"]').count() == 1, key
    await seen.page.unroute_all()


async def test_keys_lead_to_each_page_and_dialogs_give_back_what_they_took(
    seen: Watched, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Jump here")
    await seen.page.goto("/")
    page = seen.page
    await live(seen)
    for keys, word, path, command in (
        ("g c", "Contracts", "/contracts", "makima contracts list"),
        ("g a", "Agents", "/agents", "makima agents list"),
        ("g s", "System", "/system", "makima doctor"),
        ("g o", "Overview", "/", "makima needs-you"),
    ):
        await press(page, keys)
        await expect(page).to_have_title(re.compile(word))
        assert page.url == f"{seen.origin}{path}"
        await press(page, "y")
        await toasts(page, command)
    sheet = page.get_by_role("dialog", name="Keys")
    await press(page, "?")
    await expect(sheet).to_be_visible()
    await press(page, "g a")  # is not for the page while a dialog is open
    await press(page, "Escape")
    await expect(sheet).to_be_hidden()
    await expect(page).to_have_url(f"{seen.origin}/")
    line = page.get_by_role("contentinfo")
    await press(page, "p")
    await expect(line).to_contain_text("Paused by you")
    await press(page, "p")
    await expect(line).to_contain_text("Live")
    await press(page, "Control+k")
    await page.keyboard.type("jump here")
    await expect(page.get_by_role("option").first).to_contain_text("Jump here")
    await press(page, "ArrowDown ArrowUp Enter")
    await expect(page).to_have_url(f"{seen.origin}/contracts/{contract}")
    assert seen.complaints == []


async def test_what_waits_is_walked_and_answered(
    seen: Watched, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    asks = await started(admin, "Asks")
    await await_confirmation(gateways, admin, "Guarded")
    await ask(admin, asks, "By which key?")
    await seen.page.goto("/")
    page, needs = seen.page, seen.page.locator(".need")
    await expect(needs.filter(has_text="By which key?")).to_be_visible()
    await expect(needs.filter(has_text="Guarded")).to_be_visible()
    count = await needs.count()
    for index in (*range(count), 0):  # after the last one the first
        await press(page, "n")
        await expect(needs.nth(index)).to_be_focused()
    await press(page, " ".join("j" * count))
    await expect(needs.nth(count - 1)).to_be_focused()
    await press(page, "k")
    await expect(needs.nth(count - 2)).to_be_focused()
    for key, index in (("ArrowDown", count - 1), ("ArrowUp", count - 2), ("Home", 0), ("End", count - 1)):
        await press(page, key)
        await expect(needs.nth(index)).to_be_focused()
    await go_to(page, needs.filter(has_text="By which key?"))
    await press(page, "2")
    await toasts(page, "Answered: right.")
    await expect(needs).to_have_count(count - 1)
    await go_to(page, needs.filter(has_text="Guarded"))
    await press(page, "Enter")
    await toasts(page, "Confirmed: execute.")
    await expect(needs).to_have_count(count - 2)
    assert seen.complaints == []


async def go_to(page: Page, line: Locator) -> None:
    """With `n` as often as it takes."""
    while not await line.evaluate("(line) => line === document.activeElement"):
        await press(page, "n")


async def test_the_first_tab_stop_skips_to_the_content_and_the_theme_is_remembered(
    seen: Watched, admin: httpx.AsyncClient
) -> None:
    await seen.page.goto("/contracts")
    await live(seen)
    await press(seen.page, "Tab")
    await expect(seen.page.get_by_role("link", name="Skip to content")).to_be_focused()
    await press(seen.page, "Enter")
    await expect(seen.page.get_by_role("main")).to_be_focused()
    await seen.page.get_by_role("button", name="Light or dark").press("Enter")
    html = seen.page.locator("html")
    await expect(html).to_have_attribute("data-theme", "dark")
    await seen.page.reload()
    await expect(html).to_have_attribute("data-theme", "dark")


async def test_without_single_keys_nothing_happens_by_one_and_all_can_still_be_reached(
    seen: Watched, admin: httpx.AsyncClient
) -> None:
    mark = uuid4().hex[:8]
    contracts = [await started(admin, f"{mark} {n}") for n in range(2)]
    await ask(admin, contracts[0], f"{mark}?")
    await seen.page.goto("/")
    page, writes = seen.page, list[str]()
    page.on("request", lambda sent: writes.append(sent.url) if sent.method != "GET" else None)
    need = page.locator(".need").filter(has_text=f"{mark}?")
    await expect(need).to_be_visible()
    await press(page, "?")
    await page.get_by_role("checkbox", name="Single-key shortcuts").press("Space")
    await press(page, "Escape")
    await need.focus()
    await press(page, "2 Enter j n p g a y ?")
    await expect(need).to_be_focused()
    await press(page, "End ArrowDown")  # within a list they remain
    await expect(page.locator(".need").last).to_be_focused()
    await need.focus()
    await expect(need).to_be_focused()
    await press(page, "Control+k")
    await expect(page.get_by_role("dialog", name="Jump or act")).to_be_visible()
    await press(page, "Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(".toast.on")).to_have_count(0)
    assert (writes, page.url) == ([], f"{seen.origin}/")
    await page.goto(f"/contracts?q={mark}&sort=name")  # the switch is remembered
    rows = page.locator("[data-row]")
    await expect(rows).to_have_count(2)
    await rows.first.focus()
    await press(page, "x Shift+X Enter j ArrowDown")
    await expect(rows.nth(1)).to_be_focused()
    assert await rows.locator('[aria-selected="true"]').count() == 0
    await expect(page.get_by_role("region", name="Batch")).to_be_hidden()
    await press(page, "Tab Space")
    await expect(page.get_by_role("region", name="Batch")).to_contain_text("1 selected")
    await press(page, "Tab Enter")
    await expect(page).to_have_url(f"{seen.origin}/contracts/{contracts[1]}")
    assert body(await admin.get(f"/contracts/{contracts[0]}"))["status"] == "waiting_for_input"
