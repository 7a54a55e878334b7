"""How a contract is: each reason provoked, with its kind, its proof and the next act; done as it says, the
reason is gone.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

import httpx
import orjson
import pytest
from makima_gateway.diagnosis.rules import RULES, Rule
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.daemon import DaemonAdmitted, DaemonConnected
from makima_schemas.silence import StaleDetected
from makima_schemas.times import rfc3339
from nats.aio.client import Client

from tests.services.gateway.api.provoked_health import (
    Provoke,
    agent_dead,
    agent_restarting,
    agent_stuck,
    agent_unrecoverable,
    asked,
    blocked,
    contested,
    daemon_gone,
    daemon_unheard,
    failed,
    gave_up,
    guarded,
    health,
    maintained,
    over_limit,
    paused,
    planned,
    silent,
    stale,
    started,
    supervised,
    supervisor_stuck,
    switched_off,
    unfit,
    untaken,
    untouched,
)
from tests.services.gateway.harness import Gateways, act, body, created, refused
from tests.services.gateway.sender_samples import NOW

# code → how it comes about, what is said, what to do about it, and what proves it: an event, or the evidence
# of a verdict
PROVOKED: dict[str, tuple[Provoke, str, str, str]] = {
    "FAILED": (failed, "it failed: no budget", "POST /api/v1/contracts/{id}/reopen", "ContractFailed"),
    "SUPERVISOR_SILENT": (silent, "supervisor s1 on daemon d1 stopped sending heartbeats", "POST /api/v1/contracts/{id}/supervisor/restart", "evidence"),
    "SUPERVISOR_FAILED": (gave_up, "supervisor s1 reported that it failed", "POST /api/v1/contracts/{id}/supervisor/restart", "SupervisorStateChanged"),
    "DAEMON_GONE": (daemon_gone, "daemon d1 on one is disconnected", "start daemon d1 on one again", "evidence"),
    "DAEMON_UNHEARD": (daemon_unheard, "daemon d1 never sent a heartbeat of its own", "have daemon d1 send heartbeats", "DaemonConnected"),
    "HEARTBEAT_REFUSED": (unfit("refused"), "supervisor s1 sends heartbeats that are refused: state: dreaming", "make what supervisor s1 sends fit", "unfit"),
    "HEARTBEAT_CUT": (unfit("cut"), "supervisor s1 sends heartbeats of which something is cut", "make what supervisor s1 sends fit", "unfit"),
    "TWO_DAEMONS": (contested, "two daemons speak for supervisor s1: d1, which has the contract, and d2", "stop the supervisor on daemon d2", "unfit"),
    "DAEMON_OVER_LIMIT": (over_limit, "new senders of a daemon are refused: daemon d1 has 5000 senders", "stop what daemon d1 does not need", "limit"),
    "AGENT_DEAD": (agent_dead, "agent builder on daemon d1 stopped sending heartbeats", "POST /api/v1/contracts/{id}/agents/builder/restart", "evidence"),
    "AGENT_UNRECOVERABLE": (
        agent_unrecoverable, "agent builder died, and its daemon could not start it again: exit code 1",
        "find out why it does not start on daemon d1, then POST /api/v1/contracts/{id}/agents/builder/restart", "AgentStatusChanged",
    ),
    "AGENT_RESTARTING": (
        agent_restarting, "agent builder is being restarted on daemon d1 for longer than 0.1 s: exit code 1",
        "look at what it prints on daemon d1; POST /api/v1/contracts/{id}/agents/builder/restart", "AgentStatusChanged",
    ),
    "SUPERVISOR_STUCK": (
        supervisor_stuck, "supervisor s1 on daemon d1 sends heartbeats, and tells no progress: reading",
        "look at what it does on daemon d1; POST /api/v1/contracts/{id}/supervisor/restart", "SupervisorStuck",
    ),
    "AGENT_STUCK": (
        agent_stuck, "agent builder on daemon d1 sends heartbeats, and tells no progress: running the tests",
        "look at what it does on daemon d1; POST /api/v1/contracts/{id}/agents/builder/restart", "AgentStuck",
    ),
    "TASK_UNTAKEN": (untaken, "task write it is pending for role builder: its agent is offline", "start an agent that joins: POST /api/v1/contracts/{id}/agents/builder/join", "TaskCreated"),
    "UNDER_MAINTENANCE": (maintained, "maintenance of all until 2030-01-01T00:00:00.000000Z: new disk", "wait, or DELETE /api/v1/maintenance?scope=all", "MaintenanceStarted"),
    "MAINTENANCE_PLANNED": (planned, "maintenance of contract:{id} is planned from 2030-01-01T02:00:00.000000Z until", "let it come, or DELETE", "MaintenancePlanned"),
    "STALE": (stale, "no activity for longer than the stale threshold", "start a daemon that runs it, or POST /api/v1/contracts/{id}/fail", "StaleDetected"),
    "BLOCKED": (blocked, "it is blocked: no review", "POST /api/v1/contracts/{id}/unblock", "ContractBlocked"),
    "PAUSED": (paused, "it is paused: lunch", "POST /api/v1/contracts/{id}/resume", "ContractPaused"),
    "QUESTION_OPEN": (asked, "a question is open: why?", "POST /api/v1/contracts/{id}/questions/", "QuestionAsked"),
    "PHASE_GUARDED": (
        guarded, "phase plan is ready; the phase guard requires a person to confirm execute",
        'POST /api/v1/contracts/{id}/phase {"phase": "execute", "confirmed": true}', "PhaseGuardSet",
    ),
    "SWITCHED_OFF": (
        switched_off, "phase plan is ready, but automatic advance is switched off",
        'POST /api/v1/contracts/{id}/phase {"phase": "execute"}', "AutoCompleteSet",
    ),
    "NOT_STARTED": (untouched, "it was not started", "POST /api/v1/contracts/{id}/start", "ContractCreated"),
    "NO_DAEMON": (
        started, "no daemon can start its supervisor: none that serves local is connected",
        "start a daemon that serves local: makima daemon start --config FILE", "ContractStarted",
    ),
    "NO_SUPERVISOR": (started, "no supervisor has sent a heartbeat for it yet", "start a daemon that runs it", "ContractStarted"),
    "GATE_OPEN": (started, "phase plan needs Deliverable: plan-document", "POST /api/v1/contracts/{id}/deliverables/plan-document/complete", "version"),
}  # fmt: skip


# Known from heartbeats alone, or from other daemons: not of a moment in the past.
NO_EVENT_TELLS = {"HEARTBEAT_REFUSED", "HEARTBEAT_CUT", "TWO_DAEMONS", "DAEMON_OVER_LIMIT", "NO_DAEMON"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Of a system in which a restart is soon too long."""
    contracts = settings.contracts.model_copy(update={"restart_timeout_seconds": 0.1})
    return settings.model_copy(update={"contracts": contracts})


def test_every_rule_is_provoked() -> None:
    assert {rule.code for rule in RULES} == PROVOKED.keys()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
async def test_a_reason_names_its_proof_and_the_next_act(
    gateways: Gateways, http: httpx.AsyncClient, rule: Rule
) -> None:
    provoke, text, next_act, proof = PROVOKED[rule.code]
    contract = str((await created(http))["id"])
    verdict, reasons = await health(http, contract, await provoke(gateways, http, contract))
    reason = reasons[rule.code]
    assert (reason["kind"], str(reason["text"]).startswith(text.replace("{id}", contract))) == (
        rule.kind,
        True,
    ), reason
    assert str(reason["act"]).startswith(next_act.replace("{id}", contract)), reason
    assert datetime.fromisoformat(str(reason["since"])).tzinfo is not None
    assert rule.means in {verdict, "healthy"}
    await proven(gateways, contract, cast("dict[str, object]", reason["proof"]), proof)

    async def alike() -> bool:
        """Other services go on appending events of it."""
        now, then = [
            (await health(http, contract, at=at))[1].get(rule.code)
            for at in (None, rfc3339(datetime.now(UTC)))
        ]
        assert now is not None
        return then is None if rule.code in NO_EVENT_TELLS else then == now

    await eventually(alike, because="the log tells the same of this moment")


async def proven(gateways: Gateways, contract: str, named: dict[str, object], expected: str) -> None:
    """The log has what is named."""
    events = await gateways.log.stream("default", str(named["stream"]))
    match expected:
        case "evidence":
            assert cast("dict[str, object]", named["evidence"])["decided_by"] == "test"
            assert str(named["event"]) in {event.type for event in events}
        case "unfit":
            assert (named["stream"], cast("dict[str, object]", named["evidence"])["count"]) == (
                "supervisor-s1",
                3,
            )
        case "limit":
            assert named["stream"] == "daemon-d1"
            assert cast("dict[str, object]", named["evidence"])["reason"]
        case "version":
            assert (named["stream"], named["version"]) == (f"contract-{contract}", events[-1].version)
        case _:
            assert named["event"] == expected
            assert named["position"] in {
                None,
                *(event.position for event in events if event.type == expected),
            }


async def test_one_at_work_with_a_living_supervisor_is_healthy(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    verdict, reasons = await health(http, contract, await supervised(gateways, http, contract))
    assert (verdict, set(reasons)) == ("healthy", {"GATE_OPEN"})


async def test_what_has_ended_needs_nothing(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await silent(gateways, http, contract)
    await act(http, contract, "complete")
    assert await health(http, contract) == ("ended", {})


async def test_the_worst_gives_the_verdict_and_the_first_reason(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    await asked(gateways, http, contract)
    position = await gateways.append(f"silence-{contract}", StaleDetected(contract, NOW, 1800.0, 1801.0))
    verdict, reasons = await health(http, contract, position)
    assert (verdict, list(reasons)) == (
        "unhealthy",
        ["STALE", "QUESTION_OPEN", "NO_DAEMON", "NO_SUPERVISOR", "GATE_OPEN"],
    )


async def test_who_has_no_daemon_hears_how_many_have_no_room(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    await gateways.append("daemon-bobs", DaemonAdmitted("bobs", "bob"), DaemonConnected("other"))
    position = await gateways.append("daemon-d1", DaemonConnected("one"))
    beat: dict[str, object] = {"task_id": "d1", "agents": [], "worktrees": 0, "capacity": 0}

    async def told() -> str:
        await nats.publish(subjects.state("daemon", "d1"), orjson.dumps(beat))
        reason = (await health(http, contract, position))[1].get("NO_DAEMON", {})
        return str(reason.get("text", ""))

    await eventually(told)
    assert "of 1 connected ones that serve local none has room" in await told()
    beat["capacity"] = 1
    await eventually(lambda: _is_empty(told))


async def _is_empty(told: Callable[[], Awaitable[str]]) -> bool:
    return await told() == ""


async def test_done_as_it_says_the_reason_is_gone(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    for code in ("NOT_STARTED", "GATE_OPEN"):
        _, reasons = await health(http, contract)
        method, path = str(reasons[code]["act"]).split(" ", 1)
        answer = await http.request(method, str(http.base_url).replace("/api/v1/", path), json={})
        assert answer.status_code == 200, answer.text
        assert code not in (await health(http, contract))[1]
    assert orjson.loads((await http.get(f"/contracts/{contract}/phase-readiness")).content)["ready"]


async def test_a_contract_is_diagnosed_as_it_was(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    position = await silent(gateways, http, contract)
    dead = rfc3339((await gateways.log.after(position - 1, 1))[0].recorded_at)
    await act(http, contract, "complete")
    assert await health(http, contract) == ("ended", {})
    verdict, reasons = await health(http, contract, at=dead)
    assert (verdict, "SUPERVISOR_SILENT" in reasons) == ("unhealthy", True)
    verdict, reasons = await health(http, contract, at="1")
    assert (verdict, list(reasons)) == ("waiting", ["NOT_STARTED"])
    path = f"/contracts/{contract}/health"
    for at in ("99", "yesterday", "2026-01-31T10:00:00"):
        await refused(http.get(path, params={"at": at}), 422, "INVALID_REQUEST")
    await refused(http.get(path, params={"at": "2020-01-31T10:00:00Z"}), 404, "CONTRACT_NOT_FOUND")


async def test_what_is_not_there_has_no_health(http: httpx.AsyncClient) -> None:
    problem = await refused(http.get("/contracts/nobody/health"), 404, "CONTRACT_NOT_FOUND")
    assert problem["detail"] == "there is no contract nobody"
    assert body(await http.get("/contracts"))["items"] == []
