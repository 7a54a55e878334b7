"""A Chromium that nobody watches: who is connected to a browser is told of each request and of each frame of a socket,
which the page's main thread pays for. So what it costs is read from the operating system while nobody is connected.
"""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import psutil
from makima_kernel.testing import eventually
from makima_local.processes import Program, Runner
from playwright.async_api import Page, async_playwright

CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--enable-precise-memory-info",
    "--window-size=1440,900",
    "--remote-debugging-port=0",
)
START_SECONDS: Final = 30.0
PATIENCE_MS: Final = 120_000


@dataclass(slots=True)
class LoneBrowser:
    """`renderers`: the processes that may be the page's."""

    address: str
    renderers: tuple[int, ...] = ()

    @asynccontextmanager
    async def page(self) -> AsyncGenerator[Page]:
        """Its one page, to do something with; afterwards nobody is connected again."""
        async with async_playwright() as playwright:
            browser = await playwright.chromium.connect_over_cdp(self.address)
            page = browser.contexts[0].pages[0]
            page.context.set_default_timeout(PATIENCE_MS)
            yield page
            session = await browser.new_browser_cdp_session()
            found = cast("dict[str, Any]", await session.send("SystemInfo.getProcessInfo"))
            self.renderers = tuple(one["id"] for one in found["processInfo"] if one["type"] == "renderer")
            await browser.close()  # only the connection

    def main_threads(self) -> dict[int, float]:
        """Seconds of processor that the main thread of each renderer has used; all but the page's stand still."""
        return {pid: _main_thread(pid) for pid in self.renderers}


def _main_thread(pid: int) -> float:
    """The main thread has the number of its process."""
    return sum(each.user_time + each.system_time for each in psutil.Process(pid).threads() if each.id == pid)


@asynccontextmanager
async def lone_browser() -> AsyncGenerator[LoneBrowser]:
    with TemporaryDirectory() as folder:
        profile, told = Path(folder) / "profile", Path(folder) / "profile" / "DevToolsActivePort"
        command = (CHROMIUM or "chromium", *ARGUMENTS, f"--user-data-dir={profile}", "about:blank")
        async with Runner() as runner:
            runner.start(Program("chromium", command, Path(folder), Path(folder) / "chromium.log"))

            async def port() -> str:
                return told.read_text().partition("\n")[0] if told.exists() else ""

            yield LoneBrowser(f"http://127.0.0.1:{await eventually(port, START_SECONDS)}")
