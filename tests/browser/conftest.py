"""One gateway and one Chromium for the tests of a module; skipped where one of them cannot be had."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from makima_kernel.testing import PATIENCE
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.fleet import Fleet, seed
from tests.browser.pages import AXE, BUILT, CHROMIUM, Watched, signed_in
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import shared_gateway


@pytest.fixture(autouse=True, scope="session")
def _possible() -> None:
    expect.set_options(timeout=PATIENCE * 1000)
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    if not BUILT.exists() or not AXE.exists():
        pytest.skip("the page is not built (make web)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(postgres_server, template_database, nats_server) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def admin(gateways: Gateways) -> httpx.AsyncClient:
    return gateways.clients[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            timeout=PATIENCE * 1000,
        )
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(gateways: Gateways) -> Fleet:
    return await seed(gateways, gateways.clients[0])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(browser: Browser, gateways: Gateways) -> AsyncIterator[Watched]:
    """One page for all: what one test leaves in it, another must not mind."""
    async with signed_in(browser, gateways.clients[0], color_scheme="light") as watched:
        yield watched
