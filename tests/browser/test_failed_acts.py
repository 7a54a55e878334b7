"""An act that failed stays on the page until somebody has dealt with it: with its code, its trace, and what can be done next."""

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from tests.browser.fleet import await_confirmation
from tests.browser.pages import signed_in, toasts
from tests.services.gateway.harness import Gateways, body

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]

NOT_MET = {
    "code": "VALIDATION_FAILED",
    "detail": "the gate of plan is not met",
    "missing": ["1 of 2 tasks"],
    "trace_id": "1316661c9a20",
    "status": 400,
}


async def _add_task(http: httpx.AsyncClient, contract: str) -> None:
    answer = await http.post(f"/contracts/{contract}/tasks", json={"name": "look again", "role": "builder"})
    assert answer.status_code == 201, answer.text


async def test_a_conflict_says_so_until_one_looks_again(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await await_confirmation(gateways, admin, "Moves on meanwhile")
    async with signed_in(browser, admin) as seen:
        line = seen.page.locator(".need").filter(has_text="Moves on meanwhile")
        await expect(line).to_be_visible()
        await seen.page.keyboard.press("p")  # it is shown as it was
        await expect(seen.page.get_by_role("button", name="Resume")).not_to_have_count(0)
        await _add_task(admin, contract)
        await line.get_by_role("button", name="Confirm").click()
        trouble = seen.page.get_by_role("alert").filter(has_text="It has changed meanwhile")
        await expect(trouble).to_contain_text("VERSION_CONFLICT")
        await expect(trouble).to_contain_text("Nothing was changed by you")
        assert await seen.axe() == []
        await seen.page.get_by_role("link", name="Contracts").first.click()
        await expect(trouble).to_be_visible()
        await trouble.get_by_role("link", name="Show what changed").click()
        await expect(seen.page).to_have_url(f"{seen.origin}/contracts/{contract}")
        await expect(trouble).to_have_count(0)
    assert body(await admin.get(f"/contracts/{contract}"))["phase"] == "plan"


async def test_a_gate_that_is_not_met_can_be_forced_with_a_reason(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    """The first answer is that of a gate which closed in the moment before."""
    contract = await await_confirmation(gateways, admin, "Is not ready")
    sent = list[str | None]()

    async def closed(route: Route) -> None:
        sent.append(route.request.post_data)
        if len(sent) == 1:
            await route.fulfill(status=400, json=NOT_MET, content_type="application/problem+json")
        else:
            await route.continue_()

    async with signed_in(browser, admin) as seen:
        await seen.page.route(f"**/contracts/{contract}/phase", closed)
        line = seen.page.locator(".need").filter(has_text="Is not ready")
        await line.get_by_role("button", name="Confirm").click()
        failed = seen.page.locator(".failed")
        await expect(failed).to_contain_text("It cannot go on yet")
        await expect(failed).to_contain_text("VALIDATION_FAILED · trace 1316661c")
        await expect(failed).to_contain_text("Missing: 1 of 2 tasks.")
        await failed.get_by_role("button", name="Force, with a reason").click()
        force = failed.get_by_role("button", name="Force it")
        await expect(force).to_be_disabled()
        await failed.get_by_label("Why").fill("the task is for later")
        await force.click()
        await expect(failed).to_have_count(0)
        await expect(line).to_have_count(0)
    assert '"force":true' in str(sent[1])
    assert body(await admin.get(f"/contracts/{contract}"))["phase"] == "execute"
    events = body(await admin.get(f"/contracts/{contract}/events?order=desc"))
    assert "the task is for later" in str(events)


async def test_without_an_answer_it_is_tried_again_under_the_same_key(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await await_confirmation(gateways, admin, "Gets no answer")
    keys = list[str | None]()

    async def lost(route: Route) -> None:
        keys.append(await route.request.header_value("idempotency-key"))
        if len(keys) == 1:
            await route.fetch()  # it is recorded, and its answer is lost
            await route.abort()
        else:
            await route.continue_()

    async with signed_in(browser, admin) as seen:
        await seen.page.route(f"**/contracts/{contract}/phase", lost)
        line = seen.page.locator(".need").filter(has_text="Gets no answer")
        await line.get_by_role("button", name="Confirm").click()
        failed = seen.page.locator(".failed")
        await expect(failed).to_contain_text("No answer came")
        await failed.get_by_role("button", name="Try again").click()
        await expect(failed).to_have_count(0)
        await toasts(seen.page, "Confirmed: execute.")
    assert keys[0] == keys[1]
    assert len(keys) == 2
    assert body(await admin.get(f"/contracts/{contract}"))["phase"] == "execute"
