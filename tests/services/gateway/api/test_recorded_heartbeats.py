"""The heartbeats of an agent over HTTP: those that its recorder has, newest first, of all its connections."""

from collections.abc import AsyncIterator

import httpx
import pytest
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.supervisor import SupervisorRegistered
from makima_supervisor_heartbeat import app as supervisor_heartbeat

from tests.services.gateway.api.agent_events import beat, join, joined
from tests.services.gateway.harness import Gateways, body, created, listed, refused
from tests.services.gateway.sender_samples import WORKING

Heartbeats = list[dict[str, object]]


@pytest.fixture
async def _recorder(settings: Settings, gateways: Gateways) -> AsyncIterator[None]:
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        yield


async def heartbeats(http: httpx.AsyncClient, path: str, **query: int) -> Heartbeats:
    answer = await http.get(f"{path}/heartbeats", params=query)
    assert answer.status_code == 200, answer.text
    return listed(body(answer)["heartbeats"])


async def recorded(http: httpx.AsyncClient, path: str, count: int) -> Heartbeats:
    """All of them, once there are `count`."""

    async def there() -> Heartbeats:
        found = await heartbeats(http, path)
        return found if len(found) >= count else []

    return await eventually(there)


@pytest.mark.usefixtures("_recorder")
async def test_an_agents_heartbeats_are_listed_newest_first_over_all_its_connections(
    http: httpx.AsyncClient,
) -> None:
    contract = str((await created(http))["id"])
    path = await joined(http, contract)
    assert await heartbeats(http, path) == [], "it joined, and was not heard yet"
    for seq, activity in enumerate(("reads", "writes"), start=1):
        await beat(http, contract, "a1", told={"seq": seq, "activity": activity, "progress": seq})
    await joined(http, contract, "a2")
    await beat(http, contract, "a2", told={"seq": 1, "activity": "tests", "progress": 3})
    shown = await recorded(http, path, 3)
    assert [(each["activity"], each["progress"], each["connection_id"]) for each in shown] == [
        ("tests", 3, "a2"),
        ("writes", 2, "a1"),
        ("reads", 1, "a1"),
    ]
    times = [str(each["timestamp"]) for each in shown]
    assert times == sorted(times, reverse=True)
    assert set(shown[0]) == {"timestamp", "activity", "progress", "connection_id"}
    for limit in (1, 2, 3, 500):
        assert await heartbeats(http, path, limit=limit) == shown[:limit]
    await joined(http, str((await created(http))["id"]))
    assert await heartbeats(http, path) == shown, "of no agent of the same role in another contract"
    for unfit in (0, -1, 501):
        await refused(http.get(f"{path}/heartbeats", params={"limit": unfit}), 422, "INVALID_REQUEST")


@pytest.mark.usefixtures("_recorder")
async def test_the_heartbeats_of_the_role_supervisor_are_those_of_the_one_that_drives_the_contract(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents/supervisor"
    # A rival of another daemon is heard, too: its heartbeats are in the history of the contract, not in this one.
    said = {"state": "working", "phase": "plan", "progress": 5, "daemon_id": "d1"}
    for task_id, activity in (("s1", "reads"), ("s1", "writes"), ("s2", "rivals")):
        answer = await http.post(
            f"/contracts/{contract}/supervisor/heartbeat",
            json={**said, "task_id": task_id, "current_activity": activity},
        )
        assert answer.status_code == 200, answer.text

    async def registered() -> bool:
        return all([await gateways.log.stream("default", f"supervisor-{each}") for each in ("s1", "s2")])

    await eventually(registered)
    follow = {"Makima-Min-Position": str(await gateways.log.head())}
    assert (await http.get(path, headers=follow)).status_code == 200
    everything = await recorded(http, f"/contracts/{contract}/supervisor", 3)
    assert [each["activity"] for each in everything] == ["rivals", "writes", "reads"]

    async def of_who_drives() -> Heartbeats:
        """Which of both drives it may change until the read model knows both."""
        drives = body(await http.get(f"/contracts/{contract}/supervisor/status"))["task_id"]
        found = await heartbeats(http, path)
        expected = {"s1": ["writes", "reads"], "s2": ["rivals"]}[str(drives)]
        assert [each["activity"] for each in found] == expected
        return found

    shown: Heartbeats = await eventually(of_who_drives)
    assert await heartbeats(http, path, limit=1) == shown[:1]
    silent = str((await created(http))["id"])
    registration = SupervisorRegistered(silent, "d1", "k1", WORKING, "plan")
    position = await gateways.append("supervisor-s9", registration)
    await http.get(f"/contracts/{silent}", headers={"Makima-Min-Position": str(position)})
    assert await heartbeats(http, f"/contracts/{silent}/agents/supervisor") == []


async def test_heartbeats_of_nobody_are_not_found_and_without_a_recorder_unavailable(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    await refused(http.get(f"/contracts/{contract}/agents/nobody/heartbeats"), 404, "PARTICIPANT_NOT_FOUND")
    await refused(
        http.get(f"/contracts/{contract}/agents/supervisor/heartbeats"), 404, "PARTICIPANT_NOT_FOUND"
    )
    await refused(http.get("/contracts/nobody/agents/builder/heartbeats"), 404, "CONTRACT_NOT_FOUND")
    position = await join(gateways, contract, "builder")
    await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
    await refused(http.get(f"/contracts/{contract}/agents/builder/heartbeats"), 503, "UNAVAILABLE")
