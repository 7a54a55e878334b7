"""What is reported of an agent's status over HTTP, in the older form as well, before the real owner of agents."""

from collections.abc import AsyncIterator

import httpx
import pytest
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_supervisor_heartbeat import app as supervisor_heartbeat

from tests.services.gateway.api.agent_events import joined
from tests.services.gateway.harness import Gateways, body, created, refused

# What was reported before, what the older form says, the status that it leads to, and how many events that takes.
OLDER = (
    (None, "active", "working", 1),
    (None, "waiting", "ready", 0),
    ("working", "active", "working", 0),
    ("working", "waiting", "ready", 1),
    ("dead", "waiting", "ready", 1),  # as `ready` does, it joins
)


@pytest.fixture(autouse=True)
async def _owner(settings: Settings, gateways: Gateways) -> AsyncIterator[None]:
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        yield


@pytest.mark.parametrize(("before", "older", "after", "events"), OLDER)
async def test_the_older_form_of_a_report_leads_where_the_newer_one_does(
    gateways: Gateways, http: httpx.AsyncClient, *, before: str | None, older: str, after: str, events: int
) -> None:
    contract = str((await created(http))["id"])
    path = await joined(http, contract)
    if before is not None:
        reported = await http.post(f"{path}/status", json={"agent_status": before})
        assert reported.status_code == 200, reported.text
    stream = f"agent-{contract}:builder"
    recorded = len(await gateways.log.stream("default", stream))
    answer = await http.post(f"{path}/status", json={"status": older, "connection_id": "a1"})
    assert (answer.status_code, body(answer)["status"]) == (200, "ok"), answer.text
    shown = body(await http.get(path))
    assert (shown["agent_status"], shown["status"]) == (after, "active" if after == "working" else "waiting")
    assert len(await gateways.log.stream("default", stream)) == recorded + events


async def test_a_report_gives_one_of_both_forms(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    path = await joined(http, contract)
    for unfit in (
        {"agent_status": "working", "status": "active"},
        {"agent_status": "ready", "status": "waiting"},
        {},
        {"connection_id": "a1"},
        {"status": None, "agent_status": None},
        {"status": "asleep"},
    ):
        problem = await refused(http.post(f"{path}/status", json=unfit), 422, "INVALID_REQUEST")
        assert "status" in str(problem["errors"])
    assert body(await http.get(path))["agent_status"] == "ready", "nothing of it was taken"


async def test_the_older_form_is_refused_as_the_newer_one_is(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    for older in ("active", "waiting"):
        unknown = http.post(f"/contracts/{contract}/agents/nobody/status", json={"status": older})
        await refused(unknown, 404, "PARTICIPANT_NOT_FOUND")
    path = await joined(http, contract)
    assert (await http.post(f"{path}/status", json={"agent_status": "dead"})).status_code == 200
    problem = await refused(http.post(f"{path}/status", json={"status": "active"}), 400, "INVALID_TRANSITION")
    assert (problem["from"], problem["to"]) == ("dead", "working")
    await refused(
        http.post(f"{path}/status", json={"status": "active", "connection_id": "a0"}), 409, "SUPERSEDED"
    )
