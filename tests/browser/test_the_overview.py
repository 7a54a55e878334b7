"""The overview of a new installation, of one where nothing waits, and of one where agents stand still for somebody."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_schemas.agent import AgentJoined
from makima_schemas.silence import StaleDetected
from playwright.async_api import Browser, Route, expect

from tests.browser.fleet import ask, started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import shared_gateway

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
LONG = timedelta(minutes=1)
REGIONS = ("Vital signs", "Recent events", "Resources")


@pytest_asyncio.fixture(loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    """Of each test its own: it begins without a contract."""
    async with shared_gateway(postgres_server, template_database, nats_server) as made:
        yield made


async def test_its_first_minute_says_what_to_do_and_draws_nothing_of_nothing(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    async with signed_in(browser, admin) as seen:
        await expect(seen.page.get_by_role("heading", level=1)).to_have_text("No contracts yet.")
        await expect(seen.page.get_by_text("Make the first contract")).to_be_visible()
        for region in REGIONS:
            await expect(seen.page.get_by_role("region", name=region)).to_have_count(0)
        await started(admin, "The first one")
        await expect(seen.page.get_by_text("Nothing waits for you", exact=True)).to_be_visible()
        for region in REGIONS:
            await expect(seen.page.get_by_role("region", name=region)).to_be_visible()
        assert seen.complaints == []


async def test_a_demo_says_that_its_fleet_is_starting_until_somebody_has_joined(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    """The gateway's answer, with what `makima up --demo` sets."""

    async def of_a_demo(route: Route) -> None:
        said = await (answer := await route.fetch()).json()
        said["me"]["demo"] = True
        await route.fulfill(response=answer, json=said)

    async with signed_in(browser, admin) as seen:
        await seen.page.route("**/api/v1/session", of_a_demo)
        await seen.page.reload()
        headline = seen.page.get_by_role("heading", level=1)
        await expect(headline).to_have_text("The demo fleet is starting.")
        await expect(seen.page.get_by_text("Make the first contract")).to_have_count(0)
        assert await seen.whole() == []
        contract = await started(admin, "Is worked on soon")
        await expect(headline).to_have_text("The demo fleet is starting; 1 contract waits for its agents.")
        await gateways.append(
            f"silence-{contract}",
            StaleDetected(contract, datetime.now(UTC) - LONG, 20.0, LONG.total_seconds()),
        )
        stale = seen.page.get_by_role("table", name="Stale contracts")
        await expect(seen.page.get_by_role("region", name="Recent events")).to_contain_text("stale")
        await expect(stale).to_have_count(0)  # nobody is missed before the fleet is there
        await gateways.append(
            f"agent-{contract}:builder", AgentJoined(contract, "builder", "k1", "daemon-ada")
        )
        await expect(stale).to_be_visible()
        await expect(headline).to_have_text(
            "Nothing waits for you. The one agent is alive; 1 contract is at work."
        )
        assert seen.complaints == []


async def test_it_says_who_stands_still_and_then_what_was_done_last(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Choose a colour scheme")
    for role in ("builder", "reviewer"):
        joined = AgentJoined(contract, role, "k1", "daemon-ada")
        last = await gateways.append(f"agent-{contract}:{role}", joined)
    await ask(admin, contract, "Which colours?")
    await admin.get("/needs-you", headers={"Makima-Min-Position": str(last)})
    async with signed_in(browser, admin) as seen:
        needs = seen.page.get_by_role("region", name="Needs you")
        await expect(needs).to_contain_text("oldest first; 2 agents wait for you")
        await needs.get_by_role("button", name="left").click()
        await expect(needs).to_contain_text("The last thing you did, ")
        await expect(needs).to_contain_text("Answered: left. It was for Choose a colour scheme.")
        await seen.page.reload()
        await expect(needs).to_contain_text("Answered: left. It was for Choose a colour scheme.")
        assert seen.complaints == []
