"""What the page says under its bar of itself: that it was read anew, and that verdicts are held. The gateway's messages, with
what a replaced log and a mass silence would add.
"""

import json
from typing import Any, cast

import httpx
import pytest
from playwright.async_api import Browser, WebSocketRoute, expect

from tests.browser.fleet import started
from tests.browser.pages import signed_in

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
