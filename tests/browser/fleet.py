"""A fleet that has everything: a contract of each status, an agent of each state, one stuck, and what waits for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import httpx
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStuck
from makima_schemas.commands import Request
from makima_schemas.contract.events import CompletionStarted
from makima_schemas.silence import StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState

from tests.services.gateway.harness import Gateways, act, created
from tests.services.gateway.sender_samples import EVIDENCE

S = AgentStatus
BADGES: Final[Mapping[AgentStatus, str]] = {
    S.OFFLINE: "OFFLINE",
    S.DEAD: "DEAD",
    S.DEAD_FAILED_REVIVE: "DEAD (UNRECOVERABLE)",
    S.READY: "READY",
    S.RESTARTING: "RESTARTING",
    S.WORKING: "WORKING",
}
STATUSES: Final = (
    "created",
    "active",
    "waiting for input",
    "paused",
    "blocked",
    "completing",
    "completed",
    "failed",
    "archived",
)
LONG_AGO: Final = timedelta(minutes=20)


@dataclass(frozen=True)
class Fleet:
    contracts: Mapping[str, str]  # word of its status → id
    agents: Mapping[AgentStatus, str]  # → its role, in the contract that is active
    asks: str  # the contract with a question; `contracts` has the one that waits for a confirmation
    stuck: str  # the role of who is stuck, there too


async def started(http: httpx.AsyncClient, name: str, **members: object) -> str:
    contract = str((await created(http, name=name, **members))["id"])
    await act(http, contract, "start")
    return contract


async def ask(http: httpx.AsyncClient, contract: str, question: str) -> None:
    asked = {"question": question, "question_type": "choice", "options": ["left", "right"]}
    answer = await http.post(f"/contracts/{contract}/questions", json=asked)
    assert answer.status_code == 201, answer.text


async def await_confirmation(gateways: Gateways, http: httpx.AsyncClient, name: str) -> str:
    """A contract whose first phase is done, and that a person must let on."""
    contract = await started(http, name, phase_guard=True)
    done = await http.post(f"/contracts/{contract}/deliverables/plan-document/complete")
    assert done.status_code == 200, done.text
    request = Request(uuid4(), contract, {"phase": "plan"}, "service:test")
    await gateways.replicas[0].bus.ask("contract", "await_confirmation", request)
    return contract


async def seed(gateways: Gateways, http: httpx.AsyncClient) -> Fleet:
    """Contracts by the API, their agents in the log as their service records them."""
    contracts = await _contracts(gateways, http)
    asks = await started(http, "Choose a colour scheme")
    await ask(http, asks, "Which colours does the brand book allow?")
    active = contracts["active"]
    now = datetime.now(UTC)
    await gateways.append(
        f"supervisor-sup-{active}",
        SupervisorRegistered(active, "daemon-ada", "s1", SupervisorState.WORKING, "plan"),
    )
    await gateways.append(
        f"silence-{active}", StaleDetected(active, now - LONG_AGO, 600.0, LONG_AGO.total_seconds())
    )
    agents = {state: f"{state.value.replace('_', '-')}-one" for state in BADGES}
    for state, role in agents.items():
        await _agent(gateways, active, role, state)
    works = AgentStatusChanged(active, "stuck-one", S.READY, S.WORKING, "task_taken", "k1")
    stuck = AgentStuck(active, "stuck-one", "k1", now - LONG_AGO, "pytest tests/e2e -x")
    joined = AgentJoined(active, "stuck-one", "k1", "daemon-ada")
    last = await gateways.append(f"agent-{active}:stuck-one", joined, works, stuck)
    seen = await http.get("/agents", headers={"Makima-Min-Position": str(last)})
    assert "Makima-Read-Behind" not in seen.headers
    return Fleet(contracts, agents, asks, "stuck-one")


async def _contracts(gateways: Gateways, http: httpx.AsyncClient) -> dict[str, str]:
    made = {"created": str((await created(http, name="Plan the release"))["id"])}
    for status, steps in {
        "active": (),
        "paused": ("pause",),
        "blocked": ("block",),
        "completed": ("complete",),
        "failed": ("fail",),
        "archived": ("complete", "archive"),
    }.items():
        made[status] = await started(http, f"A contract that is {status}")
        for step in steps:
            reason = {"reason": "staging is in use"} if step in {"block", "fail"} else {}
            await act(http, made[status], step, **reason)
    made["completing"] = await started(http, "A contract that is completing")
    await gateways.append(f"contract-{made['completing']}", CompletionStarted())
    made["waiting for input"] = await await_confirmation(gateways, http, "Design the new importer")
    tasks = [{"name": "look around", "role": "builder"}, {"name": "do it", "role": "builder"}]
    for task in tasks:
        answer = await http.post(f"/contracts/{made['active']}/tasks", json=task)
        assert answer.status_code == 201, answer.text
    return made


async def _agent(gateways: Gateways, contract: str, role: str, state: AgentStatus) -> None:
    stream = f"agent-{contract}:{role}"
    await gateways.append(stream, AgentJoined(contract, role, "k1", "daemon-ada"))
    if state is S.OFFLINE:
        await gateways.append(stream, AgentLeft(contract, role, "k1"))
    elif state is not S.READY:
        trigger = "heartbeat_expired" if state is S.DEAD else "reported"
        evidence = EVIDENCE if state is S.DEAD else None
        changed = AgentStatusChanged(contract, role, S.READY, state, trigger, "k1", None, evidence)
        await gateways.append(stream, changed)


def addresses(fleet: Fleet) -> dict[str, str]:
    """Each page, with words that it shows once it has read everything."""
    active = fleet.contracts["active"]
    return {
        "/": "Which colours does the brand book allow?",
        "/contracts": "A contract that is archived",
        f"/contracts/{active}": "look around",
        f"/contracts/{active}?v=2": "Nothing can be changed here",
        f"/contracts/{fleet.contracts['waiting for input']}": "Waits for you",
        "/agents": "of A contract that is active",
        "/system": "Thresholds in force",
        f"/agents/{active}/{fleet.agents[S.DEAD]}": "Why it was declared dead",
    }
