"""What the page says above all else: that it was read anew, that verdicts are held, and whose silence is expected now or later.
The gateway's messages, with what a replaced log and a mass silence would add.
"""

import json
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest
from makima_schemas.agent import AgentJoined
from makima_schemas.silence import (
    MAINTENANCE_STREAM,
    MaintenanceEnded,
    MaintenancePlanned,
    MaintenanceStarted,
)
from playwright.async_api import Browser, WebSocketRoute, expect

from tests.browser.fleet import started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import Gateways

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
UNTIL = "2036-01-31T10:02:12.000000Z"


async def test_a_page_whose_log_was_replaced_says_that_it_was_read_anew(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Is still here")
    wires = list[WebSocketRoute]()

    def between(wire: WebSocketRoute) -> None:
        wire.connect_to_server()
        wires.append(wire)

    async with signed_in(browser, admin) as seen:
        await seen.page.route_web_socket("**/contracts/monitor", between)
        await seen.page.goto("/contracts")
        row = seen.page.locator(f'[data-id="{contract}"]')
        await expect(row).to_contain_text("active")
        band = seen.page.get_by_role("status").filter(has_text="was read anew at")
        await expect(band).to_have_count(0)
        wires[-1].send(
            json.dumps(
                {
                    "type": "reset",
                    "reason": "the log was replaced by another one",
                    "epoch": "e2",
                    "position": 1,
                }
            )
        )
        await expect(band).to_contain_text("The log was replaced by another one.")
        await expect(row).to_contain_text("active")
        await band.get_by_role("button", name="I have read it").click()
        await expect(band).to_have_count(0)


async def test_a_page_says_why_verdicts_are_held_and_until_when(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    def between(wire: WebSocketRoute) -> None:
        server = wire.connect_to_server()

        def held(frame: str | bytes) -> None:
            said = json.loads(frame)
            for message in cast("list[dict[str, Any]]", said if isinstance(said, list) else [said]):
                if message["type"] == "Tick":
                    message |= {"verdicts_held": 1, "verdicts_held_until": UNTIL}
            wire.send(json.dumps(said))

        server.on_message(held)

    async with signed_in(browser, admin) as seen:
        await seen.page.route_web_socket("**/contracts/monitor", between)
        await seen.page.goto("/")
        band = seen.page.get_by_role("status").filter(
            has_text="Verdicts are held until 10:02:12 UTC at the latest"
        )
        await expect(band).to_contain_text("fell silent within one interval")
        await expect(seen.page.get_by_role("contentinfo")).to_contain_text("verdicts held until 10:02:12 UTC")
        assert await seen.axe() == []


async def test_each_page_shows_the_maintenance_that_is_planned_and_that_in_force(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    """On the pages of all agents every window, on a contract's and an agent's those that are about it."""
    contract = await started(admin, "Is moved to another rack")
    await gateways.append(f"agent-{contract}:builder", AgentJoined(contract, "builder", "k1", "daemon-ada"))
    begins, until = datetime(2036, 1, 31, 2, 0, tzinfo=UTC), datetime(2036, 1, 31, 2, 30, tzinfo=UTC)
    await gateways.append(
        MAINTENANCE_STREAM,
        MaintenancePlanned(f"contract:{contract}", begins, until, "kernel"),
        MaintenanceStarted("daemon:daemon-eve", until, "new disk"),
    )
    try:
        async with signed_in(browser, admin) as seen:
            planned = seen.page.locator(f'.expected[data-window="contract:{contract}"]')
            open_now = seen.page.locator('.expected[data-window="daemon:daemon-eve"]')
            for address, other in (("/", 1), ("/agents", 1), (f"/agents/{contract}/builder", 0)):
                await seen.page.goto(address)
                await expect(planned).to_contain_text(
                    "is planned for 2036-01-31 02:00 – 02:30 UTC, starts in"
                )
                await expect(open_now).to_have_count(other)
                assert await seen.whole() == [], address
            await seen.page.goto(f"/contracts/{contract}")
            await expect(seen.page.locator("#why")).to_contain_text("is planned from 2036-01-31T02:00:00")
            await seen.page.goto("/system")
            windows = seen.page.get_by_role("table", name="Maintenance windows").get_by_role("row")
            await expect(windows.filter(has_text="starts in")).to_contain_text("2036-01-31 02:00 – 02:30")
            await expect(windows.filter(has_text="ends in")).to_contain_text("daemon:daemon-eve")
            await expect(
                seen.page.get_by_role("button", name="Call off the window of contract")
            ).to_be_visible()
            await seen.page.get_by_role("button", name="Add a window").click()
            assert await seen.whole() == []
            sent = seen.page.expect_request(
                lambda request: request.method == "POST" and request.url.endswith("/maintenance")
            )
            await seen.page.get_by_label("from, UTC").fill("2036-02-01T02:00")
            await seen.page.get_by_label("because of").fill("power")
            async with sent as asked:
                await seen.page.get_by_role("button", name="Plan it").click()
            body = cast("dict[str, str]", (await asked.value).post_data_json)
            assert (body["starts_at"], body["until"]) == (
                "2036-02-01T02:00:00.000Z",
                "2036-02-01T02:30:00.000Z",
            )
    finally:
        for scope in (f"contract:{contract}", "daemon:daemon-eve"):
            await gateways.append(MAINTENANCE_STREAM, MaintenanceEnded(scope, "request"))
