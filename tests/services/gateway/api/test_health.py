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
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.silence import StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged
from makima_schemas.times import rfc3339

from tests.services.gateway.harness import Gateways, act, body, created, refused
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
    "NO_SUPERVISOR": (started, "no supervisor has sent a heartbeat for it yet", "start a daemon that runs it", "ContractStarted"),
    "GATE_OPEN": (started, "phase plan needs Deliverable: plan-document", "POST /api/v1/contracts/{id}/deliverables/plan-document/complete", "version"),
}  # fmt: skip


async def health(
    http: httpx.AsyncClient, contract: str, position: int = 0
) -> tuple[str, dict[str, dict[str, object]]]:
    """The verdict, and the reasons by their code."""
    answer = await http.get(f"/contracts/{contract}/health", headers={"Makima-Min-Position": str(position)})
    assert answer.status_code == 200, answer.text
    reasons = cast("list[dict[str, object]]", answer.json()["reasons"])
    return str(answer.json()["verdict"]), {str(reason["code"]): reason for reason in reasons}


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
    assert (reason["kind"], str(reason["text"]).startswith(text)) == (rule.kind, True), reason
    assert str(reason["act"]).startswith(next_act.replace("{id}", contract)), reason
    assert datetime.fromisoformat(str(reason["since"])).tzinfo is not None
    assert rule.means in {verdict, "healthy"}
    await proven(gateways, contract, cast("dict[str, object]", reason["proof"]), proof)


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
    assert (verdict, list(reasons)) == ("unhealthy", ["STALE", "QUESTION_OPEN", "NO_SUPERVISOR", "GATE_OPEN"])


async def test_done_as_it_says_the_reason_is_gone(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    for code in ("NOT_STARTED", "GATE_OPEN"):
        _, reasons = await health(http, contract)
        method, path = str(reasons[code]["act"]).split(" ", 1)
        answer = await http.request(method, str(http.base_url).replace("/api/v1/", path), json={})
        assert answer.status_code == 200, answer.text
        assert code not in (await health(http, contract))[1]
    assert orjson.loads((await http.get(f"/contracts/{contract}/phase-readiness")).content)["ready"]


async def test_what_is_not_there_has_no_health(http: httpx.AsyncClient) -> None:
    problem = await refused(http.get("/contracts/nobody/health"), 404, "CONTRACT_NOT_FOUND")
    assert problem["detail"] == "there is no contract nobody"
    assert body(await http.get("/contracts"))["items"] == []
