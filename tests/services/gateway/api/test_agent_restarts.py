"""A person's order to restart an agent over HTTP: its daemon is asked, and what it cannot do is refused."""

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.commands import Problem, encode_reply
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SupervisorStateChanged
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.api.agent_events import joined, silent
from tests.services.gateway.api.supervised_contract import supervised
from tests.services.gateway.harness import Gateways, act, body, created, listed, refused
from tests.services.gateway.sender_samples import EVIDENCE, INTERRUPTED, WORKING

AGAIN = {"Idempotency-Key": "again"}


@pytest.fixture(autouse=True)
async def _owner(settings: Settings, gateways: Gateways) -> AsyncIterator[None]:
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        yield


async def _restarts(http: httpx.AsyncClient, contract: str) -> dict[str, str]:
    """Of each reason of the diagnosis that names a restart: what to do."""
    reasons = listed(body(await http.get(f"/contracts/{contract}/health"))["reasons"])
    return {str(each["code"]): str(each["act"]) for each in reasons if "/restart" in str(each["act"])}


async def _refusals(http: httpx.AsyncClient, contract: str) -> set[object]:
    """What the contract's agents say of a restart, each route of them."""
    root = f"/contracts/{contract}/agents"
    shown = [body(await http.get(f"{root}/builder")), *listed(body(await http.get(root))["agents"])]
    for query in ("", "?sort=needs"):
        shown += listed(body(await http.get(f"/agents{query}"))["items"])
    return {each["restart_refused"] for each in shown}


class Daemon:
    """Daemon d1, and the signals `restart` that it hears; `answer` is what it replies."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.answer = b"{}"

    async def hear(self, message: Msg) -> None:
        self.heard.append(orjson.loads(message.data))
        await message.respond(self.answer)


@pytest.fixture
async def daemon(nats: Client) -> AsyncIterator[Daemon]:
    listening = Daemon()
    subscription = await nats.subscribe(subjects.daemon_signal("d1", "restart"), cb=listening.hear)
    await confirm_subscriptions(nats)
    yield listening
    await subscription.unsubscribe()


async def history(gateways: Gateways, contract: str) -> list[str]:
    return [each.type for each in await gateways.log.stream("default", f"agent-{contract}:builder")]


async def test_a_restart_is_asked_of_the_daemon_that_runs_the_agent_and_shown(
    gateways: Gateways, http: httpx.AsyncClient, daemon: Daemon
) -> None:
    contract = str((await created(http))["id"])
    path = await joined(http, contract, daemon_id="d1")
    await gateways.append("daemon-d1", DaemonConnected("one"))
    for _ in range(2):
        answer = await http.post(f"{path}/restart", json={"reason": "hangs"}, headers=AGAIN)
        assert (answer.status_code, body(answer)) == (
            202,
            {"contract_id": contract, "role": "builder", "daemon_id": "d1", "reason": "hangs"},
        )
    asked = {"contract_id": contract, "role": "builder", "connection_id": "a1", "reason": "hangs"}
    assert daemon.heard[0] == asked
    assert await history(gateways, contract) == ["AgentJoined", "AgentStatusChanged"], "a repeat asks once"
    assert body(await http.get(path))["agent_status"] == "restarting"
    await refused(http.post(f"{path}/restart"), 400, "INVALID_TRANSITION")
    await joined(http, contract, "a2", daemon_id="d1")
    without = await http.post(f"{path}/restart")
    assert (without.status_code, body(without)["reason"]) == (202, None)


async def test_a_repeat_restarts_nobody_who_is_back(
    gateways: Gateways, http: httpx.AsyncClient, daemon: Daemon
) -> None:
    """Who did not get the answer asks again under the same key, also when it is long over."""
    contract = await supervised(gateways, http)
    path = await joined(http, contract, daemon_id="d1")
    await gateways.append("daemon-d1", DaemonConnected("one"))
    answers = list[dict[str, object]]()

    async def restarts() -> None:
        for restart in (f"{path}/restart", f"/contracts/{contract}/supervisor/restart"):
            key = {"Idempotency-Key": restart[-20:]}
            answers.append(body(await http.post(restart, json={"reason": "hangs"}, headers=key)))

    await restarts()
    await joined(http, contract, "a2", daemon_id="d1")
    back = SupervisorStateChanged(contract, "d1", "k1", WORKING, WORKING, "plan", "heartbeat")
    await gateways.append("supervisor-s1", back)
    assert len(daemon.heard) == 2
    await restarts()
    assert (len(daemon.heard), answers[:2]) == (2, answers[2:])
    assert body(await http.get(path))["agent_status"] == "ready"
    other = {"Idempotency-Key": f"{path}/restart"[-20:]}
    await refused(http.post(f"{path}/restart", headers=other), 409, "IDEMPOTENCY_KEY_REUSED")
    assert len(daemon.heard) == 2


async def test_a_restart_that_no_daemon_can_do_changes_nothing(
    gateways: Gateways, http: httpx.AsyncClient, daemon: Daemon
) -> None:
    contract = str((await created(http))["id"])
    path = await joined(http, contract)
    problem = await refused(http.post(f"{path}/restart"), 503, "UNAVAILABLE")
    assert "no daemon" in str(problem["detail"])
    await joined(http, contract, daemon_id="d1")
    await refused(http.post(f"{path}/restart"), 503, "UNAVAILABLE")  # nobody has heard of it yet
    await gateways.append("daemon-d1", DaemonConnected("one"))
    await gateways.append("daemon-d1", DaemonDisconnected(EVIDENCE))
    problem = await refused(http.post(f"{path}/restart"), 503, "UNAVAILABLE")
    assert "d1" in str(problem["detail"])
    assert daemon.heard == []
    await gateways.append("daemon-d1", DaemonConnected("one"))
    daemon.answer = encode_reply(Problem(ErrorCode.OVERLOADED, "it runs too many"))
    await refused(http.post(f"{path}/restart"), 503, "OVERLOADED")
    assert len(daemon.heard) == 1
    assert await history(gateways, contract) == ["AgentJoined"] * 2
    assert body(await http.get(path))["agent_status"] == "ready"


async def test_a_restart_of_nobody_is_not_found(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await refused(http.post(f"/contracts/{contract}/agents/nobody/restart"), 404, "PARTICIPANT_NOT_FOUND")
    await refused(http.post("/contracts/nobody/agents/builder/restart"), 404, "CONTRACT_NOT_FOUND")
    problem = await refused(
        http.post(f"/contracts/{contract}/agents/supervisor/restart"), 422, "INVALID_REQUEST"
    )
    assert "supervisor/restart" in str(problem["hint"])


async def test_in_a_paused_contract_nobody_is_restarted_before_it_is_resumed(
    gateways: Gateways, http: httpx.AsyncClient, daemon: Daemon
) -> None:
    contract = await supervised(gateways, http)
    root = f"/contracts/{contract}"
    path = await joined(http, contract, daemon_id="d1")
    await gateways.append("daemon-d1", DaemonConnected("one"))
    interrupted = SupervisorStateChanged(
        contract, "d1", "k1", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    await gateways.append("supervisor-s1", interrupted)
    position = await silent(gateways, contract, "builder")
    await act(http, contract, "pause", reason="lunch")
    await http.get(root, headers={"Makima-Min-Position": str(position)})
    batch = {"operation": "restart_supervisor", "ids": [{"id": contract}]}
    for restart in (f"{path}/restart", f"{root}/supervisor/restart"):
        problem = await refused(http.post(restart), 400, "INVALID_TRANSITION")
        assert problem["hint"] == "resume the contract first, then restart"
        assert "paused" in str(problem["detail"])
    (skipped,) = listed(body(await http.post("/contracts/batch", json=batch))["skipped"])
    assert (skipped["id"], skipped["code"]) == (contract, "INVALID_TRANSITION")
    assert daemon.heard == []
    assert await _refusals(http, contract) == {"the contract is paused: resume it first"}
    problem = await refused(http.get(f"{root}/supervisor/status"), 503, "SUPERVISOR_DEAD")
    assert problem["hint"] == "resume the contract, then restart it, or wait for its next heartbeat"
    assert await _restarts(http, contract) == {
        "AGENT_DEAD": f"resume the contract, then POST /api/v1{path}/restart",
        "SUPERVISOR_SILENT": f"resume the contract, then POST /api/v1{root}/supervisor/restart",
    }
    await act(http, contract, "resume")
    for restart in (f"{path}/restart", f"{root}/supervisor/restart"):
        assert (await http.post(restart)).status_code == 202
    assert len(daemon.heard) == 2
    assert await _restarts(http, contract) == {"SUPERVISOR_SILENT": f"POST /api/v1{root}/supervisor/restart"}


async def test_a_task_that_waits_for_a_dead_supervisor_needs_a_restart_and_no_join(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    """The role supervisor is reserved: nobody joins in it."""
    contract = await supervised(gateways, http)
    await http.post(f"/contracts/{contract}/tasks", json={"name": "report", "role": "supervisor"})
    assert await _restarts(http, contract) == {}
    interrupted = SupervisorStateChanged(
        contract, "d1", "k1", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    position = await gateways.append("supervisor-s1", interrupted)
    await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
    again = f"POST /api/v1/contracts/{contract}/supervisor/restart"
    assert await _restarts(http, contract) == {"SUPERVISOR_SILENT": again, "TASK_UNTAKEN": again}
