"""Rules of the diagnosis about the agents that do the work, and the tasks that none of them can take."""

from collections.abc import Iterator
from typing import cast

import orjson
from makima_schemas.agent import AgentStatus
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.diagnosis.contract_facts import ContractFacts, Evidence
from makima_gateway.diagnosis.finding import Finding, path_of, restart
from makima_gateway.read_model.rows import AgentRow, Json, StuckProof


def dead(found: ContractFacts) -> Iterator[Finding]:
    for row in _agents(found, AgentStatus.DEAD):
        why = "reported dead" if row.evidence is None else "stopped sending heartbeats"
        text = f"agent {row.role}{_on(row)} {why}{_because(row)}"
        yield Finding(text, row.since, _again(found, row), _proof(row))


def unrecoverable(found: ContractFacts) -> Iterator[Finding]:
    for row in _agents(found, AgentStatus.DEAD_FAILED_REVIVE):
        text = f"agent {row.role} died, and its daemon could not start it again{_because(row)}"
        act = f"find out why it does not start{_on(row)}, then {_again(found, row)}"
        yield Finding(text, row.since, act, _proof(row))


def restarting_too_long(found: ContractFacts) -> Iterator[Finding]:
    """The detector declares such a restart expired. Here, it has not done so yet."""
    for row in _agents(found, AgentStatus.RESTARTING):
        if found.now - row.since > found.restart_timeout:
            longer = f"for longer than {found.restart_timeout.total_seconds():g} s"
            text = f"agent {row.role} is being restarted{_on(row)} {longer}{_because(row)}"
            act = f"look at what it prints{_on(row)}; {_again(found, row)}"
            yield Finding(text, row.since, act, _proof(row))


def stuck(found: ContractFacts) -> Iterator[Finding]:
    """It may be thinking, or waiting for something that ends: nothing is done to it."""
    for row in _agents(found, AgentStatus.WORKING) if found.at_work else ():
        if row.stuck_proof is not None:
            says, proof = stuck_by(row.stuck_proof, stream_name("agent", agent_id(row.contract_id, row.role)))
            text = f"agent {row.role}{_on(row)} sends heartbeats, and tells no progress{says}"
            act = f"look at what it does{_on(row)}; {_again(found, row)}"
            yield Finding(text, row.progress_at or row.since, act, proof)


def stuck_by(text: Json, stream: str) -> tuple[str, Evidence]:
    """What a sender that is stuck says that it does, and the event of its stream that proves it."""
    proof = cast("StuckProof", orjson.loads(text))
    says = f": {proof['activity']}" if proof["activity"] else ""
    return says, Evidence(stream, proof["version"], proof["position"], proof["event"])


def untaken(found: ContractFacts) -> Iterator[Finding]:
    """Of a role that has an agent at once; of another one after `pending_timeout`: a script may come for its tasks
    without joining.
    """
    known = {row.role: row for row in found.agents}
    for task in found.untaken if found.at_work else ():
        role = cast("str", task.role)
        agent = known.get(role)
        if agent is None and found.now - task.updated_at <= found.pending_timeout:
            continue
        why = "no agent of this role ever joined" if agent is None else f"its agent is {agent.agent_status}"
        text = f"task {task.name} is pending for role {role}: {why}"
        since = task.updated_at if agent is None else max(task.updated_at, agent.since)
        yield Finding(
            text,
            since,
            _taken_by(found, role),
            Evidence(
                stream_name("contract", found.contract.id),
                position=task.created_position,
                event="TaskCreated",
            ),
        )


def _taken_by(found: ContractFacts, role: str) -> str:
    """What brings somebody who takes the tasks of this role."""
    if role != SUPERVISOR_ROLE:
        return f"start an agent that joins: POST {path_of(found, f'agents/{role}/join')}"
    return restart(found, "supervisor") if found.supervisor else "start a daemon that runs it"


def _agents(found: ContractFacts, status: AgentStatus) -> Iterator[AgentRow]:
    """The supervisor has rules of its own."""
    for row in () if found.ended else found.agents:
        if row.agent_status is status and row.role != SUPERVISOR_ROLE:
            yield row


def _again(found: ContractFacts, row: AgentRow) -> str:
    agent = f"agents/{row.role}"
    return f"POST {path_of(found, f'{agent}/join')}" if row.daemon_id is None else restart(found, agent)


def _on(row: AgentRow) -> str:
    return "" if row.daemon_id is None else f" on daemon {row.daemon_id}"


def _because(row: AgentRow) -> str:
    return f": {row.reason}" if row.reason else ""


def _proof(row: AgentRow) -> Evidence:
    return Evidence(
        stream_name("agent", agent_id(row.contract_id, row.role)),
        row.version,
        row.position,
        row.event,
        None if row.evidence is None else cast("dict[str, object]", orjson.loads(row.evidence)),
    )
