"""P14: the page in a headless Chromium before 10 000 contracts of which 1 000 change each second: how soon the first row
is there, how busy the main thread is, how long a filter takes, whether the heap grows, and how much JavaScript it is.

The changes go the real way: into the log, through the gateway's read model and its socket to the page. On a machine
that cannot do as many, the figures of the rate say how many there were. `--minutes` says for how long it is watched.
"""

import asyncio
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, cast

import asyncpg
from playwright.async_api import Page

from tests.bench.changing import Rate, changing, create, shown
from tests.bench.figure import BenchEnv, Figure
from tests.bench.lone_browser import CHROMIUM, LoneBrowser, lone_browser
from tests.bench.served import TOKEN, provisioned, served
from tests.browser.pages import BUILT, script_kb

CONTRACTS: Final = 10_000
UPDATES_PER_SECOND: Final = 1_000
LOADS: Final = 5
WARM_UP_SECONDS: Final = 10.0
STILL_SECONDS: Final = 20.0
POINTED_SECONDS: Final = 20.0
COUNTED_SECONDS: Final = 5.0
HEAP_SAMPLES: Final = 6
BETWEEN_SAMPLES_SECONDS: Final = 0.33
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
# The position of the log that the page says it shows.
POSITION: Final = """() => Number(document.querySelector("footer.line").textContent.match(/position ([\\d\\u202f]+)/)[1]
    .replaceAll("\\u202f", ""))"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of a page while nobody was connected to it: how busy its main thread was, and MiB of heap at the end."""

    percent: float
    heap: float


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
            lone_browser() as browser,
        ):
            await shown(gateway, CONTRACTS)
            return await _measured(browser, gateway, pool, contracts, env.minutes)


async def _measured(
    browser: LoneBrowser, gateway: str, pool: asyncpg.Pool, contracts: Sequence[str], minutes: float
) -> list[Figure]:
    still = await _first_rows(browser, gateway, sign_in=True)
    control = await _watched(browser, STILL_SECONDS)
    published = Rate()
    async with changing(pool, contracts, UPDATES_PER_SECOND, published):
        moving = await _first_rows(browser, gateway)
        before = await _watched(browser, WARM_UP_SECONDS)
        told = Rate(-await _position(browser))
        published.reset()
        halves = [await _watched(browser, minutes * 30) for _ in range(2)]
        told.count += await _position(browser)
        rate, reached = published.per_second(), told.per_second()
        rows = await _rows_per_second(browser)
        pointed = await _watched(browser, POINTED_SECONDS, pointer=True)
        async with browser.page() as page:
            filters = [cast("float", await page.evaluate(FILTER, f"#{words}")) for words in range(10, 30)]
    busy = sum(each.percent for each in halves) / len(halves)
    grown, late = (halves[-1].heap - each.heap for each in (before, halves[0]))
    script = script_kb()
    what = f"{CONTRACTS:,} contracts, {UPDATES_PER_SECOND:,} updates/s"
    wanted = f"{UPDATES_PER_SECOND:,}/s"
    return [
        Figure("P14", "updates published to the page", rate, "/s", None, None, wanted, rate >= 0.98 * UPDATES_PER_SECOND),
        Figure("P14", "positions of the log that the page moved on", reached, "/s", rate, "published", "≥ 95 %", reached >= 0.95 * rate),
        Figure("P14", "rows that the socket brought", rows, "/s", rate, "published", "≥ 95 %", rows >= 0.95 * rate),
        Figure("P14", f"page: first row, {what}", median(moving), "ms", median(still), "nothing changes", "< 1,500 ms", median(moving) < 1500),
        Figure("P14", f"page: main thread, {what}", busy, "% busy", control.percent, "nothing changes", "< 10 %", busy < 10),
        Figure("P14", "page: main thread, with the pointer in the table", pointed.percent, "% busy", busy, "without", "< 10 %", pointed.percent < 10),
        Figure("P14", "page: filter, from the key to the paint", median(filters), "ms", max(filters), "the slowest of 20", "< 200 ms", max(filters) < 200),
        Figure("P14", f"page: heap after {minutes:g} min", grown, "MiB more", late, "of them in the second half", "≤ 2 MiB", grown <= 2),
        Figure("P14", "page: heap of all contracts", before.heap, "MiB", None, None, "", None),
        Figure("P14", "page: JavaScript, gzipped", script, "kB", None, None, "≤ 120 kB", script <= 120),
    ]  # fmt: skip


async def _first_rows(browser: LoneBrowser, gateway: str, *, sign_in: bool = False) -> list[float]:
    """Milliseconds from the request of the page to the paint of its first row, of each of `LOADS` loads."""
    async with browser.page() as page:
        if sign_in:
            await _sign_in(page, gateway)
        await page.add_init_script(NOTE_FIRST_ROW)
        found = list[float]()
        for _ in range(LOADS):
            await page.goto(f"{gateway}/contracts")
            found.append(cast("float", await page.evaluate(FIRST_ROW)))
        await page.locator(".live").filter(has_text="Live").last.wait_for(state="attached")
        return found


async def _sign_in(page: Page, gateway: str) -> None:
    answer = await page.context.request.post(
        f"{gateway}/api/v1/session", data={"token": TOKEN}, headers={"Origin": gateway}
    )
    if answer.status != 204:
        raise RuntimeError(f"the gateway did not let the browser in: {answer.status}")


async def _watched(browser: LoneBrowser, seconds: float, *, pointer: bool = False) -> Watched:
    """`pointer`: it lies in the table."""
    if pointer:
        async with browser.page() as page:
            await page.locator("[data-row]").nth(5).hover()
    before, began = browser.main_threads(), time.perf_counter()
    await asyncio.sleep(seconds)
    after, passed = browser.main_threads(), time.perf_counter() - began
    percent = 100 * max(after[pid] - before[pid] for pid in after) / passed
    return Watched(percent, await _heap(browser))


async def _heap(browser: LoneBrowser) -> float:
    """MiB of JavaScript in use: the least of some moments, as a frame that has just come is thrown away soon."""
    found = list[float]()
    async with browser.page() as page:
        devtools = await page.context.new_cdp_session(page)
        for _ in range(HEAP_SAMPLES):
            await devtools.send("HeapProfiler.collectGarbage")
            usage = cast("dict[str, Any]", await devtools.send("Runtime.getHeapUsage"))
            found.append(float(usage["usedSize"]) / 2**20)
            await asyncio.sleep(BETWEEN_SAMPLES_SECONDS)
    return min(found)


async def _position(browser: LoneBrowser) -> int:
    async with browser.page() as page:
        return cast("int", await page.evaluate(POSITION))


async def _rows_per_second(browser: LoneBrowser) -> float:
    """The rows that the page's socket brings."""
    rate = Rate()

    def came(event: dict[str, Any]) -> None:
        text = str(event["response"]["payloadData"])
        if text.startswith('{"type":"Rows"'):
            rate.count += len(re.findall(r'"phase_index":', text))

    async with browser.page() as page:
        devtools = await page.context.new_cdp_session(page)
        devtools.on("Network.webSocketFrameReceived", came)
        await devtools.send("Network.enable")
        rate.reset()
        await asyncio.sleep(COUNTED_SECONDS)
        return rate.per_second()
