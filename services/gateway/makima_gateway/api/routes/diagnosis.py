"""A contract's diagnosis: a verdict, the reasons for it, and what to do next."""

from fastapi import APIRouter
from starlette.responses import Response

from makima_gateway.api.as_it_was import facts_as_they_were
from makima_gateway.api.reads import At, ContractId, Reading
from makima_gateway.diagnosis.facts import contract_facts
from makima_gateway.diagnosis.rules import Health, health

router = APIRouter(tags=["contracts"])


@router.get("/contracts/{contract_id}/health", response_model=Health)
async def contract_health(contract_id: ContractId, read: Reading, at: At = None) -> Response:
    """Each reason names its proof: the event in the log, or the evidence of a verdict. With `at` without what only
    heartbeats and other daemons told then, and by the settings of now.
    """
    if at is not None:
        return read.answer(health(await facts_as_they_were(read, contract_id, at)))
    row = await read.contract(contract_id)
    gateway = read.gateway
    windows, plans = await gateway.maintenance.expected()
    found = await contract_facts(
        gateway.queries,
        gateway.agents,
        gateway.log,
        gateway.latest_heartbeats,
        row,
        auto_advance=gateway.advances,
        settings=gateway.settings.contracts,
        maintenance=windows,
        plans=plans,
    )
    return read.answer(health(found), version=row.version)
