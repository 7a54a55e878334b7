"""`python -m tests.browser.states FOLDER` (`make states`): a picture of every page in each of its states, at 1440 and 390 pixels,
light and dark, to be looked at beside the prototype's. On a seeded fleet, so that each state is there at once; what only an outage
shows, `/?states` has side by side. Nothing of it is committed.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.bench.figure import bench_env
from tests.browser.fleet import Fleet, seed
from tests.browser.pages import BUILT, CHROMIUM, SIZES
from tests.services.gateway.browser.browsers import new_code
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import shared_gateway

THEMES: Final = ("light", "dark")
SETTLED_SECONDS: Final = 0.8  # after the page is there: flashes fade, and what it reads later has come
# what is fixed to the window would lie across a picture of the whole page
LET_GO: Final = """() => {
    for (const one of document.querySelectorAll("header.top, footer.line")) one.style.position = "static";
    for (const one of document.querySelectorAll(".nav")) if (innerWidth < 720) one.style.display = "none";
}"""
Step = Callable[[Page], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class State:
    """`path` of a page, and what is done on it before the picture. `signed_in` False: by a visitor."""

    name: str
    path: str
    do: Step | None = None
    signed_in: bool = True
    whole: bool = True  # the page to its end, not the window alone: dialogs lie in the window


async def _palette(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await page.keyboard.type("dead")


async def _keys(page: Page) -> None:
    await page.keyboard.press("?")


async def _pause(page: Page) -> None:
    await page.keyboard.press("p")


async def _select(page: Page) -> None:
    row = page.locator("[data-row]")
    await row.first.focus()
    for key in ("x", "j", "x", "j", "x"):
        await page.keyboard.press(key)


async def _preview(page: Page) -> None:
    await _select(page)
    await page.get_by_role("button", name="Archive").first.click()
    await page.locator("dialog[open]").wait_for()


async def _try(page: Page) -> None:
    await page.get_by_role("button", name="Try to advance").click()
    await page.locator("dialog[open]").wait_for()


async def _add_window(page: Page) -> None:
    await page.get_by_role("button", name="Add a window").click()


async def _lost(page: Page) -> None:
    """The socket is cut off, and cannot be had again."""
    await page.context.set_offline(True)
    await page.locator(".band").wait_for()


async def _unread(page: Page) -> None:
    await page.route("**/api/v1/**", lambda route: route.abort())
    await page.reload()


async def _refused(page: Page) -> None:
    await page.get_by_label("Token or code").fill("mk_nobody")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").first.wait_for()


def states(fleet: Fleet) -> tuple[State, ...]:
    active, asks = fleet.contracts["active"], fleet.asks
    agents = [
        State(f"agent-{state.value}", f"/agents/{active}/{role}") for state, role in fleet.agents.items()
    ]
    contracts = [
        State(f"contract-{word.replace(' ', '-')}", f"/contracts/{contract}")
        for word, contract in fleet.contracts.items()
    ]
    tabs = [
        State(f"contract-tab-{tab}", f"/contracts/{active}?tab={tab}")
        for tab in ("tasks", "questions", "agents")
    ]
    return (
        State("overview", "/"),
        State("overview-paused", "/", _pause, whole=False),
        State("overview-off", "/", _lost, whole=False),
        State("overview-unread", "/", _unread),
        State("palette", "/", _palette, whole=False),
        State("keys", "/", _keys, whole=False),
        State("contracts", "/contracts"),
        State("contracts-filtered", "/contracts?status=active,blocked"),
        State("contracts-nothing-matches", "/contracts?q=zebra"),
        State("contracts-selected", "/contracts", _select, whole=False),
        State("contracts-preview", "/contracts", _preview, whole=False),
        *contracts,
        State("contract-asks", f"/contracts/{asks}"),
        State("contract-past", f"/contracts/{active}?v=2"),
        State("contract-tried", f"/contracts/{active}", _try, whole=False),
        State("contract-gone", "/contracts/00000000-0000-4000-8000-000000000000"),
        *tabs,
        State("agents", "/agents"),
        State("agents-stuck", "/agents?stuck=true"),
        State("agents-nothing-matches", "/agents?q=zebra"),
        *agents,
        State("agent-stuck", f"/agents/{active}/{fleet.stuck}"),
        State("system", "/system"),
        State("system-adding", "/system", _add_window),
        State("nowhere", "/nothing/here"),
        State("sign-in", "/", signed_in=False),
        State("sign-in-refused", "/", _refused, signed_in=False),
        State("states", "/?states", signed_in=False),
    )


EMPTY: Final = (State("empty-overview", "/"), State("empty-contracts", "/contracts"), State("empty-agents", "/agents"), State("empty-system", "/system"))  # fmt: skip


async def main(folder: Path) -> None:
    async with _gateways() as gateways, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        await _take(browser, gateways, EMPTY, folder)
        fleet = await seed(gateways, gateways.clients[0])
        await _take(browser, gateways, states(fleet), folder)
        await browser.close()


async def _take(browser: Browser, gateways: Gateways, wanted: tuple[State, ...], folder: Path) -> None:
    for width, height in SIZES:
        for theme in THEMES:
            context = await browser.new_context(
                base_url=_origin(gateways),
                viewport=cast("Any", {"width": width, "height": height}),
                color_scheme=cast("Any", theme),
            )
            cookies = await _signed_in(context, gateways)
            for state in wanted:
                await context.clear_cookies()
                if state.signed_in:
                    await context.add_cookies(cast("Any", cookies))
                page = await context.new_page()
                await _picture(page, state, folder / f"{state.name}-{width}-{theme}.png")
                await page.close()
                await context.set_offline(False)
            await context.close()


async def _signed_in(context: BrowserContext, gateways: Gateways) -> list[Any]:
    page = await context.new_page()
    await page.goto(f"/?code={await new_code(gateways.clients[0])}")
    await page.locator(".live").filter(has_text="Live").last.wait_for(state="attached")
    await page.close()
    return cast("list[Any]", await context.cookies())


async def _picture(page: Page, state: State, to: Path) -> None:
    await page.goto(state.path)
    if state.signed_in:
        await page.locator(".live").filter(has_text="Live").last.wait_for(state="attached")
    await asyncio.sleep(SETTLED_SECONDS)
    if state.do is not None:
        await state.do(page)
        await asyncio.sleep(SETTLED_SECONDS)
    if state.whole:
        await page.evaluate(LET_GO)
    await page.screenshot(path=to, full_page=state.whole)
    over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    sys.stdout.write(f"{to.name}{f': {over} px wider than the window' if over > 0 else ''}\n")
    sys.stdout.flush()


def _origin(gateways: Gateways) -> str:
    return str(gateways.clients[0].base_url).removesuffix("/api/v1/")


@asynccontextmanager
async def _gateways() -> AsyncGenerator[Gateways]:
    async with bench_env() as env, shared_gateway(env.postgres, env.template, env.nats) as made:
        yield made


if __name__ == "__main__":
    if CHROMIUM is None or not BUILT.exists():
        sys.exit("a Chromium (Debian: apt-get install chromium) and the built page (make web) are needed")
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.browser.states FOLDER")
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1])))
