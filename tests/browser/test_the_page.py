"""The web page in a real Chromium, before a real gateway and contract service."""

from datetime import datetime
from statistics import median
from time import time
from uuid import uuid4

import httpx
import pytest
from makima_gateway import app as gateway
from makima_kernel.nats.dead_letters import dead_letter
from makima_kernel.service.runtime import Service
from makima_kernel.testing import eventually
from makima_local import ports
from makima_schemas import subjects
from playwright.async_api import Browser, expect

from tests.browser.fleet import ask, await_confirmation, started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import ADMIN, Gateways, act, authenticated_client, body, created, listed
from tests.services.gateway.tokens import issue_token

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
MANY = 40  # rows, more than are in sight
SCROLLED = "document.querySelector('.vt').scrollTop"
AT_ONCE_SECONDS = 1.0  # from an event's time to the text of its row, of most of several
MOVES = 11
ENDS_SECONDS = 2.0  # from the answer that revoked a token to the sign-in page in place of every other
# when the text of its status became another one, by the page's clock
NOTE_ITS_TEXTS = """(row) => {
    window.said = [];
    let before = row.querySelector(".st").textContent.trim();
    new MutationObserver(() => {
        const now = row.querySelector(".st")?.textContent.trim() ?? before;
        if (now !== before) window.said.push(Date.now());
        before = now;
    }).observe(row, {childList: true, characterData: true, subtree: true});
}"""
NOTE_SIGN_IN = """() => {
    new MutationObserver(() => {
        if (document.querySelector("h1")?.textContent.includes("Sign in")) window.ended ??= Date.now();
    }).observe(document.body, {childList: true, characterData: true, subtree: true});
}"""


async def status(http: httpx.AsyncClient, contract: str) -> object:
    return body(await http.get(f"/contracts/{contract}"))["status"]


async def test_a_code_signs_in_and_the_button_signs_out(browser: Browser, admin: httpx.AsyncClient) -> None:
    async with signed_in(browser, admin) as seen:
        assert "code=" not in seen.page.url
        await seen.page.get_by_role("button", name="Sign out").click()
        await expect(seen.page.get_by_role("heading", name="Sign in to makima")).to_be_visible()
        seen.complaints.clear()
        await seen.page.goto("/contracts")
        await expect(seen.page.get_by_role("heading", name="Sign in to makima")).to_be_visible()
        await seen.page.goto("/?code=mc_used_long_ago")
        await expect(seen.page.get_by_role("alert")).to_contain_text(
            "was used already, or is older than 60 s"
        )
        assert seen.page.url == f"{seen.origin}/"
        assert seen.complaints == [], "a visit without a session is no error of the page"


async def test_a_row_says_within_a_second_what_happened(browser: Browser, admin: httpx.AsyncClient) -> None:
    """From the time of the event in the log to the row's text, by the page's clock, which is this machine's as well."""
    contract = await started(admin, "Moves")
    async with signed_in(browser, admin, "/contracts") as seen:
        row = seen.page.locator(f'[data-id="{contract}"]')
        await expect(row).to_contain_text("active")
        await row.evaluate(NOTE_ITS_TEXTS)
        for number in range(MOVES):
            action, word = (("pause", "paused"), ("resume", "active"))[number % 2]
            await act(admin, contract, action)
            await expect(row.locator(".st").first).to_have_text(word)
        said = await seen.page.evaluate("window.said")
    events = listed(body(await admin.get(f"/contracts/{contract}/events"))["items"])
    moved = events[-MOVES:]  # before them it was created and started
    happened = [datetime.fromisoformat(str(one["time"])).timestamp() for one in moved]
    assert len(said) == len(happened) == MOVES
    late = [at / 1000 - then for at, then in zip(said, happened, strict=True)]
    assert median(late) <= AT_ONCE_SECONDS, late
    assert min(late) > 0, "the two clocks are one"


async def test_a_revoked_token_ends_its_page_within_two_seconds(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    took = list[float]()
    for _ in range(3):
        token = await issue_token(admin, "viewer", owner="alice")
        async with (
            authenticated_client(str(token["token"]), str(admin.base_url)) as viewer,
            signed_in(browser, viewer, "/contracts") as seen,
        ):
            await expect(seen.page.locator(".live").filter(has_text="Live").last).to_be_attached()
            await seen.page.evaluate(NOTE_SIGN_IN)
            answer = await admin.delete(f"/tokens/{token['id']}")
            assert answer.status_code == 204
            revoked = time()
            await expect(seen.page.get_by_role("heading", name="Sign in to makima")).to_be_visible()
            await expect(seen.page.locator("[data-row]")).to_have_count(0)
            took.append(await seen.page.evaluate("window.ended") / 1000 - revoked)
    assert median(took) <= ENDS_SECONDS, took


async def test_a_question_is_answered_and_a_phase_confirmed_in_place(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    asks, guarded = (
        await started(admin, "Asks"),
        await await_confirmation(gateways, admin, "Guarded"),
    )
    await ask(admin, asks, "Which way?")
    async with signed_in(browser, admin) as seen:
        needs = seen.page.locator(".need")
        await needs.filter(has_text="Which way?").get_by_role("button", name="right").click()
        await expect(needs.filter(has_text="Which way?")).to_have_count(0)
        await needs.filter(has_text="Guarded").get_by_role("button", name="Confirm").click()
        await expect(needs.filter(has_text="Guarded")).to_have_count(0)
        assert seen.complaints == []
    assert await status(admin, asks) == "active"
    assert body(await admin.get(f"/contracts/{guarded}"))["phase"] == "execute"


async def test_a_batch_touches_what_its_preview_has_shown(browser: Browser, admin: httpx.AsyncClient) -> None:
    mark = uuid4().hex[:8]
    running = [await started(admin, f"Batch {mark} {n}") for n in range(2)]
    ended = await started(admin, f"Batch {mark} ended")
    await act(admin, ended, "complete")
    async with signed_in(browser, admin, f"/contracts?q={mark}&sort=name") as seen:
        rows = seen.page.locator("[data-row]")
        await expect(rows).to_have_count(3)
        await rows.nth(0).focus()
        await seen.page.keyboard.press("x")
        await rows.nth(2).focus()
        await seen.page.keyboard.press("Shift+X")
        bar = seen.page.get_by_role("region", name="Batch")
        await expect(bar).to_contain_text("3 selected")
        await bar.get_by_role("button", name="Resume").click()
        nothing = seen.page.get_by_role("dialog", name="Resume 0 contracts")
        await expect(nothing).to_contain_text("Nothing would be touched")
        await expect(nothing).to_contain_text("it is active")
        await expect(nothing.get_by_label("Reason")).to_have_count(0)
        await expect(nothing.get_by_role("button", name="Resume 0 contracts")).to_be_disabled()
        await seen.page.keyboard.press("Escape")
        await bar.get_by_role("button", name="Pause").click()
        preview = seen.page.get_by_role("dialog", name="Pause 2 contracts")
        await expect(preview).to_contain_text("Skipped: 1")
        assert {await status(admin, one) for one in running} == {"active"}, "a preview changes nothing"
        assert await seen.axe() == []
        await preview.get_by_role("button", name="Pause 2 contracts").click()
        await expect(rows.filter(has_text="paused")).to_have_count(2)
        assert seen.complaints == []
    assert [await status(admin, one) for one in (*running, ended)] == ["paused", "paused", "completed"]


async def test_after_a_restart_of_the_gateway_filter_selection_and_position_are_kept(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    mark = uuid4().hex[:8]
    for number in range(MANY):
        await created(admin, name=f"{mark} {number:02}")
    contract = await started(admin, f"{mark} last")
    settings = gateways.replicas[0].settings.model_copy(update={"port": ports.free()})
    url = f"http://127.0.0.1:{settings.port}/api/v1"
    async with authenticated_client(ADMIN, url) as other:

        async def ready() -> bool:
            return (await other.get(url.replace("/api/v1", "/healthz"))).status_code == 200

        async with Service.running(gateway.NAME, settings, gateway.build):
            await eventually(ready)
            pages = signed_in(browser, other, f"/contracts?q={mark}&sort=name")
            seen = await pages.__aenter__()
            row = seen.page.locator(f'[data-id="{contract}"]')
            await seen.page.locator("[data-row]").first.focus()
            await seen.page.keyboard.press("End")  # the row is far down
            await expect(row).to_be_focused()
            await seen.page.keyboard.press("x")
            scrolled = await seen.page.evaluate(SCROLLED)
            assert scrolled > 0
        await expect(seen.page.get_by_text("The connection was lost")).to_be_visible()
        await act(admin, contract, "pause")
        async with Service.running(gateway.NAME, settings, gateway.build):
            await eventually(ready)
            await expect(row).to_contain_text("paused")
            await expect(seen.page.get_by_text("The connection was lost")).to_have_count(0)
            await expect(row).to_have_attribute("aria-selected", "true")
            await expect(row).to_be_focused()
            assert f"q={mark}&sort=name" in seen.page.url
            await expect(seen.page.get_by_text(f"{MANY + 1} of")).to_be_visible()
            assert await seen.page.evaluate(SCROLLED) == scrolled
            await pages.__aexit__(None, None, None)


async def test_a_message_that_was_set_aside_is_sent_again_or_deleted_on_the_page(
    browser: Browser, admin: httpx.AsyncClient, gateways: Gateways
) -> None:
    nats = gateways.replicas[0].nats
    beat = (
        b'{"daemon_id":"d9","hostname":"h","seq":1,"timestamp":"2026-01-31T00:00:00Z","agents":[],'
        b'"worktrees":0,"capacity":1}'
    )
    for payload, reason in ((b"{", "no heartbeat"), (beat, "too many")):
        await dead_letter(
            nats,
            stream=subjects.HEARTBEATS_STREAM,
            consumer="supervisor_heartbeat",
            reason=reason,
            origin={"subject": "makima.shards.1.daemon.d9", "sequence": 1},
            payload=payload,
        )
    async with signed_in(browser, admin, "/system") as seen:
        rows = seen.page.get_by_role("table", name="Dead letters").get_by_role("row")
        unreadable, readable = rows.filter(has_text="no heartbeat"), rows.filter(has_text="too many")
        await expect(unreadable.get_by_role("button", name="Delete")).to_be_visible()
        await expect(unreadable.get_by_role("button", name="Retry")).to_have_count(0)
        assert await seen.axe() == []
        await readable.get_by_role("button", name="Retry").click()
        await expect(readable).to_have_count(0)
        await unreadable.get_by_role("button", name="Delete").click()
        await expect(seen.page.get_by_text("Nothing was set aside", exact=True)).to_be_visible()
        assert seen.complaints == []


async def test_the_systems_figures_are_read_again_while_they_are_looked_at(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    """No event tells of them. A second page opens a socket; the first one shows it, and of when its figures are."""
    async with signed_in(browser, admin, "/system") as seen:
        streams = seen.page.get_by_role("region", name="Log and streams")
        await expect(streams).to_contain_text("as of ")
        await expect(seen.page.get_by_role("region", name="Vital signs")).to_contain_text("as of ")
        sockets = streams.locator("dt", has_text="Open sockets").locator("+ dd")
        before = int(await sockets.inner_text())
        async with signed_in(browser, admin) as other:
            await expect(other.page.locator(".live").filter(has_text="Live").last).to_be_attached()
            async with seen.page.expect_response("**/api/v1/system/series?*"):
                await expect(sockets).to_have_text(str(before + 1))
        assert seen.complaints == []
