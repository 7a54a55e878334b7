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
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.api.agent_events import joined
from tests.services.gateway.harness import Gateways, body, created, refused
from tests.services.gateway.sender_samples import EVIDENCE

AGAIN = {"Idempotency-Key": "again"}


@pytest.fixture(autouse=True)
async def _owner(settings: Settings, gateways: Gateways) -> AsyncIterator[None]:
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        yield


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
