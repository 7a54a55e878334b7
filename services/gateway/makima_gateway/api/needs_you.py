"""What waits for a person, as the API shows it."""

from datetime import datetime
from typing import cast

import orjson
from makima_schemas.agent import PRESENT
from makima_schemas.contract.model import NOT_RESTARTED_STATUSES
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.agents import latest_of
from makima_gateway.api.schemas.contracts import Deliverable
from makima_gateway.api.schemas.needs_you import (
    Act,
    AskedBy,
    HoldsUp,
    Need,
    NeedAgent,
    NeedContract,
    NeedQuestion,
)
from makima_gateway.auth.policy import API, Role
from makima_gateway.needs_you.queries import NeedRow, NeedRows
from makima_gateway.read_model.contract_rows import heard_by_evidence
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.rows import AgentRow, ContractRow, QuestionRow


def need(row: NeedRow, found: NeedRows, feed: LatestHeartbeats) -> Need:
    """One of the page; its contract must be among those that were found."""
    contract = found.contracts[row.contract_id]
    names = [phase["name"] for phase in cast("list[dict[str, str]]", orjson.loads(contract.phases))]
    after = names[names.index(contract.phase) + 1 :]
    guarded = row.kind == "phase_confirmation"
    question = found.questions.get((row.contract_id, row.detail))
    agent = found.agents.get((row.contract_id, row.detail)) if row.kind == "unrecoverable" else None
    next_phase = after[0] if guarded and after else None
    return Need(
        kind=row.kind,
        since=row.since,
        contract=NeedContract(contract.id, contract.name, contract.phase, names, contract.version),
        question=None if question is None else _question(question),
        next_phase=next_phase,
        deliverables=_deliverables(contract) if guarded else None,
        reason=contract.blocked_reason if row.kind == "blocked" else agent.reason if agent else None,
        agent=None if agent is None else NeedAgent(agent.role, agent.daemon_id, agent.agent_status),
        asked_by=None if question is None else _asked_by(question, found, feed),
        holds_up=_holds_up(contract, found),
        act=_act(row, contract, next_phase),
    )


def _question(row: QuestionRow) -> NeedQuestion:
    return NeedQuestion(row.id, row.question, row.question_type, cast("list[str]", orjson.loads(row.options)))


def _deliverables(contract: ContractRow) -> list[Deliverable]:
    items = cast("list[dict[str, object]]", orjson.loads(contract.deliverables))
    return cast("list[Deliverable]", [each for each in items if each["phase"] == contract.phase])


def _asked_by(question: QuestionRow, found: NeedRows, feed: LatestHeartbeats) -> AskedBy | None:
    role, _, spoken_for = found.asked_by.get(question.asked_position, "").partition(":")
    of_contract, _, of_role = spoken_for.partition(":")
    agent = found.agents.get((of_contract, of_role)) if role == Role.AGENT else None
    if agent is None:
        return None
    supervisor = found.contracts[question.contract_id].supervisor_task_id
    return AskedBy(agent.role, agent.agent_status, _heard(agent, feed, supervisor))


def _heard(agent: AgentRow, feed: LatestHeartbeats, supervisor_task_id: str | None) -> datetime | None:
    latest = latest_of(feed, agent, supervisor_task_id)
    return heard_by_evidence(agent.evidence) if latest is None else latest.at


def _holds_up(contract: ContractRow, found: NeedRows) -> HoldsUp:
    present = sum(
        of_contract == contract.id and agent.agent_status in PRESENT
        for (of_contract, _), agent in found.agents.items()
    )
    return HoldsUp(present, contract.tasks_pending + contract.tasks_claimed + contract.tasks_running)


def _act(row: NeedRow, contract: ContractRow, next_phase: str | None) -> Act:
    path = f"{API}/contracts/{row.contract_id}"
    match row.kind:
        case "question":
            return Act("POST", f"{path}/questions/{row.detail}/answer", {"answer": None})
        case "phase_confirmation":
            return Act("POST", f"{path}/phase", {"phase": next_phase, "confirmed": True})
        case "blocked":
            return Act("POST", f"{path}/unblock", {})
        case "unrecoverable" if contract.status in NOT_RESTARTED_STATUSES:
            return Act("POST", f"{path}/resume", {})
        case "unrecoverable":
            whom = "supervisor" if row.detail == SUPERVISOR_ROLE else f"agents/{row.detail}"
            return Act("POST", f"{path}/{whom}/restart", {})
