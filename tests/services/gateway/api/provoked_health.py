"""How each reason of the diagnosis comes about, by HTTP, by events, and by the recorder's feed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

import httpx
import orjson
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStuck
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.silence import MAINTENANCE_STREAM, MaintenancePlanned, MaintenanceStarted, StaleDetected
from makima_schemas.supervisor import (
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
    SupervisorStuck,
)
from makima_schemas.times import rfc3339

from tests.services.gateway.harness import Gateways, act
from tests.services.gateway.sender_samples import EVIDENCE, INTERRUPTED, NOW, WORKING

Provoke = Callable[[Gateways, httpx.AsyncClient, str], Awaitable[int]]


async def started(_gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await act(http, contract, "start")
    return 0


async def failed(_gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await act(http, contract, "fail", reason="no budget")
    return 0


async def blocked(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    await act(http, contract, "block", reason="no review")
    return 0


async def paused(_gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await act(http, contract, "pause", reason="lunch")
    return 0


async def untouched(_gateways: Gateways, _http: httpx.AsyncClient, _contract: str) -> int:
    return 0


async def asked(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    await http.post(f"/contracts/{contract}/questions", json={"question": "why?"})
    return 0


async def guarded(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    await http.put(f"/contracts/{contract}/phase-guard", json={"enabled": True})
    await act(http, contract, "deliverables/plan-document/complete")
    return 0


async def switched_off(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    await http.put(f"/contracts/{contract}/auto-complete", json={"enabled": False})
    await act(http, contract, "deliverables/plan-document/complete")
    return 0


async def supervised(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    await gateways.append("daemon-d1", DaemonConnected("one"))
    return await gateways.append("supervisor-s1", SupervisorRegistered(contract, "d1", "k1", WORKING, "plan"))


async def silent(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await supervised(gateways, http, contract)
    told = SupervisorStateChanged(
        contract, "d1", "k1", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    return await gateways.append("supervisor-s1", told)


async def gave_up(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await supervised(gateways, http, contract)
    return await gateways.append(
        "supervisor-s1",
        SupervisorStateChanged(contract, "d1", "k1", WORKING, SupervisorState.FAILED, "plan", "heartbeat"),
    )


async def daemon_gone(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await supervised(gateways, http, contract)
    return await gateways.append("daemon-d1", DaemonDisconnected(EVIDENCE))


async def daemon_unheard(gateways: Gateways, _http: httpx.AsyncClient, contract: str) -> int:
    await gateways.append("supervisor-s1", SupervisorRegistered(contract, "d1", "k1", WORKING, "plan"))
    return await gateways.append("daemon-d1", DaemonConnected(""))


async def stale(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    return await gateways.append(f"silence-{contract}", StaleDetected(contract, NOW, 1800.0, 1801.0))


async def maintained(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    window = MaintenanceStarted("all", datetime(2030, 1, 1, tzinfo=UTC), "new disk")
    return await gateways.append(MAINTENANCE_STREAM, window)


async def planned(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await started(gateways, http, contract)
    begins, until = datetime(2030, 1, 1, 2, tzinfo=UTC), datetime(2030, 1, 1, 4, tzinfo=UTC)
    window = MaintenancePlanned(f"contract:{contract}", begins, until, "new disk")
    return await gateways.append(MAINTENANCE_STREAM, window)


def unfit(outcome: str) -> Provoke:
    """As the recorder's feed tells it."""

    async def provoke(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
        position = await supervised(gateways, http, contract)
        told = {"count": 3, "at": rfc3339(NOW), "reason": "state: dreaming", "outcome": outcome}
        state = {"contract_id": contract, "last_heartbeat": rfc3339(NOW), "unfit": told}
        code = {"refused": "HEARTBEAT_REFUSED", "cut": "HEARTBEAT_CUT"}[outcome]

        async def heard() -> bool:
            await gateways.replicas[0].nats.publish(subjects.state("supervisor", "s1"), orjson.dumps(state))
            return code in (await health(http, contract, position))[1]

        await eventually(heard)
        return position

    return provoke


async def contested(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    """As the recorder's feed tells it."""
    position = await supervised(gateways, http, contract)
    told = {"count": 3, "at": rfc3339(datetime.now(UTC)), "other": "d2"}
    state = {"contract_id": contract, "last_heartbeat": rfc3339(NOW), "rival": told}

    async def heard() -> bool:
        await gateways.replicas[0].nats.publish(subjects.state("supervisor", "s1"), orjson.dumps(state))
        return "TWO_DAEMONS" in (await health(http, contract, position))[1]

    await eventually(heard)
    return position


async def over_limit(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    """As the recorder's feed tells it, of a daemon that sends no heartbeats of its own."""
    position = await supervised(gateways, http, contract)
    told = {"at": rfc3339(datetime.now(UTC)), "reason": "daemon d1 has 5000 senders"}

    async def heard() -> bool:
        state = orjson.dumps({"over_limit": told})
        await gateways.replicas[0].nats.publish(subjects.state("daemon", "d1"), state)
        return "DAEMON_OVER_LIMIT" in (await health(http, contract, position))[1]

    await eventually(heard)
    return position


async def agent_dead(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    return await agent_became(gateways, http, contract, AgentStatus.DEAD, "heartbeat_expired")


async def agent_unrecoverable(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    return await agent_became(gateways, http, contract, AgentStatus.DEAD_FAILED_REVIVE, "restart_exhausted")


async def agent_restarting(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    """For longer than it may take."""
    position = await agent_became(gateways, http, contract, AgentStatus.RESTARTING, "restart_initiated")

    async def too_long() -> bool:
        return "AGENT_RESTARTING" in (await health(http, contract, position))[1]

    await eventually(too_long)
    return position


async def supervisor_stuck(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await supervised(gateways, http, contract)
    return await gateways.append("supervisor-s1", SupervisorStuck(contract, "k1", NOW, "reading"))


async def agent_stuck(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    await agent_became(gateways, http, contract, AgentStatus.WORKING, "task_taken")
    stuck = AgentStuck(contract, "builder", "a1", NOW, "running the tests")
    return await gateways.append(f"agent-{contract}:builder", stuck)


async def untaken(gateways: Gateways, http: httpx.AsyncClient, contract: str) -> int:
    """Its agent left."""
    await started(gateways, http, contract)
    await http.post(f"/contracts/{contract}/tasks", json={"name": "write it", "role": "builder"})
    stream = f"agent-{contract}:builder"
    await gateways.append(stream, AgentJoined(contract, "builder", "a1", "d1"))
    return await gateways.append(stream, AgentLeft(contract, "builder", "a1"))


async def agent_became(
    gateways: Gateways, http: httpx.AsyncClient, contract: str, status: AgentStatus, trigger: str
) -> int:
    """Under a supervisor that is alive."""
    await supervised(gateways, http, contract)
    stream = f"agent-{contract}:builder"
    await gateways.append(stream, AgentJoined(contract, "builder", "a1", "d1"))
    evidence = EVIDENCE if trigger == "heartbeat_expired" else None
    reason = None if evidence else "exit code 1"
    told = AgentStatusChanged(contract, "builder", AgentStatus.READY, status, trigger, "a1", reason, evidence)
    return await gateways.append(stream, told)


async def health(
    http: httpx.AsyncClient, contract: str, position: int = 0, *, at: str | None = None
) -> tuple[str, dict[str, dict[str, object]]]:
    """The verdict, and the reasons by their code."""
    headers = {"Makima-Min-Position": str(position)}
    answer = await http.get(
        f"/contracts/{contract}/health", params={} if at is None else {"at": at}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    reasons = cast("list[dict[str, object]]", answer.json()["reasons"])
    return str(answer.json()["verdict"]), {str(reason["code"]): reason for reason in reasons}
