"""What waits for a person, of what is known of contracts, agents and questions."""

from collections.abc import Iterable, Mapping

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_sdk.agents import AgentRecord
from makima_sdk.models import Contract, Question

from makima_cli.monitor.model import WAITING, Need, next_phase


def needs(
    contracts: Iterable[Contract], agents: Iterable[AgentRecord], questions: Mapping[str, Question]
) -> list[Need]:
    """Oldest first. `questions`: the oldest open one by contract. Of 10 000 agents a call each is a third of it."""
    found = [
        need
        for each in contracts
        if each.status in WAITING and (need := _of_contract(each, questions.get(each.id)))
    ]
    found += [
        Need("revive", each.contract_id, each.since, f"{each.role}: its restarts failed", each.role)
        for each in agents
        if (each.agent_status or each.status_now) is AgentStatus.DEAD_FAILED_REVIVE and each.since is not None
    ]
    return sorted(found, key=lambda need: (need.since, need.contract_id))


def detailed(need: Need, contract: Contract | None, agent: AgentRecord | None) -> str:
    """Its text with what it rests on, where there is room for that."""
    if need.kind == "revive" and agent is not None:
        return _restarts(agent)
    done = _done(contract) if need.kind == "confirm" and contract is not None else ""
    return need.text.replace(" is ready:", f" is ready ({done}):", 1) if done else need.text


def _restarts(agent: AgentRecord) -> str:
    where = f" on {agent.daemon_id}" if agent.daemon_id else ""
    count = f"{agent.restarts.attempts} restarts failed" if agent.restarts else "its restarts failed"
    return f"{agent.role}{where}: {count}"


def _done(contract: Contract) -> str:
    """The tasks, and the deliverables of the phase that are there."""
    total = contract.tasks.total
    tasks = [f"{contract.tasks.completed} of {total} tasks"] if total else []
    items = [item.id for item in contract.deliverables if item.phase == contract.phase and item.completed]
    return ", ".join([*tasks, *items])


def _of_contract(contract: Contract, question: Question | None) -> Need | None:
    since = contract.status_changed_at
    if contract.status is ContractStatus.BLOCKED:
        return Need("blocked", contract.id, since, contract.blocked_reason or "")
    if contract.status is not ContractStatus.WAITING_FOR_INPUT:
        return None
    if contract.waiting_for == "phase_confirmation":
        following = next_phase(contract)
        return Need("confirm", contract.id, since, f"{contract.phase} is ready: go on to {following}?")
    return Need("question", contract.id, since, question.question if question else "…")
