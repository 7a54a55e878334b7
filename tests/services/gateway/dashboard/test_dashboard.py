"""The dashboard: counts that are those of the contracts, and what somebody should look at, as plan 5.4 prints
it.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import cast

import asyncpg
import httpx
import orjson
import pytest
from makima_gateway.dashboard.queries import DashboardQueries, DashboardRows
from makima_kernel.service.contracts_settings import FeatureFlags
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.evidence import Evidence
from makima_schemas.silence import StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_schemas.times import rfc3339
from nats.aio.client import Client
from prometheus_client import REGISTRY
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.services.gateway.dashboard.looking import dashboard
from tests.services.gateway.harness import Gateways, act, body, created, items, listed, refused, running

NOW = datetime.now(UTC)
EVIDENCE = Evidence(NOW, 120.0, NOW + timedelta(seconds=120), NOW + timedelta(seconds=121), 1000.0, "test", 7)


async def test_of_nothing_it_shows_nothing(http: httpx.AsyncClient) -> None:
    assert await dashboard(http) == {
        "statusCounts": {},
        "phaseCounts": {},
        "staleContracts": [],
        "waitingForInput": [],
        "recentEvents": [],
        "resourceUsage": {
            "activeSupervisors": 0,
            "runningTasks": 0,
            "pendingTasks": 0,
            "activeDaemons": 0,
            "totalWorktrees": 0,
        },
        "agentCounts": {},
        "stuckAgents": 0,
    }


async def test_it_counts_what_there_is(http: httpx.AsyncClient) -> None:
    ids = [str((await created(http, name=f"contract {number}"))["id"]) for number in range(4)]
    for contract in ids[1:]:
        await act(http, contract, "start")
    await act(http, ids[3], "fail")
    await act(http, ids[2], "phase", phase="execute", force=True)
    shown = await dashboard(http)
    assert shown["statusCounts"] == {"created": 1, "active": 2, "failed": 1}
    assert shown["phaseCounts"] == {"plan": 2, "execute": 1}, (
        "what has ended is in no phase that anybody works in"
    )
    everything = await items(http, "/contracts", limit=500)
    assert shown["statusCounts"] == Counter(str(contract["status"]) for contract in everything)


async def test_tasks_supervisors_and_daemons_are_what_is_in_use(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract, ended = [str((await created(http, name=name))["id"]) for name in ("at work", "ended")]
    for one in (contract, ended):
        await act(http, one, "start")
        made = [body(await http.post(f"/contracts/{one}/tasks", json={"name": name})) for name in "abc"]
        await http.post(f"/contracts/{one}/tasks/{made[0]['id']}/claim", json={"role": "builder"})
        await http.post(f"/contracts/{one}/tasks/{made[0]['id']}/start")
    await act(http, ended, "fail")
    await gateways.append(
        "supervisor-s1", SupervisorRegistered(contract, "d1", "k1", SupervisorState.WORKING, "plan")
    )
    await gateways.append("daemon-d1", DaemonConnected("one"))
    await gateways.append("daemon-d2", DaemonConnected("two"))
    await gateways.append("daemon-d2", DaemonDisconnected(EVIDENCE))
    for daemon in ("d1", "d2"):
        await nats.publish(
            subjects.state("daemon", daemon), orjson.dumps({"worktrees": 5, "last_heartbeat": rfc3339(NOW)})
        )

    async def usage() -> bool:
        return (await dashboard(http))["resourceUsage"] == {
            "activeSupervisors": 1,
            "runningTasks": 1,
            "pendingTasks": 2,
            "activeDaemons": 1,
            "totalWorktrees": 5,
        }

    await eventually(usage)


async def test_agents_are_counted_by_status_with_their_supervisors_as_the_lists_show_them(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract, deleted = [str((await created(http, name=name))["id"]) for name in ("kept", "deleted")]
    for one in (contract, deleted):
        for role in ("builder", "tester", "reviewer"):
            await gateways.append(f"agent-{one}:{role}", AgentJoined(one, role, "x", "d1"))
    changes = {"tester": AgentStatus.WORKING, "reviewer": AgentStatus.DEAD}
    for role, status in changes.items():
        changed = AgentStatusChanged(contract, role, AgentStatus.READY, status, "of this test", "x")
        await gateways.append(f"agent-{contract}:{role}", changed)
    heard = SupervisorRegistered(contract, "d1", "k1", SupervisorState.WORKING, "plan")
    last = await gateways.append("supervisor-s1", heard)
    assert (await dashboard(http, last))["agentCounts"] == {"ready": 4, "dead": 1, "working": 2}
    await act(http, deleted, "archive")
    assert (await http.delete(f"/contracts/{deleted}")).status_code == 204
    offline, cleanup = AgentStatus.OFFLINE, "cleanup"
    gone = AgentStatusChanged(contract, "reviewer", AgentStatus.DEAD, offline, cleanup, "x")
    last = await gateways.append(f"agent-{contract}:reviewer", gone)
    shown = await dashboard(http, last)
    assert (shown["agentCounts"], shown["stuckAgents"]) == ({"ready": 1, "working": 2}, 0)
    listed_ones = Counter(str(agent["agent_status"]) for agent in await items(http, "/agents"))
    assert shown["agentCounts"] == listed_ones

    def measured() -> list[float | None]:
        statuses = ("ready", "working", "dead")
        return [REGISTRY.get_sample_value("makima_agents_by_status", {"status": each}) for each in statuses]

    await eventually(lambda: measured() == [1.0, 2.0, 0.0], 30)
    assert REGISTRY.get_sample_value("makima_agents_stuck") == 0.0


async def test_stale_and_waiting_contracts_are_listed_with_what_they_wait_for(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    stale = await created(http, name="forgotten")
    last = datetime.fromisoformat(str(stale["last_activity_at"]))
    position = await gateways.append(
        f"silence-{stale['id']}", StaleDetected(str(stale["id"]), last, 1800.0, 1801.0)
    )
    asking = str((await created(http, name="asks"))["id"])
    await act(http, asking, "start")
    for question in ("first?", "second?"):
        await http.post(f"/contracts/{asking}/questions", json={"question": question})
    shown = await dashboard(http, position)
    (found,) = listed(shown["staleContracts"])
    assert found == {
        "id": stale["id"], "name": "forgotten", "lastActivity": stale["last_activity_at"], "staleDurationSecs": found["staleDurationSecs"],
    }  # fmt: skip
    assert 0 <= cast("int", found["staleDurationSecs"]) < 3600
    assert shown["waitingForInput"] == [
        {"id": asking, "name": "asks", "waitingFor": "question", "question": "first?"}
    ]
    asked = await items(http, f"/contracts/{asking}/questions")
    await http.post(f"/contracts/{asking}/questions/{asked[0]['id']}/answer", json={"answer": "yes"})
    assert [one["question"] for one in listed((await dashboard(http))["waitingForInput"])] == ["second?"]


async def test_the_newest_twenty_events_come_newest_first(http: httpx.AsyncClient) -> None:
    ids = [str((await created(http))["id"]) for _ in range(12)]
    for contract in ids:
        await act(http, contract, "start")
    events = listed((await dashboard(http))["recentEvents"])
    positions = [cast("int", event["position"]) for event in events]
    assert len(events) == 20
    assert positions == sorted(positions, reverse=True)
    assert {
        "type": "StatusChanged",
        "contract_id": ids[-1],
        "old_status": "created",
        "new_status": "active",
    }.items() <= events[0].items()


async def test_an_owner_sees_what_is_of_its_contracts(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    """`local` owns all that is made here: another owner sees nothing of it."""
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    await http.post(f"/contracts/{contract}/questions", json={"question": "why?"})
    await gateways.append("daemon-d1", DaemonConnected("one"))
    await gateways.append(
        "supervisor-s1", SupervisorRegistered(contract, "d1", "k1", SupervisorState.WORKING, "plan")
    )
    last = await gateways.append(f"silence-{contract}", StaleDetected(contract, NOW, 1800.0, 1801.0))
    await dashboard(http, last)
    await eventually(
        lambda: items(http, f"/contracts/{contract}/tasks"),
        because="its owner makes a task of a supervisor that was heard",
    )

    async def of_one_moment() -> DashboardRows | None:
        """Other services go on appending events of it."""
        found = [await DashboardQueries(pool).of("default", owner) for owner in ("local", None)]
        return found[0] if found[0] == found[1] else None

    own = await eventually(of_one_moment, because="an owner of everything sees everything")
    foreign = await DashboardQueries(pool).of("default", "somebody")
    assert own is not None
    assert all((own.tallies, own.stale, own.waiting, own.events, own.daemons, own.agents))
    assert not any(
        (foreign.tallies, foreign.stale, foreign.waiting, foreign.events, foreign.daemons, foreign.agents)
    )


@pytest.fixture
def off(settings: Settings) -> Settings:
    return settings.model_copy(update={"feature_flags": FeatureFlags(monitoring_dashboard=False)})


async def test_switched_off_neither_dashboard_nor_monitor_answers(
    off: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(off, pool, nats) as gateways:
        await refused(gateways.clients[0].get("/contracts/dashboard"), 404, "FEATURE_OFF")
        with pytest.raises(InvalidStatus) as denied:
            await connect(gateways.sockets[0])
        assert denied.value.response.status_code == 404
        assert orjson.loads(denied.value.response.body)["code"] == "FEATURE_OFF"
        await created(gateways.clients[0])


async def test_without_the_new_statuses_it_counts_by_the_old_ones(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    before = settings.model_copy(update={"feature_flags": FeatureFlags(enhanced_contract_status=False)})
    async with running(before, pool, nats) as gateways:
        http = gateways.clients[0]
        ids = [str((await created(http))["id"]) for _ in range(3)]
        await act(http, ids[0], "start")
        await act(http, ids[1], "complete")
        assert (await dashboard(http))["statusCounts"] == {"active": 2, "completed": 1}


async def test_the_gauges_say_the_same(gateways: Gateways, http: httpx.AsyncClient) -> None:
    ids = [str((await created(http))["id"]) for _ in range(3)]
    await act(http, ids[0], "start")
    await gateways.append(f"silence-{ids[0]}", StaleDetected(ids[0], NOW, 1800.0, 1801.0))

    def measured() -> bool:
        by_status = [
            REGISTRY.get_sample_value("makima_contracts_by_status", {"status": status})
            for status in ("created", "active", "failed")
        ]
        return (by_status, REGISTRY.get_sample_value("makima_contracts_stale_count")) == (
            [2.0, 1.0, 0.0],
            1.0,
        )

    await eventually(measured, 30)
