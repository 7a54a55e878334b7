"""The page of a contract: what it hears, what it shows of the past, and what it says where something cannot be read."""

from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_schemas.times import rfc3339
from playwright.async_api import Browser, expect

from tests.browser.fleet import started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import Gateways, body, listed

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
LONG_AGO = timedelta(minutes=20)


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
