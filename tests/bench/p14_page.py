"""P14: the page in a headless Chromium before 10 000 contracts of which 1 000 change each second: how soon the first row
is there, how busy the main thread is, how long a filter takes, whether the heap grows, and how much JavaScript it is.

The changes go the real way: into the log, through the gateway's read model and its socket to the page. On a machine
that cannot do as many, the figures of the rate say how many there were.
"""

import asyncio
import gzip
import re
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

import asyncpg
from playwright.async_api import CDPSession, Page, WebSocket, async_playwright

from tests.bench.changing import Rate, changing, create, shown
from tests.bench.figure import BenchEnv, Figure
from tests.bench.served import TOKEN, provisioned, served

CONTRACTS: Final = 10_000
UPDATES_PER_SECOND: Final = 1_000
LOADS: Final = 5
WARM_UP_SECONDS: Final = 10.0
MAX_WAIT_SECONDS: Final = 120.0
BUILT: Final = Path(__file__).parents[2] / "services/gateway/makima_gateway/web_build"
CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NOTE_FIRST_ROW: Final = """new MutationObserver((_, observer) => {
    if (document.querySelector("[data-row]") === null) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.firstRow = performance.now(); }));
}).observe(document, {childList: true, subtree: true});"""
FIRST_ROW: Final = """async () => {
    while (window.firstRow === undefined) await new Promise((next) => setTimeout(next, 5));
    return window.firstRow;
}"""
# From the key to the paint after the table has the filter's rows.
FILTER: Final = """async (words) => {
    const input = document.querySelector("[role=search] input");
    const began = performance.now();
    input.value = words;
    input.dispatchEvent(new Event("input", {bubbles: true}));
    const fit = () => [...document.querySelectorAll("[data-row] .name")].every((cell) => cell.textContent.includes(words));
    while (!fit()) await new Promise((next) => setTimeout(next));
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    return performance.now() - began;
}"""


class Rows:
    """The rows that a socket brought."""

    def __init__(self) -> None:
        self.rate = Rate()

    def watch(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._came)

    def _came(self, frame: str | bytes) -> None:
        text = frame.decode() if isinstance(frame, bytes) else frame
        if text.startswith('{"type":"Rows"'):
            self.rate.count += len(re.findall(r'"phase_index":', text))


async def measure(env: BenchEnv) -> list[Figure]:
    if CHROMIUM is None or not BUILT.exists():
        print("p14: there is no Chromium, or the page is not built (make web)", file=sys.stderr)
        return []
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        contracts = await create(pool, CONTRACTS)
        async with (
            served(dsn, env.nats_url, "contract", "gateway") as (gateway, _),
            _page(gateway) as page,
        ):
            await shown(gateway, CONTRACTS)
            return await _measured(page, gateway, pool, contracts, env.minutes)


async def _measured(
    page: Page, gateway: str, pool: asyncpg.Pool, contracts: Sequence[str], minutes: float
) -> list[Figure]:
    published, came, devtools = Rate(), Rows(), await page.context.new_cdp_session(page)
    page.on("websocket", came.watch)
    still = [await _first_row(page, gateway) for _ in range(LOADS)]
    async with changing(pool, contracts, UPDATES_PER_SECOND, published):
        moving = [await _first_row(page, gateway) for _ in range(LOADS)]
        await page.locator(".live").filter(has_text="Live").last.wait_for(state="attached")
        await devtools.send("Performance.enable")
        await asyncio.sleep(WARM_UP_SECONDS)
        heap = await _heap(devtools)
        published.reset()
        came.rate.reset()
        before, began = await _main_thread(devtools), time.perf_counter()
        await asyncio.sleep(minutes * 60)
        after, passed = await _main_thread(devtools), time.perf_counter() - began
        busy, tasks = (100 * (now - then) / passed for now, then in zip(after, before, strict=True))
        rate, told = published.per_second(), came.rate.per_second()
        grown = await _heap(devtools) - heap
        filters = [cast("float", await page.evaluate(FILTER, f"#{words}")) for words in range(10, 30)]
    script = sum(len(gzip.compress(file.read_bytes(), 9)) for file in (BUILT / "assets").glob("*.js")) / 1000
    what = f"{CONTRACTS:,} contracts, {UPDATES_PER_SECOND:,} updates/s"
    wanted = f"{UPDATES_PER_SECOND:,}/s"
    return [
        Figure("P14", "updates published to the page", rate, "/s", None, None, wanted, rate >= 0.98 * UPDATES_PER_SECOND),
        Figure("P14", "rows that the socket brought", told, "/s", rate, "published", "≥ 95 %", told >= 0.95 * rate),
        Figure("P14", f"page: first row, {what}", median(moving), "ms", median(still), "nothing changes", "< 1,500 ms", median(moving) < 1500),
        Figure("P14", f"page: main thread, {what}", busy, "% busy", tasks, "its tasks, with waits for a processor", "< 10 %", busy < 10),
        Figure("P14", "page: filter, from the key to the paint", median(filters), "ms", max(filters), "the slowest of 20", "< 200 ms", max(filters) < 200),
        Figure("P14", f"page: heap after {minutes:g} min", grown, "MiB more", heap, "MiB before", "≤ 2 MiB", grown <= 2),
        Figure("P14", "page: JavaScript, gzipped", script, "kB", None, None, "≤ 120 kB", script <= 120),
    ]  # fmt: skip


@asynccontextmanager
async def _page(gateway: str) -> AsyncGenerator[Page]:
    """Signed in, and not anywhere yet."""
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--enable-precise-memory-info"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = await browser.new_context(base_url=gateway, viewport={"width": 1440, "height": 900})
        context.set_default_timeout(MAX_WAIT_SECONDS * 1000)
        await context.add_init_script(NOTE_FIRST_ROW)
        answer = await context.request.post(
            "/api/v1/session", data={"token": TOKEN}, headers={"Origin": gateway}
        )
        if answer.status != 204:
            raise RuntimeError(f"the gateway did not let the browser in: {answer.status}")
        yield await context.new_page()
        await browser.close()


async def _first_row(page: Page, gateway: str) -> float:
    """Milliseconds from the request of the page to the paint of its first row."""
    await page.goto(f"{gateway}/contracts")
    return cast("float", await page.evaluate(FIRST_ROW))


async def _main_thread(devtools: CDPSession) -> tuple[float, float]:
    """Seconds of processor that the page's main thread has used, and seconds that its tasks took. Both have in them
    what Playwright costs, which is told of each frame of a socket: a browser that nobody watches does less.
    """
    found = cast("dict[str, Any]", await devtools.send("Performance.getMetrics"))
    metrics = {str(one["name"]): float(one["value"]) for one in found["metrics"]}
    return metrics["ThreadTime"], metrics["TaskDuration"]


async def _heap(devtools: CDPSession) -> float:
    """MiB of JavaScript that are in use, without what is only waiting to be collected."""
    await devtools.send("HeapProfiler.collectGarbage")
    found = cast("dict[str, Any]", await devtools.send("Runtime.getHeapUsage"))
    return float(found["usedSize"]) / 2**20
