"""The page of a contract: what it hears, what it shows of the past, and what it says where something cannot be read."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
from makima_kernel.service.runtime import Service
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas.agent import AgentJoined, AgentStatusChanged
from makima_schemas.agent import AgentStatus as S
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_schemas.times import rfc3339
from makima_supervisor_heartbeat import app as recorder
from playwright.async_api import Browser, Route, expect

from tests.browser.fleet import ask, started
from tests.browser.pages import signed_in
from tests.services.gateway.harness import Gateways, act, body, listed

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.browser,
]
LONG_AGO = timedelta(minutes=20)
UNAVAILABLE = {"status": 503, "code": "UNAVAILABLE", "detail": "the contract service did not answer"}
PARTS = {  # of the page: what its request ends with, and what the page says when it fails
    "/phase-readiness": "The gate could not be read",
    "/health": "What its health says could not be read",
    "/tasks?limit=500": "The tasks could not be read",
    "/questions?limit=500": "The questions could not be read",
    "/messages?limit=500": "The messages could not be read",
    "/agents": "The agents could not be read",
}
TABS = ("tasks", "questions", "messages", "agents")


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


async def test_what_cannot_be_read_says_so_and_is_read_when_asked_again(
    browser: Browser, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Half of it is away")
    await ask(admin, contract, "Which way?")
    refuses = True

    async def refused(route: Route) -> None:
        await (route.fulfill(status=503, json=UNAVAILABLE) if refuses else route.continue_())

    async with signed_in(browser, admin) as seen:
        for ending in PARTS:
            await seen.page.route(f"**/api/v1/contracts/{contract}{ending}", refused)
        await seen.page.goto(f"/contracts/{contract}")
        troubles = seen.page.get_by_role("alert")
        for words in ("The gate could", "What its health says could", "Its questions could"):
            await expect(troubles.filter(has_text=words)).to_be_visible()
        for tab in TABS:
            await seen.page.get_by_role("tab", name=tab).click()
            await expect(seen.page.get_by_role("tabpanel").get_by_role("alert")).to_contain_text(
                PARTS.get(f"/{tab}?limit=500", PARTS["/agents"])
            )
            await expect(seen.page.get_by_role("tabpanel").get_by_text("Reading")).to_have_count(0)
        refuses = False
        for tab in TABS:
            await seen.page.get_by_role("tab", name=tab).click()
            await seen.page.get_by_role("tabpanel").get_by_role("button", name="Ask now").click()
            await expect(seen.page.get_by_role("tabpanel").get_by_role("alert")).to_have_count(0)
        await troubles.first.get_by_role("button", name="Ask now").click()
        await expect(troubles).to_have_count(0)
        await expect(seen.page.locator(".gate").get_by_text("Plan document")).to_be_visible()
        await expect(seen.page.locator(".need").get_by_text("Which way?")).to_be_visible()


async def test_agents_of_a_contract_show_their_last_beats(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Has strips")
    joined = AgentJoined(contract, "builder", "k1", "daemon-ada")
    await gateways.append(f"agent-{contract}:builder", joined)
    settings = gateways.replicas[0].settings
    async with Service.running(recorder.NAME, settings, recorder.build):

        async def strips() -> bool:
            agents = body(await admin.get(f"/contracts/{contract}/agents", params={"beats": 60}))["agents"]
            return [each["role"] for each in listed(agents) if each["beats"]] == ["builder"]

        await eventually(strips)
        async with signed_in(browser, admin, f"/contracts/{contract}?tab=agents") as seen:
            table = seen.page.get_by_role("table", name="Agents")
            await expect(table.get_by_role("columnheader", name="Last 60 beats")).to_be_visible()
            await expect(table.get_by_role("img")).to_have_count(1)
            assert seen.complaints == []


async def test_a_task_that_runs_reads_so_in_the_gate(browser: Browser, admin: httpx.AsyncClient) -> None:
    contract = await started(admin, "Is at work")
    path = f"/contracts/{contract}/tasks"
    for name, steps in (("write it", ("claim", "start")), ("try it", ("claim",)), ("show it", ())):
        task = body(await admin.post(path, json={"name": name, "role": "builder"}))["id"]
        for step in steps:
            sent = {"claim": {"role": "builder"}, "start": {}}[step]
            assert (await admin.post(f"{path}/{task}/{step}", json=sent)).status_code == 200
    async with signed_in(browser, admin, f"/contracts/{contract}") as seen:
        for name, word in (("write it", "running"), ("try it", "claimed"), ("show it", "pending")):
            row = seen.page.locator(".gate .r").filter(has_text=name)
            await expect(row).to_contain_text(word)
        await expect(seen.page.locator(".gate .r.run")).to_have_count(1)


async def test_nobody_is_offered_a_restart_in_a_paused_contract(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Is at lunch")
    registered = SupervisorRegistered(contract, "daemon-ada", "k1", SupervisorState.WORKING, "plan")
    await gateways.append(f"supervisor-sup-{contract}", registered)
    position = await gateways.append(
        f"agent-{contract}:builder",
        AgentJoined(contract, "builder", "k1", "daemon-ada"),
        AgentStatusChanged(contract, "builder", S.READY, S.DEAD_FAILED_REVIVE, "revive_failed", "k1", "gone"),
    )
    await admin.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
    async with signed_in(browser, admin) as seen:
        main = seen.page.get_by_role("main")
        places = {  # where the restart is offered, and what stands there while the contract is paused
            f"/contracts/{contract}": ("Restart supervisor", "Resume"),
            f"/agents/{contract}/builder": ("Restart", "It cannot be restarted: the contract is paused"),
            "/agents?q=Is+at+lunch": ("Restart builder of Is at lunch", "no restart"),
            "/": ("Restart", "The contract is paused: resume it first."),
        }
        for step in ("pause", "resume"):
            await act(admin, contract, step)
            for place, (button, instead) in places.items():
                await seen.page.goto(place)
                line = main.locator("[data-need]", has_text="Is at lunch") if place == "/" else main
                restart = line.get_by_role("button", name=button, exact=True)
                if step == "pause":
                    await expect(line.get_by_text(instead).first).to_be_visible()
                    await expect(restart).to_have_count(0)
                else:
                    await expect(restart.first).to_be_visible()


async def test_who_announced_to_be_silent_is_expected_to_be(
    browser: Browser, gateways: Gateways, admin: httpx.AsyncClient
) -> None:
    contract = await started(admin, "Compiles for hours")
    joined = AgentJoined(contract, "builder", "k1", "daemon-ada")
    await gateways.append(f"agent-{contract}:builder", joined)

    async def known() -> bool:
        await beat(gateways, contract, f"agent.{contract}:builder", datetime.now(UTC), quiet_seconds=1800)
        return body(await admin.get("/system"))["quiet_total"] == 1

    await eventually(known)
    async with signed_in(browser, admin, "/system") as seen:
        expected = seen.page.get_by_role("region", name="Expected quiet")
        await expect(expected).to_contain_text("1 sender announced to be silent")
        await expect(expected.get_by_role("row", name="builder of Compiles for hours")).to_contain_text("in ")
        assert await seen.axe() == []
        await expected.get_by_role("link", name="builder").click()
        await expect(seen.page.get_by_text("announced to be silent until")).to_be_visible()
