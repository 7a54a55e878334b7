"""Changes and guards phases, completes deliverables, tells readiness, switches automatic completion."""

from datetime import UTC, datetime

from fastapi import APIRouter
from makima_schemas.commands import Problem
from makima_schemas.contract.commands import ChangePhase, CompleteDeliverable, SetAutoComplete, SetPhaseGuard
from starlette.responses import Response

from makima_gateway.api import serializers as views
from makima_gateway.api.as_it_was import contract_as_it_was
from makima_gateway.api.gate_conditions import StatusByRole, gate_conditions
from makima_gateway.api.reads import MAX_AGENTS, At, ContractId, DeliverableId, ReadContext, Reading
from makima_gateway.api.schemas.contracts import Contract
from makima_gateway.api.schemas.phases import (
    AutoCompleteSummary,
    DeliverableDone,
    NewPhase,
    PhaseReadiness,
    PhaseTrial,
    Switch,
)
from makima_gateway.api.writes import OWNER, WriteContext, Writing, refused
from makima_gateway.diagnosis.readiness import standing
from makima_gateway.http.responses import json_response
from makima_gateway.read_model.rows import ContractRow, TaskRow

router = APIRouter(tags=["phases"])


@router.post("/contracts/{contract_id}/phase", response_model=Contract | PhaseTrial)
async def change_phase(contract_id: ContractId, body: NewPhase, write: Writing) -> Response:
    """With `dry_run` the response says whether the change would be accepted, and nothing is changed."""
    if body.dry_run:
        return await _try(contract_id, body, write)
    command = ChangePhase(body.phase, body.confirmed, body.force, body.reason)
    return await write.contract(await write.send(contract_id, command, body.expected_version))


@router.put("/contracts/{contract_id}/phase-guard", response_model=Contract)
async def set_phase_guard(contract_id: ContractId, body: Switch, write: Writing) -> Response:
    return await write.contract(await write.send(contract_id, SetPhaseGuard(body.enabled)))


@router.put("/contracts/{contract_id}/auto-complete", response_model=AutoCompleteSummary)
async def set_auto_complete(contract_id: ContractId, body: Switch, write: Writing) -> Response:
    written = await write.send(contract_id, SetAutoComplete(body.enabled))
    row = await write.contract_row(written)
    enhanced = write.gateway.enhanced
    return json_response(views.summary(row, enhanced=enhanced), written.headers, version=row.version)


@router.post("/contracts/{contract_id}/deliverables/{deliverable_id}/complete", response_model=Contract)
async def complete_deliverable(
    contract_id: ContractId,
    deliverable_id: DeliverableId,
    write: Writing,
    body: DeliverableDone = DeliverableDone(),  # noqa: B008 - frozen, and FastAPI reads it here
) -> Response:
    command = CompleteDeliverable(deliverable_id, body.phase, body.evidence)
    return await write.contract(await write.send(contract_id, command))


@router.get("/contracts/{contract_id}/phase-readiness", response_model=PhaseReadiness)
async def phase_readiness(contract_id: ContractId, read: Reading, at: At = None) -> Response:
    """Evaluated by the same function as in the contract service (`makima_schemas.gate`)."""
    row, tasks, statuses = await _gate_facts(read, contract_id, at)
    found = standing(row, tasks)
    gate, advances = found.gate, read.gateway.settings.contracts.auto_advance_phases
    may_advance = found.phase.gate.auto_advance and advances
    wanted = gate_conditions(
        row, found.phase, tasks, statuses, next_phase=found.following, advances=may_advance
    )
    return read.answer(
        PhaseReadiness(
            row.phase,
            gate.ready,
            list(gate.missing),
            row.auto_complete_enabled and may_advance,
            next_phase=found.following,
            conditions=wanted,
            evaluated_by="gateway",
            evaluated_at=datetime.now(UTC),
            evaluated_version=row.version,
        )
    )


async def _gate_facts(
    read: ReadContext, contract_id: str, at: str | None
) -> tuple[ContractRow, list[TaskRow], StatusByRole]:
    """The contract, the tasks of its phase, and its agents' statuses; what agents were at `at` is not read."""
    if at is not None:
        row, then = await contract_as_it_was(read, contract_id, at)
        own = [task for task in then.tasks.values() if task.phase == row.phase]
        return row, sorted(own, key=lambda task: task.created_position), {}
    row = await read.contract(contract_id)
    tasks = await read.gateway.queries.tasks_of_phase(row.tenant, row.id, row.phase)
    agents = await read.gateway.agents.of_contract(row.tenant, row.id, MAX_AGENTS)
    return row, tasks, {each.role: each.agent_status for each in agents}


async def _try(contract_id: str, body: NewPhase, write: WriteContext) -> Response:
    """Dry run, by a query to the contract service."""
    question: dict[str, object] = body.model_dump(include={"phase", "confirmed", "force"})
    question |= {"contract_id": contract_id, "tenant": write.principal.tenant}
    expected = write.expected(body.expected_version)
    reply = await write.gateway.bus.query(
        OWNER,
        "try_change_phase",
        question if expected is None else {**question, "expected_version": expected},
    )
    if isinstance(reply, Problem):
        raise refused(reply)
    return json_response(reply)
