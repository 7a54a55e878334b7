"""A Chromium before a gateway: signed in, and watched for what a page must not do."""

import gzip
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import httpx
from makima_kernel.testing import PATIENCE
from playwright.async_api import Browser, Page, expect

from tests.services.gateway.browser.browsers import new_code

CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
WEB: Final = Path(__file__).parents[2] / "services/gateway"
BUILT: Final = WEB / "makima_gateway/web_build/index.html"
AXE: Final = WEB / "web/node_modules/axe-core/axe.min.js"
# colours fade: what is measured in between is neither theme
SWITCH_THEME: Final = """async (theme) => {
    document.documentElement.dataset.theme = theme;
    await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null)));
}"""
SIZES: Final = ((390, 844), (1440, 900))
# by itself axe leaves out what came with WCAG 2.2: the size of targets
RUN_AXE: Final = """async (rules) => {
    await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null)));
    const newer = axe.getRules(["wcag22aa"]).map((rule) => [rule.ruleId, {enabled: true}]);
    const asked = rules === null ? {rules: Object.fromEntries(newer)} : {runOnly: {type: "rule", values: rules}};
    return (await axe.run(asked)).violations.map(
        (found) => `${found.id}: ${found.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`);
}"""


@dataclass
class Watched:
    """`complaints`: errors of the console, and requests to other hosts."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list[str])

    def watch(self) -> None:
        self.page.on("console", lambda said: self._said(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _said(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.origin, self.origin.replace("http", "ws", 1), "data:")):
            self.complaints.append(url)

    async def axe(self, *rules: str) -> list[str]:
        """What axe-core finds wrong with what is shown; by these rules, or by all."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE.read_text())
        return cast("list[str]", await self.page.evaluate(RUN_AXE, list(rules) or None))

    async def wider_than_the_window(self) -> int:
        """By how many pixels the page could be scrolled sideways."""
        return cast("int", await self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    async def whole(self) -> list[str]:
        """What is wrong with the page as it is shown: in both themes, on a desk and on a phone.

        In the dark only its contrast is asked for: nothing else differs there.
        """
        wrong = list[str]()
        for width, height in SIZES:
            await self.page.set_viewport_size({"width": width, "height": height})
            for theme, rules in (("light", ()), ("dark", ("color-contrast",))):
                await self.page.evaluate(SWITCH_THEME, theme)
                wrong += [f"{width} {theme}: {found}" for found in await self.axe(*rules)]
            if over := await self.wider_than_the_window():
                wrong.append(f"{width}: {over} px wider than the window")
        return wrong


def script_kb() -> float:
    """kB of all JavaScript that the page may ever load, gzipped file by file, as a browser gets it."""
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in BUILT.parent.rglob("*.js")) / 1000


def origin_of(admin: httpx.AsyncClient) -> str:
    return str(admin.base_url).removesuffix("/api/v1/")


@asynccontextmanager
async def signed_in(
    browser: Browser, admin: httpx.AsyncClient, path: str = "/", **context: Any
) -> AsyncGenerator[Watched]:
    """A page of its own, with a session that a one-time code began, at this path."""
    origin = origin_of(admin)
    own = await browser.new_context(base_url=origin, **context)
    own.set_default_timeout(PATIENCE * 1000)
    watched = Watched(await own.new_page(), origin)
    await watched.page.goto(f"/?code={await new_code(admin)}")
    await watched.page.get_by_role("button", name="Sign out").wait_for()
    watched.watch()
    if path != "/":
        await watched.page.goto(path)
    yield watched
    await own.close()


async def press(page: Page, keys: str) -> None:
    for key in keys.split():
        await page.keyboard.press(key)


async def toasts(page: Page, words: str) -> None:
    await expect(page.locator(".toast.on")).to_contain_text(words)
