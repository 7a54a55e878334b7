"""The page of a contract: what it hears, what it shows of the past, and what it says where something cannot be read."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas.agent import AgentJoined
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_schemas.times import rfc3339
from playwright.async_api import Browser, Route, expect

from tests.browser.fleet import started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import Gateways, act, body, listed

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
LONG_AGO = timedelta(minutes=20)
UNAVAILABLE = {"status": 503, "code": "UNAVAILABLE", "detail": "the contract service did not answer"}


async def beat(gateways: Gateways, contract: str, sender: str, at: datetime, **members: object) -> None:
    """As the recorder tells it to the gateways: no event of the log."""
    state = {"contract_id": contract, "daemon_id": "daemon-ada", "connection_id": "k1", "state": "working"}
    told = orjson.dumps({**state, "last_heartbeat": rfc3339(at), **members})
    await gateways.replicas[0].nats.publish(f"makima.state.{sender}", told)


async def test_who_beats_is_heard_on_the_contracts_page_without_an_event(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Beats")
    registered = SupervisorRegistered(contract, "daemon-ada", "k1", SupervisorState.WORKING, "plan")
    await gateways.append(f"supervisor-sup-{contract}", registered)
    await gateways.append(f"agent-{contract}:builder", AgentJoined(contract, "builder", "k1", "daemon-ada"))
    senders = (f"supervisor.sup-{contract}", f"agent.{contract}:builder")
    for sender in senders:
        await beat(gateways, contract, sender, datetime.now(UTC) - LONG_AGO, activity="plans")

    async def known() -> bool:
        agents = listed(body(await admin.get(f"/contracts/{contract}/agents"))["agents"])
        return [each["activity"] for each in agents] == ["plans", "plans"]

    await eventually(known)
    async with signed_in(browser, admin, f"/contracts/{contract}?tab=agents") as seen:
        facts = seen.page.get_by_role("complementary", name="Facts")
        agent = seen.page.get_by_role("table", name="Agents").get_by_role("row", name="builder")
        await expect(facts.locator(".age.bad")).to_have_text("20 min")
        await expect(agent.locator(".age.bad").first).to_have_text("20 min")
        for sender in senders:

            async def heard(
                sender: str = sender,
            ) -> bool:  # what came before the page has asked is not for it
                await beat(gateways, contract, sender, datetime.now(UTC), activity="reads", progress=40)
                shown = agent if sender.startswith("agent") else facts
                return await shown.locator(".age.bad").count() == 0

            await eventually(heard, because=f"{sender} is not heard")
        await expect(facts).to_contain_text("reads 40 %")
        await expect(agent).to_contain_text("reads")
        assert seen.complaints == []


@pytest.mark.parametrize("member", ["v", "at"])
async def test_under_a_moment_of_the_past_nothing_of_now_stands(
    browser: Browser, admin: httpx.AsyncClient, member: str
) -> None:
    contract = await started(admin, "Was begun, and stands still")
    created_at = str(body(await admin.get(f"/contracts/{contract}"))["created_at"])
    last = (await act(admin, contract, "pause"))["version"]
    asked, refuses, answers = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def held(route: Route) -> None:
        asked.set()
        await refuses.wait()
        await (route.continue_() if answers.is_set() else route.fulfill(status=503, json=UNAVAILABLE))

    async with signed_in(browser, admin) as seen:
        await seen.page.route(f"**/api/v1/contracts/{contract}?at=1", held)
        query = httpx.QueryParams({member: {"v": "1", "at": created_at}[member]})
        await seen.page.goto(f"/contracts/{contract}?{query}")
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        main, named = seen.page.get_by_role("main"), seen.page.get_by_text("Was begun")
        await expect(main.get_by_text("Reading the contract as it was")).to_be_visible()
        await expect(named.first).to_be_hidden()
        await expect(main.get_by_role("heading", level=1)).to_have_count(0)
        refuses.set()
        trouble = main.get_by_role("alert")
        await expect(trouble).to_contain_text("Version 1 could not be read")
        await expect(named).to_have_count(0)
        answers.set()
        await trouble.get_by_role("button", name="Ask now").click()
        await expect(seen.page.locator(".head .st").first).to_have_text("created")
        await expect(seen.page.get_by_text(f"version 1 of {last}")).to_be_visible()
        await expect(trouble).to_have_count(0)
