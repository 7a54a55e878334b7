"""The pictures of docs/tour.md: `make tour` starts the demo, waits for what each picture shows, and takes it, light and
dark. Needs a Chromium and the built page.
"""

import asyncio
import base64
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from makima_kernel.testing import eventually
from makima_sdk import Http
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.pages import BUILT, CHROMIUM
from tests.e2e import stack
from tests.servers import open_folder

PICTURES: Final = Path(__file__).parents[2] / "docs/tour"
THEMES: Final = ("light", "dark")
MAX_BYTES: Final = 100_000  # of a picture
QUALITY: Final = 80  # of WebP, of 100
SIZE: Final = {"width": 1280, "height": 800}
PATIENCE: Final = 300.0
SETTLED_SECONDS: Final = 2.5  # after the page is there: flashes fade, and what it reads later has come

Items = list[dict[str, Any]]


class Demo:
    """The running demo, asked by its API."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def items(self, route: str, **query: str | int) -> Items:
        return cast("Items", (await self._http.send("GET", route, query=query)).body["items"])

    async def contract(self, name: str) -> str:
        """The id of the first of its scenario, once it is there."""

        async def found() -> str:
            first = next(iter(await self.items("/contracts", q=f"{name} #1")), {"id": ""})
            return str(first["id"])

        return await eventually(found, PATIENCE)

    async def is_busy(self) -> bool:
        """A question, a confirmation, one who cannot be revived, one dead and one stuck, all at once."""
        agents = (await self._http.send("GET", "/agents", query={"limit": 1})).body
        counts = cast("dict[str, int]", agents["counts"])
        kinds = {str(need["kind"]) for need in await self.items("/needs-you")}
        wanted = {"question", "phase_confirmation", "blocked", "unrecoverable"}
        return bool(kinds >= wanted and agents["stuck"] and counts["dead"] and counts["dead_failed_revive"])

    async def was_refused(self) -> bool:
        told = await self.items(f"/contracts/{await self.contract('Index the documentation')}/messages")
        return any("It was refused" in each["content"] for each in told)

    async def came_back(self) -> bool:
        where = f"/contracts/{await self.contract('Index the documentation')}/agents/indexer"
        shown = (await self._http.send("GET", where)).body
        life = (await self._http.send("GET", f"{where}/life")).body
        steps = [str(step["to"]) for step in cast("Items", life["items"])]
        return "dead" in steps and shown["agent_status"] in {"ready", "working"}


@asynccontextmanager
async def demo() -> AsyncGenerator[tuple[stack.Stack, Demo]]:
    folder = Path(tempfile.mkdtemp(prefix="makima-tour-", dir="/tmp"))
    open_folder(folder)
    try:
        async with (
            stack.running(folder, "--demo", cold=True) as system,
            Http(system.url, system.token, retry_for=60) as http,
        ):
            yield system, Demo(http)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def take(browser: Browser, system: stack.Stack, name: str, path: str) -> None:
    """The picture in both themes, at the same moment as far as that can be."""
    await asyncio.gather(*(_take(browser, system, f"{name}-{theme}", path, theme) for theme in THEMES))


async def _take(browser: Browser, system: stack.Stack, name: str, path: str, theme: str) -> None:
    context = await browser.new_context(
        base_url=system.url, viewport=cast("Any", SIZE), color_scheme=cast("Any", theme)
    )
    try:
        signed = await context.request.post(
            "/api/v1/session", data={"token": system.token}, headers={"origin": system.url}
        )
        assert signed.ok, await signed.text()
        page = await context.new_page()
        await page.goto(path)
        await page.locator(".live").filter(has_text="Live").last.wait_for(state="attached")
        await asyncio.sleep(SETTLED_SECONDS)
        (PICTURES / f"{name}.webp").write_bytes(await _webp(page))
    finally:
        await context.close()


async def _webp(page: Page) -> bytes:
    """Playwright itself knows PNG and JPEG alone."""
    session = await page.context.new_cdp_session(page)
    how = {"format": "webp", "quality": QUALITY}
    answer = cast("dict[str, str]", await session.send("Page.captureScreenshot", how))
    picture = base64.b64decode(answer["data"])
    assert len(picture) <= MAX_BYTES, len(picture)
    return picture


async def _until(there: Callable[[], Awaitable[bool]], what: str) -> None:
    sys.stdout.write(f"waits: {what}\n")
    sys.stdout.flush()
    await eventually(there, PATIENCE, every=0.5, because=what)


async def tour() -> None:
    PICTURES.mkdir(exist_ok=True)
    async with demo() as (system, asked), async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        await _until(asked.was_refused, "an advance is refused")
        index = await asked.contract("Index the documentation")
        await take(browser, system, "contract", f"/contracts/{index}")
        await _until(asked.is_busy, "a question, a confirmation, one dead, one stuck, one beyond revival")
        await take(browser, system, "overview", "/")
        await take(browser, system, "agents", "/agents")
        await take(browser, system, "contracts", "/contracts")
        await _until(asked.came_back, "the dead agent is restarted")
        await take(browser, system, "agent", f"/agents/{index}/indexer")
        await browser.close()


if __name__ == "__main__":
    if CHROMIUM is None or not BUILT.exists():
        sys.exit("a Chromium (Debian: apt-get install chromium) and the built page (make web) are needed")
    asyncio.run(tour())
