"""A contract's diagnosis: a verdict, the reasons for it, and what to do next."""

from fastapi import APIRouter
from starlette.responses import Response

from makima_gateway.api.reads import ContractId, Reading
from makima_gateway.diagnosis.facts import contract_facts
from makima_gateway.diagnosis.rules import Health, health

router = APIRouter(tags=["contracts"])


@router.get("/contracts/{contract_id}/health", response_model=Health)
async def contract_health(contract_id: ContractId, read: Reading) -> Response:
    """Each reason names its proof: the event in the log, or the evidence of a verdict."""
    row = await read.contract(contract_id)
    advance = (
        read.gateway.settings.contracts.auto_advance_phases
        and read.gateway.settings.feature_flags.auto_complete
    )
    gateway = read.gateway
    found = await contract_facts(
        gateway.queries,
        gateway.agents,
        gateway.log,
        gateway.latest_heartbeats,
        row,
        auto_advance=advance,
        settings=gateway.settings.contracts,
        maintenance=await gateway.maintenance.now(),
    )
    return read.answer(health(found), version=row.version)
